"""Acts on a message over sockets, under the names of the old apps.

All devices of all members hear of an act: those of the first protocol by the event that they know, `message:edited`,
`message:deleted` or `reaction:updated`, others by the entry. Who asks for what is in effect already is answered alone.
"""

from typing import Any

from chatapp.realtime import emitting
from chatapp.schemas.actions import DeleteIn, EditIn, ReactIn
from chatapp.schemas.answers.entries import VersionsOut
from chatapp.schemas.pushed import DeletedOut, EditedOut, ReactedOut
from chatapp.schemas.sync import MessageIdIn
from chatapp.schemas.views.entries import MessageChanged
from chatapp.services import actions
from chatapp.services.accounts import sessions
from chatapp.services.log.old_events import message_of
from chatapp.sockets.dispatch import Answer, Caller, event


@event("getEdits", MessageIdIn, bare="messageId", out=VersionsOut, reads=True)
def get_edits(caller: Caller, message_id: str) -> Answer:
    """Return the texts that a message has had, the first one first."""
    return actions.versions(caller.user_id, message_id)


@event("message:edit", EditIn, failure="message:edit:error", out=EditedOut)
def edit_message(
    caller: Caller,
    message_id: str,
    content: str | None = None,
    new_content: str | None = None,
    client_msg_id: str | None = None,
    conversation_id: str | None = None,
    **more: Any,
) -> Answer:
    """Give one's own message another text."""
    text = new_content if content is None else content
    answer = actions.edit(caller.user_id, message_id, text, client_msg_id, conversation_id, **more)
    message = answer["data"]
    told = {"newContent": message["content"], "editedAt": message.get("editedAt", message["createdAt"])}
    return answer_of(caller, "message:edited", answer, told)


@event("message:delete", DeleteIn, failure="message:delete:error", out=DeletedOut)
def delete_message(
    caller: Caller,
    message_id: str,
    client_msg_id: str | None = None,
    conversation_id: str | None = None,
    whom: str = "everyone",
) -> Answer:
    """Delete a message for everyone (its sender may, and a group's owner and admins), or for oneself."""
    answer = actions.delete(caller.user_id, message_id, whom, client_msg_id, conversation_id)
    return answer_of(caller, "message:deleted", answer, {"deleteFor": whom})


@event("reaction:add", ReactIn, failure="reaction:error", out=ReactedOut)
def react(
    caller: Caller,
    message_id: str,
    emoji: str,
    on: bool | None = None,
    client_msg_id: str | None = None,
    conversation_id: str | None = None,
) -> Answer:
    """React to a message with an emoji, or take it back: as `on` says, without it the other of the two."""
    answer = actions.react(caller.user_id, message_id, emoji, on, client_msg_id, conversation_id)
    return answer_of(caller, "reaction:updated", answer, {"reactions": answer["data"].get("reactions", [])})


def answer_of(caller: Caller, event_name: str, answer: MessageChanged, told: dict[str, Any]) -> Answer:
    """Return the ack of an act, as old apps know it too; of what was not told to all, the caller alone hears."""
    message = answer["data"]
    told = {"messageId": message["id"], "conversationId": message["conversationId"], **told}
    is_told = "entry" in answer and "duplicate" not in answer
    if not is_told and told.get("deleteFor") != "me":
        emitting.reply(caller.sid, event_name, {"success": True, **told})
    if sessions.is_of_old_app(caller.identity.session_id):
        message = message_of(message)
    return {**answer, "data": message, **told}

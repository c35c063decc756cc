"""Pinned messages over sockets, under the names of the old apps; see `chatapp.sockets.actions`."""

from datetime import datetime

from chatapp.schemas.actions import ActIn, PinIn
from chatapp.schemas.answers.entries import PinsOut
from chatapp.schemas.conversations import ConversationIdIn
from chatapp.schemas.pushed import PinnedOut, UnpinnedOut
from chatapp.services import pins
from chatapp.services.accounts import sessions
from chatapp.services.log.old_events import message_of
from chatapp.sockets.actions import answer_of
from chatapp.sockets.dispatch import Answer, Caller, event

_SHOWN_TO_OLD_APPS = 3


@event("message:pin", PinIn, failure="message:pin:error", out=PinnedOut)
def pin_message(
    caller: Caller,
    message_id: str,
    until: datetime | None = None,
    client_msg_id: str | None = None,
    conversation_id: str | None = None,
) -> Answer:
    """Pin a message: both may in a direct conversation, in a group those whom `whoMayPin` names."""
    answer = pins.pin(caller.user_id, message_id, until, client_msg_id, conversation_id)
    return answer_of(caller, "message:pinned", answer, {"message": message_of(answer["data"])})


@event("message:unpin", ActIn, failure="message:unpin:error", out=UnpinnedOut)
def unpin_message(
    caller: Caller, message_id: str, client_msg_id: str | None = None, conversation_id: str | None = None
) -> Answer:
    """Unpin a message: who may pin it may."""
    answer = pins.unpin(caller.user_id, message_id, client_msg_id, conversation_id)
    return answer_of(caller, "message:unpinned", answer, {})


@event(
    "getPinnedMessages",
    ConversationIdIn,
    reply="pinnedMessages",
    failure="pinnedMessages:error",
    bare="conversationId",
    out=PinsOut,
    reads=True,
)
def get_pinned_messages(caller: Caller, conversation_id: str) -> Answer:
    """Return the pinned messages, those pinned last first; an old app gets the first three."""
    for_old_app = sessions.is_of_old_app(caller.identity.session_id)
    most = _SHOWN_TO_OLD_APPS if for_old_app else pins.MOST_PINS
    return pins.pinned(caller.user_id, conversation_id, for_old_app=for_old_app, most=most)

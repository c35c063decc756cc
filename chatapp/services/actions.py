"""Acts on a message: edit it, delete it for everyone, react to it. Each is an entry of the log that names the message.

An act may be repeated with its client_msg_id. What is in effect already succeeds without an entry.
"""

from datetime import timedelta

from bson import ObjectId

from chatapp import clock, emojis, errors, limits
from chatapp.database import Document
from chatapp.schemas.views.entries import MessageChanged, VersionView
from chatapp.schemas.views.envelope import Data
from chatapp.services import access, hiding, messages
from chatapp.services.log import changes, entry_views, foreign
from chatapp.services.log import mentions as log_mentions
from chatapp.services.log.append import append_entry
from chatapp.services.log.draft import Check, Draft, Unchanged
from chatapp.services.log.member import ADMIN, OWNER
from chatapp.services.log.mentions import GivenMention
from chatapp.services.log.quotes import reference_of
from chatapp.services.log.state import Conversation
from chatapp.services.media import erasing
from chatapp.settings import config
from chatapp.stores import entries as entry_store
from chatapp.stores.documents.entries import DeletedBody, EditedBody, Entry, ReactionBody, Reactions

MOST_EDITS = 100
MOST_EMOJI, MOST_EMOJI_OF_ONE = 20, 10  # different ones on a message


def edit(
    user_id: ObjectId,
    message_text: str,
    content: str | None,
    client_msg_id: str | None = None,
    conversation_text: str | None = None,
    mentions: list[GivenMention] | None = None,
) -> MessageChanged:
    """Give one's own message another text, with mentions of its own: `{data: message, entry?, duplicate?}`.

    Raises NotFound MESSAGE_NOT_FOUND, Forbidden NOT_ALLOWED, BadRequest, TooLarge CONTENT_TOO_LARGE, RateLimited,
    Conflict MESSAGE_DELETED, EDIT_WINDOW_PASSED, TOO_MANY_EDITS or IDEMPOTENCY_MISMATCH.
    """
    limits.spend("actions", str(user_id), config().RATE_ACTIONS)
    message = access.find_message(user_id, message_text, conversation_text)
    now = changes.of(message)
    if content is None:
        raise errors.invalid("content", "Send the new text.")
    checked = messages.checked_body(content, now["attachment"], has_files="media" in message)
    body: EditedBody = {"content": checked["content"], "attachment": checked["attachment"]}
    if mentions:
        body["mentions"] = log_mentions.read(mentions, body["content"])
    if config().EDIT_HISTORY == "none":
        body["erases"] = True
        if (reference := reference_of(message)) is not None:
            body["reply_to"] = reference
        if (forwarded := changes.forwarded_of(message)) is not None:
            body["forwarded"] = forwarded

    def check(state: Conversation) -> None:
        messages.check_writer(user_id, state, body)
        if message["sender_id"] != user_id:
            raise not_allowed("Only its sender may edit a message")
        if now["deleted"]:
            raise errors.Conflict(errors.Code.MESSAGE_DELETED, "This message was deleted")
        _within(message, config().EDIT_WINDOW_SECONDS, errors.Code.EDIT_WINDOW_PASSED, "edited")
        if content == now["content"] and body.get("mentions") == now.get("mentions"):
            raise Unchanged(state)
        if len(now["edits"]) >= MOST_EDITS:
            raise errors.Conflict(errors.Code.TOO_MANY_EDITS, f"A message may be edited {MOST_EDITS} times")

    return append_act(message, Draft(user_id, "message_edited", body, check, client_msg_id, target=message))


def delete(
    user_id: ObjectId,
    message_text: str,
    whom: str = "everyone",
    client_msg_id: str | None = None,
    conversation_text: str | None = None,
) -> MessageChanged:
    """Delete a message for everyone, its text included: one's own, or any as a group's owner or admin.

    For "me" it is hidden from the caller alone. Raises NotFound MESSAGE_NOT_FOUND, Forbidden NOT_ALLOWED, RateLimited,
    Conflict DELETE_WINDOW_PASSED or IDEMPOTENCY_MISMATCH; for "me" TOO_MANY_HIDDEN.
    """
    limits.spend("actions", str(user_id), config().RATE_ACTIONS)
    if whom == "me":
        return hiding.hide(user_id, message_text, conversation_text)
    message = access.find_message(user_id, message_text, conversation_text)
    body: DeletedBody = {}
    draft = Draft(user_id, "message_deleted", body, _may_delete(user_id, message), client_msg_id, target=message)
    answer = append_act(message, draft)
    erasing.wait()
    return answer


def _may_delete(user_id: ObjectId, message: Entry) -> Check:
    def check(state: Conversation) -> None:
        member = access.current_member(user_id, state)
        rules = state.type == "group" and member.role in (OWNER, ADMIN)
        if message["sender_id"] != user_id and not rules:
            raise not_allowed("Only its sender, and a group's owner and admins, may delete a message")
        if changes.of(message)["deleted"]:
            raise Unchanged(state)
        if not rules:
            _within(message, config().DELETE_WINDOW_SECONDS, errors.Code.DELETE_WINDOW_PASSED, "deleted")

    return check


def react(
    user_id: ObjectId,
    message_text: str,
    emoji: str,
    on: bool | None,
    client_msg_id: str | None = None,
    conversation_text: str | None = None,
) -> MessageChanged:
    """Set a reaction to a message, or take it back; `on` None: the other of the two.

    Raises NotFound MESSAGE_NOT_FOUND, Forbidden NOT_ALLOWED, BadRequest, RateLimited, Conflict MESSAGE_DELETED,
    TOO_MANY_REACTIONS or IDEMPOTENCY_MISMATCH.
    """
    limits.spend("actions", str(user_id), config().RATE_ACTIONS)
    key = emojis.key_of(emoji)
    if key is None:
        raise errors.invalid("emoji", "Send one emoji.")
    message = access.find_message(user_id, message_text, conversation_text)
    now = changes.of(message)
    is_set = user_id in now["reactions"].get(key, ())
    body: ReactionBody = {"emoji": key, "on": not is_set if on is None else on}

    def check(state: Conversation) -> None:
        access.current_member(user_id, state)
        if body["on"] == is_set or (now["deleted"] and not body["on"]):
            raise Unchanged(state)
        if now["deleted"]:
            raise errors.Conflict(errors.Code.MESSAGE_DELETED, "This message was deleted")
        if body["on"]:
            _require_room(now["reactions"], user_id, key)

    draft = Draft(user_id, "reaction", body, check, client_msg_id, target=message)
    return append_act(message, draft, same=("emoji",) if on is None else ("emoji", "on"))


def _require_room(reactions: Reactions, user_id: ObjectId, key: str) -> None:
    """Raise Conflict TOO_MANY_REACTIONS where one more emoji would be too many."""
    own = sum(user_id in users for users in reactions.values())
    if own >= MOST_EMOJI_OF_ONE or (key not in reactions and len(reactions) >= MOST_EMOJI):
        sentence = f"A message has at most {MOST_EMOJI} different reactions, {MOST_EMOJI_OF_ONE} of one person"
        raise errors.Conflict(errors.Code.TOO_MANY_REACTIONS, sentence)


def versions(user_id: ObjectId, message_text: str) -> Data[list[VersionView]]:
    """Return the texts that a message has had, the first one first. Raises NotFound, Conflict MESSAGE_DELETED."""
    conversation, member, message = access.load_message(user_id, message_text)
    now = changes.of(message)
    if now["deleted"]:
        raise errors.Conflict(errors.Code.MESSAGE_DELETED, "This message was deleted")
    seen = [seq for seq in now["edits"] if seq <= member.last_visible(conversation.seq)]
    limits.charge(user_id, rows=len(seen))
    entries = [message, *entry_store.find_by_seqs(conversation.id, seen)]
    return {
        "data": [
            {"seq": row["seq"], "content": row["body"]["content"], "createdAt": clock.iso(row["created_at"])}
            for row in entries
            if row["body"] is not None
        ]
    }


def _within(message: Entry, seconds: int, code: errors.Code, done: str) -> None:
    """Raise Conflict when the message is older than so many seconds; 0: it may be as old as it likes."""
    if seconds and clock.now() - message["created_at"] > timedelta(seconds=seconds):
        raise errors.Conflict(code, f"This message is too old to be {done}")


def not_allowed(sentence: str) -> errors.Forbidden:
    """Return the refusal of an act that somebody else may do."""
    return errors.Forbidden(errors.Code.NOT_ALLOWED, sentence)


def append_act(message: Entry, draft: Draft, same: tuple[str, ...] = ("content", "mentions")) -> MessageChanged:
    """Append an act, and return the message after it. `same` are the fields of the body that a repeat has to have too.

    Raises Unavailable beside a process of an earlier version.
    """
    foreign.require_understood(draft.type)
    try:
        appended = append_entry(message["conversation_id"], draft)
    except Unchanged as unchanged:
        return {"data": entry_views.Views(unchanged.state, draft.sender_id).of_message(message)}
    entry = appended.entry
    if appended.duplicate and not _is_same(entry, draft, same):
        raise errors.Conflict(errors.Code.IDEMPOTENCY_MISMATCH, "This clientMsgId was used for something else")
    if entry["seq"] > changes.of(message)["seq"]:  # another round has stored it: see `changes.store`
        message = changes.read_target(entry) or message
    conversation, _ = access.visible_state(draft.sender_id, appended.conversation)
    views = entry_views.Views(conversation, draft.sender_id)
    answer: MessageChanged = {"data": views.of_message(message), "entry": views.of_change(entry)}
    if appended.duplicate:
        answer["duplicate"] = True
    return answer


def _is_same(entry: Entry, draft: Draft, fields: tuple[str, ...]) -> bool:
    """Return whether the entry is what the draft asks for, as far as it can be told: its text may be erased."""
    assert draft.target is not None
    if entry["type"] != draft.type or entry["target_id"] != draft.target["_id"]:
        return False
    wanted: Document = {**(draft.body or {})}
    return entry["body"] is None or all(entry["body"].get(name) == wanted.get(name) for name in fields)

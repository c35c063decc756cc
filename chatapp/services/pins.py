"""Pin messages in a conversation: both in a direct one, in a group everyone or its owner and admins, as it says."""

from datetime import datetime

from bson import ObjectId

from chatapp import clock, errors, limits
from chatapp.schemas.views.entries import MessageChanged, MessageView
from chatapp.schemas.views.envelope import Data
from chatapp.services import access
from chatapp.services.actions import append_act, not_allowed
from chatapp.services.log import changes, entry_views, old_events
from chatapp.services.log import pins as pinning
from chatapp.services.log.draft import Draft, Unchanged
from chatapp.services.log.member import ADMIN, OWNER
from chatapp.services.log.state import Conversation
from chatapp.settings import config
from chatapp.stores import entries as entry_store
from chatapp.stores.documents.entries import PinnedBody, UnpinnedBody

MOST_PINS = 50


def pin(
    user_id: ObjectId,
    message_text: str,
    until: datetime | None = None,
    client_msg_id: str | None = None,
    conversation_text: str | None = None,
) -> MessageChanged:
    """Pin a message, until a time or until it is unpinned: `{data: message, entry?, duplicate?}`.

    Raises NotFound MESSAGE_NOT_FOUND, Forbidden NOT_ALLOWED, BadRequest, RateLimited, Conflict MESSAGE_DELETED,
    TOO_MANY_PINS or IDEMPOTENCY_MISMATCH.
    """
    limits.spend("actions", str(user_id), config().RATE_ACTIONS)
    message = access.find_message(user_id, message_text, conversation_text)
    body: PinnedBody = {} if until is None else {"until": clock.iso(until)}

    def check(state: Conversation) -> None:
        _require_right(user_id, state)
        if changes.of(message)["deleted"] or message["mseq"] in state.deleted:
            raise errors.Conflict(errors.Code.MESSAGE_DELETED, "This message was deleted")
        if pinning.is_over(until, clock.now()):
            raise errors.invalid("until", "Send a time to come.")
        pins = pinning.current(state.pins, clock.now())
        known = pins.pop(message["seq"], None)
        if known is not None and known.until == until:
            raise Unchanged(state)
        if len(pins) >= MOST_PINS:
            raise errors.Conflict(errors.Code.TOO_MANY_PINS, f"At most {MOST_PINS} messages can be pinned here")

    return append_act(message, Draft(user_id, "pinned", body, check, client_msg_id, target=message), same=("until",))


def unpin(
    user_id: ObjectId, message_text: str, client_msg_id: str | None = None, conversation_text: str | None = None
) -> MessageChanged:
    """Unpin a message. Raises NotFound MESSAGE_NOT_FOUND, Forbidden NOT_ALLOWED, RateLimited, Conflict."""
    limits.spend("actions", str(user_id), config().RATE_ACTIONS)
    message = access.find_message(user_id, message_text, conversation_text)
    body: UnpinnedBody = {}

    def check(state: Conversation) -> None:
        _require_right(user_id, state)
        if message["seq"] not in pinning.current(state.pins, clock.now()):
            raise Unchanged(state)

    return append_act(message, Draft(user_id, "unpinned", body, check, client_msg_id, target=message))


def _require_right(user_id: ObjectId, state: Conversation) -> None:
    member = access.current_member(user_id, state)
    if state.type == "group" and state.who_may_pin == pinning.ADMINS and member.role not in (OWNER, ADMIN):
        raise not_allowed("Only the group's owner and admins may pin messages here")


def pinned(
    user_id: ObjectId, conversation_text: str, *, for_old_app: bool = False, most: int = MOST_PINS
) -> Data[list[MessageView]]:
    """Return the pinned messages that the caller may see, those pinned last first; for an old app by their kind.

    Raises NotFound CONVERSATION_NOT_FOUND, Forbidden NOT_ALLOWED.
    """
    conversation, member = access.load_for_member(user_id, conversation_text)
    pins = pinning.current(conversation.pins, clock.now())
    newest_first = sorted(pins, key=lambda seq: pins[seq].seq, reverse=True)
    seqs = [seq for seq in newest_first if member.may_see(seq)]
    limits.charge(user_id, rows=len(seqs))
    rows = {row["seq"]: row for row in entry_store.find_by_seqs(conversation.id, seqs)}
    views = entry_views.Views(conversation, user_id)
    shown = views.of_messages([rows[seq] for seq in seqs if seq in rows])
    found = [message for message in shown if "pinned" in message][:most]
    return {"data": [old_events.message_of(message) for message in found] if for_old_app else found}

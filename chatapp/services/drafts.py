"""Drafts: a text that somebody writes on one device, and goes on writing on another.

A draft has the id that its message will have as client_msg_id: one whose id was sent does not come back, whichever of
the two comes first.
"""

import structlog
from bson import ObjectId

from chatapp import clock, errors, limits, metrics
from chatapp.realtime import publish
from chatapp.schemas.views.envelope import Data
from chatapp.schemas.views.own import OwnChanged
from chatapp.services import access, own
from chatapp.services.log import own_views
from chatapp.services.log.member import Member
from chatapp.services.log.state import Conversation
from chatapp.settings import config
from chatapp.stores import entries as entry_store
from chatapp.stores.documents.memberships import DraftDocument

logger = structlog.get_logger("chatapp.drafts")
LARGEST = 4096  # bytes


def save(user_id: ObjectId, conversation_text: str, text: str, draft_id: str | None = None) -> Data[OwnChanged]:
    """Keep the caller's draft in a conversation: `{data: {conversationId, version, draft}}`. An empty text removes it.

    With a draft_id only the draft that has it is removed. Raises NotFound, Forbidden, RateLimited, BadRequest, TooLarge
    CONTENT_TOO_LARGE.
    """
    limits.spend("actions", str(user_id), config().RATE_ACTIONS)
    if text and draft_id is None:
        raise errors.invalid("draftId", "Send the id that the message will have as its clientMsgId.")
    if len(text.encode()) > LARGEST:
        raise errors.TooLarge(errors.Code.CONTENT_TOO_LARGE, f"A draft has at most {LARGEST} bytes")
    conversation, member = access.load_for_member(user_id, conversation_text)
    known = _of(member)
    if text and draft_id is not None:
        if known is None or (known["text"], known["id"]) != (text, draft_id):
            _keep(conversation, member, {"id": draft_id, "text": text, "at": clock.now()})
    elif known is not None and draft_id in (None, known["id"]):
        _store(conversation, member, None)
    return {"data": _changed(conversation, member)}


def _of(member: Member) -> DraftDocument | None:
    return (member.own or {}).get("draft")


def _keep(conversation: Conversation, member: Member, draft: DraftDocument) -> None:
    """Store a draft unless it was sent: looked for afterwards, a message that comes in between is found by one of two.

    The other one is `was_sent`.
    """
    _store(conversation, member, draft)
    if entry_store.find_by_client_msg_id(conversation.id, member.user_id, draft["id"]) is not None:
        _store(conversation, member, None)


def _store(conversation: Conversation, member: Member, draft: DraftDocument | None) -> None:
    own.store(conversation, member, fields={"draft": draft})
    publish.own_changed(member.user_id, _changed(conversation, member))


def _changed(conversation: Conversation, member: Member) -> OwnChanged:
    state = member.own or {"version": 0}
    return {
        "conversationId": str(conversation.id),
        "version": state["version"],
        "draft": own_views.draft(state),
    }


def was_sent(conversation: Conversation, user_id: ObjectId, client_msg_id: str | None) -> None:
    """Remove the draft that was sent, if it is one. The message is stored: a failure fails nobody's call."""
    member = conversation.members[user_id]
    draft = _of(member)
    if draft is None or draft["id"] != client_msg_id:
        return
    try:
        _store(conversation, member, None)
    except Exception:
        metrics.side_failures.labels("draft").inc()
        logger.exception("a draft that was sent could not be removed", conversation=str(conversation.id))

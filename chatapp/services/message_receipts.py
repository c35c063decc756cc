"""The receipts of one message, by member, and the steps that it has taken through the server."""

from bson import ObjectId

from chatapp import clock
from chatapp.schemas.views.envelope import Data
from chatapp.schemas.views.receipts import MemberReceipt, MessageReceipts, TraceView
from chatapp.services import access
from chatapp.services.log import message_trace
from chatapp.services.log.member import Member, shows_deliveries, shows_reads
from chatapp.services.log.state import Conversation
from chatapp.stores import receipts as receipt_store
from chatapp.stores.documents.entries import Entry
from chatapp.stores.documents.receipts import MovedMark, ReceiptTimes


def of_message(user_id: ObjectId, message_text: str) -> Data[MessageReceipts]:
    """Return which members have got and read a message, and when.

    For every member who may see the message. Raises NotFound MESSAGE_NOT_FOUND.
    """
    return {"data": _of_message(*access.load_message(user_id, message_text))}


def trace(user_id: ObjectId, message_text: str) -> Data[TraceView]:
    """Return how far a message has come: what `of_message` says, and when it was accepted, stored and announced.

    For its sender, and a group's owner and admins. Raises NotFound MESSAGE_NOT_FOUND, Forbidden NOT_ALLOWED.
    """
    conversation, viewer, entry = access.load_message(user_id, message_text)
    message_trace.require_right(viewer, entry)
    return {"data": {**message_trace.steps(entry), **_of_message(conversation, viewer, entry)}}


def _of_message(conversation: Conversation, viewer: Member, entry: Entry) -> MessageReceipts:
    # They go on to change: a former member is told what had been reached when they left, but not when.
    rows = receipt_store.find_of_conversation(conversation.id) if viewer.is_current else []
    times = {row["user_id"]: row for row in rows}
    members = [_of_member(conversation, row, viewer, entry, times) for row in conversation.audience_of(entry)]
    return {
        "messageId": str(entry["_id"]),
        "conversationId": str(conversation.id),
        "seq": entry["seq"],
        "members": members,
    }


def _of_member(
    conversation: Conversation, member: Member, viewer: Member, entry: Entry, times: dict[ObjectId, ReceiptTimes]
) -> MemberReceipt:
    seq, known = entry["seq"], times.get(member.user_id)
    delivered_at = _first_time(known["delivered"], seq) if known else None
    read = shows_reads(member, viewer) and conversation.read_marks(member)[0] >= seq
    status = "read" if read else "delivered" if conversation.delivered_mark(member, viewer) >= seq else "sent"
    if not shows_deliveries(member, viewer):
        delivered_at = None
    return {
        **member.person(),
        "status": status,
        "deliveredAt": delivered_at if status != "sent" else None,
        "readAt": _first_time(known["read"], seq) if read and known else None,
    }


def _first_time(marks: list[MovedMark], seq: int) -> str | None:
    """Return the time at which a mark first reached `seq`; None when that is older than the times that are kept."""
    reached = [row for row in marks if row["seq"] >= seq]
    if not reached or (len(reached) == len(marks) == receipt_store.KEPT):
        return None
    return clock.iso(reached[0]["at"])

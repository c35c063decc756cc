"""Receipts: how far each member has the log (delivered), and has read it. Two marks that only grow.

Others hear of moved marks together, at most once a second; sync repeats them as state, so a lost announcement heals.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import gevent
import structlog
from bson import ObjectId

from chatapp import clock, errors, lifecycle, limits
from chatapp.ids import object_id
from chatapp.realtime import long_polls, publish
from chatapp.schemas.views.envelope import Data
from chatapp.schemas.views.receipts import (
    PushedRead,
    PushedReceipt,
    ReadView,
)
from chatapp.services import access, own, presence
from chatapp.services.log import cache, foreign
from chatapp.services.log.member import Member, shows_reads
from chatapp.services.log.state import Conversation
from chatapp.services.sync import change_times
from chatapp.state import on_reset
from chatapp.stores import conversations as conversation_store
from chatapp.stores import entries as entry_store
from chatapp.stores import memberships as membership_store
from chatapp.stores import receipts as receipt_store

logger = structlog.get_logger("chatapp.receipts")
_INTERVAL_SECONDS = 1.0


@dataclass(slots=True)
class _Moved:
    """One reader's marks that others have not heard of yet; `message_id` is what an old app named.

    `is_delivery`: a device got something; that concerns also those who may not know what was read. The marks are those
    that are stored, without the reader's own messages: one that is just being stored may get another place, or none.
    """

    delivered: int
    read: int
    is_read_hidden: bool = False
    message_id: ObjectId | None = None
    is_delivery: bool = False


@dataclass
class _Pending:
    rows: dict[ObjectId, tuple[Conversation, dict[ObjectId, _Moved]]] = field(default_factory=dict)
    told_at: float = 0.0
    is_scheduled: bool = False


_pending = _Pending()


@on_reset
def reset() -> None:
    """Forget what has not been told."""
    global _pending
    _pending = _Pending()


def mark_read(user_id: ObjectId, conversation_text: str, seq: int | None = None) -> Data[ReadView]:
    """Move the caller's read mark up to `seq` (default: the newest): `{data: {conversationId, readSeq, …}}`."""
    conversation, member = access.load_for_member(user_id, conversation_text)
    _read(conversation, member, conversation.seq if seq is None else min(seq, conversation.seq))
    return {
        "data": {
            "conversationId": str(conversation.id),
            "readSeq": conversation.read_marks(member)[0],
            "readMseq": conversation.read_mseq(member),
            "unreadCount": conversation.unread(member),
        }
    }


def mark_message_read(user_id: ObjectId, conversation_text: str, message_text: str) -> Data[PushedRead]:
    """Mark as read up to this message. Raises NotFound MESSAGE_NOT_FOUND."""
    conversation, member = access.load_for_member(user_id, conversation_text)
    entry = access.load_message_in(conversation, member, message_text)
    _read(conversation, member, entry["seq"], entry["_id"])
    return {"data": _old_receipt(conversation.id, user_id, entry["_id"], clock.now())}


def _old_receipt(conversation_id: ObjectId, user_id: ObjectId, message_id: ObjectId, moment: datetime) -> PushedRead:
    """Return the receipt as old apps know it: by message instead of by seq."""
    return {
        "messageId": str(message_id),
        "conversationId": str(conversation_id),
        "readBy": str(user_id),
        "timestamp": clock.iso(moment),
    }


def _read(conversation: Conversation, member: Member, seq: int, message_id: ObjectId | None = None) -> None:
    is_delivery = False
    own.has_read(conversation, member)
    if seq > conversation.read_marks(member)[0]:
        mseq = conversation.mseq
        if seq < conversation.seq:
            mseq = entry_store.find_range(conversation.id, seq, seq)[0]["mseq"]
        marks = {"read_seq": seq, "read_mseq": mseq}
        if not member.hides_reads:  # reading proves delivery, so a member who hides the one does not show the other
            marks["delivered_seq"] = seq
        is_delivery = marks.get("delivered_seq", 0) > conversation.proven_mark(member)

        def store(moment: datetime) -> None:
            if not member.hides_reads:
                conversation_store.touch([conversation.id], moment)
            membership_store.raise_marks(conversation.id, member.user_id, marks, moment)

        change_times.stored(store)
        conversation.raise_marks(member.user_id, marks)
        cache.raise_marks(conversation.id, member.user_id, marks)
        foreign.tell_marks(conversation.id, member.user_id, marks)
    elif message_id is None:
        return
    if member.hides_reads:
        _tell_own(conversation, member)
    else:
        _tell_soon(conversation, member, message_id, is_delivery=is_delivery)


def mark_delivered(user_id: ObjectId, cursors: Mapping[str, int]) -> None:
    """Note that a device of the caller has these logs up to these seqs; conversations of others are left out."""
    limits.charge(user_id, rows=len(cursors))
    known = {found: seq for text, seq in cursors.items() if (found := object_id(text))}
    moved = []
    for conversation_id, (conversation, member) in access.known_among(user_id, list(known)).items():
        moved.append((conversation, member, min(known[conversation_id], conversation.seq)))
    delivered(user_id, [(row[0].id, row[2]) for row in moved if row[2] > row[0].proven_mark(row[1])])


def delivered(user_id: ObjectId, seqs: list[tuple[ObjectId, int]]) -> None:
    """Store proven deliveries, and tell the members of conversations that are in use here.

    Nobody is told of those of a user who hides when they are online: they come when the user does.
    """
    if not seqs:
        return
    is_hiding = presence.is_hiding(user_id)

    def store(moment: datetime) -> None:
        if not is_hiding:
            conversation_store.touch([conversation_id for conversation_id, _ in seqs], moment)
        membership_store.raise_delivered(user_id, seqs, moment)

    change_times.stored(store)
    for conversation_id, seq in seqs:
        cache.raise_marks(conversation_id, user_id, {"delivered_seq": seq})
        foreign.tell_marks(conversation_id, user_id, {"delivered_seq": seq})
        conversation = cache.peek(conversation_id)
        if conversation is None or user_id not in conversation.members:
            continue
        if is_hiding:
            _tell_own(conversation, conversation.members[user_id])
        else:
            _tell_soon(conversation, conversation.members[user_id], None, is_delivery=True)


def _tell_own(conversation: Conversation, member: Member) -> None:
    """Tell the user's own devices, at once: it says nothing to others, and moves nothing that is told to them."""
    publish.receipt([member.user_id], _receipt(conversation, member, member, clock.now()))
    long_polls.wake([member.user_id])


def _tell_soon(conversation: Conversation, member: Member, message_id: ObjectId | None, *, is_delivery: bool) -> None:
    _, readers = _pending.rows.get(conversation.id, (None, {}))
    _pending.rows[conversation.id] = (conversation, readers)
    known = readers.get(member.user_id, _Moved(0, 0))
    readers[member.user_id] = _Moved(
        max(known.delivered, member.delivered_seq, member.read_seq),
        max(known.read, member.read_seq),
        member.hides_reads,
        message_id or known.message_id,
        is_delivery or known.is_delivery,
    )
    wait = _pending.told_at + _INTERVAL_SECONDS - clock.monotonic()
    if wait <= 0:
        tell()
    elif not _pending.is_scheduled:
        _pending.is_scheduled = True
        gevent.spawn_later(wait, _tell_of, _pending)


def _tell_of(pending: _Pending) -> None:
    """Tell, unless all was forgotten meanwhile."""
    if pending is _pending:
        tell()


@lifecycle.on_drain
def tell() -> None:
    """Announce all moved marks now, and store when they moved."""
    rows, _pending.rows = _pending.rows, {}
    _pending.is_scheduled = False
    if not rows:
        return
    _pending.told_at = clock.monotonic()
    moment = clock.now()
    for conversation, readers in rows.values():
        now = cache.latest(conversation.id) or conversation  # some may have left meanwhile
        for user_id, moved in readers.items():
            _publish(now, now.members[user_id], moved, moment)
    gevent.spawn(_store, rows, moment)


def _publish(conversation: Conversation, member: Member, moved: _Moved, moment: datetime) -> None:
    """Tell each member what they may know, and nothing to those for whom nothing has moved."""
    others = [row for row in conversation.current_members if row is not member]
    seeing = [row for row in others if shows_reads(member, row)]
    blind = [row for row in others if not shows_reads(member, row)]
    for viewers in ([member], seeing, blind if moved.is_delivery and not member.hides_presence else []):
        if viewers:
            told = _receipt(conversation, member, viewers[0], moment)
            told["deliveredSeq"] = min(told["deliveredSeq"], moved.delivered)
            told["readSeq"] = min(told["readSeq"], moved.read)
            publish.receipt([row.user_id for row in viewers], told)
    if moved.message_id:
        knowing = [member.user_id, *(row.user_id for row in seeing)]
        publish.read(knowing, _old_receipt(conversation.id, member.user_id, moved.message_id, moment))


def _receipt(conversation: Conversation, member: Member, viewer: Member, moment: datetime) -> PushedReceipt:
    marks = conversation.receipt(member, viewer)
    return {"conversationId": str(conversation.id), **marks, "timestamp": clock.iso(moment)}


def _store(rows: dict[ObjectId, tuple[Conversation, dict[ObjectId, _Moved]]], moment: datetime) -> None:
    try:
        for conversation, _ in rows.values():
            long_polls.wake(conversation.member_ids)
        receipt_store.add(
            [
                (conversation_id, user_id, moved.delivered, 0 if moved.is_read_hidden else moved.read)
                for conversation_id, (_, readers) in rows.items()
                for user_id, moved in readers.items()
            ],
            moment,
        )
    except Exception as error:  # nobody waits for these times; the marks themselves are stored
        logger.warning("times of receipts could not be stored", code=str(errors.from_exception(error).code))

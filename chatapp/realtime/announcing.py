"""Tell of the log's entries: all devices of those whom an entry concerns hear it, in the order of its log, and once."""

from typing import Any, NamedTuple

from bson import ObjectId

from chatapp import metrics
from chatapp.database import Document
from chatapp.realtime import emitting, long_polls, others, resync
from chatapp.realtime.connections import ALL, Sessions
from chatapp.realtime.order import Fill, Order, Tell
from chatapp.state import on_reset


class Push(NamedTuple):
    """An event, to whom it goes, its payload, and to which of their sessions."""

    event: str
    user_ids: list[ObjectId]
    payload: Any
    sessions: Sessions = ALL


_fill: Fill = Order.fill


def _new_order() -> Order:
    order = Order()
    order.fill, order.lost = _fill, resync.resync_all
    return order


_order = _new_order()


@on_reset
def reset() -> None:
    """Forget which entries were told."""
    global _order
    _order = _new_order()


def announce(conversation_id: ObjectId, seq: int, pushes: list[Push]) -> None:
    """Tell of a stored entry: all devices of those whom it concerns, in every process, in the order of the log.

    An entry may be found in the log, and announced, while its round does the same: it is told once.
    """
    if others.current().is_nobody:
        _offer(conversation_id, seq, [row.user_ids for row in pushes], lambda: _emit(pushes))
        return
    encoded = [(emitting.encode(row.event, row.payload), row.user_ids, row.sessions) for row in pushes]
    rows = [
        {"packet": packet, "users": others.join_ids(user_ids), "sessions": sessions}
        for packet, user_ids, sessions in encoded
    ]
    others.current().tell("entry", {"conversation": conversation_id, "seq": seq, "pushes": rows})
    _offer(conversation_id, seq, [user_ids for _, user_ids, _ in encoded], lambda: _emit_encoded(encoded))


def heard(_: str, data: Document) -> None:
    """Tell here of an entry that another process has announced."""
    pushes = [(row["packet"], others.user_ids(row["users"]), row.get("sessions", ALL)) for row in data["pushes"]]
    user_ids = [ids for _, ids, _ in pushes]
    _offer(data["conversation"], data["seq"], user_ids, lambda: _emit_encoded(pushes))


def _offer(conversation_id: ObjectId, seq: int, concerned: list[list[ObjectId]], tell: Tell) -> None:
    """Tell of an entry here when it has its turn; when that is over, let those whom it concerns sync."""

    def too_late() -> None:
        resync.resync_users({user_id for user_ids in concerned for user_id in user_ids})

    _order.offer(conversation_id, seq, tell, too_late)


def _emit(pushes: list[Push]) -> None:
    for event, user_ids, payload, sessions in pushes:
        metrics.deliveries.inc(emitting.emit_to_users(event, payload, user_ids, wake=True, sessions=sessions))


def _emit_encoded(pushes: list[tuple[str, list[ObjectId], Sessions]]) -> None:
    for packet, user_ids, sessions in pushes:
        metrics.deliveries.inc(emitting.emit_packet(packet, user_ids, sessions))
        long_polls.here.wake(user_ids)


def expect(conversation_id: ObjectId, seq: int, age: float) -> None:
    """Tell no later entry of a conversation before this one, which another process has stored `age` seconds ago.

    For a conversation of which nothing was told here yet; what is older than this process is not told any more.
    """
    exchange = others.current().exchange
    if exchange is not None and age < exchange.age:
        _order.expect(conversation_id, seq)


def fill_gaps_with(fill: Fill) -> None:
    """Call `fill(conversation id, after, before)` to announce entries again that this process has not heard of."""
    global _fill
    _fill = _order.fill = fill

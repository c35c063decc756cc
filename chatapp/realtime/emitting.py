"""Emit to the sockets of users, in this process and in the others: an event is encoded once, and they get the bytes."""

from collections.abc import Iterable
from typing import Any

import structlog
from bson import ObjectId
from socketio.packet import EVENT

from chatapp import metrics
from chatapp.database import Document
from chatapp.extensions import socketio
from chatapp.realtime import connections, long_polls, others
from chatapp.realtime.connections import ALL, Sessions

logger = structlog.get_logger("chatapp.realtime")


def emit_to_users(
    event: str, data: Any, user_ids: Iterable[ObjectId], *, wake: bool = False, sessions: Sessions = ALL
) -> int:
    """Emit to every device of these users, in any process, or to those of some sessions only.

    Return the number of sockets here. With `wake` their long-polls look again.
    """
    if not others.current().is_nobody:
        user_ids = list(user_ids)
        packet = encode(event, data)
        row = {"packet": packet, "users": others.join_ids(user_ids), "wake": wake, "sessions": sessions}
        others.current().tell("push", row)
        sockets = emit_packet(packet, user_ids, sessions)
    else:
        rooms, sockets = connections.here.rooms_of(user_ids, sessions)
        _emit(event, data, rooms)
    if wake:
        long_polls.here.wake(user_ids)
    return sockets


def emit_to_all(event: str, data: Any) -> None:
    """Emit to everybody who is connected, in any process."""
    if not others.current().is_nobody:
        others.current().tell("push to all", {"packet": encode(event, data)})
    _emit(event, data, None)


def reply(sid: str, event: str, data: Any) -> None:
    """Emit to one socket only: the event form of an answer. Anything that is no connected socket gets nothing."""
    if sid in connections.here.by_sid:
        _emit(event, data, sid)


def _emit(event: str, data: Any, to: str | list[str] | None) -> None:
    """Emit, unless this process serves no sockets (a script that uses the services).

    A push tells of an act that is done already: when it fails the act stands, and clients find it by their next sync.
    """
    if socketio.server is None or to == []:
        return
    try:
        socketio.server.emit(event, data, to=to)
    except Exception:  # the act is done: a push that fails must not fail it
        metrics.side_failures.labels("push").inc()
        logger.exception("an event could not be pushed", pushed=event)


def encode(event: str, data: Any) -> str:
    """Return the event as the text of its packet."""
    packet: str = socketio.server.packet_class(EVENT, data=[event, data]).encode()
    return packet


def emit_packet(packet: str, user_ids: Iterable[ObjectId], sessions: Sessions = ALL) -> int:
    """Emit an encoded event to the sockets of these users in this process; return the number."""
    rooms, sockets = connections.here.rooms_of(user_ids, sessions)
    if rooms and socketio.server is not None:
        socketio.server.manager.emit_encoded(packet, rooms)
    return sockets


def heard(_: str, data: Document) -> None:
    """Emit here what another process has told."""
    user_ids = others.user_ids(data["users"])
    emit_packet(data["packet"], user_ids, data.get("sessions", ALL))
    if data["wake"]:
        long_polls.here.wake(user_ids)


def heard_for_all(_: str, data: Document) -> None:
    """Emit to all sockets here what another process has told."""
    if socketio.server is not None:
        socketio.server.manager.emit_encoded(data["packet"], None)

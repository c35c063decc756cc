"""The only code that emits. Everybody has one room of their own; the server alone decides who is in it.

Where several processes serve one chat, what is emitted goes to the users' sockets in all of them: it is encoded once,
and the others get the bytes.
"""

import random
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import gevent
import structlog
from bson import ObjectId
from socketio.packet import EVENT

from chatapp import clock, errors, metrics
from chatapp.bus.exchange import Exchange
from chatapp.database import Document
from chatapp.engine import fair_queue
from chatapp.extensions import socketio
from chatapp.realtime import others, socket_server
from chatapp.realtime.connections import Connection, Connections, room
from chatapp.realtime.long_polls import Waiting
from chatapp.realtime.order import Fill, Order
from chatapp.schemas.views import (
    ConversationRef,
    ConversationView,
    PushedRead,
    PushedReceipt,
    TypingView,
    UserView,
)
from chatapp.state import on_reset
from config import Config

logger = structlog.get_logger("chatapp.realtime")
connections = Connections()
_RESYNC_SECONDS = 3.0  # over which resyncs are spread
_resync_handler: Callable[[str], None] | None = None
waiting = Waiting()
_order = Order()
_polling: set[ObjectId] = set()  # users whose long-polls the other processes know of
Push = tuple[str, list[ObjectId], Any]  # event, to whom, its data


@on_reset
def reset() -> None:
    """Forget all connections."""
    global connections, waiting, _order, _polling
    connections, waiting, _order, _polling = Connections(), Waiting(), Order(), set()


def serve(config: Config) -> None:
    """Serve the sockets of this app, as the setting ENGINE says; after `socketio.init_app`."""
    socket_server.install(socketio, config, _resync)


def set_resync_handler(handler: Callable[[str], None]) -> None:
    """Call `handler(sid)`, in a greenlet of its own, when a socket that was too slow has caught up: what was emitted
    to it meanwhile was dropped, so it has to fetch what it missed. Without a handler nothing is emitted."""
    global _resync_handler
    _resync_handler = handler


def _resync(sid: str) -> None:
    metrics.resyncs.inc()
    if _resync_handler is not None:
        gevent.spawn(_resync_handler, sid)


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


def _emit_to_users(event: str, data: Any, user_ids: Iterable[ObjectId], *, wake: bool = False) -> int:
    """Emit to every device of these users, in any process; return the number of sockets here.

    With `wake` their long-polls look again.
    """
    if not others.current().is_nobody:
        user_ids = list(user_ids)
        packet = _encode(event, data)
        others.current().tell("push", {"packet": packet, "users": others.join_ids(user_ids), "wake": wake})
        sockets = _emit_packet(packet, user_ids)
    else:
        rooms, sockets = connections.rooms_of(user_ids)
        _emit(event, data, rooms)
    if wake:
        waiting.wake(user_ids)
    return sockets


def _encode(event: str, data: Any) -> str:
    """Return the event as the text of its packet."""
    packet: str = socketio.server.packet_class(EVENT, data=[event, data]).encode()
    return packet


def _emit_packet(packet: str, user_ids: Iterable[ObjectId]) -> int:
    """Emit an encoded event to the sockets of these users in this process; return the number."""
    rooms, sockets = connections.rooms_of(user_ids)
    if rooms and socketio.server is not None:
        socketio.server.manager.emit_encoded(packet, rooms)
    return sockets


def enter(connection: Connection) -> bool:
    """Subscribe an authenticated socket to what is the user's; True when it is their first."""
    socketio.server.enter_room(connection.sid, room(connection.user_id))
    is_first = connections.add(connection)
    if is_first:
        others.current().tell_come(connection.user_id)
    return is_first and not others.current().is_online(connection.user_id)


def leave(sid: str) -> tuple[Connection, bool] | None:
    """Forget a socket: it, and whether it was its user's last in any process. None when it was not there."""
    removed = connections.remove(sid)
    if removed is None:
        return None
    connection, is_last_here = removed
    if not is_last_here:
        return connection, False
    is_last = not others.current().is_online(connection.user_id)
    others.current().tell_gone(connection.user_id, is_last=is_last)
    return connection, is_last


def wait_for_turn() -> None:
    """Let others be served first: those who come, or go, may be a crowd."""
    fair_queue.current().wait()


def is_online(user_id: ObjectId) -> bool:
    """Return whether any device of the user is connected, in any process, or waiting in a long-poll."""
    return connections.is_online(user_id) or waiting.is_online(user_id) or others.current().is_online(user_id)


def online_here() -> list[ObjectId]:
    """Return the users with a connected device or a waiting long-poll in this process."""
    return list({*connections.users(), *waiting.users()})


def reply(sid: str, event: str, data: Any) -> None:
    """Emit to one socket only: the event form of an answer. Anything that is no connected socket gets nothing."""
    if sid in connections.by_sid:
        _emit(event, data, sid)


def announce(conversation_id: ObjectId, seq: int, pushes: list[Push]) -> None:
    """Tell of a stored entry: all devices of those whom it concerns, in every process, in the order of the log."""
    if others.current().is_nobody:
        for event, user_ids, data in pushes:
            metrics.deliveries.inc(_emit_to_users(event, {"success": True, "data": data}, user_ids, wake=True))
        return
    encoded = [(_encode(event, {"success": True, "data": data}), user_ids) for event, user_ids, data in pushes]
    rows = [{"packet": packet, "users": others.join_ids(user_ids)} for packet, user_ids in encoded]
    others.current().tell("entry", {"conversation": conversation_id, "seq": seq, "pushes": rows})
    _order.offer(conversation_id, seq, lambda: _announce_here(encoded))


def _announce_here(pushes: list[tuple[str, list[ObjectId]]]) -> None:
    for packet, user_ids in pushes:
        metrics.deliveries.inc(_emit_packet(packet, user_ids))
        waiting.wake(user_ids)


def fill_gaps_with(fill: Fill) -> None:
    """Call `fill(conversation id, after, before)` to announce entries again that this process has not heard of."""
    _order.fill = fill


def publish_conversation(user_ids: list[ObjectId], conversation: ConversationView) -> None:
    """Publish a conversation to users to whom it is new."""
    _emit_to_users("newConversation", {"success": True, "data": conversation}, user_ids, wake=True)


def publish_hidden(user_id: ObjectId, data: ConversationRef) -> None:
    """Tell the user's own devices that they have deleted a conversation for themselves."""
    _emit_to_users("conversationDeleted", {"success": True, "data": data}, [user_id], wake=True)


def publish_receipt(user_ids: list[ObjectId], data: PushedReceipt) -> None:
    """Publish a member's moved marks to the members who may know."""
    _emit_to_users("receipt", data, user_ids)


def publish_read(user_ids: list[ObjectId], data: PushedRead) -> None:
    """Publish the same by message, for old apps."""
    _emit_to_users("messageReadReceipt", data, user_ids)


def wake(user_ids: Iterable[ObjectId]) -> None:
    """Let the long-polls of these users look again: something that was published is stored now."""
    user_ids = list(user_ids)
    if not others.current().is_nobody:
        others.current().tell("wake", {"users": others.join_ids(user_ids)})
    waiting.wake(user_ids)


def publish_typing(user_ids: list[ObjectId], data: TypingView) -> None:
    """Tell the other members that somebody types, or stopped."""
    _emit_to_users("userTyping", data, user_ids)


def publish_profile(user_ids: list[ObjectId], profile: UserView) -> None:
    """Publish a changed profile to those who share a conversation with the user."""
    data = {"userId": profile["id"], "name": profile["name"], "avatar": profile["avatar"]}
    _emit_to_users("userProfileUpdated", data, user_ids, wake=True)


def publish_email(user_id: ObjectId, before: str, now: str, moment: datetime) -> None:
    """Tell all of the user's devices that their e-mail address was changed."""
    data = {"before": before, "email": now, "timestamp": clock.iso(moment)}
    _emit_to_users("emailChanged", data, [user_id])


def publish_new_user(profile: UserView) -> None:
    """Publish a new account to everybody who is connected."""
    if not others.current().is_nobody:
        others.current().tell("push to all", {"packet": _encode("newUserRegistered", profile)})
    _emit("newUserRegistered", profile, None)


def publish_presence(user_ids: Iterable[ObjectId], user_id: ObjectId, status: str, moment: datetime) -> None:
    """Tell these users that somebody came online or went offline."""
    users = list(user_ids)
    data = {"userId": str(user_id), "status": status, "timestamp": clock.iso(moment)}
    _emit_to_users("userStatusChanged", data, users)
    _emit_to_users("userOnline" if status == "online" else "userOffline", {"userId": str(user_id)}, users)


def close_session(session_id: ObjectId, code: errors.Code, reason: str) -> None:
    """Tell the sockets of a session that it was ended, in any process, and close them."""
    others.current().tell("session ended", {"session": session_id, "code": str(code), "reason": reason})
    close_session_here(session_id, code, reason)


def close_session_here(session_id: ObjectId, code: errors.Code, reason: str) -> None:
    """The same for the sockets of this process."""
    for connection in connections.of_session(session_id):
        close(connection.sid, "sessionRevoked", code, reason)


def note_away(sid: str, away: bool) -> bool:
    """Note that a device goes to the background or comes back; return whether its user has none in the foreground."""
    connection = connections.by_sid.get(sid)
    if connection is None:
        return False
    return connections.note_away(sid, away) and not waiting.is_online(connection.user_id)


def replace_oldest(session_id: ObjectId) -> bool:
    """Close a session's oldest socket, after telling it why; False when the session has none."""
    of_session = connections.of_session(session_id)
    if of_session:
        reason = "The session has too many sockets: a newer one takes this one's place"
        close(of_session[0].sid, "socketReplaced", errors.Code.RATE_LIMITED, reason)
    return bool(of_session)


def close(sid: str, event: str, code: errors.Code, reason: str) -> None:
    """Close a socket after telling it why."""
    reply(sid, event, {"code": str(code), "message": reason, "reason": reason})
    socketio.server.disconnect(sid)


def announce_shutdown(code: errors.Code, reason: str) -> int:
    """Tell every socket why its connection ends next; return how many.

    No Socket.IO DISCONNECT follows: after one, clients would not connect again by themselves.
    """
    everybody = list(connections.by_sid)
    for sid in everybody:
        reply(sid, "serverShutdown", {"code": str(code), "message": reason, "reason": reason})
    return len(everybody)


def sweep_expired(warning_seconds: int) -> None:
    """Warn sockets whose token is about to expire, and close those whose token has."""
    now = clock.timestamp()
    for connection in list(connections.by_sid.values()):
        left = connection.expires_at - now
        if left <= 0:
            close(connection.sid, "tokenExpired", errors.Code.TOKEN_EXPIRED, "The access token has expired")
        elif left <= warning_seconds and not connection.warned:
            connection.warned = True
            reply(connection.sid, "tokenExpiring", {"expiresIn": left})


def hear_others(exchange: Exchange) -> None:
    """Do here what other processes tell."""
    here = others.current()
    here.exchange = exchange
    exchange.handle("entry", _heard_entry)
    exchange.handle("push", _heard_push)
    exchange.handle("push to all", lambda _, data: _emit_packet_to_all(data["packet"]))
    exchange.handle("wake", lambda _, data: waiting.wake(_users(data["users"])))
    exchange.handle("all online", lambda sender, data: here.note_all(sender, data["users"]))
    exchange.handle(
        "session ended", lambda _, data: close_session_here(data["session"], errors.Code(data["code"]), data["reason"])
    )
    exchange.handle("who is online", lambda *_: _tell_online())
    exchange.on_join(_joined)
    exchange.on_gap(lambda _: resync_all())


def _joined(_: str) -> None:
    _tell_online()
    others.current().tell("who is online", {})


def _tell_online() -> None:
    others.current().tell("all online", {"users": others.join_ids(online_here())})


def tell_polling_users() -> None:
    """Tell the other processes who has begun to long-poll here, and who has stopped; called every second."""
    global _polling
    now, elsewhere = set(waiting.online_users()), others.current()
    for user_id in now ^ _polling:
        if connections.is_online(user_id):
            continue
        if user_id in now:
            elsewhere.tell_come(user_id)
        else:
            elsewhere.tell_gone(user_id, is_last=not elsewhere.is_online(user_id))
    _polling = now


def _users(joined: bytes) -> list[ObjectId]:
    return [ObjectId(user_id) for user_id in others.split_ids(joined)]


def _heard_entry(_: str, data: Document) -> None:
    pushes = [(row["packet"], _users(row["users"])) for row in data["pushes"]]
    _order.offer(data["conversation"], data["seq"], lambda: _announce_here(pushes))


def _heard_push(_: str, data: Document) -> None:
    user_ids = _users(data["users"])
    _emit_packet(data["packet"], user_ids)
    if data["wake"]:
        waiting.wake(user_ids)


def _emit_packet_to_all(packet: str) -> None:
    if socketio.server is not None:
        socketio.server.manager.emit_encoded(packet, None)


def resync_all() -> None:
    """Messages of another process are lost: every socket here looks for what it missed, not all at the same moment."""
    for sid in list(connections.by_sid):
        gevent.spawn_later(random.uniform(0, _RESYNC_SECONDS), _resync, sid)  # noqa: S311  # no secret
    waiting.wake_all()

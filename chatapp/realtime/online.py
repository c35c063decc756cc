"""The users who are online: with a socket or a long-poll, in this process or in another one."""

from bson import ObjectId

from chatapp.engine import fair_queue
from chatapp.extensions import socketio
from chatapp.realtime import connections, long_polls, others
from chatapp.realtime.connections import Connection, room
from chatapp.state import on_reset

_polling: set[ObjectId] = set()  # users whose long-polls the other processes know of


@on_reset
def reset() -> None:
    """Forget what the other processes know."""
    _polling.clear()


def enter(connection: Connection) -> bool:
    """Subscribe an authenticated socket to what is the user's; True when it is their first."""
    socketio.server.enter_room(connection.sid, room(connection.user_id))
    is_first = connections.here.add(connection)
    others.current().tell_online(connection.user_id, connections.here.sockets_of(connection.user_id))
    return is_first and not others.current().is_online(connection.user_id)


def leave(sid: str) -> tuple[Connection, bool] | None:
    """Forget a socket: it, and whether it was its user's last in any process. None when it was not there."""
    removed = connections.here.remove(sid)
    if removed is None:
        return None
    connection, is_last_here = removed
    user_id = connection.user_id
    is_last = is_last_here and not others.current().is_online(user_id)
    if is_last_here and not long_polls.here.is_online(user_id):
        others.current().tell_gone(user_id, is_last=is_last)
    else:
        others.current().tell_online(user_id, connections.here.sockets_of(user_id))
    return connection, is_last


def wait_for_turn() -> None:
    """Let others be served first: those who come, or go, may be a crowd."""
    fair_queue.current().wait()


def is_online(user_id: ObjectId) -> bool:
    """Return whether any device of the user is connected, in any process, or waiting in a long-poll."""
    return (
        connections.here.is_online(user_id) or long_polls.here.is_online(user_id) or others.current().is_online(user_id)
    )


def users_here() -> list[ObjectId]:
    """Return the users with a connected device or a waiting long-poll in this process."""
    return list({*connections.here.users(), *long_polls.here.users()})


def sockets_of(user_id: ObjectId) -> int:
    """Return how many sockets the user has, in all processes."""
    return connections.here.sockets_of(user_id) + sum(others.current().sockets_of(user_id).values())


def note_away(sid: str, away: bool) -> bool:
    """Note that a device goes to the background or comes back; return whether its user has none in the foreground."""
    connection = connections.here.by_sid.get(sid)
    if connection is None:
        return False
    return connections.here.note_away(sid, away) and not long_polls.here.is_online(connection.user_id)


def tell_users() -> None:
    """Tell the other processes who is online here."""
    users = users_here()
    sockets = others.join_counts(map(connections.here.sockets_of, users))
    others.current().tell("all online", {"users": others.join_ids(users), "sockets": sockets})


def tell_polling_users() -> None:
    """Tell the other processes who has begun to long-poll here, and who has stopped; called every second."""
    now, elsewhere = set(long_polls.here.online_users()), others.current()
    for user_id in now ^ _polling:
        if connections.here.is_online(user_id):
            continue
        if user_id in now:
            elsewhere.tell_online(user_id, 0)
        else:
            elsewhere.tell_gone(user_id, is_last=not elsewhere.is_online(user_id))
    _polling.clear()
    _polling.update(now)

"""The connected sockets of this process, by socket, user and session."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from bson import ObjectId

from chatapp import clock, metrics
from chatapp.audience import Audience, Remembered
from chatapp.state import on_reset

Sessions = Literal["all", "old", "new"]  # every session, those of the first protocol, those of later ones
ALL: Sessions = "all"
OLD: Sessions = "old"
NEW: Sessions = "new"


@dataclass(slots=True)
class Connection:
    """One authenticated socket. `expires_at` is its token's, in seconds since 1970."""

    sid: str
    user_id: ObjectId
    session_id: ObjectId
    expires_at: int
    address: str
    warned: bool = False
    is_old: bool = False  # of the first protocol
    away: bool = False  # its app has said that it is in the background
    came_at: float = field(default_factory=clock.monotonic)


@dataclass(slots=True)
class _User:
    """A user who is connected: the name of their room, and their sockets."""

    id: ObjectId
    room: str
    sids: set[str] = field(default_factory=set)


class Connections:
    """The connected sockets and their users."""

    def __init__(self) -> None:
        self.by_sid: dict[str, Connection] = {}
        self._by_user: dict[bytes, _User] = {}  # by the id's bytes, whose hash costs a fifth
        self._by_session: dict[ObjectId, dict[str, None]] = {}  # the oldest socket first
        self._resolved: Remembered[tuple[list[str], int]] = Remembered()
        self._old = 0  # sockets of the first protocol

    def add(self, connection: Connection) -> bool:
        """Take in a socket; True when it is the user's first."""
        user = self._by_user.get(connection.user_id.binary)
        first = user is None
        if user is None:
            user = self._by_user[connection.user_id.binary] = _User(connection.user_id, room(connection.user_id))
        user.sids.add(connection.sid)
        self.by_sid[connection.sid] = connection
        self._by_session.setdefault(connection.session_id, {})[connection.sid] = None
        self._old += connection.is_old
        self._changed()
        return first

    def remove(self, sid: str) -> tuple[Connection, bool] | None:
        """Let go of a socket: itself and whether it was the user's last. None when it was not there."""
        connection = self.by_sid.pop(sid, None)
        if connection is None:
            return None
        self._old -= connection.is_old
        key = connection.user_id.binary
        of_user, of_session = self._by_user[key].sids, self._by_session[connection.session_id]
        of_user.discard(sid)
        del of_session[sid]
        if not of_user:
            del self._by_user[key]
        if not of_session:
            del self._by_session[connection.session_id]
        self._changed()
        return connection, not of_user

    def renew(self, sid: str, session_id: ObjectId, expires_at: int, *, is_old: bool) -> bool:
        """Go on with another token, of the same session or another one of the same user; False when it is gone."""
        removed = self.remove(sid)
        if removed is None:
            return False
        connection = removed[0]
        connection.session_id, connection.expires_at, connection.warned = session_id, expires_at, False
        connection.is_old = is_old
        self.add(connection)
        return True

    def note_away(self, sid: str, away: bool) -> bool:
        """Note that a device goes to the background or comes back; return whether all of its user's are there."""
        connection = self.by_sid[sid]
        connection.away = away
        return all(self.by_sid[other].away for other in self._by_user[connection.user_id.binary].sids)

    def is_online(self, user_id: ObjectId) -> bool:
        """Return whether the user has a socket here."""
        return user_id.binary in self._by_user

    def sockets_of(self, user_id: ObjectId) -> int:
        """Return how many sockets the user has here."""
        user = self._by_user.get(user_id.binary)
        return len(user.sids) if user is not None else 0

    def sids_of(self, user_id: ObjectId) -> list[str]:
        """Return the user's sockets here."""
        user = self._by_user.get(user_id.binary)
        return list(user.sids) if user is not None else []

    def users(self) -> list[ObjectId]:
        """Return everybody who has a socket here."""
        return [user.id for user in self._by_user.values()]

    def rooms_of(self, user_ids: Iterable[ObjectId], sessions: Sessions = ALL) -> tuple[list[str], int]:
        """Return the rooms of these users, as far as they have sockets here, and the number of sockets.

        For an Audience the answer is remembered until somebody comes or goes. With some sessions only, each socket's
        own room is returned.
        """
        if sessions == OLD or (sessions == NEW and self._old):
            return self._some_of(user_ids, is_old=sessions == OLD)
        return self._resolved.get(user_ids) or self._resolved.put(user_ids, self._resolve(user_ids))

    def _resolve(self, user_ids: Iterable[ObjectId]) -> tuple[list[str], int]:
        rooms: Audience[str] = Audience()
        sockets = 0
        for user_id in user_ids:
            user = self._by_user.get(user_id.binary)
            if user is not None:
                rooms.append(user.room)
                sockets += len(user.sids)
        return rooms, sockets

    def _some_of(self, user_ids: Iterable[ObjectId], *, is_old: bool) -> tuple[list[str], int]:
        users = [self._by_user.get(user_id.binary) for user_id in user_ids] if self._old or not is_old else []
        sids = [sid for user in users if user is not None for sid in user.sids if self.by_sid[sid].is_old == is_old]
        return sids, len(sids)

    def of_session(self, session_id: ObjectId) -> list[Connection]:
        """Return the sockets of one session, the oldest first."""
        return [self.by_sid[sid] for sid in self._by_session.get(session_id, ())]

    def _changed(self) -> None:
        self._resolved.forget()
        metrics.sockets.set(len(self.by_sid))
        metrics.users_online.set(len(self._by_user))


def room(user_id: ObjectId) -> str:
    """Return the name of the room that all sockets of a user are in."""
    return f"user:{user_id}"


here = Connections()


@on_reset
def reset() -> None:
    """Forget all connections."""
    global here
    here = Connections()

"""The connected sockets of this process, by socket, user and session."""

from dataclasses import dataclass

from bson import ObjectId

from chatapp import metrics


@dataclass(slots=True)
class Connection:
    """One authenticated socket. `expires_at` is its token's, in seconds since 1970."""

    sid: str
    user_id: ObjectId
    session_id: ObjectId
    expires_at: int
    address: str
    warned: bool = False


class Connections:
    """Who is connected."""

    def __init__(self) -> None:
        self.by_sid: dict[str, Connection] = {}
        self._by_user: dict[ObjectId, set[str]] = {}
        self._by_session: dict[ObjectId, set[str]] = {}

    def add(self, connection: Connection) -> bool:
        """Take in a socket; True when it is the user's first."""
        first = connection.user_id not in self._by_user
        self.by_sid[connection.sid] = connection
        self._by_user.setdefault(connection.user_id, set()).add(connection.sid)
        self._by_session.setdefault(connection.session_id, set()).add(connection.sid)
        self._count()
        return first

    def remove(self, sid: str) -> tuple[Connection, bool] | None:
        """Let go of a socket: itself and whether it was the user's last. None when it was not there."""
        connection = self.by_sid.pop(sid, None)
        if connection is None:
            return None
        for index, key in (
            (self._by_user, connection.user_id),
            (self._by_session, connection.session_id),
        ):
            index[key].discard(sid)
            if not index[key]:
                del index[key]
        self._count()
        return connection, connection.user_id not in self._by_user

    def renew(self, sid: str, session_id: ObjectId, expires_at: int) -> bool:
        """Go on with another token, of the same session or another one of the same user; False when it is gone."""
        removed = self.remove(sid)
        if removed is None:
            return False
        connection = removed[0]
        connection.session_id, connection.expires_at, connection.warned = session_id, expires_at, False
        self.add(connection)
        return True

    def is_online(self, user_id: ObjectId) -> bool:
        """Has the user a socket here?"""
        return user_id in self._by_user

    def users(self) -> list[ObjectId]:
        """Everybody who has a socket here."""
        return list(self._by_user)

    def sockets_of(self, user_ids: list[ObjectId]) -> int:
        """How many sockets these users have here."""
        return sum(len(self._by_user.get(user_id, ())) for user_id in user_ids)

    def of_session(self, session_id: ObjectId) -> list[Connection]:
        """The sockets of one session."""
        return [self.by_sid[sid] for sid in self._by_session.get(session_id, ())]

    def _count(self) -> None:
        metrics.sockets.set(len(self.by_sid))
        metrics.users_online.set(len(self._by_user))

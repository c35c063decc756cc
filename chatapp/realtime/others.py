"""The other processes that serve this chat: what is told to their sockets, and who is online there.

Nothing is told while this process is alone, which costs nothing then.
"""

from array import array
from collections import Counter
from collections.abc import Iterable

import structlog
from bson import ObjectId

from chatapp import metrics
from chatapp.bus.exchange import Exchange
from chatapp.bus.peer import Peer
from chatapp.database import Document
from chatapp.state import on_reset

logger = structlog.get_logger("chatapp.bus")
_ID_BYTES = 12
_LARGEST_COUNT = 0xFFFF


class Others:
    """The other processes as this one knows them."""

    def __init__(self) -> None:
        self.exchange: Exchange | None = None
        self._online: dict[str, dict[bytes, int]] = {}  # by process: users' ids, and how many sockets each has there
        self._processes_of: Counter[bytes] = Counter()

    @property
    def may_exist(self) -> bool:
        """Return whether other processes may serve this chat too, heard or not."""
        return self.exchange is not None

    @property
    def is_nobody(self) -> bool:
        """Return whether this process serves the chat alone: no other one was heard, and none is expected."""
        return self.exchange is None or not self.exchange.has_company

    def state(self) -> str:
        """Return "alone", "ok" or "degraded" (other machines are heard late); empty where there can't be others."""
        if self.exchange is None:
            return ""
        if self.exchange.degraded:
            return "degraded"
        return "ok" if self.exchange.peers else "alone"

    def peers(self) -> list[Peer]:
        """Return the other processes that are alive."""
        return list(self.exchange.peers.values()) if self.exchange is not None else []

    def count_processes(self) -> int:
        """Return how many processes serve this chat, on all machines, with this one, as far as is known here."""
        return 1 + len(self.peers())

    def is_leader(self) -> bool:
        """Return whether this process does what one of them has to do for all: the oldest that was heard of lately."""
        return self.exchange is None or all(self.exchange.me < peer.name for peer in self.peers() if peer.is_lively)

    def was_paused_since(self, moment: float) -> bool:
        """Return whether other processes may have given this one up after this monotonic time, as it stood still."""
        return self.exchange is not None and self.exchange.was_paused_since(moment)

    def is_catching_up(self) -> bool:
        """Return whether this process has been frozen, and may not have read yet what the others told meanwhile."""
        return self.exchange is not None and self.exchange.is_catching_up()

    def tell(self, kind: str, data: Document) -> None:
        """Tell all others, if there may be any. What can't be told fails no act: it is in the log, or told again."""
        if self.exchange is None or self.is_nobody:
            return
        try:
            self.exchange.publish(kind, data)
        except Exception:  # too large, or not to be encoded
            metrics.side_failures.labels("bus").inc()
            logger.exception("a message could not be told to other processes", kind=kind)

    def flush(self) -> None:
        """Send now what was told, before the answer that says that it is done: its next call may come to another."""
        if self.exchange is not None:
            self.exchange.flush()

    # Presence

    def tell_online(self, user_id: ObjectId, sockets: int) -> None:
        """Tell that the user is online here, and with how many sockets: none when they long-poll."""
        self.tell("online", {"user": user_id.binary, "is_online": True, "sockets": sockets})

    def tell_gone(self, user_id: ObjectId, *, is_last: bool) -> None:
        """Tell that the user's last device here has gone; `is_last`: it was their last anywhere, as far as is known."""
        self.tell("online", {"user": user_id.binary, "is_online": False, "is_last": is_last})

    def note_all(self, process: str, user_ids: bytes, sockets: bytes | None = None) -> None:
        """Take these users, and no others, as online in that process, with so many sockets each (`join_counts`)."""
        self.forget(process)
        ids = split_ids(user_ids)
        counts = split_counts(sockets) if sockets is not None else [1] * len(ids)
        users = self._online[process] = dict(zip(ids, counts, strict=True))
        self._processes_of.update(users.keys())

    def note(self, process: str, user_id: bytes, is_online: bool, sockets: int = 1) -> None:
        """Note that a user is online in a process with so many sockets, or that their last one has left it."""
        users = self._online.setdefault(process, {})
        if is_online:
            if user_id not in users:
                self._processes_of[user_id] += 1
            users[user_id] = sockets
        elif user_id in users:
            del users[user_id]
            self._drop(user_id)

    def forget(self, process: str) -> list[ObjectId]:
        """Forget a process that is gone; return its users who are online in no other process but perhaps this one."""
        gone = []
        for user_id in self._online.pop(process, ()):
            self._drop(user_id)
            if user_id not in self._processes_of:
                gone.append(ObjectId(user_id))
        return gone

    def _drop(self, user_id: bytes) -> None:
        self._processes_of[user_id] -= 1
        if self._processes_of[user_id] <= 0:
            del self._processes_of[user_id]

    def is_online(self, user_id: ObjectId) -> bool:
        """Return whether the user is online in another process."""
        return user_id.binary in self._processes_of

    def sockets_of(self, user_id: ObjectId) -> dict[str, int]:
        """Return how many sockets the user has in each of the other processes that has any."""
        user = user_id.binary
        if user not in self._processes_of:
            return {}
        found = {process: users.get(user, 0) for process, users in self._online.items()}
        return {process: sockets for process, sockets in found.items() if sockets}


def join_ids(user_ids: Iterable[ObjectId]) -> bytes:
    """Return ids one after the other, 12 bytes each."""
    return b"".join([user_id.binary for user_id in user_ids])


def split_ids(joined: bytes) -> list[bytes]:
    """Return the ids of `join_ids`, as bytes."""
    return [joined[at : at + _ID_BYTES] for at in range(0, len(joined), _ID_BYTES)]


def user_ids(joined: bytes) -> list[ObjectId]:
    """Return the ids of `join_ids`."""
    return [ObjectId(user_id) for user_id in split_ids(joined)]


def join_counts(counts: Iterable[int]) -> bytes:
    """Return numbers one after the other, two bytes each; a larger one as the largest that there is."""
    return array("H", [min(count, _LARGEST_COUNT) for count in counts]).tobytes()


def split_counts(joined: bytes) -> list[int]:
    """Return the numbers of `join_counts`."""
    return list(array("H", joined))


_others = Others()


@on_reset
def reset() -> None:
    """Forget all others."""
    global _others
    _others = Others()


def current() -> Others:
    """Return the other processes of this chat."""
    return _others

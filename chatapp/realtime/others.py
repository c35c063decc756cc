"""The other processes that serve this chat: what is told to their sockets, and who is online there.

Nothing is told while this process is alone, which costs nothing then.
"""

from collections import Counter
from collections.abc import Iterable

import structlog
from bson import ObjectId

from chatapp import metrics
from chatapp.bus.exchange import Exchange, Peer
from chatapp.database import Document
from chatapp.state import on_reset

logger = structlog.get_logger("chatapp.bus")
_ID_BYTES = 12


class Others:
    """The other processes as this one knows them."""

    def __init__(self) -> None:
        self.exchange: Exchange | None = None
        self._online: dict[str, set[bytes]] = {}  # users' ids, by process
        self._processes_of: Counter[bytes] = Counter()

    @property
    def is_nobody(self) -> bool:
        """Return whether this process serves the chat alone."""
        return self.exchange is None

    def peers(self) -> list[Peer]:
        """Return the other processes that are alive."""
        return list(self.exchange.peers.values()) if self.exchange is not None else []

    def is_leader(self) -> bool:
        """Return whether this process does what one of them has to do for all: the oldest that was heard of lately."""
        return self.exchange is None or all(self.exchange.me < peer.name for peer in self.peers() if peer.is_lively)

    def tell(self, kind: str, data: Document) -> None:
        """Tell all others, if there may be any. What can't be told fails no act: it is in the log, or told again."""
        if self.exchange is None:
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

    # Who is online

    def tell_come(self, user_id: ObjectId) -> None:
        """Tell that the user's first device has come here."""
        self.tell("online", {"user": user_id.binary, "is_online": True})

    def tell_gone(self, user_id: ObjectId, *, is_last: bool) -> None:
        """Tell that the user's last device here has gone; `is_last`: it was their last anywhere, as far as is known."""
        self.tell("online", {"user": user_id.binary, "is_online": False, "is_last": is_last})

    def note_all(self, process: str, user_ids: bytes) -> None:
        """Take these users, and no others, as online in that process."""
        self.forget(process)
        ids = self._online[process] = set(split_ids(user_ids))
        self._processes_of.update(ids)

    def note(self, process: str, user_id: bytes, is_online: bool) -> None:
        """Note that a user's first device has come to a process, or that their last one has left it."""
        ids = self._online.setdefault(process, set())
        if is_online and user_id not in ids:
            ids.add(user_id)
            self._processes_of[user_id] += 1
        elif not is_online and user_id in ids:
            ids.discard(user_id)
            self._drop(user_id)

    def forget(self, process: str) -> list[ObjectId]:
        """A process is gone; return the users who are online in no other process but perhaps this one."""
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


def join_ids(user_ids: Iterable[ObjectId]) -> bytes:
    """Return ids one after the other, 12 bytes each."""
    return b"".join([user_id.binary for user_id in user_ids])


def split_ids(joined: bytes) -> list[bytes]:
    """Return the ids of `join_ids`, as bytes."""
    return [joined[at : at + _ID_BYTES] for at in range(0, len(joined), _ID_BYTES)]


_others = Others()


@on_reset
def reset() -> None:
    """Forget all others."""
    global _others
    _others = Others()


def current() -> Others:
    """Return the other processes of this chat."""
    return _others

"""The carrier for when nothing faster carries between machines: a collection of the database, read twice a second.

Nobody waits for it: what is sent waits in memory until a greenlet has stored it. While it is not needed it does
nothing.
"""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol

import gevent
import structlog
from gevent.event import Event

from chatapp.bus.peer import machine_of
from chatapp.database import STORE_ERRORS, Document

logger = structlog.get_logger("chatapp.bus")
_READ_SECONDS = 0.5
_GATHER_SECONDS = 0.05
_BATCH_BYTES = 4_000_000
_MOST_WAITING_BYTES = 8_000_000
_STOP_SECONDS = 0.5


class Store(Protocol):
    """Keeps the batches: `chatapp.stores.bus`."""

    def insert_batch(self, sender: str, counter: int, batch: list[Document], /) -> None:
        """Store `[{to, data}]` under the sender's next counter."""

    def find_batches(self, read: dict[str, int], /) -> list[Document]:
        """Return what follows these counters by sender, each sender's in order."""

    def find_newest_counter(self, sender: str, /) -> int:
        """Return a sender's newest counter."""


class DatabaseCarrier:
    """The database as one process sees it. `is_needed()` says whether it has to carry now, `senders()` names the
    processes of other machines, `is_newcomer()` whether this process takes only what is sent from now on, and
    `taking_over()` is called when it begins to carry: what was sent a moment before may be lost."""

    name = "database"

    def __init__(
        self,
        store: Store,
        me: str,
        *,
        is_needed: Callable[[], bool],
        senders: Callable[[], Iterable[str]],
        is_newcomer: Callable[[], bool] = lambda: False,
        taking_over: Callable[[], object] = lambda: None,
    ) -> None:
        self._store = store
        self._me = me
        self._machine = machine_of(me)
        self._is_needed = is_needed
        self._senders = senders
        self._is_newcomer = is_newcomer
        self._taking_over = taking_over
        self._received: Callable[[bytes], None] = lambda _: None
        self._read: dict[str, int] = {}  # the counters of what was read, by sender
        self._counter = 0
        self._waiting: deque[Document] = deque()
        self._waiting_bytes = 0
        self._wanted = Event()
        self._drained = Event()
        self._drained.set()
        self._look_now = Event()
        self._greenlets: list[gevent.Greenlet] = []
        self.is_carrying = False
        self.dropped = 0

    def start(self, received: Callable[[bytes], None]) -> None:
        """Carry whenever it is needed."""
        self._received = received
        self._greenlets = [gevent.spawn(work) for work in (self._keep_reading, self._keep_writing)]

    def look_now(self) -> None:
        """See at once whether it is needed."""
        self._look_now.set()

    def send(self, data: bytes, to: str | None = None) -> None:
        """Let it be stored in a moment, for processes of other machines; dropped while it is not needed."""
        if not self.is_carrying or (to is not None and machine_of(to) == self._machine):
            return
        if self._waiting_bytes > _MOST_WAITING_BYTES:
            self.dropped += 1
            return
        self._waiting.append({"to": to, "data": data})
        self._waiting_bytes += len(data)
        self._drained.clear()
        self._wanted.set()

    def stop(self) -> None:
        """Store what waits, for a moment, and end."""
        if self.is_carrying:
            self._drained.wait(_STOP_SECONDS)
        gevent.killall(self._greenlets, block=False)
        self.is_carrying = False

    # Writing

    def _keep_writing(self) -> None:
        while True:
            self._wanted.wait()
            gevent.sleep(_GATHER_SECONDS)
            while self._waiting:
                self._write()
            self._wanted.clear()
            self._drained.set()

    def _write(self) -> None:
        """Store some of what waits; what can't be stored is lost here, and asked for by those who miss it."""
        batch: list[Document] = []
        size = 0
        while self._waiting and (not batch or size + len(self._waiting[0]["data"]) <= _BATCH_BYTES):
            batch.append(self._waiting.popleft())
            size += len(batch[-1]["data"])
        self._counter += 1
        try:
            self._store.insert_batch(self._me, self._counter, batch)
        except STORE_ERRORS:
            self.dropped += len(batch)
        except Exception:
            self.dropped += len(batch)
            logger.exception("the database could not carry between machines")
        self._waiting_bytes -= size

    # Reading

    def _keep_reading(self) -> None:
        while True:
            self._look()
            if self.is_carrying:
                self._read_quietly()
            self._look_now.wait(_READ_SECONDS)
            self._look_now.clear()

    def _look(self) -> None:
        needed = self._is_needed()
        if needed and not self.is_carrying:
            self.is_carrying = True
            self._taking_over()
        elif not needed:
            self.is_carrying = False

    def _read_quietly(self) -> None:
        try:
            self._read_all()
        except STORE_ERRORS:
            pass  # the database is away, which its own monitoring logs
        except Exception:
            logger.exception("what the database carries could not be read")

    def _read_all(self) -> None:
        senders = [sender for sender in self._senders() if machine_of(sender) != self._machine]
        for sender in senders:
            if sender not in self._read:
                self._read[sender] = self._store.find_newest_counter(sender) if self._is_newcomer() else 0
        self._read = {sender: self._read[sender] for sender in senders}
        while rows := self._store.find_batches(self._read):
            for row in rows:
                self._read[row["sender"]] = row["counter"]
                self._take(row["batch"])
                gevent.sleep(0)  # a crowd of them must not hold up what this process serves

    def _take(self, batch: list[Document]) -> None:
        for piece in batch:
            if piece["to"] in (None, self._me):
                self._received(piece["data"])

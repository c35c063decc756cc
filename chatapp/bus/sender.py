"""The half of the exchange that sends: numbered batches, one for each turn of the event loop, and heartbeats."""

from collections import Counter
from collections.abc import Callable

import bson
import gevent
import structlog

from chatapp import clock
from chatapp.bus.carrier import Carrier
from chatapp.bus.envelope import Envelope, Type, seal
from chatapp.bus.missing import Kept
from chatapp.database import Document

logger = structlog.get_logger("chatapp.bus")
_BATCH_BYTES = 1_000_000  # of several messages together
_MESSAGE_BYTES = 8_000_000  # of one
_SOON_SECONDS = 0.05


class Sender:
    """The messages that one process sends.

    `me` is its boot id, which ends with a hyphen and its machine; `describe` gives what its heartbeats say of it,
    `stamp` what goes with every batch and heartbeat.
    """

    def __init__(
        self, me: str, key: bytes, *, describe: Callable[[], Document] = dict, stamp: Callable[[], Document] = dict
    ) -> None:
        self.me = me
        self.carriers: list[Carrier] = []
        self.counts: Counter[str] = Counter()
        self.has_company = False  # some process was there once, or may be: before, nothing is published
        self._key = key
        self._describe = describe
        self._stamp = stamp
        self._outgoing: list[bytes] = []
        self._is_flush_planned = False
        self._is_beat_planned = False
        self._number = 0
        self._flushed_at = 0.0
        self._kept = Kept()
        self._began_at = clock.monotonic()
        self._quiet_seconds = 0.0  # after the start, in which nothing was published

    @property
    def age(self) -> float:
        return clock.monotonic() - self._began_at

    def expect_company(self) -> None:
        """Publish from now on, also before any other process was heard."""
        if not self.has_company:
            self.has_company = True
            self._quiet_seconds = self.age

    def publish(self, kind: str, data: Document) -> None:
        """Send a message to all peers, with what else this turn of the loop publishes.

        Raises ValueError for a message of more than 8 MB.
        """
        if not self.carriers or not self.has_company:
            return
        self._outgoing.append(encode(kind, data))
        if not self._is_flush_planned:
            self._is_flush_planned = True
            gevent.get_hub().loop.run_callback(self._flush_planned)

    def _flush_planned(self) -> None:
        self._is_flush_planned = False
        self.flush()

    def flush(self) -> None:
        """Send what was published."""
        while self._outgoing:
            taken, size = 0, 0
            for message in self._outgoing:
                size += len(message)
                if taken and size > _BATCH_BYTES:
                    break
                taken += 1
            messages, self._outgoing = self._outgoing[:taken], self._outgoing[taken:]
            self._number += 1
            data = seal(
                self._key, Envelope(Type.BATCH, self.me, self._number, {"messages": messages, "stamp": self._stamp()})
            )
            self._kept.keep(self._number, data)
            self.counts["batches out"] += 1
            self.counts["bytes out"] += len(data)
            self._send_bytes(data)
            self._flushed_at = clock.monotonic()
            self.beat_soon()  # what these messages are about may be finished after them

    def stop(self) -> None:
        """Send what is left, and goodbye."""
        self.flush()
        self._send(Envelope(Type.BYE, self.me, self._number, {}))
        for carrier in self.carriers:
            carrier.stop()
        self.carriers = []

    def repeat(self, carrier: Carrier, seconds: float) -> None:
        """Send what was published so many seconds ago or later by this carrier too: another one may have lost it."""
        for data in self._kept.of_the_last(seconds):
            carrier.send(data)
        self._send_heartbeat()

    def _send_again(self, first: int, last: int, peer: str) -> None:
        """Send these batches to a peer that has asked for them, and say which of them are not kept any more."""
        last = min(last, self._number)
        oldest, batches = self._kept.between(first, last)
        if first < oldest:
            self._send(Envelope(Type.GONE, self.me, min(oldest - 1, last), {}), peer)
        for data in batches:
            self.counts["sent again"] += 1
            self._send_bytes(data, peer)

    def beat_soon(self) -> None:
        """Let the others have this process's stamp within a moment."""
        if not self._is_beat_planned and self.carriers:
            self._is_beat_planned = True
            gevent.spawn_later(_SOON_SECONDS, self._beat_when_quiet)

    def _beat_when_quiet(self) -> None:
        """Send a heartbeat, unless a batch has gone out meanwhile: then after that."""
        self._is_beat_planned = False
        if clock.monotonic() - self._flushed_at < _SOON_SECONDS / 2:
            self.beat_soon()
        elif self.carriers:
            self._send_heartbeat()

    def _send_heartbeat(self, to: str | None = None) -> None:
        body = {"info": self._describe(), "stamp": self._stamp(), "age": self.age}
        body["quiet"] = self._quiet_seconds if self.has_company else self.age
        self._send(Envelope(Type.HEARTBEAT, self.me, self._number, body), to)

    def _send(self, envelope: Envelope, to: str | None = None) -> None:
        self._send_bytes(seal(self._key, envelope), to)

    def _send_bytes(self, data: bytes, to: str | None = None) -> None:
        for carrier in self.carriers:
            try:
                carrier.send(data, to)
            except Exception:  # a carrier's failure fails nobody's act: the others, or the log, make it good
                self.counts["failures"] += 1
                logger.exception("the bus could not send", carrier=carrier.name)


def encode(kind: str, data: Document) -> bytes:
    """Return a message as bytes. Raises ValueError for one of more than 8 MB."""
    message = bson.encode({"kind": kind, "data": data})
    if len(message) > _MESSAGE_BYTES:
        raise ValueError(f"a message of {len(message)} bytes is too large for the bus")
    return message

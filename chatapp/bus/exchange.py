"""The exchange of one process with its peers: what it publishes goes out in numbered batches, one for each turn of the
event loop; what peers publish is handed to its handlers in each sender's order, once.

A batch whose number is not new is dropped. When one is missing, the sender is asked for it; when the sender does not
have it any more, or is gone, `on_gap` is called: what was in it has to be found elsewhere. A heartbeat each second
carries the number of the last batch, which betrays a lost last one. No clock of another process decides anything.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

import bson
import gevent
import structlog

from chatapp import clock
from chatapp.bus.envelope import Envelope, Type, Unacceptable, open_sealed, seal
from chatapp.database import Document

logger = structlog.get_logger("chatapp.bus")
HEARTBEAT_SECONDS = 1.0
LATELY_SECONDS = 2.5  # a peer that is silent for longer gets no new work
SILENT_SECONDS = 5.0  # and is taken for gone after this
_KEPT_SECONDS = 10.0
_KEPT_BYTES = 5_000_000
_BATCH_BYTES = 1_000_000  # of several messages together
_MESSAGE_BYTES = 8_000_000  # of one
_MOST_AHEAD = 2_000  # batches that wait for one before them
_ASK_AGAIN_SECONDS = 1.0
_SOON_SECONDS = 0.05
_ASKS = 3
_NEWCOMER_SECONDS = 5.0  # so long a process takes the first batch that it hears for its sender's next

Handler = Callable[[str, Document], object]


class Carrier(Protocol):
    """Moves bytes to other processes. Sending never waits, and may lose them."""

    name: str

    def start(self, received: Callable[[bytes], None]) -> None:
        """Begin; `received` is called for everything that comes."""

    def send(self, data: bytes, to: str | None = None) -> None:
        """Send to one process, by its boot id, or to all others."""

    def stop(self) -> None:
        """End."""


@dataclass(slots=True)
class Peer:
    """Another process: the last of its batches that was handled in order, and what it says of itself."""

    name: str
    last: int
    heard_at: float
    info: Document = field(default_factory=dict)
    ahead: dict[int, Document] = field(default_factory=dict)  # batches that came before their turn
    asked_at: float = 0.0
    asks: int = 0
    stamp: Document = field(default_factory=dict)  # what came with its newest envelope

    @property
    def is_lively(self) -> bool:
        """Return whether it was heard of lately."""
        return clock.monotonic() - self.heard_at < LATELY_SECONDS


class Exchange:
    """The bus as one process sees it. `me` is its boot id; `describe` gives what its heartbeats say of it,
    `stamp` what goes with every batch and heartbeat."""

    def __init__(
        self, me: str, key: bytes, *, describe: Callable[[], Document] = dict, stamp: Callable[[], Document] = dict
    ) -> None:
        self.me = me
        self.peers: dict[str, Peer] = {}
        self.counts: Counter[str] = Counter()
        self._key = key
        self._describe = describe
        self._stamp = stamp
        self._carriers: list[Carrier] = []
        self._handlers: dict[str, Handler] = {}
        self._on_gap: list[Callable[[str], object]] = []
        self._on_stamp: list[Callable[[str, bool], object]] = []
        self._on_join: list[Callable[[str], object]] = []
        self._on_leave: list[Callable[[str], object]] = []
        self._outgoing: list[bytes] = []
        self._is_flush_planned = False
        self._is_beat_planned = False
        self._number = 0
        self._flushed_at = 0.0
        self._kept: OrderedDict[int, tuple[float, bytes]] = OrderedDict()
        self._kept_bytes = 0
        self._began_at = clock.monotonic()
        self._unacceptable: Counter[str] = Counter()  # since they were last logged

    # To be set up before `start`

    def handle(self, kind: str, handler: Handler) -> None:
        """Call `handler(sender, data)` for each message of this kind. It must not wait."""
        self._handlers[kind] = handler

    def on_gap(self, act: Callable[[str], object]) -> None:
        """Call `act(sender)` when messages of a peer are lost for good."""
        self._on_gap.append(act)

    def on_join(self, act: Callable[[str], object]) -> None:
        """Call `act(peer)` when a peer is heard for the first time."""
        self._on_join.append(act)

    def on_leave(self, act: Callable[[str], object]) -> None:
        """Call `act(peer)` when a peer has said goodbye or was silent for too long."""
        self._on_leave.append(act)

    def on_stamp(self, act: Callable[[str, bool], object]) -> None:
        """Call `act(peer, with messages)` when a peer's stamp has come, with a batch or alone."""
        self._on_stamp.append(act)

    def start(self, carriers: Iterable[Carrier]) -> None:
        """Begin to hear and to be heard."""
        self._carriers = list(carriers)
        for carrier in self._carriers:
            carrier.start(self.received)
        self.beat()

    def stop(self) -> None:
        """Send what is left, and goodbye."""
        self.flush()
        self._send(Envelope(Type.BYE, self.me, self._number, {}))
        for carrier in self._carriers:
            carrier.stop()
        self._carriers = []

    # Sending

    def publish(self, kind: str, data: Document) -> None:
        """Send a message to all peers, with what else this turn of the loop publishes.

        Raises ValueError for a message of more than 8 MB.
        """
        if not self._carriers:
            return
        message = bson.encode({"kind": kind, "data": data})
        if len(message) > _MESSAGE_BYTES:
            raise ValueError(f"a message of {len(message)} bytes is too large for the bus")
        self._outgoing.append(message)
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
            self._keep(data)
            self.counts["batches out"] += 1
            self.counts["bytes out"] += len(data)
            self._send_bytes(data)
            self._flushed_at = clock.monotonic()
            self.beat_soon()  # what these messages are about may be finished after them

    def _keep(self, data: bytes) -> None:
        now = clock.monotonic()
        self._kept[self._number] = (now, data)
        self._kept_bytes += len(data)
        while len(self._kept) > 1:
            kept_at, oldest = next(iter(self._kept.values()))
            if self._kept_bytes <= _KEPT_BYTES and now - kept_at <= _KEPT_SECONDS:
                break
            self._kept_bytes -= len(oldest)
            self._kept.popitem(last=False)

    def _send(self, envelope: Envelope, to: str | None = None) -> None:
        self._send_bytes(seal(self._key, envelope), to)

    def _send_bytes(self, data: bytes, to: str | None = None) -> None:
        for carrier in self._carriers:
            try:
                carrier.send(data, to)
            except Exception:  # a carrier's failure fails nobody's act: the others, or the log, make it good
                self.counts["failures"] += 1
                logger.exception("the bus could not send", carrier=carrier.name)

    def beat(self) -> None:
        """Send a heartbeat, and see who has fallen silent; called every second."""
        self._send_heartbeat()
        now = clock.monotonic()
        for peer in list(self.peers.values()):
            if now - peer.heard_at > SILENT_SECONDS:
                self._lose(peer)
            elif peer.ahead and self._may_ask(peer):
                self._ask(peer, max(peer.ahead))
        if self._unacceptable and int(now) % 60 == 0:
            logger.warning("the bus brought what is not for this process", **self._unacceptable)
            self._unacceptable.clear()

    def beat_soon(self) -> None:
        """Let the others have this process's stamp within a moment."""
        if not self._is_beat_planned and self._carriers:
            self._is_beat_planned = True
            gevent.spawn_later(_SOON_SECONDS, self._beat_when_quiet)

    def _beat_when_quiet(self) -> None:
        """Send a heartbeat, unless a batch has gone out meanwhile: then after that."""
        self._is_beat_planned = False
        if clock.monotonic() - self._flushed_at < _SOON_SECONDS / 2:
            self.beat_soon()
        elif self._carriers:
            self._send_heartbeat()

    def _send_heartbeat(self) -> None:
        body = {"info": self._describe(), "stamp": self._stamp()}
        self._send(Envelope(Type.HEARTBEAT, self.me, self._number, body))

    # Receiving

    def received(self, data: bytes) -> None:
        """Take what a carrier brings. Nothing of it is trusted: what has no valid seal is counted and dropped."""
        try:
            envelope = open_sealed(self._key, data)
        except Unacceptable as error:
            self.counts[f"unacceptable: {error.reason}"] += 1
            self._unacceptable[error.reason.replace(" ", "_")] += 1
            return
        if envelope.sender == self.me:
            return
        self.counts["bytes in"] += len(data)
        peer = self._peer(envelope)
        if peer is None:
            return
        peer.heard_at = clock.monotonic()
        self._take_stamp(peer, envelope)
        if envelope.type is Type.BATCH:
            self._take(peer, envelope)
        elif envelope.type is Type.HEARTBEAT:
            peer.info = envelope.body.get("info", {})
            if envelope.number > peer.last and envelope.number not in peer.ahead:
                self._ask(peer, envelope.number)
        elif envelope.type is Type.ASK:
            self._send_again(envelope)
        elif envelope.type is Type.GONE:
            self._give_up(peer, envelope.number)
        elif envelope.type is Type.BYE:
            self._lose(peer)

    def _take_stamp(self, peer: Peer, envelope: Envelope) -> None:
        stamp = envelope.body.get("stamp")
        if isinstance(stamp, dict):
            peer.stamp = stamp
            for act in self._on_stamp:
                act(peer.name, envelope.type is Type.BATCH)

    def _peer(self, envelope: Envelope) -> Peer | None:
        """Return the sender, None for one that is unknown and says goodbye.

        A new peer's batches are expected from the first one, unless this process is new itself.
        """
        peer = self.peers.get(envelope.sender)
        if peer is None:
            if envelope.type is Type.BYE:
                return None
            now = clock.monotonic()
            is_new_here = now - self._began_at < _NEWCOMER_SECONDS
            before = envelope.number - (envelope.type is Type.BATCH)
            peer = self.peers[envelope.sender] = Peer(envelope.sender, before if is_new_here else 0, now)
            for act in self._on_join:
                act(peer.name)
        return peer

    def _take(self, peer: Peer, envelope: Envelope) -> None:
        if envelope.number <= peer.last or envelope.number in peer.ahead:
            self.counts["doubles"] += 1
            return
        self.counts["batches in"] += 1
        peer.ahead[envelope.number] = envelope.body
        before = peer.last
        self._go_on(peer)
        if len(peer.ahead) > _MOST_AHEAD:
            self._give_up(peer, min(peer.ahead) - 1)
        elif peer.ahead and (peer.last > before or self._may_ask(peer)):
            self._ask(peer, envelope.number)

    def _may_ask(self, peer: Peer) -> bool:
        return clock.monotonic() - peer.asked_at > _ASK_AGAIN_SECONDS

    def _go_on(self, peer: Peer) -> None:
        """Handle what has its turn."""
        while (body := peer.ahead.pop(peer.last + 1, None)) is not None:
            peer.last += 1
            peer.asks = 0
            for message in body.get("messages", ()):
                self._handle(peer.name, bson.decode(message))

    def _handle(self, sender: str, message: Document) -> None:
        handler = self._handlers.get(message["kind"])
        if handler is None:  # of a newer version
            self.counts["unacceptable: kind"] += 1
            self._unacceptable["kind"] += 1
            return
        try:
            handler(sender, message["data"])
        except Exception:  # one message's fault must not keep the others
            self.counts["failures"] += 1
            logger.exception("a message of the bus could not be handled", kind=message["kind"])

    def _ask(self, peer: Peer, last: int) -> None:
        """Ask the sender for what is missing up to `last`; after several asks in vain it is lost."""
        if peer.asks >= _ASKS:
            self._give_up(peer, (min(peer.ahead) if peer.ahead else last + 1) - 1)
            return
        peer.asks += 1
        peer.asked_at = clock.monotonic()
        self.counts["asked"] += 1
        first_ahead = min(peer.ahead) if peer.ahead else last + 1
        self._send(Envelope(Type.ASK, self.me, peer.last + 1, {"of": peer.name, "last": first_ahead - 1}), peer.name)

    def _send_again(self, envelope: Envelope) -> None:
        if envelope.body.get("of") != self.me:
            return
        first, last = envelope.number, min(int(envelope.body.get("last", 0)), self._number)
        oldest = next(iter(self._kept), self._number + 1)
        if first < oldest:
            self._send(Envelope(Type.GONE, self.me, min(oldest - 1, last), {}), envelope.sender)
        for number in range(max(first, oldest), last + 1):
            self.counts["sent again"] += 1
            self._send_bytes(self._kept[number][1], envelope.sender)

    def _give_up(self, peer: Peer, number: int) -> None:
        """Batches up to this number will not come any more."""
        if number <= peer.last:
            return
        self.counts["gaps"] += 1
        logger.warning("messages of another process are lost, and are looked for in the log", peer=peer.name)
        peer.last, peer.asks = number, 0
        for old in [old for old in peer.ahead if old <= number]:
            del peer.ahead[old]
        for act in self._on_gap:
            act(peer.name)
        self._go_on(peer)

    def _lose(self, peer: Peer) -> None:
        if self.peers.pop(peer.name, None) is None:
            return
        if peer.ahead:
            for act in self._on_gap:
                act(peer.name)
        for act in self._on_leave:
            act(peer.name)

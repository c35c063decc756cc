"""The exchange of one process with its peers: what it publishes goes out in numbered batches, one for each turn of the
event loop; what peers publish is handed to its handlers in each sender's order, once.

A batch whose number is not new is dropped. When one is missing, the sender is asked for it; when the sender does not
have it any more, or is gone, `on_gap` is called: what was in it has to be found elsewhere. A heartbeat each second
carries the number of the last batch, which betrays a lost last one. No clock of another process decides anything.

`send_to` is for one peer alone: outside the order, at most once, and nobody asks for what is lost.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable

import bson
import structlog

from chatapp import clock
from chatapp.bus.carrier import Carrier
from chatapp.bus.envelope import Envelope, Type, Unacceptable, open_sealed
from chatapp.bus.handlers import Handlers
from chatapp.bus.missing import Asker
from chatapp.bus.peer import LATELY_SECONDS, Peer, machine_of
from chatapp.bus.sender import Sender, encode
from chatapp.database import Document

logger = structlog.get_logger("chatapp.bus")
HEARTBEAT_SECONDS = 1.0
_PROMPT_SECONDS = 0.5  # a process that publishes so soon after its start has missed to tell nothing
_ALONE_SECONDS = 0.25  # after them a process has clients, whether it has heard the others or not
_MOST_AHEAD = 2_000  # batches that wait for one before them
_NEWCOMER_SECONDS = 5.0  # so long a process takes the first batch that it hears for its sender's next
_MOST_DEPARTED = 1_000  # peers that are gone, and remembered: recordings of them are worth nothing


class Exchange(Sender, Handlers):
    """The bus as one process sees it: the half that sends, and here the one that hears."""

    def __init__(
        self, me: str, key: bytes, *, describe: Callable[[], Document] = dict, stamp: Callable[[], Document] = dict
    ) -> None:
        Sender.__init__(self, me, key, describe=describe, stamp=stamp)
        Handlers.__init__(self)
        self.peers: dict[str, Peer] = {}
        self.degraded = ""  # why other machines are heard late, in a sentence; empty: they are not
        self._departed: OrderedDict[str, Peer] = OrderedDict()
        self._asker = Asker(self._ask, self._give_up)
        self._direct_number = 0
        self._machine = machine_of(me)
        self._beat_at = self._began_at
        self._resumed_at = float("-inf")  # when it went on after a pause of its own
        self._unacceptable: Counter[str] = Counter()  # since they were last logged

    def start(self, carriers: Iterable[Carrier]) -> None:
        """Begin to hear and to be heard."""
        self.carriers = list(carriers)
        for carrier in self.carriers:
            carrier.start(self.received)
        self.beat()

    def expect_nobody(self) -> None:
        """Publish nothing until another process is heard, unless one was heard before."""
        self.has_company = bool(self.peers or self._departed)

    # Sending

    def send_to(self, peer: str, kind: str, data: Document) -> bool:
        """Send a message to one peer, now. It is handled once or never; return False when there is no such peer.

        Raises ValueError for a message of more than 8 MB.
        """
        if peer not in self.peers or not self.carriers:
            return False
        message = encode(kind, data)
        self._direct_number += 1
        self.counts["direct out"] += 1
        self._send(Envelope(Type.DIRECT, self.me, self._direct_number, {"to": peer, "message": message}), peer)
        return True

    def beat(self) -> None:
        """Send a heartbeat, and see who has fallen silent; called every second.

        A process that was itself frozen has heard nobody, and what was sent meanwhile is still to be read.
        """
        self._send_heartbeat()
        now = clock.monotonic()
        if now - self._beat_at > LATELY_SECONDS:
            self._resumed_at = now
            for peer in self.peers.values():
                peer.heard_at = now
        self._beat_at = now
        for peer in list(self.peers.values()):
            if peer.is_silent:
                self._lose(peer)
            peer.is_late = peer.is_far and bool(self.degraded)
        if self._unacceptable and int(now) % 60 == 0:
            logger.warning("the bus brought what is not for this process", **self._unacceptable)
            self._unacceptable.clear()

    # Receiving

    def received(self, data: bytes) -> None:
        """Take what a carrier brings. Nothing of it is trusted: what has no valid seal is counted and dropped."""
        try:
            envelope = open_sealed(self._key, data)
        except Unacceptable as error:
            self._drop(error.reason)
            return
        if envelope.sender == self.me:
            return
        self.counts["bytes in"] += len(data)
        try:
            self._open(envelope)
        except Exception:  # another version's, perhaps: the carrier has to go on
            self._drop("malformed")
            logger.exception("an envelope of the bus could not be handled", type=str(envelope.type))

    def _drop(self, reason: str) -> None:
        self.counts[f"unacceptable: {reason}"] += 1
        self._unacceptable[reason.replace(" ", "_")] += 1

    def _open(self, envelope: Envelope) -> None:
        peer = self._peer(envelope)
        if peer is None:
            return
        peer.heard_at = clock.monotonic()
        self._take_stamp(peer, envelope)
        if envelope.type is Type.BATCH:
            self._take(peer, envelope)
        elif envelope.type is Type.HEARTBEAT:
            peer.info = envelope.body.get("info", {})
            if not peer.has_told_age and "quiet" in envelope.body:
                peer.has_told_age = True
                self._take_age(peer, envelope.body["age"], envelope.body["quiet"])
            if envelope.number > peer.last and envelope.number not in peer.ahead:
                self._asker.ask(peer, envelope.number)
        elif envelope.type is Type.ASK:
            if envelope.body.get("of") == self.me:
                self._send_again(envelope.number, int(envelope.body.get("last", 0)), envelope.sender)
        elif envelope.type is Type.GONE:
            self._give_up(peer, envelope.number)
        elif envelope.type is Type.DIRECT:
            self._take_direct(peer, envelope)
        elif envelope.type is Type.BYE:
            peer.has_said_goodbye = True
            self._lose(peer, envelope.number)

    def _take_age(self, peer: Peer, age: float, quiet: float) -> None:
        """See whether this process was there while a peer, heard for the first time, published nothing."""
        publishes_for = age - quiet
        if min(quiet, self.age - publishes_for) > _PROMPT_SECONDS:
            self._miss_its_beginning(peer)

    def _miss_its_beginning(self, peer: Peer) -> None:
        """Look elsewhere for what a peer may have told since this process has begun, and before it was heard."""
        self.counts["met late"] += 1
        for act in self._on_gap:
            act(peer.name)

    def _take_stamp(self, peer: Peer, envelope: Envelope) -> None:
        stamp = envelope.body.get("stamp")
        if isinstance(stamp, dict):
            peer.stamp = stamp
            for act in self._on_stamp:
                act(peer.name, envelope.type is Type.BATCH)

    def _peer(self, envelope: Envelope) -> Peer | None:
        """Return the sender, None for one that has said goodbye, or is unknown and says it now.

        A new peer's batches are expected from the first one, unless this process is new itself; those of a peer that
        was silent from where it fell silent.
        """
        peer = self.peers.get(envelope.sender)
        if peer is None:
            departed = self._departed.get(envelope.sender)
            if envelope.type is Type.BYE or (departed is not None and departed.has_said_goodbye):
                return None
            if departed is not None:
                del self._departed[departed.name]
            peer = departed or Peer(envelope.sender, 0, clock.monotonic(), is_placed=not self.is_newcomer())
            peer.is_far = peer.machine != self._machine
            self.peers[peer.name] = peer
            self.expect_company()
            self._send_heartbeat(peer.name)  # it may not have heard of this process
            for act in self._on_join:
                act(peer.name)
        if not peer.is_placed and envelope.type in (Type.BATCH, Type.HEARTBEAT):
            peer.is_placed = True
            peer.last = envelope.number - (envelope.type is Type.BATCH)
            if peer.last and self.age > _ALONE_SECONDS:
                self._miss_its_beginning(peer)
        return peer

    def is_catching_up(self) -> bool:
        """Return whether this process has just gone on after a pause of its own: what others said waits to be read."""
        now = clock.monotonic()
        return now - self._beat_at > LATELY_SECONDS or now - self._resumed_at < LATELY_SECONDS

    def was_paused_since(self, moment: float) -> bool:
        """Return whether this process stood still for so long after this monotonic time that others may have given it
        up."""
        return self._resumed_at > moment or clock.monotonic() - max(self._beat_at, moment) > LATELY_SECONDS

    def is_newcomer(self) -> bool:
        """Return whether this process has begun to hear a moment ago."""
        return self.age < _NEWCOMER_SECONDS

    def _take(self, peer: Peer, envelope: Envelope) -> None:
        if envelope.number <= peer.last or envelope.number in peer.ahead:
            self.counts["doubles"] += 1
            return
        self.counts["batches in"] += 1
        self.counts["healed"] += envelope.number <= peer.asked_up_to
        peer.ahead[envelope.number] = envelope.body
        self._go_on(peer)
        if len(peer.ahead) > _MOST_AHEAD:
            self._give_up(peer, min(peer.ahead) - 1)
        elif peer.ahead:
            self._asker.ask(peer, envelope.number)

    def _take_direct(self, peer: Peer, envelope: Envelope) -> None:
        message = envelope.body.get("message")
        if envelope.body.get("to") != self.me or not isinstance(message, bytes):
            return
        if not peer.direct.is_new(envelope.number):
            self.counts["doubles"] += 1
            return
        self.counts["direct in"] += 1
        self._handle(peer.name, bson.decode(message))

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
            self._drop("kind")
            return
        try:
            handler(sender, message["data"])
        except Exception:  # one message's fault must not keep the others
            self.counts["failures"] += 1
            logger.exception("a message of the bus could not be handled", kind=message["kind"])

    def _ask(self, peer: Peer, first: int, last: int) -> None:
        self.counts["asked"] += 1
        self._send(Envelope(Type.ASK, self.me, first, {"of": peer.name, "last": last}), peer.name)

    def _give_up(self, peer: Peer, number: int) -> None:
        """Give up the batches up to this number: they will not come any more."""
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

    def _lose(self, peer: Peer, last: int = 0) -> None:
        """Note that a peer is gone; `last` is its last batch, where it has said so."""
        if self.peers.pop(peer.name, None) is None:
            return
        misses_some = bool(peer.ahead) or max(last, peer.asked_up_to) > peer.last
        peer.forget_missing()
        self._departed[peer.name] = peer
        if len(self._departed) > _MOST_DEPARTED:
            self._departed.popitem(last=False)
        if misses_some:
            for act in self._on_gap:
                act(peer.name)
        for act in self._on_leave:
            act(peer.name)

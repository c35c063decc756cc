"""Batches that did not come: the receiver asks their sender for them, and a sender keeps for a while what it has sent.

What is missing is asked for at once, and once; after a moment all of it again. What was asked for in vain until it is
nearly too late to tell it live is lost.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable

import gevent

from chatapp import clock
from chatapp.bus.peer import Peer

_KEPT_SECONDS = 10.0
_KEPT_BYTES = 5_000_000
# After the first ask, which may come a second late itself: whoever is told live is told within three.
_ASK_AGAIN_SECONDS, _ASKS = 0.3, 5
_LATE_ASK_AGAIN_SECONDS, _LATE_ASKS = 1.0, 1  # by the database, an ask and its answer take about one
_MOST_HOLES = 200  # that are asked for at once


class Kept:
    """The batches that this process has sent lately, by their numbers."""

    def __init__(self) -> None:
        self._rows: OrderedDict[int, tuple[float, bytes]] = OrderedDict()
        self._bytes = 0

    def keep(self, number: int, data: bytes) -> None:
        """Keep the newest batch, and let go of what is too old or too much."""
        now = clock.monotonic()
        self._rows[number] = (now, data)
        self._bytes += len(data)
        while len(self._rows) > 1:
            kept_at, oldest = next(iter(self._rows.values()))
            if self._bytes <= _KEPT_BYTES and now - kept_at <= _KEPT_SECONDS:
                break
            self._bytes -= len(oldest)
            self._rows.popitem(last=False)

    def of_the_last(self, seconds: float) -> list[bytes]:
        """Return what was sent so many seconds ago or later."""
        since = clock.monotonic() - seconds
        return [data for kept_at, data in self._rows.values() if kept_at >= since]

    def between(self, first: int, last: int) -> tuple[int, list[bytes]]:
        """Return the batches from `first` to `last` that are still there, and the number of the oldest of all, which
        is that of the next batch where there is none."""
        oldest = next(iter(self._rows), last + 1)
        return oldest, [self._rows[number][1] for number in range(max(first, oldest), last + 1)]


class Asker:
    """Asks peers for what is missing of their batches: `send(peer, first, last)` asks for these, and `give_up(peer,
    number)` is told that those up to this number will not come any more."""

    def __init__(self, send: Callable[[Peer, int, int], object], give_up: Callable[[Peer, int], object]) -> None:
        self._send, self._give_up = send, give_up
        self._waiting: set[str] = set()  # for answers of these peers

    def ask(self, peer: Peer, last: int) -> None:
        """Ask for what is missing up to `last` and was not asked for yet, and again when no answer comes."""
        if peer.asks >= (_LATE_ASKS if peer.is_late else _ASKS) and _is_overdue(peer):
            self._give_up(peer, (min(peer.ahead) if peer.ahead else last + 1) - 1)
        for begin, end in _holes_to_ask_for(peer, last):
            self._send(peer, begin, end)
        if peer.asked_up_to > peer.last and peer.name not in self._waiting:
            self._waiting.add(peer.name)
            gevent.spawn_later(_patience(peer), self._ask_again, peer)

    def _ask_again(self, peer: Peer) -> None:
        self._waiting.discard(peer.name)
        if peer.asked_up_to > peer.last and not peer.is_silent:
            self.ask(peer, peer.asked_up_to)


def _holes_to_ask_for(peer: Peer, last: int) -> list[tuple[int, int]]:
    """Return the first and last number of each run up to `last` that is missing and is to be asked for now."""
    first = max(peer.last, peer.asked_up_to) + 1
    if peer.asked_up_to <= peer.last:
        peer.asked_at = clock.monotonic()
    elif _is_overdue(peer):
        peer.asks += 1
        peer.asked_at = clock.monotonic()
        first = peer.last + 1
    peer.asked_up_to = max(peer.asked_up_to, last)
    return _holes(peer.ahead, first, peer.asked_up_to)


def _is_overdue(peer: Peer) -> bool:
    """Return whether the peer was asked for what is missing, and has had the time to answer."""
    return peer.asked_up_to > peer.last and clock.monotonic() - peer.asked_at >= _patience(peer)


def _patience(peer: Peer) -> float:
    """Return the seconds that a peer has to answer an ask."""
    return _LATE_ASK_AGAIN_SECONDS if peer.is_late else _ASK_AGAIN_SECONDS


def _holes(there: Iterable[int], first: int, last: int) -> list[tuple[int, int]]:
    """Return the first and last number of each run from `first` to `last` that is not there."""
    holes = []
    for number in [*sorted(number for number in there if first <= number <= last), last + 1]:
        if number > first:
            holes.append((first, number - 1))
        first = number + 1
    return holes[:_MOST_HOLES]

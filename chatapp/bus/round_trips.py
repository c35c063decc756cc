"""Round trips: a message to another process and its answer, measured with one peer each second, each in its turn."""

from collections.abc import Callable

from chatapp import clock
from chatapp.bus.exchange import Exchange
from chatapp.bus.peer import Peer
from chatapp.database import Document

_PATIENCE_SECONDS = 5.0  # with a peer that does not answer: the message may be lost


class RoundTrips:
    """The last round trip to each peer, as one process has measured it. `may_ask(peer)`: one that is only reached
    through the database is left out, which would be written to for nothing else."""

    def __init__(self, exchange: Exchange, may_ask: Callable[[Peer], bool] = lambda _: True) -> None:
        self._exchange = exchange
        self._may_ask = may_ask
        self._seconds: dict[str, float] = {}
        self._asked_at: dict[str, float] = {}  # without an answer yet
        self._last = ""
        exchange.handle("echo?", self._asked)
        exchange.handle("echo", self._answered)
        exchange.on_leave(self._forget)

    def measure(self) -> None:
        """Ask the next peer, unless its last answer is still to come."""
        names = sorted(peer.name for peer in self._exchange.peers.values() if self._may_ask(peer))
        name = next((name for name in names if name > self._last), names[0] if names else None)
        if name is None:
            return
        self._last = name
        now = clock.monotonic()
        if now - self._asked_at.get(name, -_PATIENCE_SECONDS) >= _PATIENCE_SECONDS:
            self._asked_at[name] = now
            self._exchange.send_to(name, "echo?", {})

    def worst(self) -> float | None:
        """Return the longest of them in seconds, with the time that an answer is missing; None before there is any."""
        now = clock.monotonic()
        missing = [now - asked_at for asked_at in self._asked_at.values()]
        return max([*self._seconds.values(), *missing], default=None)

    def _asked(self, sender: str, _: Document) -> None:
        self._exchange.send_to(sender, "echo", {})

    def _answered(self, sender: str, _: Document) -> None:
        asked_at = self._asked_at.pop(sender, None)
        if asked_at is not None:
            self._seconds[sender] = clock.monotonic() - asked_at

    def _forget(self, process: str) -> None:
        self._seconds.pop(process, None)
        self._asked_at.pop(process, None)

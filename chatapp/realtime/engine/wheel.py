"""One timer for all deadlines: pings, time-outs, slow requests. A sleeping greenlet for each would cost kilobytes."""

import sys
from collections.abc import Callable
from time import monotonic
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import gevent

TICK_SECONDS = 0.025


class Ticking(Protocol):
    """What can be put on the wheel. `due` is the wheel's own note: when it will ask next, 0 when it won't."""

    due: float

    def tick(self, now: float) -> float:
        """Do what is due; gives when to ask again, 0 for never. Runs in the hub: it must not wait for anything."""


class Wheel:
    """Asks each object when its time has come; times are of `time.monotonic`.

    An object that is needed earlier than it was put down for is put down once more; the later entry is then passed
    over. So nothing is ever searched for or removed.
    """

    def __init__(self, loop: Any) -> None:
        self._timer = loop.timer(TICK_SECONDS, TICK_SECONDS, ref=False)
        self._slots: dict[int, list[tuple[float, Ticking]]] = {}
        self._next = 0
        self._running = False

    def at(self, when: float, what: Ticking) -> None:
        """Ask `what` at this time, or a tick later."""
        if what.due and what.due <= when:
            return
        what.due = when
        slot = int(when / TICK_SECONDS) + 1
        if not self._running:
            self._start()
        self._slots.setdefault(max(slot, self._next), []).append((when, what))

    def _start(self) -> None:
        self._running = True
        self._next = int(monotonic() / TICK_SECONDS)
        self._timer.again(self._turn)

    def _turn(self) -> None:
        now = monotonic()
        current = int(now / TICK_SECONDS)
        while self._next <= current:
            entries = self._slots.pop(self._next, None)
            self._next += 1
            for when, what in entries or ():
                if what.due == when:
                    what.due = 0
                    self._ask(what, now)
        if not self._slots:
            self._running = False
            self._timer.stop()

    def _ask(self, what: Ticking, now: float) -> None:
        try:
            again = what.tick(now)
        except Exception:  # one object's fault must not stop the clock of all
            gevent.get_hub().handle_error(what, *sys.exc_info())
            return
        if again:
            self.at(again, what)


_wheels: WeakKeyDictionary[Any, Wheel] = WeakKeyDictionary()


def current() -> Wheel:
    """The wheel of this thread's event loop."""
    hub = gevent.get_hub()
    wheel = _wheels.get(hub)
    if wheel is None:
        wheel = _wheels[hub] = Wheel(hub.loop)
    return wheel


class Alarm:
    """Calls a function once, at a time; `stop` it when it is not wanted any more."""

    __slots__ = ("_ring", "due")

    def __init__(self, seconds: float, ring: Callable[[], object]) -> None:
        self.due = 0.0
        self._ring: Callable[[], object] | None = ring
        current().at(monotonic() + seconds, self)

    def stop(self) -> None:
        """Forget it."""
        self._ring = None

    def tick(self, now: float) -> float:
        """Ring."""
        if self._ring is not None:
            self._ring()
        return 0

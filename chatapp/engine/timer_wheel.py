"""One timer for all deadlines: pings, time-outs, slow requests. A sleeping greenlet for each would cost kilobytes."""

import sys
from collections.abc import Callable
from heapq import heappop, heappush
from time import monotonic
from typing import Any, Protocol

import gevent

from chatapp.per_loop import PerLoop

TICK_SECONDS = 0.025
BUDGET_SECONDS = 0.0005  # of a turn of the loop; a thousand deadlines that come together are spread over many
ENDINGS = 1  # in one turn of the loop: what ends wakes somebody, whose work no budget sees


Entry = list[Any]  # [when, what; None when it is cancelled]


class Ticking(Protocol):
    """An object with a deadline on the wheel. `entry` is the wheel's own note of its place, None when it has none."""

    entry: Entry | None

    def tick(self, now: float) -> float:
        """Do what is due; return when to ask again, 0 for never. Runs in the hub: it must not wait for anything."""


class Wheel:
    """Asks each object when its time has come; times are of `time.monotonic`.

    An object stands on it once. What is cancelled or moved leaves an empty entry, so nothing is ever searched for.
    """

    def __init__(self, loop: Any) -> None:
        self._loop = loop
        self._timer: Any = None
        self._slots: dict[int, list[Entry]] = {}
        self._order: list[int] = []  # a heap of the slots
        self._armed = 0  # the slot that the timer waits for; 0: none

    def at(self, when: float, what: Ticking) -> None:
        """Ask `what` at this time, or a tick later."""
        if what.entry is not None:
            if what.entry[0] <= when:
                return
            cancel(what)
        entry: Entry = [when, what]
        slot = int(when / TICK_SECONDS) + 1
        if slot not in self._slots:
            heappush(self._order, slot)
            self._slots[slot] = []
        self._slots[slot].append(entry)
        what.entry = entry
        if not self._armed or slot < self._armed:
            self._arm()

    def _arm(self) -> None:
        """Let the timer ring for the first slot."""
        if self._timer is not None:
            self._timer.stop()
            self._timer.close()
            self._timer = None
        self._armed = 0
        if self._order:
            seconds = max(0.0, self._order[0] * TICK_SECONDS - monotonic())
            self._timer = self._loop.timer(seconds, ref=False)
            self._timer.start(self._turn)
            self._armed = self._order[0]

    def keep_going(self) -> None:
        """Set the timer anew if a deadline has passed; called every second, for what nobody has foreseen."""
        if self._order and self._order[0] * TICK_SECONDS < monotonic():
            self._arm()

    def _turn(self) -> None:
        now, endings = monotonic(), 0
        try:
            while self._order and self._order[0] * TICK_SECONDS <= now:
                entries = self._slots.get(self._order[0], [])
                while entries and endings < ENDINGS and monotonic() - now < BUDGET_SECONDS:
                    what = entries.pop()[1]
                    if what is not None:
                        what.entry = None
                        endings += not self._ask(what, now)
                if entries:
                    break
                self._slots.pop(heappop(self._order), None)
        finally:
            self._arm()  # whatever has happened: all deadlines of the process hang on it

    def _ask(self, what: Ticking, now: float) -> bool:
        """Ask it; return whether it will have to be asked again."""
        try:
            again = what.tick(now)
        except Exception:  # one object's fault must not stop the clock of all
            gevent.get_hub().handle_error(what, *sys.exc_info())
            return False
        if again:
            self.at(again, what)
        return bool(again)


def cancel(what: Ticking) -> None:
    """Take it off the wheel, which then keeps it alive no longer."""
    if what.entry is not None:
        what.entry[1] = None
        what.entry = None


current = PerLoop(Wheel)  # the wheel of this thread's event loop


class Alarm:
    """Calls a function once, at a time; `stop` it when it is not wanted any more."""

    __slots__ = ("_ring", "entry")

    def __init__(self, seconds: float, ring: Callable[[], object]) -> None:
        self.entry: Entry | None = None
        self._ring = ring
        current().at(monotonic() + seconds, self)

    def stop(self) -> None:
        """Forget it."""
        cancel(self)

    def tick(self, now: float) -> float:
        """Ring."""
        self._ring()
        return 0

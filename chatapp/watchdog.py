"""Names whatever holds the event loop: while one call works for 50 ms, nobody else is served.

The loop notes when it begins to work and when it waits for sockets again. A thread beside it looks every few
milliseconds; when the loop has worked for too long, it reads from the running stack which event or route that is.
A call costs nothing, a turn of the loop two clock readings.
"""

import sys
from collections import Counter
from dataclasses import dataclass, field
from time import perf_counter
from types import FrameType
from typing import Any

import gevent
import structlog
from gevent.monkey import get_original

from chatapp import metrics

logger = structlog.get_logger("chatapp.watchdog")
_LINES, _LINES_SECONDS = 10, 10.0  # so many lines at most in so many seconds; the metric counts all
_LOOK = 0.8  # of the limit, between looks: one falls into each turn that takes longer, and each costs 50 us
UNKNOWN = "(unknown)"


@dataclass
class Watchdog:
    """Watches the loop of the thread that makes it. `limit`: seconds that it may work in one turn."""

    limit: float
    began: float | None = None  # when the loop began to work; None while it waits
    name: str = UNKNOWN  # what was seen working most often in this turn
    is_over: bool = False
    _lines: list[float] = field(default_factory=list)

    def start(self) -> None:
        """Watch from now on."""
        loop = gevent.get_hub().loop
        after_poll, before_poll = loop.check(ref=False), loop.prepare(ref=False)
        after_poll.priority, before_poll.priority = loop.MAXPRI, loop.MINPRI  # the first, and the last, of a turn
        after_poll.start(self._begin)
        before_poll.start(self._end)
        self._watchers = (after_poll, before_poll)
        threads: Any = get_original("_thread", ["start_new_thread", "get_ident"])
        start_new_thread, get_ident = threads
        start_new_thread(self._watch, (get_ident(),))

    def stop(self) -> None:
        """Watch no more."""
        self.is_over = True
        for watcher in self._watchers:
            watcher.close()

    def _begin(self) -> None:
        self.began = perf_counter()

    def _end(self) -> None:
        began, self.began = self.began, None
        if began is not None and (seconds := perf_counter() - began) > self.limit:
            name, self.name = self.name, UNKNOWN
            gevent.spawn(self._tell, name, seconds)

    def _tell(self, name: str, seconds: float) -> None:
        metrics.loop_held(name, seconds)
        now = perf_counter()
        self._lines = [moment for moment in self._lines if moment > now - _LINES_SECONDS]
        if len(self._lines) < _LINES:
            self._lines.append(now)
            logger.warning("the event loop was held", call=name, ms=round(seconds * 1000, 1))

    def _watch(self, ident: int) -> None:
        sleep: Any = get_original("time", "sleep")
        turn, seen = 0.0, Counter[str]()
        while not self.is_over:
            sleep(self.limit * _LOOK)
            began = self.began
            if began is not None and perf_counter() - began > self.limit * (1 - _LOOK):
                name = name_of(sys._current_frames().get(ident))
                if began == self.began and name != UNKNOWN:
                    if began != turn:
                        turn, seen = began, Counter()
                    seen[name] += 1
                    self.name = seen.most_common(1)[0][0]


def name_of(frame: FrameType | None) -> str:
    """Return the event or route that a stack works for, or else the project's innermost function in it."""
    innermost = UNKNOWN
    while frame is not None:
        code = frame.f_code
        place = code.co_filename
        if code.co_name == "_answer" and place.endswith("sockets/dispatch.py"):
            return f"event {frame.f_locals.get('name', UNKNOWN)}"
        if code.co_name == "handle" and place.endswith("api/endpoint.py"):
            view = frame.f_locals["view"]
            return f"route {view.__module__.rpartition('.')[2]}.{view.__name__}"
        if innermost == UNKNOWN and "/chatapp/" in place:
            innermost = f"{place.rpartition('/chatapp/')[2]}:{code.co_name}"
        frame = frame.f_back
    return innermost

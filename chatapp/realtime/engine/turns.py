"""Turns: what a client makes us do beyond the usual waits for its turn, so that all others are served in between.

gevent runs callbacks, and greenlets that are ready, for 5 ms and more before it looks at the sockets again
(`loop._run_callbacks`), and `gevent.sleep(0)` is one of those callbacks. Ten clients with a backlog would fill that
time, turn after turn. Here they share a fraction of a millisecond of each turn of the loop.
"""

import sys
from collections import deque
from collections.abc import Callable
from time import perf_counter
from typing import Any

import gevent
from gevent.hub import Waiter

from chatapp.realtime.engine.per_loop import PerLoop

BUDGET_SECONDS = 0.0003  # of each turn of the loop; one act at least
Act = Callable[[], object]


class Turns:
    """One line for all who wait: first come, first served."""

    def __init__(self, loop: Any) -> None:
        self._waiting: deque[Act] = deque()
        self._timer = loop.timer(0)

    def add(self, act: Act) -> None:
        """Call `act`, in the event loop, when its turn has come."""
        self._waiting.append(act)
        if not self._timer.active:
            self._timer.start(self._serve)

    def wait(self) -> None:
        """Let the calling greenlet go on when its turn has come."""
        waiter = Waiter()
        self.add(lambda: waiter.switch(None))
        waiter.get()

    def _serve(self) -> None:
        """Serve some of those who wait; the others when the loop has looked at the sockets again."""
        end = perf_counter() + BUDGET_SECONDS
        while self._waiting:
            act = self._waiting.popleft()
            try:
                act()
            except Exception:  # one client's fault must not stop the line
                gevent.get_hub().handle_error(act, *sys.exc_info())
            if perf_counter() >= end:
                break
        if self._waiting:
            self._timer.start(self._serve)


current = PerLoop(Turns)  # the line of this thread's event loop

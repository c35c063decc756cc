"""Turns: what a client makes us do beyond the usual waits for its turn, so that all others are served in between.

gevent runs callbacks, and greenlets that are ready, for 5 ms and more before it looks at the sockets again
(`loop._run_callbacks`), and `gevent.sleep(0)` is one of those callbacks. Ten clients with a backlog would fill that
time, turn after turn, and so would a hundred connections whose requests, or ends, come at once. Here they share a
fraction of a millisecond of a turn of the loop, in which nothing else was to be done: a message is read and handled
before anybody in this line has the next turn.

A large message is the exception: it is handled in one piece, in milliseconds, and is kept until it is whole. So large
ones are begun one after the other, at a pace that leaves nearly all of the time to the others.
"""

import sys
from collections import deque
from collections.abc import Callable
from time import monotonic, perf_counter
from typing import Any

import gevent
from gevent.hub import Waiter

from chatapp.per_loop import PerLoop

BUDGET_SECONDS = 0.0003  # of each turn of the loop; one act at least
PATIENCE_SECONDS = 0.002  # until a turn while the loop always has something else to do
LARGE_BYTES = 131_072  # from here on a message is a large one
LARGE_BYTES_PER_SECOND = 20_000_000  # of all of them together; 1 MB of JSON takes 2 ms to handle
BEGIN_SECONDS = 0.01  # for a large message that has begun to come, before the next one begins
_READABLE = 1
Act = Callable[[], object]


class Turns:
    """One line for all who wait: first come, first served."""

    def __init__(self, loop: Any) -> None:
        self.loop = loop
        self._waiting: deque[Act] = deque()
        self._idle = loop.idle()
        self._patience = loop.timer(PATIENCE_SECONDS, PATIENCE_SECONDS)
        self._turn = -1  # the last turn of the loop in which somebody was served
        self._ends_at = 0.0  # the time of that turn for this line

    def add(self, act: Act) -> None:
        """Call `act`, in the event loop, when its turn has come."""
        self._waiting.append(act)
        self._start()

    def add_first(self, act: Act) -> None:
        """Call `act` before all others: a message that has been begun is to be finished."""
        self._waiting.appendleft(act)
        self._start()

    def call_or_add(self, act: Act) -> bool:
        """Call `act` at once and return True, if nobody waits and this turn has time for it; else add it.

        In the event loop. So a lone client waits for nothing, and of a crowd most do.
        """
        if self._waiting or not self._has_time():
            self.add(act)
            return False
        _call(act)
        return True

    def _start(self) -> None:
        if not self._idle.active:
            self._idle.start(self._serve)
            self._patience.start(self._serve)

    def wait(self) -> None:
        """Let the calling greenlet go on when its turn has come."""
        waiter = Waiter()
        self.add(lambda: waiter.switch(None))
        waiter.get()

    def go_on(self) -> None:
        """Let the calling greenlet go on: at once if nobody waits and this turn has time, else when its turn comes."""
        if self._waiting or not self._has_time():
            self.wait()

    def keep_going(self) -> None:
        """Go on if somebody waits and nothing is to happen; called every second, for what nobody has foreseen."""
        if self._waiting:
            self._start()

    def _serve(self) -> None:
        """Serve some of those who wait; the others when the loop has looked at the sockets again."""
        self._has_time()  # it begins now
        try:
            while self._waiting:
                _call(self._waiting.popleft())
                if not self._has_time():
                    break
        finally:
            if self._waiting:
                self._patience.again(self._serve)
            else:
                self._idle.stop()
                self._patience.stop()

    def _has_time(self) -> bool:
        """Return whether something may be begun in this turn of the loop; the first look begins its time."""
        now = perf_counter()
        if self._turn != self.loop.iteration:
            self._turn = self.loop.iteration
            self._ends_at = now + BUDGET_SECONDS
            return True
        return now < self._ends_at


class Reading:
    """Lets the greenlet that reads from a connection go on when there is something to read and its turn has come."""

    __slots__ = ("_line", "_waiter", "_watcher")

    def __init__(self, line: Turns, descriptor: int) -> None:
        self._line = line
        self._waiter: Any = None
        self._watcher = line.loop.io(descriptor, _READABLE)

    def wait(self) -> None:
        """Return when there is something to read, or the end, and it is this connection's turn."""
        self._waiter = waiter = Waiter()
        self._watcher.start(self._come)
        try:
            waiter.get()
        finally:
            self._watcher.stop()

    def _come(self) -> None:
        self._watcher.stop()
        self._line.call_or_add(self._go)

    def _go(self) -> None:
        self._waiter.switch(None)

    def close(self) -> None:
        """Let go of the connection."""
        self._watcher.close()


class Pace:
    """The line of those whose message is large. An idle one keeps nobody waiting."""

    def __init__(self, loop: Any) -> None:
        self._loop = loop
        self._waiting: deque[Act] = deque()
        self._timer: Any = None
        self._free_at = 0.0

    def add(self, begin: Act) -> None:
        """Call `begin`, in the event loop, when those before have had their time.

        It returns False when nothing is begun: then the next need not wait for it.
        """
        self._waiting.append(begin)
        if self._timer is None:
            self._arm()

    def finished(self, size: int) -> None:
        """Charge a large message for its bytes, now that it is whole: to announce them costs nothing."""
        self._free_at = max(self._free_at, monotonic()) + size / LARGE_BYTES_PER_SECOND

    def keep_going(self) -> None:
        """Go on if somebody waits and nothing is to happen; called every second, for what nobody has foreseen."""
        if self._waiting and (self._timer is None or not self._timer.active):
            self._arm()

    def _arm(self) -> None:
        self._timer = self._loop.timer(max(0.0, self._free_at - monotonic()))
        self._timer.start(self._serve)

    def _serve(self) -> None:
        self._timer.close()
        self._timer = None
        try:
            if monotonic() >= self._free_at and _call(self._waiting.popleft()) is not False:
                self._free_at = max(self._free_at, monotonic() + BEGIN_SECONDS)
        finally:
            if self._waiting and self._timer is None:
                self._arm()


def _call(act: Act) -> object:
    """Return what `act` returns. One client's fault must not stop the line: the hub is told of it."""
    try:
        return act()
    except Exception:  # a client's act may raise anything
        gevent.get_hub().handle_error(act, *sys.exc_info())
        return None


current = PerLoop(Turns)  # the line of this thread's event loop
large = PerLoop(Pace)  # and that of large messages


def read_large(size: int, read: Callable[[], bytes]) -> bytes:
    """Return the body that `read()` returns, of this size; a large one not before its time."""
    if size <= LARGE_BYTES:
        return read()
    waiter = Waiter()
    large().add(lambda: waiter.switch(None))
    waiter.get()
    body = read()
    large().finished(len(body))
    return body

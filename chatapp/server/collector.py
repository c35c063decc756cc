"""Garbage collections of the whole heap, at moments and at a pace that the server chooses.

A whole collection walks through every object that can hold another: 70 ms with 200 connected users, in one piece, and
Python begins one after some hundred new connections. It finds hardly anything, since nearly all is let go when nothing
refers to it any more. So Python's own whole collections are put off, and the server collects when the loop is idle, no
more often than its pauses take a thousandth of the time. What survives one is frozen: the next one looks at what came
afterwards. Once in a long while everything is looked at again.
"""

import gc
from time import perf_counter

from chatapp import clock, metrics, supervisor
from chatapp.idle_turns import give_way

_PACE = 1_000  # times its pause is the time to the next collection
_WHOLE_PACE = 10_000
_WHOLE_SECONDS = 600.0  # at least between two that look at everything
_LOOK_SECONDS = 1.0
_YOUNG_COLLECTIONS = 5  # since the last whole one: before that there is nothing to find
_MOST_YOUNG_COLLECTIONS = 500  # after these Python collects everything itself, whatever the loop is doing


class Collector:
    """Decides when the whole heap is collected."""

    def __init__(self) -> None:
        self._next_at = 0.0
        self._whole_at = clock.monotonic() + _WHOLE_SECONDS

    def start(self) -> None:
        """Take over from Python. What is there already (code, settings) is frozen."""
        gc.collect()
        gc.freeze()
        young, middle, _ = gc.get_threshold()
        gc.set_threshold(young, middle, _MOST_YOUNG_COLLECTIONS)
        supervisor.every(_LOOK_SECONDS, "garbage", self.look)

    def look(self) -> None:
        """Collect, if it is time to; called every second."""
        now = clock.monotonic()
        if now < self._next_at or gc.get_count()[2] < _YOUNG_COLLECTIONS:
            return
        give_way()
        if now >= self._whole_at:
            gc.unfreeze()
        began = perf_counter()
        gc.collect()
        gc.freeze()
        pause = perf_counter() - began
        metrics.garbage_pauses.observe(pause)
        self._next_at = now + _PACE * pause
        if now >= self._whole_at:
            self._whole_at = now + max(_WHOLE_SECONDS, _WHOLE_PACE * pause)

"""Turns when the event loop has nothing else to do: of long work, and of questions that others may join.

All long work stands in one line, and one step is done in a turn of the loop: a message meets one step, however many
clients have asked for lists. A step waits for 20 ms at most, a question for 5.
"""

from collections import deque
from typing import Any

from gevent.hub import Waiter

from chatapp.per_loop import PerLoop

_STEP_PATIENCE_SECONDS = 0.02
_QUESTION_PATIENCE_SECONDS = 0.005


class _Line:
    """The line of those who wait for their next turn: first come, first served."""

    def __init__(self, loop: Any, patience: float) -> None:
        self._loop = loop
        self._waiting: deque[Waiter[None]] = deque()
        self._idle = loop.idle()
        self._patience = loop.timer(patience, patience)

    def wait(self, waiter: "Waiter[None]") -> None:
        """Let the calling greenlet go on when its turn has come."""
        self._waiting.append(waiter)
        self._idle.start(self._serve)
        if not self._patience.active:
            self._patience.start(self._serve)
        waiter.get()

    def leave(self, waiter: "Waiter[None]") -> None:
        """Let its greenlet go on without a turn, if it still waits."""
        if waiter in self._waiting:
            self._waiting.remove(waiter)
            self._loop.run_callback(waiter.switch, None)
            self._stop_if_empty()

    def _serve(self) -> None:
        self._waiting.popleft().switch(None)
        if not self._stop_if_empty():
            self._patience.again(self._serve)

    def _stop_if_empty(self) -> bool:
        if not self._waiting:
            self._idle.stop()
            self._patience.stop()
        return not self._waiting


_steps = PerLoop(lambda loop: _Line(loop, _STEP_PATIENCE_SECONDS))
_questions = PerLoop(lambda loop: _Line(loop, _QUESTION_PATIENCE_SECONDS))


def give_way() -> None:
    """Let others have their turn: return when the event loop is idle, or after 20 ms."""
    _steps().wait(Waiter())


class Pause:
    """A wait before a question, so that others may join it."""

    def __init__(self) -> None:
        self._waiter: Waiter[None] = Waiter()

    def wait(self) -> None:
        """Return when the event loop is idle, after 5 ms, or when the pause is ended."""
        _questions().wait(self._waiter)

    def end(self) -> None:
        """Let whoever waits go on: nobody can join any more."""
        _questions().leave(self._waiter)

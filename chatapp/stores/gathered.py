"""One command for what many ask at once: after a restart everybody comes back in the same seconds."""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from gevent.lock import BoundedSemaphore

from chatapp.database import STORE_ERRORS
from chatapp.idle_turns import Pause

K = TypeVar("K")
R = TypeVar("R")
_MOST = 16  # questions of one command


class _Batch(Generic[K, R]):
    """Questions that one command answers, and what came of it."""

    def __init__(self) -> None:
        self.keys: dict[K, None] = {}
        self.pause = Pause()
        self.answers: Mapping[K, R] | None = None
        self.error: Exception | None = None

    @property
    def is_over(self) -> bool:
        return self.answers is not None or self.error is not None


class Gathered(Generic[K, R]):
    """Ask for one thing; those who ask at the same time, or while a command is under way, share one.

    An answer is never older than its question: a command answers only what was asked before it began. It begins when
    the event loop has nothing else to do, when it is full, or after 5 ms. `find_all` gives what it has found of those
    keys, which are `most` at most: the answers to all of them are decoded in one turn.
    """

    def __init__(self, find_all: Callable[[list[K]], Mapping[K, R]], most: int = _MOST) -> None:
        self._find_all, self._most = find_all, most
        self._turn = BoundedSemaphore()
        self._waiting: deque[_Batch[K, R]] = deque()

    def find(self, key: K) -> R | None:
        """Return the answer for this key, None where there is none. Raises what the store raises."""
        if not self._waiting or len(self._waiting[-1].keys) >= self._most:
            self._waiting.append(_Batch())
        batch = self._waiting[-1]
        batch.keys[key] = None
        if len(batch.keys) >= self._most:
            batch.pause.end()
        with self._turn:
            if not batch.is_over:
                self._ask(batch)
        if batch.error is not None:
            raise batch.error
        assert batch.answers is not None
        return batch.answers.get(key)

    def _ask(self, batch: _Batch[K, R]) -> None:
        if len(batch.keys) < self._most:
            batch.pause.wait()
        if batch in self._waiting:
            self._waiting.remove(batch)
        try:
            batch.answers = self._find_all(list(batch.keys))
        except STORE_ERRORS as error:  # the calls that wait must not run into the same, one command after the other
            for failed in (batch, *self._waiting):
                failed.error = error
            self._waiting.clear()
        except Exception as error:  # of any kind: all calls that wait fail with it
            batch.error = error

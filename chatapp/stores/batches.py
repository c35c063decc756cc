"""Long work in steps, with a turn for others in between: all work on the embedded store, which works in this process,
and large answers of a database, which are decoded here.
"""

from collections.abc import Iterable, Iterator, Sequence
from time import thread_time
from typing import TypeVar

from chatapp.database import is_embedded
from chatapp.idle_turns import give_way

T = TypeVar("T")
_EMBEDDED_ROWS = 1  # to begin with
_MOST_EMBEDDED_ROWS = 16
_STEP_SECONDS = 0.0005
_SHORTEST_SECONDS = 1e-6  # of what a clock has not seen


def in_steps(rows: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Return the rows, so many at a time."""
    for start in range(0, len(rows), size):
        if start:
            give_way()
        yield rows[start : start + size]


def giving_way(rows: Iterable[T]) -> Iterator[T]:
    """Yield the rows, with a turn for others after some milliseconds of this process's time."""
    turn_ends = thread_time() + _STEP_SECONDS
    for row in rows:
        if thread_time() > turn_ends:
            give_way()
            turn_ends = thread_time() + _STEP_SECONDS
        yield row


def batches(rows: Sequence[T], most: int | None = None) -> Iterator[Sequence[T]]:
    """Yield the rows on the embedded store a few at a time, some milliseconds' worth; else all, or `most`, at once."""
    if not is_embedded():
        return in_steps(rows, most or max(1, len(rows)))
    return _in_timed_steps(rows)


def _in_timed_steps(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    start, size = 0, _EMBEDDED_ROWS
    while start < len(rows):
        if start:
            give_way()
        began = thread_time()
        yield rows[start : start + size]
        start += size
        seconds_of_a_row = max(thread_time() - began, _SHORTEST_SECONDS) / size
        size = max(1, min(int(_STEP_SECONDS / seconds_of_a_row), 2 * size, _MOST_EMBEDDED_ROWS))

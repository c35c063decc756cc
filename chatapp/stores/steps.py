"""Long work on the embedded store, which works in this process: in steps, and others get a turn in between."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

import gevent

from chatapp.extensions import is_embedded

T = TypeVar("T")
# By a timer: after `sleep(0)` the event loop would come back here before it looks at the sockets.
_TURN_SECONDS = 1e-4
_EMBEDDED_ROWS = 4  # 0.2 ms each, and more


def in_steps(rows: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """The rows, so many at a time."""
    for start in range(0, len(rows), size):
        if start:
            gevent.sleep(_TURN_SECONDS)
        yield rows[start : start + size]


def batches(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    """All rows at once, or on the embedded store a few at a time."""
    return in_steps(rows, _EMBEDDED_ROWS if is_embedded() else max(1, len(rows)))

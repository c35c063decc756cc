"""One at a time in this process, by key: for inserts that a unique index decides.

Correct without it, but not quick: PostgreSQL, which some MongoDB servers keep their data in, finds a deadlock where
several insert the same unique key at once, a second later and over and over.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakValueDictionary

from gevent.lock import BoundedSemaphore

_turns: WeakValueDictionary[str, BoundedSemaphore] = WeakValueDictionary()


@contextmanager
def turn(key: str) -> Iterator[None]:
    """Wait until nobody else has this key's turn, and have it."""
    semaphore = _turns.get(key)
    if semaphore is None:
        semaphore = _turns[key] = BoundedSemaphore()
    with semaphore:
        yield

"""When state beside the log (receipts, profiles) was changed, so that "changed since" misses nothing.

The time of a change is taken before it is stored. A sync in between does not see it; the time that it gives back as
`since` therefore lies before every change that is still being stored.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from chatapp import clock
from chatapp.extensions import on_reset

_under_way: set[datetime] = set()


@on_reset
def reset() -> None:
    """Forget what is under way."""
    _under_way.clear()


@contextmanager
def change() -> Iterator[datetime]:
    """Store a change within this block, with the time that it gives."""
    moment = clock.tick()
    _under_way.add(moment)
    try:
        yield moment
    finally:
        _under_way.discard(moment)


def seen_until() -> datetime:
    """Whoever reads from now on sees every change up to this time."""
    return min([clock.tick(), *(moment - timedelta(milliseconds=1) for moment in _under_way)])

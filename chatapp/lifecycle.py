"""The process's state of taking work or draining, and the work under way, for which draining waits."""

from collections.abc import Callable

import gevent

from chatapp import errors
from chatapp.state import on_reset


class _Work:
    draining = False
    under_way = 0


_work = _Work()
_on_drain: list[Callable[[], None]] = []


def on_drain(act: Callable[[], None]) -> Callable[[], None]:
    """Register a function to be called when the process is told to stop, before it waits for what is under way."""
    _on_drain.append(act)
    return act


@on_reset
def reset() -> None:
    """Take work again; for tests."""
    _work.draining = False
    _work.under_way = 0


def is_draining() -> bool:
    """Return whether this process was told to stop."""
    return _work.draining


def begin() -> None:
    """Count a request or event in. Raises Unavailable SHUTTING_DOWN while draining."""
    if _work.draining:
        raise errors.Unavailable(errors.Code.SHUTTING_DOWN, "The server is restarting. Try again in a moment.", 2)
    _work.under_way += 1


def end() -> None:
    """Count a request or event out."""
    _work.under_way -= 1


def drain(seconds: float) -> bool:
    """Take no new work and wait for what is under way; False when some was left after `seconds`."""
    _work.draining = True
    for act in _on_drain:
        act()
    with gevent.Timeout(seconds, False):
        while _work.under_way > 0:
            gevent.sleep(0.02)
    return _work.under_way == 0

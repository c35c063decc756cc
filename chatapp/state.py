"""The registry of all that this process remembers of its database: caches, queues and marks.

A module that keeps such state registers how it is emptied. Opening another database empties everything.
"""

from collections.abc import Callable

_resets: list[Callable[[], None]] = []


def on_reset(reset: Callable[[], None]) -> Callable[[], None]:
    """Register a function to be called whenever another database is opened."""
    _resets.append(reset)
    return reset


def reset_caches() -> None:
    """Forget everything that this process remembers of its database."""
    for reset in _resets:
        reset()

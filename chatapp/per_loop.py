"""One of a kind for each event loop: every thread has its own."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

import gevent

T = TypeVar("T")


class PerLoop(Generic[T]):
    """Called, it returns the object that `make` has made for the calling thread's event loop."""

    def __init__(self, make: Callable[[Any], T]) -> None:
        self._make = make
        self._made: WeakKeyDictionary[Any, T] = WeakKeyDictionary()

    def __call__(self) -> T:
        hub = gevent.get_hub()
        made = self._made.get(hub)
        if made is None:
            made = self._made[hub] = self._make(hub.loop)
        return made

"""HTTP connections that wait for a request: where there are too many, the one that waits longest has to go."""

from typing import Any, Protocol

from chatapp.per_loop import PerLoop


class Waiting(Protocol):
    """A connection that may wait. `most_waiting`: so many of its group may (0: any number)."""

    group: str
    most_waiting: int

    def hang_up(self) -> None:
        """End the connection."""


class Crowd:
    """Connections that wait for a request, or for the rest of its headers; the one that waits longest comes first."""

    def __init__(self, _: Any) -> None:
        self.open = 0  # connections, also those whose request is being worked on
        self.waiting: dict[Waiting, None] = {}
        self.by_group: dict[str, dict[Waiting, None]] = {}

    def add(self, handler: Waiting) -> None:
        """Note that it waits. Where its group has too many, hang up on the one that waits longest."""
        self.waiting[handler] = None
        group = self.by_group.setdefault(handler.group, {})
        group[handler] = None
        if handler.most_waiting and len(group) > handler.most_waiting:
            next(iter(group)).hang_up()

    def remove(self, handler: Waiting) -> None:
        """Note that it waits no more."""
        if handler in self.waiting:
            del self.waiting[handler]
            group = self.by_group[handler.group]
            del group[handler]
            if not group:
                del self.by_group[handler.group]

    def make_room(self, handler: Waiting) -> None:
        """Hang up on the one that waits longest: this connection has taken the last place."""
        longest = next(iter(self.waiting))
        if longest is not handler:
            longest.hang_up()


current = PerLoop(Crowd)  # the connections of this thread's event loop

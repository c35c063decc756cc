"""Long-polls that wait for something of their user: each an event that a publish sets. No thread, no polling."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from bson import ObjectId
from gevent.event import Event

from chatapp import clock

_STILL_ONLINE_SECONDS = 10.0
_MOST_PER_USER = 10


class Waiting:
    """The waiting calls of this process, by user. A user counts as online until a while after their last one."""

    def __init__(self) -> None:
        self._events: dict[ObjectId, list[Event]] = {}
        self._online_until: dict[ObjectId, float] = {}

    @contextmanager
    def call(self, user_id: ObjectId) -> Iterator[Event]:
        """An event that is set as soon as something of the user is published; the oldest of too many calls ends."""
        event, events = Event(), self._events.setdefault(user_id, [])
        events.append(event)
        for oldest in events[:-_MOST_PER_USER]:
            oldest.set()
        try:
            yield event
        finally:
            events.remove(event)
            if not events:
                del self._events[user_id]
                self._online_until[user_id] = clock.monotonic() + _STILL_ONLINE_SECONDS

    def wake(self, user_ids: Iterable[ObjectId]) -> None:
        """Let the calls of these users look again."""
        if not self._events:
            return
        for user_id in user_ids:
            for event in self._events.get(user_id, ()):
                event.set()

    def wake_all(self) -> None:
        """Let every call look again: the process is stopping."""
        self.wake(list(self._events))

    def is_online(self, user_id: ObjectId) -> bool:
        """Does the user wait just now, or did a moment ago?"""
        return user_id in self._events or self._online_until.get(user_id, 0.0) > clock.monotonic()

    def users(self) -> list[ObjectId]:
        """Everybody who waits just now."""
        return list(self._events)

    def gone(self) -> list[ObjectId]:
        """Users whose last call ended a while ago; each is given once."""
        now = clock.monotonic()
        over = [user_id for user_id, until in self._online_until.items() if until <= now]
        for user_id in over:
            del self._online_until[user_id]
        return [user_id for user_id in over if user_id not in self._events]

"""Long-polls that wait for something of their user: each is woken by a publish. No thread, no polling."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from bson import ObjectId
from gevent.event import Event

from chatapp import clock
from chatapp.realtime import others
from chatapp.state import on_reset

_STILL_ONLINE_SECONDS = 10.0
_MOST_PER_USER = 10


class Call:
    """A call that waits. `is_over`: others of the same user need its place, so it has to be answered."""

    def __init__(self) -> None:
        self._event = Event()
        self.is_over = False

    def wait(self, seconds: float) -> None:
        """Wait until it is worth looking again, so long at most."""
        self._event.wait(seconds)
        self._event.clear()

    def wake(self) -> None:
        """Let it look again."""
        self._event.set()


class Waiting:
    """The waiting calls of this process, by user. A user counts as online until a while after their last one."""

    def __init__(self) -> None:
        self._calls: dict[ObjectId, list[Call]] = {}
        self._online_until: dict[ObjectId, float] = {}

    @contextmanager
    def call(self, user_id: ObjectId) -> Iterator[Call]:
        """Register a call that is woken as soon as something is published to the user; the oldest of too many ends."""
        call, calls = Call(), self._calls.setdefault(user_id, [])
        calls.append(call)
        for oldest in calls[:-_MOST_PER_USER]:
            oldest.is_over = True
            oldest.wake()
        try:
            yield call
        finally:
            calls.remove(call)
            if not calls:
                del self._calls[user_id]
                self._online_until[user_id] = clock.monotonic() + _STILL_ONLINE_SECONDS

    def wake(self, user_ids: Iterable[ObjectId]) -> None:
        """Let the calls of these users look again."""
        if not self._calls:
            return
        for user_id in user_ids:
            for call in self._calls.get(user_id, ()):
                call.wake()

    def wake_all(self) -> None:
        """Let every call look again: the process is stopping."""
        self.wake(list(self._calls))

    def is_online(self, user_id: ObjectId) -> bool:
        """Return whether the user waits just now, or did a moment ago."""
        return user_id in self._calls or self._online_until.get(user_id, 0.0) > clock.monotonic()

    def online_users(self) -> list[ObjectId]:
        """Return everybody who waits, or did a moment ago."""
        now = clock.monotonic()
        return [*self._calls, *(user_id for user_id, until in self._online_until.items() if until > now)]

    def users(self) -> list[ObjectId]:
        """Return everybody who waits just now."""
        return list(self._calls)

    def gone(self) -> list[ObjectId]:
        """Return users whose last call ended a while ago, each only once."""
        now = clock.monotonic()
        over = [user_id for user_id, until in self._online_until.items() if until <= now]
        for user_id in over:
            del self._online_until[user_id]
        return [user_id for user_id in over if user_id not in self._calls]


here = Waiting()


@on_reset
def reset() -> None:
    """Forget all calls."""
    global here
    here = Waiting()


def wake(user_ids: Iterable[ObjectId]) -> None:
    """Let the long-polls of these users look again, in any process: something that was published is stored now."""
    user_ids = list(user_ids)
    if not others.current().is_nobody:
        others.current().tell("wake", {"users": others.join_ids(user_ids)})
    here.wake(user_ids)

"""Tell sockets to sync: one that was too slow, those of some users, all when messages of another process are lost."""

import random
from collections.abc import Callable, Iterable

import gevent
from bson import ObjectId

from chatapp import metrics
from chatapp.realtime import connections, long_polls

_SPREAD_SECONDS = 3.0  # over which the resyncs of all sockets are spread
_SPREAD_SECONDS_OF_SOME = 0.5  # those of the members of one conversation
_handler: Callable[[str], None] | None = None


def set_handler(handler: Callable[[str], None]) -> None:
    """Call `handler(sid)`, in a greenlet of its own, for each socket that has to fetch what it missed.

    It sends the event (`send_resync` in `chatapp.sockets.connection`). Without a handler nothing is emitted.
    """
    global _handler
    _handler = handler


def resync(sid: str) -> None:
    """Tell one socket to sync; the engine calls it for a client that was too slow and has caught up."""
    metrics.resyncs.inc()
    if _handler is not None:
        gevent.spawn(_handler, sid)


def resync_all() -> None:
    """Tell every socket here to sync, not all at the same moment: messages of another process are lost."""
    for sid in list(connections.here.by_sid):
        gevent.spawn_later(random.uniform(0, _SPREAD_SECONDS), resync, sid)  # noqa: S311  # no secret
    long_polls.here.wake_all()


def resync_users(user_ids: Iterable[ObjectId]) -> None:
    """Tell the sockets of these users here to sync: an entry that concerns them came after a later one was told."""
    user_ids = list(user_ids)
    for sid in [sid for user_id in user_ids for sid in connections.here.sids_of(user_id)]:
        gevent.spawn_later(random.uniform(0, _SPREAD_SECONDS_OF_SOME), resync, sid)  # noqa: S311  # no secret
    long_polls.here.wake(user_ids)

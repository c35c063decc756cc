"""The times of changes, so that "changed since" misses nothing.

The time of a change is taken before it is stored. A sync in between does not see it; the time that it returns as
`since` therefore lies before every change that is still being stored. State beside the log (receipts, profiles) is
stored with one time on both of its documents, the conversation first: a crash in between leaves a conversation that is
looked at in vain, never a change that nobody looks for.

Of several processes each tells the others up to when it has stored everything, and what its clock has ticked: `since`
is the least of the former, and no clock ticks earlier than what was heard. So a wrong clock loses nothing.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TypeVar

from chatapp import clock
from chatapp.bus.exchange import Exchange
from chatapp.database import Document
from chatapp.realtime import others
from chatapp.state import on_reset
from chatapp.stores import meta as meta_store

T = TypeVar("T")
_RESERVED = timedelta(seconds=60)
_DOUBT_SECONDS = 5.0
_under_way: set[datetime] = set()
_in_doubt: dict[datetime, float] = {}  # changes with an unknown outcome, and the time until which they are awaited
_told = datetime.min  # the last `seen_until` that was told to other processes
_until: datetime | None = None  # no change is stamped beyond this time without noting it first; None: not noted yet


@on_reset
def reset() -> None:
    """Forget what is under way."""
    global _until
    _under_way.clear()
    _in_doubt.clear()
    _until = None


def keep_order() -> None:
    """Stamp no change earlier than those before it, also when the clock was set back while no process ran.

    To be called at the start and every second. Else what was stamped in the future would be news to every sync until
    the clock has caught up: a long-poll would never wait.
    """
    global _until
    if _until is None:
        noted = meta_store.find_clock()
        if noted is not None and clock.now() < noted[0]:
            clock.not_before(noted[1])
    moment = clock.tick()
    if _until is None or moment > _until - _RESERVED / 2:
        meta_store.set_clock(moment, moment + _RESERVED)
        _until = moment + _RESERVED


@contextmanager
def change() -> Iterator[datetime]:
    """Store a change within this block, stamped with the time that the block gets."""
    moment = clock.tick()
    _under_way.add(moment)
    try:
        yield moment
    except BaseException:  # also of a greenlet that is killed
        _in_doubt[moment] = clock.monotonic() + _DOUBT_SECONDS  # a database that did not answer may store it yet
        raise
    finally:
        _under_way.discard(moment)


def stored(store: Callable[[datetime], T]) -> T:
    """Store a change with its time: return `store(time)`.

    Where this process stood still meanwhile, others may have given it up, and told clients times behind that of the
    change: it is stored again, with a new one. `store` may be called any number of times.
    """
    while True:
        began = clock.monotonic()
        with change() as moment:
            result = store(moment)
        if not others.current().was_paused_since(began):
            return result


def seen_until() -> datetime:
    """Return a time up to which every change is visible to reads from now on."""
    stamps = [peer.stamp for peer in others.current().peers()]
    elsewhere: list[datetime] = [stamp["seen_until"] for stamp in stamps if "seen_until" in stamp]
    return min([_seen_here(), *elsewhere])


def _seen_here() -> datetime:
    now = clock.monotonic()
    for moment in [moment for moment, until in _in_doubt.items() if until <= now]:
        del _in_doubt[moment]
    return min([clock.tick(), *(moment - timedelta(milliseconds=1) for moment in (*_under_way, *_in_doubt))])


def stamp() -> Document:
    """Return what the other processes have to know of this one's changes."""
    global _told
    _told = _seen_here()
    return {"seen_until": _told, "tick": clock.tick()}


def hear_others(exchange: Exchange) -> None:
    """Let no change of this process be earlier than what others have seen."""

    def heard(name: str, has_messages: bool) -> None:
        tick = exchange.peers[name].stamp.get("tick")
        if tick is not None:
            clock.not_before(tick)
            if has_messages and tick > _told:  # else what they tell next would wait for the next heartbeat
                exchange.beat_soon()

    exchange.on_stamp(heard)

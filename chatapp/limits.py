"""Rate limits: one rule for REST and sockets. `chatapp.counts` keeps the counts.

A user has one budget of calls, RATE_USER, over both transports and all devices. A call costs 1, and 1 more for each
64 KiB that it sends (`cost_of_bytes`) and for each 200 rows that it makes the server read or show (`charge`).
"""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

from bson import ObjectId
from limits import RateLimitItem, parse_many

from chatapp import errors
from chatapp.bus.exchange import Exchange
from chatapp.counts import Counts
from chatapp.extensions import limiter
from chatapp.settings import config
from chatapp.state import on_reset

_BYTES_PER_CALL = 65_536
_ROWS_PER_CALL = 200


@dataclass
class _State:
    suspended: bool = False
    under_way: Counter[tuple[str, str]] = field(default_factory=Counter)


_state = _State()
_rules: dict[str, list[RateLimitItem]] = {}


@on_reset
def reset() -> None:
    """Forget all counts that are kept in memory."""
    _state.under_way.clear()
    if limiter.initialized:
        limiter.storage.reset()


def hear_others(exchange: Exchange) -> None:
    """Count together with the other processes."""
    if limiter.initialized and isinstance(limiter.storage, Counts):
        limiter.storage.join(exchange)


def spend_call(user_id: ObjectId, cost: int = 1) -> None:
    """Count one call of a user, over whichever transport; raises RateLimited when their budget is spent."""
    spend("calls", str(user_id), config().RATE_USER, cost)


def charge(user_id: ObjectId, *, rows: int = 0, size: int = 0) -> None:
    """Add to a user's budget what an act has cost beyond one call. It is done all the same: the next one waits."""
    if (cost := rows // _ROWS_PER_CALL + size // _BYTES_PER_CALL) and _is_counting():
        for item in _items(config().RATE_USER):
            limiter.limiter.hit(item, "calls", str(user_id), cost=cost)


def cost_of_bytes(size: int) -> int:
    """Return the cost of a call that sends so many bytes."""
    return 1 + size // _BYTES_PER_CALL


def spend(name: str, key: str, rule: str, cost: int = 1) -> None:
    """Count one act of `key` under `name`; raises RateLimited when the rule has no room left."""
    if _is_counting():
        full = [item for item in _items(rule) if not limiter.limiter.hit(item, name, key, cost=cost)]
        _refuse_if(full, name, key)


@dataclass(frozen=True, slots=True)
class Window:
    """The state of a count: of `limit` acts `remaining` are left, until `reset_at` (seconds since 1970)."""

    limit: int
    remaining: int
    reset_at: float


def window(name: str, key: str, rule: str) -> Window | None:
    """Return the tightest window of a rule as it stands; None when nothing is counted."""
    if not _is_counting():
        return None
    stats = [(item.amount, *limiter.limiter.get_window_stats(item, name, key)) for item in _items(rule)]
    amount, reset_at, remaining = min(stats, key=lambda row: row[2])
    return Window(amount, remaining, reset_at)


def failures(name: str, key: str, rule: str) -> AbstractContextManager[None]:
    """Count the block when it raises Unauthorized, and raise RateLimited instead of running it when the rule has no
    room left. Blocks under way take room too, so that guesses made at once are not more than guesses made in turn.
    """
    return _outcomes(name, key, rule, counts_success=False)


def successes(name: str, key: str, rule: str) -> AbstractContextManager[None]:
    """Count the blocks that raise nothing, like `failures`."""
    return _outcomes(name, key, rule, counts_success=True)


@contextmanager
def _outcomes(name: str, key: str, rule: str, *, counts_success: bool) -> Iterator[None]:
    if not _is_counting():
        yield
        return
    place = (name, key)
    needed = _state.under_way[place] + 1
    _refuse_if([item for item in _items(rule) if not limiter.limiter.test(item, name, key, cost=needed)], name, key)
    _state.under_way[place] += 1
    succeeded = failed = False
    try:
        yield
        succeeded = True
    except errors.Unauthorized:
        failed = True
        raise
    finally:
        if succeeded if counts_success else failed:
            for item in _items(rule):
                limiter.limiter.hit(item, name, key)
        _state.under_way[place] -= 1
        if not _state.under_way[place]:
            del _state.under_way[place]


@contextmanager
def suspended() -> Iterator[None]:
    """Count nothing meanwhile: for the operator's own commands."""
    _state.suspended = True
    try:
        yield
    finally:
        _state.suspended = False


def _is_counting() -> bool:
    return config().RATE_LIMITS_ENABLED and not _state.suspended


def _items(rule: str) -> list[RateLimitItem]:
    if rule not in _rules:
        _rules[rule] = parse_many(rule)
    return _rules[rule]


def _refuse_if(full: list[RateLimitItem], name: str, key: str) -> None:
    if full:
        reset_at = max(limiter.limiter.get_window_stats(item, name, key)[0] for item in full)
        seconds = max(1, round(reset_at - time.time() + 0.5))
        raise errors.RateLimited(f"Too many {name}. Try again in {seconds} s.", seconds)

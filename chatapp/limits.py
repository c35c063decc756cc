"""Rate limits: one rule for REST and sockets, in memory or in Redis when REDIS_URL is set."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import structlog
from limits import RateLimitItem, parse_many
from limits.errors import StorageError
from limits.storage import MemoryStorage, Storage, storage_from_string
from limits.strategies import FixedWindowRateLimiter

from chatapp import errors
from chatapp.extensions import config, on_reset

log = structlog.get_logger("chatapp.limits")


class _Limiter:
    """Counts in the configured storage, and in memory while that can't be reached."""

    def __init__(self) -> None:
        self.shared: FixedWindowRateLimiter | None = None
        self.local = FixedWindowRateLimiter(MemoryStorage())
        self.rules: dict[str, list[RateLimitItem]] = {}
        self.degraded = False
        self.suspended = False

    def strategy(self) -> FixedWindowRateLimiter:
        if self.shared is None:
            uri = config().REDIS_URL
            storage = storage_from_string(uri, wrap_exceptions=True) if uri else MemoryStorage()
            self.shared = FixedWindowRateLimiter(cast(Storage, storage))
        return self.shared

    def items(self, rule: str) -> list[RateLimitItem]:
        if rule not in self.rules:
            self.rules[rule] = parse_many(rule)
        return self.rules[rule]

    def hit(self, rule: str, name: str, key: str, cost: int) -> float | None:
        """Count, and give the time at which the first full window ends; None when there was room."""
        try:
            answer = self._hit(self.strategy(), rule, name, key, cost)
            self._note(degraded=False)
        except StorageError:
            self._note(degraded=True)
            answer = self._hit(self.local, rule, name, key, cost)
        return answer

    def _hit(self, strategy: FixedWindowRateLimiter, rule: str, name: str, key: str, cost: int) -> float | None:
        full = [item for item in self.items(rule) if not strategy.hit(item, name, key, cost=cost)]
        return max((strategy.get_window_stats(item, name, key)[0] for item in full), default=None)

    def full_until(self, rule: str, name: str, key: str) -> float | None:
        """Like hit, without counting."""
        strategy = self.strategy()
        try:
            full = [item for item in self.items(rule) if not strategy.test(item, name, key)]
            return max((strategy.get_window_stats(item, name, key)[0] for item in full), default=None)
        except StorageError:
            self._note(degraded=True)
            return None

    def _note(self, degraded: bool) -> None:
        if degraded != self.degraded:
            self.degraded = degraded
            log.warning("rate limits count in memory" if degraded else "rate limits count in Redis again")


_limiter = _Limiter()


@on_reset
def reset() -> None:
    """Forget all counts that are kept in memory."""
    global _limiter
    _limiter = _Limiter()


def spend(name: str, key: str, rule: str, cost: int = 1) -> None:
    """Count one act of `key` under `name`; raises RateLimited when the rule has no room left."""
    if config().RATE_LIMITS_ENABLED and not _limiter.suspended:
        _refuse_until(_limiter.hit(rule, name, key, cost), name)


def check(name: str, key: str, rule: str) -> None:
    """Raise RateLimited when the rule has no room left, without counting."""
    if config().RATE_LIMITS_ENABLED:
        _refuse_until(_limiter.full_until(rule, name, key), name)


@contextmanager
def suspended() -> Iterator[None]:
    """Count nothing meanwhile: for the operator's own commands."""
    _limiter.suspended = True
    try:
        yield
    finally:
        _limiter.suspended = False


def _refuse_until(reset_at: float | None, name: str) -> None:
    if reset_at is not None:
        seconds = max(1, round(reset_at - time.time() + 0.5))
        raise errors.RateLimited(f"Too many {name}. Try again in {seconds} s.", seconds)

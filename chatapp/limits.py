"""Rate limits: one rule for REST and sockets, in memory or in Redis when REDIS_URL is set.

A user has one budget of calls, RATE_USER, over both transports and all devices. A call costs 1, and 1 more for each
64 KiB that it sends (`cost_of_bytes`) and for each 200 rows that it makes the server read or show (`charge`).
"""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

import gevent
import structlog
from bson import ObjectId
from limits import RateLimitItem, parse_many
from limits.storage import Storage, storage_from_string
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from chatapp import errors
from chatapp.bus.exchange import Exchange
from chatapp.extensions import limiter
from chatapp.settings import config
from chatapp.state import on_reset

logger = structlog.get_logger("chatapp.limits")
_REDIS_SECONDS = 0.5
_REDIS_AGAIN_SECONDS = 5.0
_SWEEP_SECONDS = 10.0
_TOGETHER_SECONDS = 0.2
_BYTES_PER_CALL = 65_536
_ROWS_PER_CALL = 200


class Memory:
    """Counters that end by themselves. (The library's own starts a timer thread with nearly every count.)"""

    def __init__(self) -> None:
        self.rows: dict[str, tuple[int, float]] = {}
        self.swept_at = time.time()
        self.exchange: Exchange | None = None  # with the processes that count the same
        self.news: dict[str, tuple[int, float]] = {}  # amount and expiry of what they were not told yet

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Add to the counter, which ends `expiry` seconds after its first count."""
        count = self.add(key, expiry, amount)
        if self.exchange is not None:
            self._tell_soon(key, expiry, amount, count)
        return count

    def _tell_soon(self, key: str, expiry: float, amount: int, count: int) -> None:
        """Let the other processes count it too: a moment later, or at once when the limit is near."""
        if not self.news:
            gevent.spawn_later(_TOGETHER_SECONDS, self.tell)
        self.news[key] = (self.news.get(key, (0, 0.0))[0] + amount, expiry)
        limit = key.rsplit("/", 3)[-3:][0]
        if limit.isdigit() and 2 * count > int(limit):
            self.tell()

    def tell(self) -> None:
        """Tell the other processes what was counted here."""
        news, self.news = self.news, {}
        if news and self.exchange is not None:
            rows = [[key, amount, expiry] for key, (amount, expiry) in news.items()]
            self.exchange.publish("counts", {"rows": rows})

    def add_all(self, rows: list[tuple[str, int, float]]) -> None:
        """Add what another process has counted."""
        for key, amount, expiry in rows:
            self.add(key, expiry, amount)

    def add(self, key: str, expiry: float, amount: int) -> int:
        """Add what was counted, here or elsewhere."""
        now = time.time()
        self._sweep(now)
        count, ends = self.rows.get(key, (0, 0.0))
        if ends <= now:
            count, ends = 0, now + expiry
        self.rows[key] = (count + amount, ends)
        return count + amount

    def _sweep(self, now: float) -> None:
        if now - self.swept_at > _SWEEP_SECONDS:
            self.swept_at = now
            self.rows = {key: row for key, row in self.rows.items() if row[1] > now}

    def get(self, key: str) -> int:
        """The counter's value."""
        count, ends = self.rows.get(key, (0, 0.0))
        return count if ends > time.time() else 0

    def get_expiry(self, key: str) -> float:
        """When the counter ends, in seconds since 1970."""
        return max(self.rows.get(key, (0, 0.0))[1], time.time())


class Counts(Storage):
    """Where Flask-Limiter and `spend` count: in Redis while that answers, else in memory.

    Only the call that finds Redis out of reach waits for it (half a second at most); while it is, a greenlet
    beside the calls looks whether it is back.
    """

    STORAGE_SCHEME = ["chatapp"]  # noqa: RUF012  # declared so by the library

    def __init__(self, uri: str | None = None, wrap_exceptions: bool = False, **_: float | str | bool) -> None:
        super().__init__(uri, wrap_exceptions=wrap_exceptions)
        self.memory = Memory()
        self.redis = _redis(config().REDIS_URL)
        self.reachable = True
        self.look_again_at = 0.0

    @property
    def base_exceptions(self) -> type[Exception]:
        return RedisError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        return int(self._ask("incr", key, expiry, amount))

    def get(self, key: str) -> int:
        return int(self._ask("get", key))

    def get_expiry(self, key: str) -> float:
        return self._ask("get_expiry", key)

    def check(self) -> bool:
        return self.reachable

    def reset(self) -> int | None:
        self.memory = Memory()
        return None

    def clear(self, key: str) -> None:
        self.memory.rows.pop(key, None)
        if self.redis is not None and self.reachable:
            self.redis.clear(key)

    def _ask(self, method: str, *arguments: str | int) -> float:
        if self.redis is not None:
            if self.reachable:
                answer = self._ask_redis(self.redis, method, *arguments)
                if answer is not None:
                    return answer
            elif time.monotonic() >= self.look_again_at:
                self.look_again_at = time.monotonic() + _REDIS_AGAIN_SECONDS
                gevent.spawn(self._look_again, self.redis)
        return float(getattr(self.memory, method)(*arguments))

    def _ask_redis(self, redis: Storage, method: str, *arguments: str | int) -> float | None:
        try:
            with gevent.Timeout(_REDIS_SECONDS):
                return float(getattr(redis, method)(*arguments))
        except (RedisError, OSError, gevent.Timeout):
            self._note(reachable=False)
            return None

    def _look_again(self, redis: Storage) -> None:
        with gevent.Timeout(_REDIS_SECONDS, False):
            if redis.check():
                self._note(reachable=True)

    def _note(self, reachable: bool) -> None:
        if reachable != self.reachable:
            self.reachable = reachable
            self.look_again_at = time.monotonic() + _REDIS_AGAIN_SECONDS
            logger.warning(
                "rate limits count in Redis again" if reachable else "Redis lost, rate limits count in memory"
            )


def _redis(url: str) -> Storage | None:
    if not url:
        return None
    options = {"retry": Retry(NoBackoff(), 0), "socket_timeout": _REDIS_SECONDS}
    storage = storage_from_string(url, **options)  # type: ignore[arg-type]  # they go to redis-py as they are
    return storage if isinstance(storage, Storage) else None


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
    """Count together with the other processes: what is told to them five times a second is counted by all."""
    if not limiter.initialized:
        return
    counts = limiter.storage
    if isinstance(counts, Counts):
        counts.memory.exchange = exchange
        exchange.handle("counts", lambda _, data: counts.memory.add_all(data["rows"]))


def spend_call(user_id: ObjectId, cost: int = 1) -> None:
    """Count one call of a user, over whichever transport; raises RateLimited when their budget is spent."""
    spend("calls", str(user_id), config().RATE_USER, cost)


def charge(user_id: ObjectId, *, rows: int = 0, size: int = 0) -> None:
    """Add to a user's budget what an act has cost beyond one call. It is done all the same: the next one waits."""
    if (cost := rows // _ROWS_PER_CALL + size // _BYTES_PER_CALL) and _is_counting():
        for item in _items(config().RATE_USER):
            limiter.limiter.hit(item, "calls", str(user_id), cost=cost)


def cost_of_bytes(size: int) -> int:
    """What a call costs that sends so many bytes."""
    return 1 + size // _BYTES_PER_CALL


def spend(name: str, key: str, rule: str, cost: int = 1) -> None:
    """Count one act of `key` under `name`; raises RateLimited when the rule has no room left."""
    if _is_counting():
        full = [item for item in _items(rule) if not limiter.limiter.hit(item, name, key, cost=cost)]
        _refuse_if(full, name, key)


@dataclass(frozen=True, slots=True)
class Window:
    """How a count stands: of `limit` acts `remaining` are left, until `reset_at` (seconds since 1970)."""

    limit: int
    remaining: int
    reset_at: float


def window(name: str, key: str, rule: str) -> Window | None:
    """The tightest window of a rule as it stands; None when nothing is counted."""
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
    """The same for blocks that raise nothing."""
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

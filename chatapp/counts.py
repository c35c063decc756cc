"""The counts of the rate limits: in memory, in Redis when REDIS_URL is set, or together with the other processes."""

import time

import gevent
import structlog
from limits.storage import Storage, storage_from_string
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from chatapp.bus.exchange import Exchange
from chatapp.settings import config

logger = structlog.get_logger("chatapp.limits")
_REDIS_SECONDS = 0.5
_REDIS_AGAIN_SECONDS = 5.0
_SWEEP_SECONDS = 10.0
_TOGETHER_SECONDS = 0.2
_UNTOLD_SHARE = 0.2  # of a limit may be counted by all processes together before they hear of each other's counts
_ROWS_AT_ONCE = 5_000


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
        """Let the other processes count it too: a moment later, or at once when much of the limit is not told yet.

        So whoever spreads calls over all processes gets at most a fifth more than the limit.
        """
        if self.exchange is None or not self.exchange.has_company:
            return
        if not self.news:
            gevent.spawn_later(_TOGETHER_SECONDS, self.tell)
        untold = self.news.get(key, (0, 0.0))[0] + amount
        self.news[key] = (untold, expiry)
        limit = key.rsplit("/", 3)[-3:][0]
        if limit.isdigit():
            room = _UNTOLD_SHARE * int(limit) / (len(self.exchange.peers) + 1)
            if untold > room or 2 * count > int(limit):
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

    def hand_over(self, process: str) -> None:
        """Let a process that has just begun have all counts, so that a restart makes nobody's limit new."""
        if self.exchange is None:
            return
        self.tell()
        self.exchange.flush()  # before the counts that have it in them
        now = time.time()
        rows = [[key, count, ends - now] for key, (count, ends) in self.rows.items() if ends > now]
        for at in range(0, len(rows), _ROWS_AT_ONCE):
            self.exchange.send_to(process, "all counts", {"rows": rows[at : at + _ROWS_AT_ONCE]})

    def take_over(self, rows: list[tuple[str, int, float]]) -> None:
        """Go on with the counts of a process that was there before this one."""
        now = time.time()
        for key, count, left in rows:
            if count > self.get(key):
                self.rows[key] = (count, now + left)

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
        """Return the counter's value."""
        count, ends = self.rows.get(key, (0, 0.0))
        return count if ends > time.time() else 0

    def get_expiry(self, key: str) -> float:
        """Return the time at which the counter ends, in seconds since 1970."""
        return max(self.rows.get(key, (0, 0.0))[1], time.time())


class Counts(Storage):
    """The counters of Flask-Limiter and `spend`: in Redis while that answers, else in memory.

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

    def join(self, exchange: Exchange) -> None:
        """Count together with the other processes: what is told to them five times a second is counted by all.

        A process that begins takes over what the others have counted.
        """
        self.redis = None  # what each process counts and tells costs nobody a round trip
        self.memory.exchange = exchange
        exchange.handle("counts", lambda _, data: self.memory.add_all(data["rows"]))
        exchange.handle("counts wanted", lambda sender, _: self.memory.hand_over(sender))
        exchange.handle("all counts", lambda _, data: self.memory.take_over(data["rows"]))
        exchange.on_join(lambda peer: _ask_for_counts(exchange, peer))

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


def _ask_for_counts(exchange: Exchange, peer: str) -> None:
    """Ask the first process that this one hears, when it has just begun."""
    if exchange.is_newcomer() and len(exchange.peers) == 1:
        exchange.send_to(peer, "counts wanted", {})

"""The processes of other machines: how this one hears of them, and whether that is as it should be.

Redis carries where REDIS_URL names one. While it is away, or where there is none, the database carries, late; and each
process says there that it is alive, which is how machines without Redis find each other.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from chatapp import clock, metrics
from chatapp.bus.carrier import Carrier
from chatapp.bus.database_carrier import DatabaseCarrier
from chatapp.bus.exchange import Exchange
from chatapp.bus.peer import machine_of
from chatapp.bus.redis_carrier import RedisCarrier, chat_of
from chatapp.bus.round_trips import RoundTrips
from chatapp.bus.strangers import Strangers
from chatapp.database import db
from chatapp.realtime import others
from chatapp.server import background
from chatapp.settings import config
from chatapp.stores import bus as bus_store
from chatapp.stores import processes as process_store
from chatapp.version import __version__

logger = structlog.get_logger("chatapp.bus")
_LOOK_SECONDS = 2.0
_BEAT_SECONDS = 15.0
_GONE_SECONDS = 45.0  # a row that has not changed for so long is of a process that has ended
_MOST_PEERS = 200
_HELLO_SECONDS = 10.0
_CROWDED_BYTES = 2_000_000
_SILENT_SECONDS = 2.0  # a peer of another machine that is silent for longer may have lost its Redis
_OVERLAP_SECONDS = 5.0  # that the database carries on after Redis is back, for those who have not noticed yet
_START_SECONDS = 1.0  # that Redis has for its first connection
_REPEATED_SECONDS = 4.0  # what was published before Redis was found to be away
LATE = "Members on other machines hear about a second late, through the database: set REDIS_URL on all machines."
AWAY = "Redis is away: members on other machines hear about a second late, through the database."


@dataclass(slots=True)
class _Row:
    """A process as the database shows it: its heartbeats, and when they last grew."""

    beats: int
    grown_at: float


class Machines:
    """The other machines, as one process knows them. `sockets()` is the number of its own."""

    def __init__(self, exchange: Exchange, sockets: Callable[[], int]) -> None:
        self._exchange = exchange
        self._machine = machine_of(exchange.me)
        self._sockets = sockets
        self._rows: dict[str, _Row] = {}
        self._is_expecting = False  # somebody whom only the database has shown
        self.round_trips = RoundTrips(exchange, may_ask=lambda peer: not (peer.is_far and exchange.degraded))
        self._told: tuple[list[str], bool] = ([], False)
        self._beat_at = -_BEAT_SECONDS
        self._hello_at = -_HELLO_SECONDS
        self._began_at = clock.monotonic()
        self.redis: RedisCarrier | None = None
        chat = chat_of(db().name)
        self.strangers = Strangers(exchange.me, chat, __version__, lambda name: name in exchange.peers)
        if config().REDIS_URL:
            self.redis = RedisCarrier(
                config().REDIS_URL, chat, exchange.me, changed=self._redis_changed, heard_hello=self._heard_hello
            )
        self.database = DatabaseCarrier(
            bus_store,
            exchange.me,
            is_needed=self._is_database_needed,
            senders=self._names,
            is_newcomer=exchange.is_newcomer,
            taking_over=self._database_takes_over,
        )

    def carriers(self) -> list[Carrier]:
        """Return what carries between machines, the fastest first."""
        return [self.redis, self.database] if self.redis is not None else [self.database]

    # Who is there

    def _names(self) -> set[str]:
        """Return the processes of other machines: those that are heard, and those that the database shows."""
        now = clock.monotonic()
        shown = {name for name, row in self._rows.items() if now - row.grown_at < _GONE_SECONDS}
        return shown | {peer.name for peer in self._exchange.peers.values() if peer.is_far}

    def way(self, name: str) -> object:
        """Return what names the quick connection to a process of another machine; None where there is none.

        It changes when something that was under way may have been lost.
        """
        peer, redis = self._exchange.peers.get(name), self.redis
        if peer is None or not peer.is_far or redis is None or not redis.is_up or not peer.info.get("redis_since"):
            return None
        return redis.is_up_since, peer.info["redis_since"]

    def is_crowded(self) -> bool:
        """Return whether so much waits for Redis that what can wait should."""
        return self.redis is not None and self.redis.waiting_bytes > _CROWDED_BYTES

    def keep_looking(self) -> None:
        """Look for other machines, and say that this process lives, once the database is known to be the chat's own."""
        background.own_database.wait()
        background.every(_LOOK_SECONDS, "other machines", self.look)
        self.look()

    def look(self) -> None:
        """See which processes there are."""
        now = clock.monotonic()
        news = (self._peers(), self.round_trips.worst() is not None)
        if now - self._beat_at >= _BEAT_SECONDS or self._told != news:
            process_store.put(self._exchange.me, self._describe())
            self._beat_at, self._told = now, news
        rows = {}
        for found in process_store.find_all():
            name, known = found["_id"], self._rows.get(found["_id"])
            if machine_of(name) != self._machine:
                rows[name] = known if known is not None and known.beats == found["beats"] else _Row(found["beats"], now)
        self._rows = rows
        self._expect(bool(self._names()))

    def _expect(self, others: bool) -> None:
        """Publish for those whom the database shows. A row that does not grow is of a process that was killed."""
        if others and not self._exchange.has_company:
            self._is_expecting = True
            self._exchange.expect_company()
        elif self._is_expecting and not others:
            self._is_expecting = False
            self._exchange.expect_nobody()

    def _peers(self) -> list[str]:
        """Return the names of the processes that are heard, as many as fit into a heartbeat."""
        return sorted(self._exchange.peers)[:_MOST_PEERS]

    def _describe(self) -> dict[str, object]:
        return {
            "machine": self._machine,
            "worker": os.getpid(),
            "version": __version__,
            "sockets": self._sockets(),
            "cpu": round(time.process_time(), 3),
            "bus": others.current().state(),
            "bus_lag": round(self.redis.lag, 4) if self.redis is not None else None,
            "round_trip": self.round_trips.worst(),
            "hears": self._peers(),
            "silence": max((peer.silence for peer in self._exchange.peers.values()), default=0.0),
            "gaps": self._exchange.counts["gaps"],
            "strangers": self.strangers.sentences(),
            "clock": clock.now(),
        }

    def leave(self) -> None:
        """Let the database show this process no longer."""
        process_store.delete(self._exchange.me)

    # How they are heard

    def tick(self) -> None:
        """Say hello, and judge how other machines are heard; called every second."""
        now = clock.monotonic()
        if self.redis is not None and self.redis.is_up and now - self._hello_at >= _HELLO_SECONDS:
            self._hello_at = now
            self.redis.say_hello(self.strangers.hello())
        self.strangers.sentences()
        self.round_trips.measure()
        before, self._exchange.degraded = self._exchange.degraded, self._why_degraded()
        if self._exchange.degraded and self._exchange.degraded != before:
            logger.warning("other machines are heard late", why=self._exchange.degraded)
        metrics.bus_degraded.set(bool(self._exchange.degraded))
        if self.redis is not None:
            metrics.bus_lag.set(self.redis.lag)
        metrics.bus_round_trip.set(self.round_trips.worst() or 0.0)

    def _why_degraded(self) -> str:
        if self.redis is not None:
            return "" if self.redis.is_up or self._is_starting() else AWAY
        return LATE if any(peer.is_far for peer in self._exchange.peers.values()) else ""

    def _is_starting(self) -> bool:
        return clock.monotonic() - self._began_at < _START_SECONDS

    def _is_database_needed(self) -> bool:
        """Return whether Redis does not carry for one of the two sides, or did not a moment ago."""
        if not background.own_database.is_set() or not self._names():
            return False
        redis = self.redis
        if redis is None:
            return True
        if not redis.is_up:
            return not self._is_starting()
        was_away = redis.was_away and clock.monotonic() - redis.is_up_since < _OVERLAP_SECONDS
        far = [peer for peer in self._exchange.peers.values() if peer.is_far]
        return was_away or any(peer.silence > _SILENT_SECONDS or peer.info.get("redis") is False for peer in far)

    def _heard_hello(self, data: bytes) -> None:
        if self.strangers.heard(data):
            self._hello_at = -_HELLO_SECONDS  # say it too, soon

    def _redis_changed(self) -> None:
        self._hello_at = -_HELLO_SECONDS
        self.database.look_now()
        self._exchange.beat_soon()

    def _database_takes_over(self) -> None:
        metrics.bus.labels("database took over").inc()
        self._exchange.repeat(self.database, _REPEATED_SECONDS)

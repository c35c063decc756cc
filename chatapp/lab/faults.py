"""Faults, injected on a schedule that its seed decides: the same seed, the same schedule."""

import os
import random
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import gevent
from gevent.event import Event
from gevent.subprocess import run

from chatapp.lab.links import Http, NoAnswer, Refused
from chatapp.lab.proxy import Proxy
from chatapp.lab.records import Records, Span
from chatapp.lab.redis import Redis
from chatapp.lab.server import Server

_BAD_SHARE = 0.05  # of the messages between processes
_KILLED_SECONDS = 15.0  # after which a frozen worker has to be gone, and a killed one replaced
_REPLACED_SECONDS = 10.0  # in which a worker that is replaced has to end
_CALL_SECONDS = 10.0
_REDIS_AWAY_SECONDS = 6.0


@dataclass
class Places:
    """The targets of faults. `networks` are the ways to the machines, and `servers` those that the lab started;
    `database` is the proxy before their database, where there is one; `redis` carries between machines;
    `database_control` is a program that takes `kill` and `start`; `token` is of somebody who may call them."""

    networks: list[Proxy]
    servers: list[Server]
    records: Records
    database: Proxy | None = None
    database_control: str | None = None
    redis: Redis | None = None
    token: str = ""


def _reset_connections(places: Places, chance: random.Random, _: Span) -> None:
    chance.choice(places.networks).reset_connections()


def _cut_in_mid_frame(places: Places, chance: random.Random, _: Span) -> None:
    chance.choice(places.networks).cut_in_mid_frame(chance.uniform(0.1, 0.5))


def _drop_acknowledgements(places: Places, chance: random.Random, _: Span) -> None:
    chance.choice(places.networks).swallow_answers(chance.uniform(0.1, 0.6))


def _slow_network(places: Places, chance: random.Random, _: Span) -> None:
    chance.choice(places.networks).slow_down(chance.uniform(0.5, 2), chance.uniform(0.01, 0.1))


def _kill_server(places: Places, chance: random.Random, _: Span) -> None:
    server = chance.choice(places.servers)
    server.kill()
    gevent.sleep(chance.uniform(0, 0.5))
    server.start()


def _restart_server(places: Places, chance: random.Random, _: Span) -> None:
    """Restart one machine; whoever knows another one's address too is answered all the time."""
    server = chance.choice(places.servers)
    with _calls_to_succeed(places, len(places.servers) > 1):
        server.stop()
        server.start()


def _freeze_server(places: Places, chance: random.Random, _: Span) -> None:
    chance.choice(places.servers).freeze(chance.uniform(0.5, 3))


def _clock_jump(places: Places, chance: random.Random, _: Span) -> None:
    chance.choice(places.servers).set_clock(chance.choice((-3600, -60, -5, -1, 0, 1, 5, 60, 3600)))


def _disk_full(places: Places, chance: random.Random, _: Span) -> None:
    chance.choice(places.servers).fill_disk(chance.uniform(0.3, 1.5))


def _kill_worker(places: Places, chance: random.Random, span: Span) -> None:
    server = chance.choice(places.servers)
    victim = _choose_worker(server, chance, span)
    os.kill(victim, signal.SIGKILL)
    _expect(places, lambda: _is_replaced(server, {victim}), _KILLED_SECONDS, "a killed worker has no successor")


def _freeze_worker(places: Places, chance: random.Random, span: Span) -> None:
    """Stop one worker in mid-step: for so short that the others wait for it, or for so long that it is given up."""
    victim = _choose_worker(chance.choice(places.servers), chance, span)
    os.kill(victim, signal.SIGSTOP)
    gevent.sleep(chance.choice((chance.uniform(0.5, 4), chance.uniform(5.5, 8))))
    os.kill(victim, signal.SIGCONT)


def _freeze_worker_for_long(places: Places, chance: random.Random, span: Span) -> None:
    """Stop one worker until its master kills it, which alone closes its connections."""
    server = chance.choice(places.servers)
    victim = _choose_worker(server, chance, span)
    os.kill(victim, signal.SIGSTOP)
    _expect(places, lambda: _is_replaced(server, {victim}), _KILLED_SECONDS, "a frozen worker is not replaced")
    with suppress(ProcessLookupError):
        os.kill(victim, signal.SIGCONT)


def _replace_workers(places: Places, _: random.Random, span: Span) -> None:
    """Let one machine after the other replace its workers; nobody's call fails meanwhile."""
    with _calls_to_succeed(places):
        for server in places.servers:
            old = server.worker_names()
            server.replace_workers()
            _expect(places, lambda: _is_replaced(server, old), _REPLACED_SECONDS, "a worker does not make room")  # noqa: B023


def _spoil_bus(places: Places, chance: random.Random, _: Span) -> None:
    for server in places.servers:
        server.set_bad_bus(_BAD_SHARE)
    gevent.sleep(chance.uniform(2, 5))
    for server in places.servers:
        server.set_bad_bus(0)


def _kill_redis(places: Places, chance: random.Random, _: Span) -> None:
    """Let Redis be away for a while, and come back empty."""
    assert places.redis is not None
    places.redis.kill()
    gevent.sleep(chance.uniform(0, _REDIS_AWAY_SECONDS))
    places.redis.start()


def _pause_redis(places: Places, chance: random.Random, _: Span) -> None:
    """Let Redis answer nobody for a while, and keep its connections."""
    assert places.redis is not None
    places.redis.pause()
    gevent.sleep(chance.uniform(0.5, _REDIS_AWAY_SECONDS))
    places.redis.resume()


def _choose_worker(server: Server, chance: random.Random, span: Span) -> int:
    """Return the process id of one of the server's workers, which the fault is to strike."""
    names = server.worker_names()
    victim = chance.choice(sorted(names))
    span.workers = {names[victim]}
    return victim


def _is_replaced(server: Server, old: Iterable[int]) -> bool:
    return server.is_whole() and not set(old) & server.worker_names().keys()


def _expect(places: Places, holds: Callable[[], bool], seconds: float, otherwise: str) -> None:
    """Wait until it holds; note a breach when that takes longer."""
    began = time.monotonic()
    while not holds():
        if time.monotonic() - began > seconds:
            places.records.service_breaches.append(f"{otherwise} within {seconds:.0f} s")
            return
        gevent.sleep(0.05)


@contextmanager
def _calls_to_succeed(places: Places, is_checked: bool = True) -> Iterator[None]:
    """Call again and again meanwhile, as a client does that knows all addresses; note a breach when none answers."""
    calling = gevent.spawn(_keep_calling, places) if is_checked else None
    try:
        yield
    finally:
        if calling is not None:
            calling.kill()


def _keep_calling(places: Places) -> None:
    turn = 0
    while True:
        gevent.sleep(0.05)
        turn += 1
        failures = []
        for attempt in range(max(2, len(places.servers))):
            server = places.servers[(turn + attempt) % len(places.servers)]
            link = Http("127.0.0.1", server.port, places.token)
            try:
                link.call("GET", "/api/user/conversations?limit=5", None, _CALL_SECONDS)
                break
            except (NoAnswer, Refused) as error:
                failures.append(str(error))
            finally:
                link.close()
        else:
            places.records.service_breaches.append(f"a call has failed at every address: {'; '.join(failures)}")


def _cut_database(places: Places, chance: random.Random, _: Span) -> None:
    assert places.database is not None
    places.database.cut()
    gevent.sleep(chance.uniform(0.2, 2))
    places.database.restore()


def _kill_database(places: Places, _: random.Random, __: Span) -> None:
    assert places.database_control is not None
    run([places.database_control, "kill"], check=True, capture_output=True)
    run([places.database_control, "start"], check=True, capture_output=True)


Fault = Callable[[Places, random.Random, Span], None]
_NETWORK: dict[str, Fault] = {
    "connections reset": _reset_connections,
    "cut in mid-frame": _cut_in_mid_frame,
    "acknowledgements dropped": _drop_acknowledgements,
    "slow network": _slow_network,
}
_SERVER: dict[str, Fault] = {
    "server killed": _kill_server,
    "server restarted": _restart_server,
    "server frozen": _freeze_server,
    "clock jump": _clock_jump,
}
_WORKERS: dict[str, Fault] = {
    "worker killed": _kill_worker,
    "worker frozen": _freeze_worker,
    "worker frozen for long": _freeze_worker_for_long,
    "workers replaced": _replace_workers,
}


def possible(places: Places) -> dict[str, Fault]:
    """Return the faults that these places allow."""
    found = dict(_NETWORK)
    if places.servers:
        found |= _SERVER
        if places.servers[0].store_uri.startswith("litemongo:"):
            found["disk full"] = _disk_full
        if places.servers[0].workers > 1:
            found |= _WORKERS
        if places.servers[0].workers * len(places.servers) > 1:
            found["bus spoiled"] = _spoil_bus
    if places.redis is not None:
        found |= {"redis killed": _kill_redis, "redis paused": _pause_redis}
    if places.database is not None:
        found["database cut off"] = _cut_database
    if places.database_control is not None:
        found["database killed"] = _kill_database
    return found


class Schedule:
    """Injects faults one after the other, with pauses, until stopped."""

    def __init__(self, places: Places, seed: int, mean_pause: float, names: list[str] | None) -> None:
        self._places, self._chance = places, random.Random(seed)  # noqa: S311 - repeatable on purpose
        self._mean_pause, self._records = mean_pause, places.records
        self._faults = {name: act for name, act in possible(places).items() if names is None or name in names}
        self._wanted: list[str] = []
        self._stopping = Event()
        self.rounds = 0  # how often every kind has come, and gone

    def run(self) -> None:
        """Inject until `stop` is called; the fault under way is brought to its end."""
        while self._faults and not self._stopping.wait(self._pause()) and self._is_chat_under_way():
            name = self._next()
            with self._records.fault(name) as span:
                self._faults[name](self._places, self._chance, span)
            self.rounds += not self._wanted
        for server in self._places.servers:
            server.set_clock(0)

    def _pause(self) -> float:
        return self._chance.uniform(0.3, 1.7) * self._mean_pause

    def _is_chat_under_way(self) -> bool:
        """Wait until another message is acknowledged, so that the fault strikes a chat; False when stopped before."""
        before = self._records.acknowledged
        while self._records.acknowledged == before and not self._stopping.wait(0.01):
            pass
        return not self._stopping.is_set()

    def _next(self) -> str:
        """Return the next fault: every kind comes once before any comes again."""
        if not self._wanted:
            self._wanted = sorted(self._faults)
            self._chance.shuffle(self._wanted)
        return self._wanted.pop()

    def stop(self) -> None:
        """Inject no more."""
        self._stopping.set()

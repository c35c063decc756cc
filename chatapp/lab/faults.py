"""Faults, injected on a schedule that its seed decides: the same seed, the same schedule."""

import random
from collections.abc import Callable
from dataclasses import dataclass

import gevent
from gevent.event import Event
from gevent.subprocess import run

from chatapp.lab.proxy import Proxy
from chatapp.lab.records import Records
from chatapp.lab.server import Server


@dataclass
class Places:
    """What faults happen to. `database` passes the server's connections to its database on, where there is one;
    `database_control` is a program that takes `kill` and `start`."""

    network: Proxy
    server: Server | None = None
    database: Proxy | None = None
    database_control: str | None = None


def _reset_connections(places: Places, _: random.Random) -> None:
    places.network.reset_connections()


def _cut_in_mid_frame(places: Places, chance: random.Random) -> None:
    places.network.cut_in_mid_frame(chance.uniform(0.1, 0.5))


def _drop_acknowledgements(places: Places, chance: random.Random) -> None:
    places.network.swallow_answers(chance.uniform(0.1, 0.6))


def _slow_network(places: Places, chance: random.Random) -> None:
    places.network.slow_down(chance.uniform(0.5, 2), chance.uniform(0.01, 0.1))


def _kill_server(places: Places, chance: random.Random) -> None:
    assert places.server is not None
    places.server.kill()
    gevent.sleep(chance.uniform(0, 0.5))
    places.server.start()


def _restart_server(places: Places, _: random.Random) -> None:
    assert places.server is not None
    places.server.stop()
    places.server.start()


def _freeze_server(places: Places, chance: random.Random) -> None:
    assert places.server is not None
    places.server.freeze(chance.uniform(0.5, 3))


def _clock_jump(places: Places, chance: random.Random) -> None:
    assert places.server is not None
    places.server.set_clock(chance.choice((-3600, -60, -1, 0, 1, 60, 3600)))


def _disk_full(places: Places, chance: random.Random) -> None:
    assert places.server is not None
    places.server.fill_disk(chance.uniform(0.3, 1.5))


def _cut_database(places: Places, chance: random.Random) -> None:
    assert places.database is not None
    places.database.cut()
    gevent.sleep(chance.uniform(0.2, 2))
    places.database.restore()


def _kill_database(places: Places, _: random.Random) -> None:
    assert places.database_control is not None
    run([places.database_control, "kill"], check=True, capture_output=True)
    run([places.database_control, "start"], check=True, capture_output=True)


Fault = Callable[[Places, random.Random], None]
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


def possible(places: Places) -> dict[str, Fault]:
    """The faults that these places allow."""
    found = dict(_NETWORK)
    if places.server is not None:
        found |= _SERVER
        if places.server.store_uri.startswith("litemongo:"):
            found["disk full"] = _disk_full
    if places.database is not None:
        found["database cut off"] = _cut_database
    if places.database_control is not None:
        found["database killed"] = _kill_database
    return found


class Schedule:
    """Injects faults one after the other, with pauses, until stopped."""

    def __init__(self, places: Places, seed: int, mean_pause: float, names: list[str] | None, records: Records) -> None:
        self._places, self._chance = places, random.Random(seed)  # noqa: S311 - repeatable on purpose
        self._mean_pause, self._records = mean_pause, records
        self._faults = {name: act for name, act in possible(places).items() if names is None or name in names}
        self._wanted: list[str] = []
        self._stopping = Event()
        self.rounds = 0  # how often every kind has come, and gone

    def run(self) -> None:
        """Inject until `stop` is called; the fault under way is brought to its end."""
        while self._faults and not self._stopping.wait(self._pause()) and self._is_chat_under_way():
            name = self._next()
            self._records.fault(name)
            self._faults[name](self._places, self._chance)
            self.rounds += not self._wanted
        if self._places.server is not None:
            self._places.server.set_clock(0)

    def _pause(self) -> float:
        return self._chance.uniform(0.3, 1.7) * self._mean_pause

    def _is_chat_under_way(self) -> bool:
        """Wait until another message is acknowledged, so that the fault strikes a chat; False when stopped before."""
        before = self._records.acknowledged
        while self._records.acknowledged == before and not self._stopping.wait(0.01):
            pass
        return not self._stopping.is_set()

    def _next(self) -> str:
        """Every kind once before any comes again."""
        if not self._wanted:
            self._wanted = sorted(self._faults)
            self._chance.shuffle(self._wanted)
        return self._wanted.pop()

    def stop(self) -> None:
        """Inject no more."""
        self._stopping.set()

"""Every carrier, with real sockets, a real Redis and a real MongoDB: whatever it loses, doubles or swaps, each process
handles what others publish in order and once."""

import random
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import gevent
import pytest

from chatapp import database
from chatapp.bus.carrier import Carrier
from chatapp.bus.database_carrier import DatabaseCarrier
from chatapp.bus.envelope import derive_key
from chatapp.bus.exchange import Exchange
from chatapp.bus.mesh import Mesh
from chatapp.bus.redis_carrier import RedisCarrier
from chatapp.database import Document
from chatapp.stores import bus as bus_store
from config import TestConfig
from tests.conftest import MONGO, NEEDS_MONGO, eventually
from tests.redis_server import NEEDS_REDIS, RedisProcess, running_redis

KEY = derive_key("a secret", "a database")
NAMES = ("one-aaaa", "two-bbbb", "three-cccc")
Make = Callable[[str], Carrier]


class Rows:
    """The collection of the database carrier, in memory."""

    def __init__(self) -> None:
        self.rows: list[Document] = []

    def insert_batch(self, sender, counter, batch):
        self.rows.append({"sender": sender, "counter": counter, "batch": batch})

    def find_batches(self, read):
        found = [row for row in self.rows if row["counter"] > read.get(row["sender"], 1 << 40)]
        return sorted(found, key=lambda row: (row["sender"], row["counter"]))

    def find_newest_counter(self, sender):
        return max((row["counter"] for row in self.rows if row["sender"] == sender), default=0)


class Faulty:
    """A carrier that loses, doubles and swaps some of what it is given to send."""

    def __init__(self, inner: Carrier, seed: int) -> None:
        self.inner, self.name, self.dropped = inner, inner.name, 0
        self.dice = random.Random(seed)
        self.is_well = False
        self.held: list[tuple[bytes, str | None]] = []

    def start(self, received):
        self.inner.start(received)

    def send(self, data, to=None):
        if self.is_well:
            self.inner.send(data, to)
            return
        fate = self.dice.choices(("lose", "double", "hold", "send"), (5, 5, 5, 85))[0]
        if fate == "hold":
            self.held.append((data, to))
            return
        for _ in range({"lose": 0, "double": 2, "send": 1}[fate]):
            self.inner.send(data, to)
        while self.held:
            self.inner.send(*self.held.pop())

    def stop(self):
        self.inner.stop()


class Process:
    def __init__(self, name: str, make: Make, seed: int | None = None) -> None:
        self.heard: list[tuple[str, int]] = []
        self.gaps: list[str] = []
        self.exchange = Exchange(name, KEY)
        self.carrier = make(name) if seed is None else Faulty(make(name), seed)
        self.exchange.handle("number", lambda sender, data: self.heard.append((sender, data["n"])))
        self.exchange.on_gap(self.gaps.append)
        self.exchange.start([self.carrier])

    def say(self, *numbers: int) -> None:
        for n in numbers:
            self.exchange.publish("number", {"n": n})
        self.exchange.flush()

    def of(self, name: str) -> list[int]:
        """Return what this process has heard of another."""
        return [n for sender, n in self.heard if sender == name]


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisProcess]:
    with running_redis(tmp_path) as redis:
        yield redis


def redis_carrier(redis: RedisProcess, chat: str = "a chat") -> Make:
    return lambda name: RedisCarrier(redis.url, chat, name)


def database_carrier(store: object) -> Make:
    return lambda name: DatabaseCarrier(store, name, is_needed=lambda: True, senders=lambda: NAMES)


@pytest.fixture(
    params=[
        "mesh",
        pytest.param("redis", marks=NEEDS_REDIS),
        "database",
        pytest.param("mongodb", marks=NEEDS_MONGO),
    ]
)
def make(request: pytest.FixtureRequest) -> Iterator[Make]:
    """Return a function that makes a process's carrier, each of the kinds that there are."""
    if request.param == "mesh":
        with tempfile.TemporaryDirectory() as folder:
            yield lambda name: Mesh(Path(folder), name.partition("-")[0])
    elif request.param == "redis":
        yield redis_carrier(request.getfixturevalue("redis"))
    elif request.param == "database":
        yield database_carrier(Rows())
    else:
        database.start(TestConfig(MONGO_URI=MONGO, MONGO_DATABASE=f"chatapp_test_{uuid.uuid4().hex[:12]}"))
        yield database_carrier(bus_store)
        database.db().client.drop_database(database.db().name)
        database.stop()


@pytest.fixture
def processes(make: Make) -> Iterator[Callable[..., list[Process]]]:
    """Start processes that hear each other."""
    made: list[Process] = []

    def start(seed: int | None = None) -> list[Process]:
        for number, name in enumerate(NAMES):
            made.append(Process(plain(make, name), make, None if seed is None else seed + number))
        meet(made)
        return made

    yield start
    for process in made:
        process.exchange.stop()


def plain(make: Make, name: str) -> str:
    """Return the name that a process has: those of one machine have none in it here."""
    carrier = make(name)
    return name.partition("-")[0] if isinstance(carrier, Mesh) else name


def beat(processes: list[Process]) -> None:
    for process in processes:
        process.exchange.beat()


def meet(processes: list[Process]) -> None:
    """Let them beat until all have heard each other. On a busy machine they meet late, which is a gap of its own."""

    def all_met() -> bool:
        beat(processes)
        gevent.sleep(0.05)
        return all(len(process.exchange.peers) == len(processes) - 1 for process in processes)

    eventually(all_met)
    for process in processes:
        process.gaps.clear()


def test_everybody_hears_everybody_in_order(processes):
    made = processes()
    for n in range(50):
        for process in made:
            process.say(n)
    for process in made:
        for other in made:
            if other is not process:
                eventually(lambda p=process, o=other: p.of(o.exchange.me) == list(range(50)))
        assert process.gaps == []


def test_a_message_to_one_process_comes_to_that_one_alone(processes):
    one, two, three = processes()
    assert one.exchange.send_to(two.exchange.me, "number", {"n": 1})
    one.say(2)
    eventually(lambda: two.of(one.exchange.me) and three.of(one.exchange.me) and len(two.heard) == 2)
    assert sorted(two.of(one.exchange.me)) == [1, 2]
    assert three.of(one.exchange.me) == [2]


def test_what_is_lost_doubled_or_swapped_is_noticed_by_counters_only(processes):
    made = processes(seed=1)
    for n in range(100):
        for process in made:
            process.say(n)
        gevent.sleep(0)
    for process in made:
        process.carrier.is_well = True

    def all_heard() -> bool:
        beat(made)
        gevent.sleep(0.05)
        return all(len(process.heard) >= 200 for process in made)

    eventually(all_heard)
    for process in made:
        for other in made:
            assert other is process or process.of(other.exchange.me) == list(range(100))
        assert process.gaps == []


def test_large_batches_come_whole(processes):
    one, two, _ = processes()
    sizes: list[int] = []
    two.exchange.handle("text", lambda _, data: sizes.append(len(data["text"])))
    for _ in range(5):
        one.exchange.publish("text", {"text": "x" * 900_000})
    one.exchange.flush()
    eventually(lambda: sizes == [900_000] * 5)


# Redis alone


@pytest.fixture
def pair(redis):
    made = [Process(name, redis_carrier(redis)) for name in NAMES[:2]]
    meet(made)
    yield made
    for process in made:
        process.exchange.stop()


@NEEDS_REDIS
def test_what_was_said_while_redis_was_away_is_asked_for_when_it_is_back_and_empty(redis, pair):
    one, two = pair
    one.say(1)
    eventually(lambda: two.of(NAMES[0]) == [1])
    redis.kill()
    eventually(lambda: not one.carrier.is_up and not two.carrier.is_up)
    one.say(2)
    assert one.carrier.dropped
    redis.start()
    eventually(lambda: one.carrier.is_up and two.carrier.is_up)
    one.say(3)
    eventually(lambda: two.of(NAMES[0]) == [1, 2, 3])
    assert two.gaps == []


@NEEDS_REDIS
def test_a_redis_that_is_paused_is_noticed_and_holds_up_no_sender(redis, pair):
    one, two = pair
    redis.pause()
    eventually(lambda: not one.carrier.is_up)
    for n in range(10):
        one.say(n)
    redis.resume()
    eventually(lambda: one.carrier.is_up and two.carrier.is_up)
    one.exchange.beat()
    eventually(lambda: two.of(NAMES[0]) == list(range(10)))
    assert two.gaps == []


@NEEDS_REDIS
def test_a_redis_that_takes_nothing_costs_bounded_memory(redis, pair, monkeypatch):
    monkeypatch.setattr("chatapp.bus.redis_carrier._MOST_WAITING_BYTES", 1_000_000)
    one, _ = pair
    redis.pause()
    for _ in range(200):
        one.carrier.send(bytes(100_000))
        gevent.sleep(0)
    assert one.carrier.waiting_bytes < 1_200_000
    assert one.carrier.dropped > 50
    redis.resume()


@NEEDS_REDIS
def test_chats_on_one_redis_and_workers_of_one_machine_do_not_hear_each_other_there(redis):
    heard: dict[str, list[bytes]] = {"same machine": [], "other chat": [], "other machine": []}
    carriers = {
        "sender": RedisCarrier(redis.url, "a chat", "sender-aaaa"),
        "same machine": RedisCarrier(redis.url, "a chat", "x-aaaa"),
        "other chat": RedisCarrier(redis.url, "another", "y-bbbb"),
        "other machine": RedisCarrier(redis.url, "a chat", "z-cccc"),
    }
    for place, carrier in carriers.items():
        carrier.start(heard.get(place, []).append)
    eventually(lambda: all(carrier.is_up for carrier in carriers.values()))
    carriers["sender"].send(b"to all")
    carriers["sender"].send(b"to one", "z-cccc")
    carriers["sender"].send(b"by the mesh", "x-aaaa")
    eventually(lambda: heard["other machine"] == [b"to all", b"to one"])
    assert heard["same machine"] == heard["other chat"] == []
    for carrier in carriers.values():
        carrier.stop()


@NEEDS_REDIS
@pytest.mark.parametrize("data", [b"", b"x", bytes(100), b"aaaa    ", bytes(1_000_000)])
def test_whatever_others_publish_on_the_channel_stops_nothing(redis, pair, data):
    one, two = pair
    one.carrier._publish(one.carrier._everybody, data)
    one.carrier._publish(b"chatapp:hello", data)
    one.say(1)
    eventually(lambda: two.of(NAMES[0]) == [1])


# The database alone


def test_a_database_carrier_that_is_not_needed_does_nothing(processes):
    store = Rows()
    needed = False
    carrier = DatabaseCarrier(store, "one-aaaa", is_needed=lambda: needed, senders=lambda: NAMES)
    carrier.start(lambda _: None)
    carrier.send(b"into nothing")
    gevent.sleep(0)
    assert store.rows == []
    needed = True
    carrier.look_now()
    eventually(lambda: carrier.is_carrying)
    carrier.send(b"to all")
    eventually(lambda: [row["batch"][0]["data"] for row in store.rows] == [b"to all"])
    carrier.stop()


def test_what_was_published_before_the_database_took_over_is_sent_again_by_it():
    store = Rows()
    needed = False
    exchange = Exchange("one-aaaa", KEY)
    carrier = DatabaseCarrier(
        store,
        "one-aaaa",
        is_needed=lambda: needed,
        senders=lambda: NAMES,
        taking_over=lambda: exchange.repeat(carrier, 4),
    )
    exchange.expect_company()
    exchange.start([carrier])
    exchange.publish("number", {"n": 1})
    exchange.flush()
    needed = True
    carrier.look_now()
    other = Process("two-bbbb", database_carrier(store))
    eventually(lambda: other.of("one-aaaa") == [1])
    exchange.stop()
    other.exchange.stop()


def test_a_process_that_begins_takes_what_the_database_brings_from_then_on():
    store = Rows()
    one = Process("one-aaaa", database_carrier(store))
    one.exchange.expect_company()
    eventually(lambda: one.carrier.is_carrying)
    one.say(1)
    eventually(lambda: any(len(piece["data"]) for row in store.rows for piece in row["batch"]))
    two = Process(
        "two-bbbb",
        lambda name: DatabaseCarrier(
            store, name, is_needed=lambda: True, senders=lambda: NAMES, is_newcomer=lambda: True
        ),
    )
    meet([one, two])
    one.say(2)
    eventually(lambda: two.of("one-aaaa") == [2])
    for process in (one, two):
        process.exchange.stop()

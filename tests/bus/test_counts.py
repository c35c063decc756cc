"""Processes count what their limits count together: what one has counted soon counts for all."""

import gevent
import pytest

from chatapp import counts, limits
from chatapp.bus.envelope import derive_key
from chatapp.bus.exchange import Exchange
from chatapp.extensions import limiter
from tests.bus.wire import Wire
from tests.conftest import eventually

KEY = derive_key("a secret", "a database")
COUNT = "LIMITS:LIMITER/somebody/20/15/minute"


class Process:
    def __init__(self, everybody: dict[str, Wire], name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.exchange = Exchange(name, KEY)
        self.counts = counts.Counts()
        monkeypatch.setattr(limiter, "_storage", self.counts)
        limits.hear_others(self.exchange)
        self.exchange.start([Wire(everybody, name)])

    def count(self, key: str = COUNT) -> int:
        found = self.counts.incr(key, 900)
        gevent.sleep(0)  # a turn of the loop, as each call is
        return found

    @property
    def counted(self) -> int:
        return self.counts.get(COUNT)


@pytest.fixture
def processes(app, monkeypatch):
    """Make processes that hear of each other."""
    everybody: dict[str, Wire] = {}

    def make(*names: str) -> list[Process]:
        made = [Process(everybody, name, monkeypatch) for name in names]
        for process in made:
            process.exchange.beat()
        return made

    return make


def test_calls_spread_over_all_processes_get_a_fifth_more_than_the_limit_at_most(processes):
    made = processes("one", "two", "three", "four")
    let_in = sum(process.count() <= 20 for _ in range(20) for process in made)
    assert 20 <= let_in <= 24


def test_what_was_counted_is_told_in_a_moment_however_little_it_is(processes):
    one, two = processes("one", "two")
    one.count("LIMITS:LIMITER/somebody/1000/1/minute")
    assert not two.counts.memory.rows
    eventually(lambda: two.counts.get("LIMITS:LIMITER/somebody/1000/1/minute") == 1)


def test_a_process_that_begins_takes_over_what_was_counted(processes):
    one, two = processes("one", "two")
    for process in (one, two, one):
        process.count()
    eventually(lambda: one.counted == two.counted == 3)
    one.exchange._began_at = two.exchange._began_at = one.exchange._began_at - 60
    (three,) = processes("three")
    assert three.counted == 3


def test_with_other_processes_no_call_asks_redis(processes, settings):
    settings(REDIS_URL="redis://127.0.0.1:1/0")
    (one,) = processes("one")
    one.count()
    assert one.counts.redis is None
    assert one.counted == 1

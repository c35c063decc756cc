"""Collections of the whole heap: rarely, and of what is new."""

import gc
import weakref

import pytest

from chatapp.server import collector
from chatapp.server.collector import Collector

MILLISECOND = 0.001


class Knot:
    """Something that only the collector can free."""

    def __init__(self):
        self.me = self


@pytest.fixture
def now(monkeypatch):
    """The time, to be moved on; each collection takes a millisecond."""
    moment, readings = [1_000.0], [0.0]

    def perf_counter():
        readings[0] += MILLISECOND
        return readings[0]

    monkeypatch.setattr(collector.clock, "monotonic", lambda: moment[0])
    monkeypatch.setattr(collector, "perf_counter", perf_counter)
    return moment


@pytest.fixture
def whole(now, monkeypatch):
    """A collector that serves, without its own greenlet."""
    monkeypatch.setattr(collector.supervisor, "every", lambda *_: None)
    before = gc.get_threshold()
    whole = Collector()
    whole.start()
    yield whole
    gc.set_threshold(*before)
    gc.unfreeze()


def work():
    """Make as many objects as let Python collect the younger ones several times."""
    young, middle, _ = gc.get_threshold()
    return [[] for _ in range(young * middle * 2 * collector._YOUNG_COLLECTIONS)]


def test_garbage_is_found(whole):
    work()
    knot = weakref.ref(Knot())
    whole.look()
    assert knot() is None


def test_nothing_is_looked_at_where_nothing_is_new(whole, now):
    gc.collect()
    gc.collect(1)
    knot = weakref.ref(Knot())
    whole.look()
    assert knot() is not None


def test_pauses_take_a_thousandth_of_the_time(whole, now):
    work()
    whole.look()
    work()
    now[0] += 0.9
    whole.look()
    assert gc.get_count()[2] >= collector._YOUNG_COLLECTIONS  # since the last whole one
    now[0] += 0.2
    whole.look()
    assert gc.get_count()[2] == 0


def test_what_has_survived_is_looked_at_again_after_a_long_time(whole, now):
    knot = Knot()
    work()
    whole.look()
    old = weakref.ref(knot)
    del knot
    now[0] += 2
    work()
    whole.look()
    assert old() is not None
    now[0] += collector._WHOLE_SECONDS
    work()
    whole.look()
    assert old() is None

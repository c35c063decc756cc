"""Round trips between processes: each is measured in its turn, and a missing answer shows."""

import pytest

from chatapp.bus.envelope import derive_key
from chatapp.bus.exchange import Exchange
from chatapp.bus.round_trips import RoundTrips
from tests.bus.wire import Wire

KEY = derive_key("a secret", "a database")


@pytest.fixture
def three():
    everybody: dict[str, Wire] = {}
    found = {}
    for name in ("one", "two", "three"):
        exchange = Exchange(name, KEY)
        found[name] = RoundTrips(exchange)
        exchange.start([Wire(everybody, name)])
    for trips in found.values():
        trips._exchange.beat()
    return found, everybody


def test_who_is_alone_measures_nothing():
    trips = RoundTrips(Exchange("one", KEY))
    trips.measure()
    assert trips.worst() is None


def test_each_peer_is_asked_in_its_turn(three):
    found, _ = three
    for _ in range(2):
        found["one"].measure()
    assert set(found["one"]._seconds) == {"two", "three"}
    assert 0 <= found["one"].worst() < 1


def test_a_peer_that_does_not_answer_shows_and_is_asked_again(three, later):
    found, everybody = three
    everybody["two"].fate = lambda _: 0
    for _ in range(2):
        found["one"].measure()
    later(4)
    assert found["one"].worst() > 3.9
    later(2)
    everybody["two"].fate = lambda _: 1
    for _ in range(2):
        found["one"].measure()
    assert found["one"].worst() < 1


def test_who_has_left_is_forgotten(three):
    found, everybody = three
    everybody["two"].fate = lambda _: 0
    for _ in range(2):
        found["one"].measure()
    everybody["two"].fate = lambda _: 1
    found["two"]._exchange.stop()
    assert set(found["one"]._seconds) == {"three"} and not found["one"]._asked_at


def test_who_may_not_be_asked_is_left_out(three):
    found, _ = three
    found["one"]._may_ask = lambda peer: peer.name != "two"
    for _ in range(3):
        found["one"].measure()
    assert set(found["one"]._seconds) == {"three"}

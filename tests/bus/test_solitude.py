"""A process that is alone publishes nothing, also when another one was killed and its row is still in the database."""

import pytest
from bson import ObjectId

from chatapp.bus.envelope import derive_key
from chatapp.bus.exchange import Exchange
from chatapp.realtime import announcing, hearing
from chatapp.server import machines as machines_module
from chatapp.server.machines import Machines
from tests.bus.wire import Wire

KEY = derive_key("a secret", "a database")
KILLED = {"_id": "two-bbbb", "beats": 7}


@pytest.fixture
def wires():
    return {}


@pytest.fixture
def exchange(wires):
    exchange = Exchange("one-aaaa", KEY)
    exchange.start([Wire(wires, "one-aaaa")])
    return exchange


@pytest.fixture
def machines(app, exchange, monkeypatch):
    """The other machines as the database shows them: `rows` can be changed."""
    machines = Machines(exchange, lambda: 0)
    rows = [KILLED]
    monkeypatch.setattr(machines_module.process_store, "find_all", lambda: [dict(row) for row in rows])
    monkeypatch.setattr(machines_module.process_store, "put", lambda *_: None)
    machines.rows = rows
    return machines


def test_whom_the_database_shows_is_published_for_until_its_heartbeats_have_stopped_for_a_while(
    machines, exchange, later
):
    machines.look()
    assert exchange.has_company
    later(30)
    machines.look()
    assert exchange.has_company
    later(16)
    machines.look()
    assert not exchange.has_company


def test_a_row_that_grows_is_of_a_process_that_lives(machines, exchange, later):
    for beats in (7, 8, 9):
        machines.rows[:] = [KILLED | {"beats": beats}]
        machines.look()
        later(30)
    machines.look()
    assert exchange.has_company


def test_a_process_that_comes_later_is_published_for_again(machines, exchange, later):
    machines.look()
    later(46)
    machines.look()
    machines.rows[:] = [{"_id": "three-cccc", "beats": 1}]
    machines.look()
    assert exchange.has_company


def test_workers_of_one_machine_go_on_publishing(machines, exchange, later):
    exchange.expect_company()
    machines.look()
    later(46)
    machines.look()
    assert exchange.has_company


def test_whoever_has_heard_another_process_goes_on_publishing(machines, exchange, wires, later):
    machines.look()
    other = Exchange("two-bbbb", KEY)
    other.start([Wire(wires, "two-bbbb")])
    other.stop()
    later(46)
    machines.look()
    assert exchange.has_company


def test_what_was_told_in_solitude_is_not_told_again_when_somebody_comes(app, exchange, monkeypatch):
    filled, told = [], []
    hearing.hear_others(exchange)
    monkeypatch.setattr(announcing._order, "fill", lambda *place: filled.append(place))
    monkeypatch.setattr(announcing, "_emit_encoded", lambda pushes: told.append(len(pushes)))
    chat, nobody = ObjectId(), [announcing.Push("newMessage", [], {})]
    exchange.expect_company()
    announcing.announce(chat, 1, nobody)
    exchange.expect_nobody()
    announcing.announce(chat, 2, nobody)
    exchange.expect_company()
    announcing.announce(chat, 3, nobody)
    assert told == [1, 1]  # at once: 3 waits for none, and 2 was told without company
    assert not filled

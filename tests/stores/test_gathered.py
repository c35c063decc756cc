"""Questions that are asked at once share a command, and none gets an answer that is older than itself."""

import gevent
import pytest
from bson import ObjectId
from gevent.event import Event
from pymongo.errors import AutoReconnect

from chatapp import clock
from chatapp.stores import conversations as conversation_store
from chatapp.stores import sessions as session_store
from chatapp.stores.gathered import Gathered


class Store:
    """Numbers by name; a command takes until `go` is set."""

    def __init__(self):
        self.numbers = {"one": 1, "two": 2, "three": 3}
        self.commands = []
        self.go = Event()

    def find_all(self, names):
        self.commands.append(names)
        found = {name: self.numbers[name] for name in names if name in self.numbers}
        self.go.wait()
        return found


@pytest.fixture
def store():
    return Store()


@pytest.fixture
def numbers(store):
    return Gathered(store.find_all)


def answer(numbers, name):
    try:
        return numbers.find(name)
    except (TypeError, AutoReconnect):
        return "failed"


def ask(numbers, *names):
    """Ask for these, each in a greenlet that has begun to wait and returns the answer, or the failure."""
    asking = [gevent.spawn(answer, numbers, name) for name in names]
    gevent.sleep(0)
    return asking


def test_those_who_ask_during_a_command_share_the_next(store, numbers):
    asking = ask(numbers, "one", "two", "three", "two", "four")
    store.go.set()
    gevent.joinall(asking, raise_error=True)
    assert [row.value for row in asking] == [1, 2, 3, 2, None]
    assert store.commands == [["one"], ["two", "three", "four"]]


def test_a_command_answers_only_what_was_asked_before_it_began(store, numbers):
    (first,) = ask(numbers, "one")
    store.numbers["one"] = 11
    (second,) = ask(numbers, "one")
    store.go.set()
    gevent.joinall([first, second], raise_error=True)
    assert (first.value, second.value) == (1, 11)


def test_a_crowd_is_answered_by_several_commands(store, numbers):
    store.numbers = {number: number for number in range(100)}
    asking = ask(numbers, *range(100))
    store.go.set()
    gevent.joinall(asking, raise_error=True)
    assert [row.value for row in asking] == list(range(100))
    assert max(len(names) for names in store.commands) == 16


def test_all_who_share_a_command_hear_that_it_failed(store, numbers):
    asking = ask(numbers, "one", "two", "three")
    store.numbers = None
    store.go.set()
    gevent.joinall(asking)
    assert [row.value for row in asking] == [1, "failed", "failed"]
    store.numbers = {"two": 22}
    assert numbers.find("two") == 22


def test_nobody_waits_twice_for_a_database_that_is_away(store):
    def find_all(names):
        store.commands.append(names)
        store.go.wait()
        raise AutoReconnect("away")

    asking = ask(Gathered(find_all), *range(100))
    store.go.set()
    gevent.joinall(asking)
    assert {row.value for row in asking} == {"failed"}
    assert store.commands == [[0]]


def test_another_goes_on_for_one_that_was_killed(store, numbers):
    asking = ask(numbers, "one", "two", "three")
    asking[0].kill()
    asking[1].kill()
    store.go.set()
    asking[2].join()
    assert asking[2].value == 3


def test_everybody_who_asks_at_once_gets_their_own_partners(ann, bob, eve, register):
    dan = register("dan")
    ann.direct(bob)
    ann.direct(eve)
    people = [ann, bob, eve, dan]
    asking = [gevent.spawn(conversation_store.find_partner_ids, ObjectId(row.id)) for row in people * 2]
    gevent.joinall(asking, raise_error=True)
    partners = [{bob.id, eve.id}, {ann.id}, {ann.id}, set()]
    assert [{str(row) for row in found.value} for found in asking] == partners * 2


def test_everybody_who_asks_at_once_gets_their_own_session(ann, bob):
    now = clock.now()
    ids = [session_store.find_live_of_user(ObjectId(row.id), now)[0]["_id"] for row in (ann, bob)]
    session_store.revoke(ids[1], ObjectId(bob.id), now)
    asked = [*ids, ObjectId(), *ids]
    asking = [gevent.spawn(session_store.find_live, row, now) for row in asked]
    gevent.joinall(asking, raise_error=True)
    assert [row.value and row.value["_id"] for row in asking] == [ids[0], None, None, ids[0], None]


def test_a_session_whose_time_is_over_is_not_live(ann):
    session = session_store.find_live_of_user(ObjectId(ann.id), clock.now())[0]
    assert session_store.find_live(session["_id"], session["expires_at"]) is None

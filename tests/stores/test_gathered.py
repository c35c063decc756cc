"""Questions that are asked at once share a command, and none gets an answer that is older than itself."""

import gevent
import pytest
from bson import ObjectId
from gevent.event import Event
from pymongo.errors import AutoReconnect

from chatapp import clock, idle_turns
from chatapp.per_loop import PerLoop
from chatapp.stores import conversations as conversation_store
from chatapp.stores import sessions as session_store
from chatapp.stores.gathered import Gathered

FOR_EVER_SECONDS = 60.0  # instead of the 5 ms after which a command begins in any case


class Store:
    """Numbers by name; a command takes until `go` is set."""

    def __init__(self):
        self.numbers = {"one": 1, "two": 2, "three": 3}
        self.commands = []
        self.begun = Event()
        self.go = Event()

    def find_all(self, names):
        self.commands.append(names)
        self.begun.set()
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


def ask_and_wait(store, numbers, *names):
    """Ask for these, and return when their command is under way."""
    asking = ask(numbers, *names)
    assert store.begun.wait(5)
    return asking


def test_those_who_ask_at_once_share_a_command(store, numbers):
    asking = ask(numbers, "one", "two", "three", "two", "four")
    store.go.set()
    gevent.joinall(asking, raise_error=True)
    assert [row.value for row in asking] == [1, 2, 3, 2, None]
    assert store.commands == [["one", "two", "three", "four"]]


def test_those_who_ask_during_a_command_share_the_next(store, numbers):
    asking = ask_and_wait(store, numbers, "one")
    asking += ask(numbers, "two", "three", "two", "four")
    store.go.set()
    gevent.joinall(asking, raise_error=True)
    assert [row.value for row in asking] == [1, 2, 3, 2, None]
    assert store.commands == [["one"], ["two", "three", "four"]]


def keep_busy(turns):
    """Return after so many turns of the event loop, in none of which it is idle."""
    for _ in range(turns):
        next_turn = Event()
        gevent.get_hub().loop.timer(0).start(next_turn.set)
        next_turn.wait()


def test_a_command_waits_for_a_loop_that_is_busy_unless_nobody_can_join_it(store, monkeypatch):
    monkeypatch.setattr(idle_turns, "_questions", PerLoop(lambda loop: idle_turns._Line(loop, FOR_EVER_SECONDS)))
    store.go.set()
    questions = Gathered(store.find_all, most=2)
    alone = ask(questions, "one")
    keep_busy(turns=20)
    assert not store.begun.is_set()
    joined = ask(questions, "two")
    keep_busy(turns=3)
    assert store.begun.is_set()
    gevent.joinall([*alone, *joined], raise_error=True)
    assert store.commands == [["one", "two"]]


def test_a_command_answers_only_what_was_asked_before_it_began(store, numbers):
    (first,) = ask_and_wait(store, numbers, "one")
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
    asking = ask_and_wait(store, numbers, "one")
    asking += ask(numbers, "two", "three")
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
    assert store.commands == [[*range(16)]]


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
    users = [ObjectId(row.id) for row in (ann, bob)]
    ids = [session_store.find_live_of_user(row, now)[0]["_id"] for row in users]
    session_store.revoke(ids[1], users[1], now)
    own = list(zip(ids, users, strict=True))
    asked = [*own, (ObjectId(), users[0]), (ids[0], users[1]), *own]
    asking = [gevent.spawn(session_store.find_live, *row, now) for row in asked]
    gevent.joinall(asking, raise_error=True)
    assert [row.value and row.value["_id"] for row in asking] == [ids[0], None, None, None, ids[0], None]


def test_a_session_whose_time_is_over_is_not_live(ann):
    session = session_store.find_live_of_user(ObjectId(ann.id), clock.now())[0]
    assert session_store.find_live(session["_id"], session["user_id"], session["expires_at"]) is None

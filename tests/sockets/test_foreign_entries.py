"""Entries that another process stores, as the sockets of this one hear them."""

import gevent
import pytest
from bson import ObjectId

from chatapp import clock
from chatapp.bus.envelope import derive_key
from chatapp.bus.exchange import Exchange
from chatapp.realtime import announcing, emitting, hearing, others
from chatapp.realtime.order import Order
from chatapp.services.log import cache, foreign, recent
from chatapp.stores import entries as entry_store
from tests.bus.wire import Wire
from tests.conftest import eventually
from tests.services.acting import Acts

KEY = derive_key("a secret", "a database")


@pytest.fixture
def elsewhere(app):
    """Another process, which this one hears; it was there for a while."""
    everybody: dict[str, Wire] = {}
    here, there = Exchange("here", KEY), Exchange("there", KEY)
    for part in (hearing, foreign):
        part.hear_others(here)
    for exchange in (here, there):
        exchange.start([Wire(everybody, exchange.me)])
    there.beat()
    here._began_at -= 60
    yield there
    others.reset()


@pytest.fixture
def chat(ann, bob, monkeypatch):
    """A conversation with two messages, of which this process has told nothing: as if others had stored them."""
    made = ann.direct(bob)
    ann.send(made, "one")
    ann.send(made, "two")
    monkeypatch.setattr(announcing, "_order", Order())
    monkeypatch.setattr(announcing._order, "fill", foreign.announce_missing)
    return made


def stored(there: Exchange, chat: str, seq: int, person: object, *, is_close: bool, **more: float) -> None:
    """Let the other process tell that it has stored this entry."""
    head = {"conversation": ObjectId(chat), "from": seq - 1, "to": seq, "changes": {}, "entries": None}
    there.publish("run", head | {"is_close": is_close} | more)
    data = {"success": True, "data": {"seq": seq}}
    push = {"packet": emitting.encode("newMessage", data), "users": others.join_ids([ObjectId(person.id)])}
    there.publish("entry", {"conversation": ObjectId(chat), "seq": seq, "pushes": [push]})
    there.flush()


def seqs(socket):
    return [row["data"]["seq"] for row in socket.received("newMessage")]


def test_one_whose_predecessor_is_on_its_way_waits_for_it(elsewhere, chat, bob):
    socket = bob.socket()
    stored(elsewhere, chat, 3, bob, is_close=True)
    gevent.sleep(0)
    assert seqs(socket) == []
    stored(elsewhere, chat, 2, bob, is_close=False)
    eventually(lambda: seqs(socket) == [2, 3])


@pytest.mark.parametrize(("age", "heard"), [(1.0, [2, 3]), (3.0, [3])])
def test_a_process_that_has_just_begun_waits_for_one_that_was_stored_since(elsewhere, chat, bob, age, heard):
    others.current().exchange._began_at = clock.monotonic() - 2
    socket = bob.socket()
    stored(elsewhere, chat, 3, bob, is_close=True, age=age)
    eventually(lambda: seqs(socket) == heard)


def test_one_whose_predecessor_does_not_come_is_told_after_it_from_the_log(elsewhere, chat, bob):
    socket = bob.socket()
    stored(elsewhere, chat, 3, bob, is_close=True)
    eventually(lambda: seqs(socket) == [2, 3])


def test_one_that_comes_long_after_its_predecessor_is_told_at_once(elsewhere, chat, bob):
    socket = bob.socket()
    stored(elsewhere, chat, 3, bob, is_close=False)
    assert seqs(socket) == [3]


def test_who_is_not_told_of_one_because_a_later_one_was_told_before_syncs(elsewhere, chat, ann, bob):
    """As of one whose process was frozen, or whose batch was lost."""
    concerned, other = bob.socket(), ann.socket()
    stored(elsewhere, chat, 3, bob, is_close=False)
    stored(elsewhere, chat, 2, bob, is_close=False)
    eventually(lambda: concerned.received("resync"))
    assert seqs(concerned) == [3]
    assert not other.received("resync")


def test_of_two_that_are_on_their_way_the_earlier_one_is_left_to_a_sync(elsewhere, chat, bob):
    socket = bob.socket()
    stored(elsewhere, chat, 3, bob, is_close=True)
    stored(elsewhere, chat, 1, bob, is_close=True)
    eventually(lambda: socket.received("resync"))
    eventually(lambda: seqs(socket) == [2, 3])


def test_whose_an_entry_was_is_known_though_a_later_one_was_stored_before_it(elsewhere, chat, ann, bob):
    """The head of the later one says nothing of who sent the earlier one."""
    bob.send(chat, "three")
    state = cache.known(ObjectId(chat))
    state.sent[ObjectId(ann.id)] = (1, 1)  # as loaded while another process was about to store that of 2
    changes = {f"sent.{ann.id}": {"seq": 2, "mseq": 2}}
    late = {"conversation": ObjectId(chat), "from": 1, "to": 2, "changes": changes, "entries": [], "is_close": False}
    elsewhere.publish("run", late)
    elsewhere.flush()
    assert state.read_marks(state.members[ObjectId(ann.id)]) == (2, 2)
    ahead = {f"sent.{ann.id}": {"seq": 9, "mseq": 9}}
    elsewhere.publish("run", late | {"from": 8, "to": 9, "changes": ahead})
    elsewhere.flush()
    assert state.read_marks(state.members[ObjectId(ann.id)]) == (2, 2)


@pytest.mark.parametrize("is_gap", [True, False])
def test_what_is_being_stored_while_messages_are_lost_is_not_remembered(elsewhere, chat, is_gap):
    state = cache.known(ObjectId(chat))
    slot = cache.slot(state.id)
    slot.lend(state)
    if is_gap:
        others.current().exchange._miss_its_beginning(others.current().peers()[0])
    slot.take_back(state)
    assert (cache.peek(state.id) is None) == is_gap


@pytest.mark.parametrize("kind", ["direct", "group"])
def test_the_first_message_of_a_new_conversation_waits_for_nothing(elsewhere, ann, bob, eve, kind):
    socket = bob.socket()
    chat = ann.direct(bob) if kind == "direct" else ann.group(bob, eve)
    seq = ann.send(chat, "hello")["data"]["seq"]
    assert seqs(socket) == [seq]


def test_an_edit_that_another_process_stores_is_known_here(elsewhere, ann, bob):
    made = ann.direct(bob)
    sent = ann.send(made, "frist", clientMsgId="one")["data"]
    bob.get(f"/api/conversations/{made}")
    told = []
    with pytest.MonkeyPatch.context() as patched:  # what this process does is what the other one tells
        patched.setattr(foreign, "tell", lambda head, entries, before: told.append((head, entries)))
        Acts("rest").edit(ann, sent["id"], "first")
    ((head, entries),) = told
    run = {"conversation": head.conversation_id, "from": head.from_seq, "to": head.to_seq, "changes": head.changes}
    recent.add({**entry_store.find_range(ObjectId(made), 1, 1)[0], "now": None})
    elsewhere.publish("run", run | {"entries": entries, "is_close": False})
    elsewhere.flush()
    eventually(lambda: recent.get(ObjectId(made), ObjectId(ann.id), "one") is None)
    assert ann.send(made, "frist", clientMsgId="one")["data"]["content"] == "first"
    assert bob.get("/api/user/conversations")["data"][0]["lastMessage"]["content"] == "first"


def test_what_an_earlier_version_does_not_know_waits_for_its_end(elsewhere, ann, bob, eve):
    made = ann.direct(bob)
    sent = ann.send(made, "frist")["data"]
    (peer,) = others.current().peers()
    peer.info = {"version": "0.0.9"}
    team, rest = ann.group(bob, eve), Acts("rest")
    acts = [
        lambda: rest.edit(ann, sent["id"], "first"),
        lambda: rest.react(ann, sent["id"], "👍"),
        lambda: rest.pin(ann, sent["id"]),
        lambda: ann.rest("PATCH", f"/api/conversations/{team}", json={"whoMayPin": "admins"}).json,
    ]
    for act in acts:
        refused = act()
        assert (refused["error"]["code"], refused["error"]["details"]) == ("SERVER_BUSY", {"retryAfter": 5})
    peer.info = {"version": "1", **foreign.description()}
    assert all(act()["success"] for act in acts)

"""Processes of an earlier version beside this one: their indexes stay as long as they live, and so do their rules."""

import importlib
from contextlib import contextmanager
from datetime import timedelta

import gevent
import pytest
from bson import ObjectId

from chatapp import clock, state
from chatapp.database import db, is_embedded
from chatapp.ids import new_id
from chatapp.services import conversation_ids, migrations
from chatapp.stores import conversations as conversation_store
from chatapp.stores import meta as meta_store
from tests.conftest import PASSWORD

INDEXES = {
    "entries": {"idempotency": ["sender_id", "client_msg_id"]},
    "conversations": {"direct": ["direct_key"], "creation": ["creation_key"]},
}
FOUNDING = {"type": "group", "name": "Team", "clientMsgId": "one"}


def finish():
    """Do what is to be done once no process of an earlier version lives."""
    importlib.import_module("migrations_seed.0008_one_key_decides").up(db())


@pytest.fixture
def beside(app):
    """The database as an earlier version has left it, and still uses it."""
    for collection, indexes in INDEXES.items():
        for name, fields in indexes.items():
            key = [(field, 1) for field in fields]
            db()[collection].create_index(key, unique=True, name=name, sparse=collection == "conversations")
    db().meta.update_one({"_id": "conversation ids"}, {"$unset": {"has_older": ""}})
    state.reset_caches()
    yield
    db().meta.delete_one({"_id": "clock"})
    finish()


@contextmanager
def an_earlier_version(monkeypatch):
    """Let conversations be made as an earlier version makes them: with an id of no meaning."""
    with monkeypatch.context() as patched:
        patched.setattr(conversation_ids, "made_of", lambda key: new_id())
        yield


def make_before_each_insert(monkeypatch, make):
    """Let `make()` happen between the look for a conversation and the insert of a new one."""
    insert = conversation_store.insert

    def insert_after(document):
        monkeypatch.setattr(conversation_store, "insert", insert)
        with an_earlier_version(monkeypatch):
            make()
        return insert(document)

    monkeypatch.setattr(conversation_store, "insert", insert_after)


def index_names():
    return {name for collection in INDEXES for name in db()[collection].index_information()}


def found(person, *others):
    """Found a group, and return its id."""
    answer = person.post("/api/user/conversations", FOUNDING | {"participants": [row.id for row in others]})
    return answer["data"]["id"]


@pytest.mark.parametrize("transport", ["rest", "socket"])
def test_an_id_of_another_conversation_is_refused_as_it_was(beside, ann, bob, eve, transport):
    one, other = ann.direct(bob), ann.direct(eve)
    ann.send(one, "hello", clientMsgId="one")
    bodies = [{"content": "hello", "clientMsgId": "one"}, {"content": "hello", "clientMsgId": "two"}]
    if transport == "rest":
        answers = [ann.post(f"/api/conversations/{other}/messages", body) for body in bodies]
    else:
        socket = ann.socket()
        answers = [socket.call("newMessage", {"conversationId": other, **body}) for body in bodies]
    assert answers[0]["error"]["code"] == "IDEMPOTENCY_MISMATCH"
    assert answers[1]["data"]["seq"] == 1
    assert ann.send(one, "hello", clientMsgId="one")["duplicate"]


def test_what_is_refused_holds_up_nobody_else(beside, ann, bob, eve):
    one, other = ann.direct(bob), ann.direct(eve)
    ann.send(one, "hello", clientMsgId="one")
    state.reset_caches()
    refused = gevent.spawn(ann.send, other, "hello", clientMsgId="one")
    sends = [gevent.spawn(eve.send, other, str(number)) for number in range(5)]
    gevent.joinall([refused, *sends], raise_error=True)
    assert refused.value["error"]["code"] == "IDEMPOTENCY_MISMATCH"
    assert sorted(send.value["data"]["seq"] for send in sends) == [1, 2, 3, 4, 5]


def test_a_change_of_a_group_with_an_id_of_another_conversation_is_refused(beside, ann, bob, eve):
    group = ann.group(bob, eve)
    ann.send(ann.direct(bob), "hello", clientMsgId="one")
    answer = ann.rest("PATCH", f"/api/conversations/{group}", json={"name": "New", "clientMsgId": "one"})
    assert answer.json["error"]["code"] == "IDEMPOTENCY_MISMATCH"


def test_ids_belong_to_their_conversation_once_no_earlier_process_lives(beside, ann, bob, eve):
    one, other = ann.direct(bob), ann.direct(eve)
    ann.send(one, "hello", clientMsgId="one")
    assert not ann.send(other, "hello", clientMsgId="one")["success"]
    finish()
    assert ann.send(other, "hello", clientMsgId="one")["success"]


@pytest.mark.parametrize("is_finished", [False, True])
def test_conversations_of_an_earlier_version_are_found(beside, ann, bob, eve, monkeypatch, is_finished):
    with an_earlier_version(monkeypatch):
        direct, group = ann.direct(bob), found(ann, bob, eve)
    if is_finished:
        finish()
        finish()
    state.reset_caches()
    assert (bob.direct(ann), found(ann, bob, eve)) == (direct, group)
    other = ann.post("/api/user/conversations", FOUNDING | {"participants": [bob.id, eve.id], "name": "Other"})
    assert other["error"]["code"] == "IDEMPOTENCY_MISMATCH"
    assert len(ann.get("/api/user/conversations")["data"]) == 2


def test_an_earlier_version_finds_the_conversations_of_this_one(beside, ann, bob, eve):
    direct, group = ann.direct(bob), found(ann, bob, eve)
    pair = ":".join(sorted((ann.id, bob.id)))
    assert db().conversations.find_one({"direct_key": pair})["_id"] == ObjectId(direct)
    assert db().conversations.find_one({"creation_key": f"{ann.id}:one"})["_id"] == ObjectId(group)


def test_two_people_have_one_conversation_though_both_versions_make_it_at_once(beside, ann, bob, monkeypatch):
    made = []
    make_before_each_insert(monkeypatch, lambda: made.append(bob.direct(ann)))
    assert [ann.direct(bob)] == made
    finish()
    assert ann.direct(bob) == bob.direct(ann) == made[0]


def test_a_group_is_founded_once_though_both_versions_found_it_at_once(beside, ann, bob, eve, monkeypatch):
    made = []
    make_before_each_insert(monkeypatch, lambda: made.append(found(ann, bob, eve)))
    assert [found(ann, bob, eve)] == made
    finish()
    assert found(ann, bob, eve) == made[0]


def test_refresh_tokens_say_whose_they_are_once_no_earlier_process_reads_them(beside, client, ann):
    body = {"email": "ann@test.com", "password": PASSWORD, "protocol": 2}
    token = client.post("/api/auth/login", json=body).json["refreshToken"]
    assert token.count(".") == 2
    finish()
    state.reset_caches()
    for _ in range(2):
        answer = client.post("/api/auth/refresh", json={"refreshToken": token}).json
        assert answer["success"] and answer["refreshToken"].rpartition(".")[2] == ann.id
        token = answer["refreshToken"]


def test_it_waits_for_the_processes_of_an_earlier_version(beside, ann, bob, monkeypatch):
    """Migration 0008 runs when none of them has reserved its times for a minute."""
    with an_earlier_version(monkeypatch):
        direct = ann.direct(bob)
    now = clock.now()
    db().meta.insert_one({"_id": "clock", "at": now, "until": now + timedelta(seconds=60)})
    if is_embedded():
        finish()  # the only process is this one
        return
    before = index_names()
    with pytest.raises(migrations.Postponed, match=r"^Migration 0008 waits until no process of an earlier version"):
        finish()
    assert index_names() == before and db().older_conversations.find_one({}) is None
    assert meta_store.find_or_make_id_key()[1] is None
    db().meta.update_one({"_id": "clock"}, {"$set": {"until": now - timedelta(seconds=1)}})
    finish()
    assert index_names().isdisjoint({"idempotency", "direct", "creation"})
    assert ann.direct(bob) == direct


def test_the_command_says_what_a_migration_waits_for(beside, app):
    if is_embedded():
        pytest.skip("the embedded store has one process")
    now = clock.now()
    db().meta.insert_one({"_id": "clock", "at": now, "until": now + timedelta(seconds=60)})
    db().meta.delete_one({"name": "0008_one_key_decides"})
    outcome = app.test_cli_runner().invoke(args=["migrate"])
    assert (outcome.exit_code, migrations.pending()) == (0, ["0008_one_key_decides"])
    assert outcome.output.splitlines()[-1].startswith("Migration 0008 waits until")

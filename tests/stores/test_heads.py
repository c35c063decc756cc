"""Heads are written behind their logs: soon, together, seen late by nobody, and lost by nothing."""

import signal
import sqlite3
import uuid

import gevent
import pytest
from bson import ObjectId
from pymongo.errors import AutoReconnect

from chatapp.database import db
from chatapp.realtime import announcing
from chatapp.services.log import verify
from chatapp.services.log.catch_up import recover
from chatapp.stores import heads as head_store
from chatapp.stores.head import Head
from tests.conftest import eventually
from tests.server import running


@pytest.fixture
def delay():
    """Heads wait for a minute, which is for ever here."""
    head_store.write_behind(60)
    yield
    head_store.reset()
    head_store.write_behind(0.05)


def stored_seq(conversation):
    """Return the seq of the conversation's document, read past the store."""
    return db().conversations.find_one({"_id": ObjectId(conversation)})["head"]["seq"]


def test_the_document_follows_by_itself(ann, bob):
    chat = ann.direct(bob)
    ann.send(chat, "hello")
    assert eventually(lambda: stored_seq(chat) == 1)


def test_no_delay_stores_it_before_the_answer(ann, bob, delay):
    head_store.write_behind(0)
    chat = ann.direct(bob)
    ann.send(chat, "hello")
    assert stored_seq(chat) == 1


@pytest.mark.parametrize("path", ["/api/user/conversations", "/api/conversations/{}/messages", "/api/conversations/{}"])
def test_who_reads_sees_what_was_acknowledged(ann, bob, delay, path):
    chat = ann.direct(bob)
    for text in ("one", "two"):
        assert ann.send(chat, text)["success"]
    assert stored_seq(chat) == 0
    assert "'two'" in str(bob.get(path.format(chat)))
    assert stored_seq(chat) == 2


def test_a_sync_sees_it_too(ann, bob, delay):
    chat = ann.direct(bob)
    ann.send(chat, "one")
    (row,) = bob.post("/api/sync", {"cursors": {chat: 0}})["data"]["conversations"]
    assert [entry["seq"] for entry in row["entries"]] == [1]


def test_several_conversations_are_stored_together(ann, bob, eve, delay, monkeypatch):
    chats = [ann.direct(bob), ann.direct(eve), bob.direct(eve)]
    together, real = [], head_store._update
    monkeypatch.setattr(head_store, "_update", lambda waiting: together.append(len(waiting)) or real(waiting))
    for _ in range(3):
        for chat, person in zip(chats, (ann, ann, bob), strict=True):
            person.send(chat, "hello")
    head_store.settle()
    assert together == [3]
    assert [stored_seq(chat) for chat in chats] == [3, 3, 3]
    unread = {row["id"]: row["unreadCount"] for row in eve.get("/api/user/conversations")["data"]}
    assert unread == {chats[1]: 3, chats[2]: 3}


def test_reading_one_conversation_leaves_others_waiting(ann, bob, eve, delay):
    waiting, other = ann.direct(bob), ann.direct(eve)
    ann.send(waiting, "hello")
    head_store.settle([ObjectId(other)])
    assert stored_seq(waiting) == 0
    head_store.settle([ObjectId(waiting)])
    assert stored_seq(waiting) == 1


def test_who_settles_meanwhile_waits_for_the_command_under_way(ann, bob, delay, monkeypatch):
    chat, real = ann.direct(bob), head_store._update
    ann.send(chat, "hello")

    def slow(waiting):
        gevent.sleep(0.05)
        return real(waiting)

    monkeypatch.setattr(head_store, "_update", slow)
    first, second = gevent.spawn(head_store.settle), gevent.spawn(head_store.settle, [ObjectId(chat)])
    second.join()
    assert stored_seq(chat) == 1
    first.get()


@pytest.mark.parametrize("error", [AutoReconnect("gone"), sqlite3.OperationalError("disk I/O error")])
def test_a_failure_is_not_the_senders_and_is_made_good(ann, bob, monkeypatch, error):
    chat, real, failures = ann.direct(bob), head_store._update, [error, error]
    ann.send(chat, "before")
    head_store.settle()
    monkeypatch.setattr(head_store, "_RETRY_SECONDS", 0.01)

    def fails_twice(waiting):
        if failures:
            raise failures.pop()
        return real(waiting)

    monkeypatch.setattr(head_store, "_update", fails_twice)
    assert ann.send(chat, "hello")["success"]
    assert ann.send(chat, "again")["data"]["seq"] == 3
    assert eventually(lambda: stored_seq(chat) == 3)
    assert bob.get("/api/user/conversations")["data"][0]["unreadCount"] == 3


def test_who_reads_during_an_outage_is_told_so_and_not_something_old(ann, bob, delay, monkeypatch):
    chat = ann.direct(bob)
    ann.send(chat, "hello")

    def fail(_):
        raise AutoReconnect("gone")

    with monkeypatch.context() as patched:
        patched.setattr(head_store, "_update", fail)
        assert bob.get("/api/user/conversations")["error"]["code"] == "DATABASE_UNAVAILABLE"
    assert bob.get("/api/user/conversations")["data"][0]["lastMessage"]["content"] == "hello"


def test_the_log_gets_only_so_far_ahead(ann, bob, delay, monkeypatch):
    monkeypatch.setattr(head_store, "_MOST_ENTRIES", 2)
    chat = ann.direct(bob)
    for number in range(4):
        ann.send(chat, str(number))
    assert stored_seq(chat) == 3

    def fail(_):
        raise AutoReconnect("gone")

    with monkeypatch.context() as patched:
        patched.setattr(head_store, "_update", fail)
        answers = [ann.send(chat, "more", clientMsgId=f"more {number}") for number in range(4)]
    assert [answer["success"] for answer in answers] == [True, True, False, False]
    assert answers[-1]["error"]["code"] == "DATABASE_UNAVAILABLE"
    assert ann.send(chat, "more", clientMsgId="more 3")["data"]["seq"] == 7


@pytest.mark.parametrize("theirs", [1, 2, 3])
def test_another_process_that_moved_the_head_is_followed(ann, bob, delay, theirs):
    """Another process has found our entries in the log and brought the head forward to one of them."""
    chat = ann.direct(bob)
    for number in range(3):
        ann.send(chat, str(number))
    db().conversations.update_one({"_id": ObjectId(chat)}, {"$set": {"head.seq": theirs}})
    head_store.settle()
    assert stored_seq(chat) == 3
    if theirs < 3:
        assert bob.get("/api/user/conversations")["data"][0]["lastMessage"]["content"] == "2"


def test_nobody_stops_at_a_conversation_that_is_gone(ann, bob, eve, delay):
    gone, there = ann.direct(bob), ann.direct(eve)
    ann.send(gone, "hello")
    ann.send(there, "hello")
    db().conversations.delete_one({"_id": ObjectId(gone)})
    head_store.settle()
    assert stored_seq(there) == 1


def test_a_change_of_members_is_stored_with_what_waited_before_it(ann, bob, eve, register, delay):
    group = ann.group(bob, register("dan"))
    start = stored_seq(group)
    ann.send(group, "hello")
    assert stored_seq(group) == start
    assert ann.post(f"/api/conversations/{group}/members", {"userIds": [eve.id]})["success"]
    assert stored_seq(group) == start + 2
    assert eve.get("/api/user/conversations")["data"][0]["id"] == group


def test_recovery_finds_what_a_crash_has_left_behind(ann, bob, delay):
    chat = ann.direct(bob)
    for number in range(3):
        ann.send(chat, str(number))
    head_store.reset()
    announcing.reset()
    hears = bob.socket()
    assert recover(100) == 1
    told = [row["data"]["seq"] for row in hears.received("newMessage")]
    assert (stored_seq(chat), told) == (3, [1, 2, 3])
    assert recover(100) == 0


@pytest.mark.parametrize("with_signal", [signal.SIGTERM, signal.SIGKILL])
def test_the_first_who_reads_after_a_stop_sees_it(tmp_path, store_uri, with_signal):
    base, _, options = store_uri.partition("?")
    embedded = store_uri.startswith("litemongo:")
    uri = f"litemongo://{tmp_path / 'store'}" if embedded else f"{base}_{uuid.uuid4().hex[:6]}?{options}"
    with running(tmp_path, uri, WRITE_BEHIND_MS="60000") as server:
        ann, bob = server.register("ann"), server.register("bob")
        body = {"type": "direct", "participants": [bob["data"]["id"]]}
        chat = server.call("POST", "/api/user/conversations", ann, body)["data"]["id"]
        for text in ("one", "two"):
            assert server.call("POST", f"/api/conversations/{chat}/messages", ann, {"content": text})["success"]
        server.stop(with_signal)
        if not embedded:
            database = db().client[uri.partition("?")[0].rpartition("/")[2]]
            stored = database.conversations.find_one({"_id": ObjectId(chat)})["head"]["seq"]
            assert stored == (2 if with_signal == signal.SIGTERM else 0)
        server.start()
        (row,) = server.call("GET", "/api/user/conversations", bob)["data"]
        assert (row["lastMessage"]["content"], row["unreadCount"]) == ("two", 2)
        if not embedded:
            db().client.drop_database(database)


def test_the_head_that_is_further_stays_and_own_messages_count_all_the_same(ann, bob, delay):
    """As when another process has appended behind this one, and stored its head first."""
    chat = ann.direct(bob)
    ann.send(chat, "hello")
    key = {"_id": ObjectId(chat)}
    db().conversations.update_one(key, {"$set": {"head.seq": 5}})
    head_store.settle()
    found = db().conversations.find_one(key)
    assert found["head"]["seq"] == 5
    assert found["sent"][ann.id] == {"seq": 1, "mseq": 1}


def test_a_change_of_members_that_another_process_has_overtaken_is_done(ann, bob, eve, delay):
    """Nobody's own message is in it, so nothing of it is left to do."""
    team = ann.group(bob, eve)
    db().conversations.update_one({"_id": ObjectId(team)}, {"$set": {"head.seq": 9}})
    head_store.advance([Head(ObjectId(team), 1, 2, {"head": {"seq": 2}})], at_once=True)
    assert not head_store._behind.waiting
    assert stored_seq(team) == 9


def test_a_head_that_was_heard_of_is_stored_by_who_reads(ann, bob, delay):
    """Another process stores it in a moment; whoever reads here before that sees it."""
    chat = ann.direct(bob)
    ann.send(chat, "hello")
    heard = head_store._behind.waiting.pop(ObjectId(chat))
    head_store.hear(heard, "another")
    assert stored_seq(chat) == 0
    assert bob.get("/api/user/conversations")["data"][0]["lastMessage"]["content"] == "hello"
    assert stored_seq(chat) == 1


def heard_long_ago(chat):
    """Let the head that waits be another process's, which told it some seconds ago."""
    head_store.hear(head_store._behind.waiting.pop(ObjectId(chat)), "another")
    head_store._behind.heard[ObjectId(chat)].at -= 60


@pytest.mark.parametrize(("has_lived", "seq"), [(True, 0), (False, 1)])
def test_the_head_of_a_process_is_stored_by_who_reads_while_that_is_frozen(
    ann, bob, delay, monkeypatch, has_lived, seq
):
    """Leave the head of one that lives to that one, which has stored it after a while."""
    monkeypatch.setattr(head_store, "_lived_after", lambda *_: has_lived)
    chat = ann.direct(bob)
    ann.send(chat, "hello")
    heard_long_ago(chat)
    head_store.settle()
    assert stored_seq(chat) == seq


def test_own_messages_of_a_process_that_was_killed_count_as_read(ann, bob, delay, monkeypatch):
    """A later head by another process would hide from recovery that one is missing."""
    chat = ann.direct(bob)
    ann.send(chat, "hello")
    monkeypatch.setattr(head_store, "_lived_after", lambda *_: False)
    heard_long_ago(chat)
    db().conversations.update_one({"_id": ObjectId(chat)}, {"$set": {"head.seq": 5}})
    head_store.store_for("another")
    assert ObjectId(chat) in head_store._behind.waiting
    head_store.settle()
    assert db().conversations.find_one({"_id": ObjectId(chat)})["sent"][ann.id] == {"seq": 1, "mseq": 1}


@pytest.mark.parametrize("act", ["edit", "delete", "rename", "send"])
def test_what_nobody_has_stored_in_front_of_a_head_is_made_from_the_log(ann, bob, eve, delay, act):
    """Another process was killed, and nobody has heard of its entry, but by the entry behind it."""
    team = ann.group(bob, eve)
    message = ann.send(team, "one")["data"]["id"]
    head_store.settle()
    acts = {
        "edit": lambda: ann.rest("PATCH", f"/api/messages/{message}", json={"content": "two"}),
        "delete": lambda: ann.rest("DELETE", f"/api/messages/{message}"),
        "rename": lambda: ann.rest("PATCH", f"/api/conversations/{team}", json={"name": "Crew"}),
        "send": lambda: bob.rest("POST", f"/api/conversations/{team}/messages", json={"content": "two"}),
    }
    before = db().conversations.find_one({"_id": ObjectId(team)})
    assert acts[act]().json["success"]
    head_store.reset()
    db().conversations.replace_one({"_id": ObjectId(team)}, before)
    head_store.write_behind(60)
    ann.send(team, "three")
    head_store.settle()
    assert not head_store._behind.waiting
    assert stored_seq(team) == before["head"]["seq"] + 2
    assert [report.faults for report in verify.verify() if report.faults] == []


def test_of_two_heads_with_a_hole_between_them_the_later_one_goes_on_from_there():
    sent = {"sent.ann": {"seq": 5, "mseq": 5}}
    first, second = Head(ObjectId(), 4, 6, {"name": "a", **sent}), Head(ObjectId(), 7, 9, {"avatar": "b"})
    for merged in (first.followed_by(second), second.followed_by(first)):  # 7 may have given it another name
        assert (merged.from_seq, merged.to_seq, merged.changes) == (7, 9, {"avatar": "b", **sent})
    touching = Head(first.conversation_id, 6, 9, {"name": "c"})
    assert (first.followed_by(touching).from_seq, touching.followed_by(first).changes) == (4, {"name": "c", **sent})

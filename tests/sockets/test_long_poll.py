"""A sync that waits: answered as soon as there is something, and when the process stops."""

import gevent
import pytest
from bson import ObjectId

from chatapp import lifecycle
from chatapp.realtime import long_polls
from chatapp.services import receipts
from tests.conftest import eventually


@pytest.fixture
def chat(ann, bob):
    return ann.direct(bob)


class Poll:
    """A call that waits, in a greenlet of its own."""

    def __init__(self, person, cursors, since=None, seconds=20):
        body = {"cursors": cursors, "since": since}
        self.greenlet = gevent.spawn(person.rest, "POST", f"/api/sync?timeout={seconds}", json=body)
        eventually(lambda: self.greenlet.ready() or long_polls.here.users())

    @property
    def waits(self):
        gevent.sleep(0.02)
        return not self.greenlet.ready()

    def answer(self):
        return self.greenlet.get(timeout=10).json["data"]


def quiet(person, cursors):
    """Return a `since` after which nothing has happened."""
    return person.post("/api/sync", {"cursors": cursors})["data"]["next"]


def test_a_message_ends_the_wait(ann, bob, chat):
    poll = Poll(bob, {chat: 0}, quiet(bob, {chat: 0}))
    assert poll.waits
    ann.send(chat, "now")
    (row,) = poll.answer()["conversations"]
    assert row["entries"][0]["content"] == "now"


def test_what_is_there_already_is_answered_at_once(ann, bob, chat):
    ann.send(chat, "before")
    assert Poll(bob, {chat: 0}).answer()["conversations"][0]["entries"][0]["content"] == "before"


def test_nothing_for_so_long_is_an_empty_answer(bob, chat):
    since = quiet(bob, {chat: 0})
    answer = Poll(bob, {chat: 0}, since, seconds=1).answer()
    assert answer["conversations"] == [] and not answer["more"]


def test_other_peoples_conversations_do_not_end_it(ann, bob, eve, chat):
    other = ann.direct(eve)
    poll = Poll(bob, {chat: 0}, quiet(bob, {chat: 0}))
    ann.send(other, "not for bob")
    assert poll.waits
    ann.send(chat, "for bob")
    assert "not for bob" not in str(poll.answer())


@pytest.mark.parametrize("what", ["group", "receipt", "profile", "deleted", "removed"])
def test_everything_that_sync_reports_ends_it(ann, bob, eve, chat, what):
    team = ann.group(bob, eve)
    bob.send(chat, "x")
    cursors = {chat: 1, team: 0}
    bob.post("/api/sync", {"cursors": cursors})
    receipts.tell()
    gevent.sleep(0.05)
    poll = Poll(bob, cursors, quiet(bob, cursors))
    assert poll.waits
    if what == "group":
        ann.group(bob, eve, name="New")
    elif what == "receipt":
        ann.post("/api/sync", {"cursors": {chat: 1}})
        receipts.tell()
    elif what == "profile":
        ann.rest("PUT", "/api/user/profile", json={"name": "Anna"})
    elif what == "deleted":
        bob.rest("DELETE", f"/api/conversations/{chat}")
    else:
        ann.rest("DELETE", f"/api/conversations/{team}/members/{bob.id}")
    answer = poll.answer()
    assert answer["conversations"] or answer["users"] or answer["left"]


def test_a_wake_with_nothing_to_report_does_not_end_it(ann, bob, chat):
    poll = Poll(bob, {chat: 0}, quiet(bob, {chat: 0}))
    assert poll.waits
    for _ in range(2):
        long_polls.wake([ObjectId(bob.id)])
        assert poll.waits
    ann.send(chat, "now")
    assert poll.answer()["conversations"][0]["entries"][0]["content"] == "now"


def test_sends_over_rest_and_over_sockets_meet(ann, bob, chat):
    socket = ann.socket()
    poll = Poll(bob, {chat: 0}, quiet(bob, {chat: 0}))
    socket.call("newMessage", {"conversationId": chat, "content": "by socket"})
    assert poll.answer()["conversations"][0]["entries"][0]["content"] == "by socket"
    bob.send(chat, "by rest")
    assert socket.received("newMessage")[-1]["data"]["content"] == "by rest"


def test_a_stop_answers_everybody_who_waits(bob, chat):
    poll = Poll(bob, {chat: 0}, quiet(bob, {chat: 0}))
    assert poll.waits
    assert lifecycle.drain(5) is True
    assert poll.answer()["conversations"] == []


def test_waiting_asks_the_database_nothing(ann, bob, chat, monkeypatch):
    poll = Poll(bob, {chat: 0}, quiet(bob, {chat: 0}))
    assert poll.waits
    from chatapp.services.sync import plan

    def fail(*_):
        raise AssertionError("asked")

    monkeypatch.setattr(plan, "make", fail)
    assert poll.waits
    monkeypatch.undo()
    ann.send(chat, "now")
    assert poll.answer()["conversations"]


def test_a_user_has_so_many_waiting_calls_at_most(bob, chat):
    since = quiet(bob, {chat: 0})
    polls = [Poll(bob, {chat: 0}, since) for _ in range(12)]
    eventually(lambda: sum(poll.greenlet.ready() for poll in polls) == 2)
    lifecycle.drain(5)
    for poll in polls:
        assert poll.answer()["conversations"] == []

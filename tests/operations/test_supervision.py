"""Queues and loops go on, whatever fails in them: every call is answered, and nothing is lost or doubled."""

import io
import json

import gevent
import pytest
import structlog
from gevent.event import Event

from chatapp import logs, metrics, supervisor
from chatapp.engine import fair_queue, timer_wheel
from chatapp.extensions import socketio
from chatapp.services.log import announcements, append, catch_up, derived, draft, message_trace, recent, rounds
from chatapp.stores import heads as head_store
from tests.conftest import eventually
from tests.planting import Planting

PLANTED = [RuntimeError, gevent.GreenletExit]


@pytest.fixture
def failures(monkeypatch):
    """Note failures in greenlets that nobody waits for, which are expected here, instead of failing the test."""
    noted = []
    monkeypatch.setattr(logs._output, "stream", io.StringIO())
    monkeypatch.setattr(gevent.get_hub(), "print_exception", lambda *failure: noted.append(failure))
    return noted


def attempt(send, *arguments, **more):
    """Return the answer, or None for a call that was ended with its greenlet."""
    try:
        return send(*arguments, **more)
    except (gevent.GreenletExit, RuntimeError):
        return None


def finish(calls, keep_going):
    """Wait for all of them, while `keep_going` is called as the background does."""
    with gevent.Timeout(20):
        while not all(call.ready() for call in calls):
            attempt(keep_going)
            gevent.sleep(0.001)
    return [call.value for call in calls]


@pytest.mark.parametrize("module", [append, rounds, catch_up, derived, draft, recent, announcements, head_store])
@pytest.mark.parametrize("kind", PLANTED)
def test_an_exception_at_any_line_of_the_log_wedges_loses_and_doubles_nothing(
    module, kind, ann, bob, eve, failures, monkeypatch
):
    monkeypatch.setattr(head_store, "_delay", 0.001)
    monkeypatch.setattr(head_store, "_RETRY_SECONDS", 0.001)
    chats = [(ann.direct(bob), (ann, bob)), (ann.group(bob, eve), (ann, bob, eve))]
    acknowledged = {}

    def round_of_sends(name):
        """Sends of several people in several conversations at once, one of them a repeat of what is stored already."""
        calls = []
        for chat, people in chats:
            first = people[0].send(chat, name, clientMsgId=f"{name} {chat} 0")
            acknowledged[chat, first["data"]["clientMsgId"]] = first["data"]["id"]
            recent.clear()
            for number, person in enumerate([*people, people[0]]):
                more = {"clientMsgId": f"{name} {chat} {number}"}
                calls.append((chat, person, more, gevent.spawn(attempt, person.send, chat, name, **more)))
        return calls

    def rename(name):
        return gevent.spawn(attempt, ann.rest, "PATCH", f"/api/conversations/{chats[1][0]}", json={"name": name})

    with Planting(module).instrumented() as planting:
        finish([*(row[3] for row in round_of_sends("dry")), rename("dry")], rounds.keep_serving)
        head_store.settle()
        gevent.sleep(0.01)
        lines = list(planting.reached)
        assert lines
        for line in lines:
            name = f"line {line}"
            calls = round_of_sends(name)
            with planting.at(line, kind("planted")):
                answers = finish([*(row[3] for row in calls), rename(name)], rounds.keep_serving)
                gevent.sleep(0.003)
            for (chat, _, more, _), answer in zip(calls, answers, strict=False):
                if answer is not None and answer["success"]:
                    known = acknowledged.setdefault((chat, more["clientMsgId"]), answer["data"]["id"])
                    assert answer["data"]["id"] == known
            repeats = [(chat, more, gevent.spawn(person.send, chat, name, **more)) for chat, person, more, _ in calls]
            for (chat, more, _), answer in zip(repeats, finish([row[2] for row in repeats], lambda: None), strict=True):
                assert answer["success"], (name, answer)
                assert (
                    acknowledged.setdefault((chat, more["clientMsgId"]), answer["data"]["id"]) == answer["data"]["id"]
                )
    head_store.settle()
    for chat, _ in chats:
        stored, after = [], 0
        while page := ann.get(f"/api/conversations/{chat}/entries?after={after}&limit=500")["data"]:
            stored += page
            after = page[-1]["seq"]
        assert [row["seq"] for row in stored] == list(range(1, len(stored) + 1))
        messages = [row for row in stored if row["type"] == "message" and row["content"] != "dry"]
        ids = {row["clientMsgId"]: row["id"] for row in messages}
        assert len(ids) == len(messages), "none is doubled"
        assert {
            key: value for (where, key), value in acknowledged.items() if where == chat and key[:3] != "dry"
        } == ids, "none is lost"
        row = next(row for row in ann.get("/api/user/conversations")["data"] if row["id"] == chat)
        assert row["lastMessage"]["id"] == messages[-1]["id"], "the head has followed"


def test_one_fault_stops_neither_the_clock_nor_the_lines_of_those_who_wait(failures):
    for module in (timer_wheel, fair_queue):
        with Planting(module).instrumented() as planting:
            _use_clock_and_lines()
            for line in list(planting.reached):
                with planting.at(line, RuntimeError("planted")):
                    attempt(_use_clock_and_lines, planting)
                _use_clock_and_lines()


def _use_clock_and_lines(planting=None):
    """Have an alarm ring, and wait in both lines, several at once; to the end, or until what is planted has struck."""
    rung = []
    alarms = [timer_wheel.Alarm(0.001 * number, lambda: rung.append("alarm")) for number in range(3)]
    for _ in range(3):
        fair_queue.current().add(lambda: rung.append("turn"))
        fair_queue.large().add(lambda: rung.append("large") or False)
    if planting is None:
        lines = (timer_wheel.current(), fair_queue.current(), fair_queue.large())
        eventually(lambda: [line.keep_going() for line in lines] and len(rung) == 9)  # as the background does
    else:
        eventually(lambda: planting.has_struck or len(rung) == 9)
    for alarm in alarms:
        alarm.stop()


def test_work_that_ends_is_started_again(failures, monkeypatch, log):
    monkeypatch.setattr(supervisor, "_PAUSE_SECONDS", 0.001)
    runs, restarts = [], metrics.restarts.labels("the test's work")._value
    before = restarts.get()  # of the same test on another store

    def work():
        runs.append(1)
        if len(runs) > 3:
            Event().wait()  # for ever: nothing of it may end in another test
        raise (RuntimeError, gevent.GreenletExit, gevent.Timeout)[len(runs) - 1]()

    supervisor.every(0.001, "the test's work", work)
    eventually(lambda: len(runs) == 4)
    assert len(log.lines(work="the test's work", level="error")) == 3
    assert restarts.get() == before + 3


@pytest.mark.parametrize("transport", ["rest", "socket"])
def test_an_act_stands_when_it_cannot_be_announced(ann, bob, transport, monkeypatch, log):
    conversation = ann.direct(bob)
    socket = ann.socket()
    entry = {"conversationId": conversation, "content": "hello", "clientMsgId": "one"}

    def send():
        return socket.call("newMessage", entry) if transport == "socket" else ann.send(**_as_rest(entry))

    with monkeypatch.context() as patch:
        patch.setattr(message_trace, "announced", lambda *_: 1 / 0)
        assert send()["success"]
    assert log.lines(level="error", message="an entry could not be announced")
    assert send()["duplicate"] and len(bob.get(f"/api/conversations/{conversation}/messages")["data"]) == 1


def _as_rest(entry):
    return {"conversation_id" if name == "conversationId" else name: value for name, value in entry.items()}


def test_an_act_stands_when_nothing_can_be_pushed(ann, bob, eve, register, monkeypatch, log):
    socket = ann.socket()
    eventually(lambda: socket.received("ready"))
    monkeypatch.setattr(socketio.server, "emit", lambda *_, **__: 1 / 0)
    conversation = ann.group(bob, register("dan"))
    answers = [
        ann.send(conversation, "hello"),
        bob.post(f"/api/conversations/{conversation}/read"),
        ann.post(f"/api/conversations/{conversation}/members", {"userIds": [eve.id]}),
        ann.rest("PATCH", f"/api/conversations/{conversation}", json={"name": "Other"}).json,
        bob.rest("PUT", "/api/user/profile", json={"name": "Robert"}).json,
        socket.call("newMessage", {"conversationId": conversation, "content": "again"}),
        socket.call("typing", {"conversationId": conversation, "isTyping": True}),
        socket.call("getMessages", {"conversationId": "x"}),
        bob.post(f"/api/conversations/{conversation}/leave"),
        ann.post("/api/auth/logout-all"),
    ]
    assert [row["success"] for row in answers] == [True] * 7 + [False] + [True] * 2
    assert answers[7]["error"]["code"] == "CONVERSATION_NOT_FOUND"
    assert log.lines(level="error", message="an event could not be pushed")


def test_a_value_that_cannot_be_written_is_logged_in_another_way(log):
    class Odd:
        def __str__(self):
            raise RuntimeError

        __repr__ = __str__

    structlog.get_logger("test").info("half a pair", text="\ud83d")
    structlog.get_logger("test").info("odd", value=Odd())
    half, odd = log.text.splitlines()
    assert json.loads(half)["text"] == "\ud83d" and json.loads(odd)["value"] == "<Odd>"

"""Messages are sent: stored once, acknowledged after the write, delivered to everybody it concerns."""

from types import SimpleNamespace

import gevent
import pytest
from pymongo.errors import OperationFailure

from chatapp.database import db
from chatapp.services.log import recent
from chatapp.stores import entries as entry_store
from chatapp.stores import heads as head_store

TEXTS = [
    "plain",
    "  leading and trailing  ",
    "\n\tlines\r\n",
    "👩‍👩‍👧‍👦 🇮🇳 👍🏽",
    "שלום עולם مرحبا ‮abc‬",
    "e\u0301 vs \u00e9, \u1112\u1161\u11ab",
    '<b>&amp;</b> "quotes" \'and\' \\ / {"$ne": null}',
    "\u2028\u2029\ufeff\u200b.",
    "\U0010ffff \x01\x1f\x7f",
    "x" * 10_000,
    "🙂" * 10_000,
]


@pytest.fixture(params=["rest", "socket"])
def send(request):
    """Send over one of the transports: `send(person, conversation, content, **more)`; return the answer."""
    if request.param == "rest":
        return lambda person, conversation, content, **more: person.send(conversation, content, **more)

    sockets = {}

    def over_socket(person, conversation, content, **more):
        socket = sockets.get(person.id) or person.socket()
        sockets[person.id] = socket
        return socket.call("newMessage", {"conversationId": conversation, "content": content, **more})

    return over_socket


def history(person, conversation, query=""):
    return person.get(f"/api/conversations/{conversation}/messages{query}")["data"]


def stored():
    """Return how many entries the store has."""
    return db().entries.count_documents({})


@pytest.mark.parametrize("text", TEXTS)
def test_text_comes_back_byte_for_byte(send, ann, bob, text):
    conversation, device = ann.direct(bob), bob.socket()
    sent = send(ann, conversation, text)
    assert sent["data"]["content"] == text
    assert device.received("newMessage")[0]["data"] == sent["data"]
    assert history(bob, conversation)[0]["content"] == text


@pytest.mark.parametrize("text", [None, "", " ", "\n\t ", "\u3000\u00a0", 5, ["x"], {"$ne": None}, "null\0"])
def test_text_that_says_nothing_or_is_none_is_refused(send, ann, bob, text):
    conversation = ann.direct(bob)
    answer = send(ann, conversation, text)
    assert (answer["error"]["code"], answer["error"]["statusCode"]) == ("VALIDATION_ERROR", 400)
    assert stored() == 0


def test_an_attachment_needs_no_text(send, ann, bob):
    sent = send(ann, ann.direct(bob), "", attachment="https://pictures.example/1.jpg")
    assert (sent["data"]["content"], sent["data"]["attachment"]) == ("", "https://pictures.example/1.jpg")


def test_too_long_a_text_is_413_and_the_socket_stays(ann, bob):
    conversation, socket = ann.direct(bob), ann.socket()
    for text in ("x" * 10_001, "x" * 70_000):
        answer = ann.rest("POST", f"/api/conversations/{conversation}/messages", json={"content": text})
        assert (answer.status_code, answer.json["error"]["code"]) == (413, "CONTENT_TOO_LARGE")
        ack = socket.call("newMessage", {"conversationId": conversation, "content": text})
        assert (ack["error"]["statusCode"], ack["error"]["code"]) == (413, "CONTENT_TOO_LARGE")
    assert socket.connected
    assert socket.call("newMessage", {"conversationId": conversation, "content": "short"})["success"]


def test_a_message_reaches_every_device_of_every_member_and_no_stranger(send, ann, bob, eve, register):
    dan = register("dan")
    conversation = ann.group(bob, dan)
    devices = [ann.socket(), ann.socket(), bob.socket(), bob.socket(), dan.socket()]
    strange = eve.socket()
    for socket in (*devices, strange):
        socket.forget()
    sent = send(ann, conversation, "hello")
    for socket in devices:
        (event,) = socket.received("newMessage")
        assert event["data"] | {"deliveredTo": 0, "readBy": 0} == sent["data"]
    assert [row for row in strange.received() if conversation in str(row)] == []


def test_the_sender_is_who_the_token_says(send, ann, bob):
    sent = send(ann, ann.direct(bob), "hello", sender={"id": bob.id, "name": "Bob"}, senderId=bob.id, userId=bob.id)
    assert sent["data"]["sender"]["id"] == ann.id


def test_a_repeat_gives_the_original_and_tells_nobody_again(send, ann, bob):
    conversation, device = ann.direct(bob), bob.socket()
    first = send(ann, conversation, "hello", clientMsgId="one")
    again = send(ann, conversation, "hello", clientMsgId="one")
    assert again["duplicate"] is True
    assert again["data"]["id"] == first["data"]["id"]
    assert again["data"]["seq"] == first["data"]["seq"]
    assert "duplicate" not in first
    assert len(device.received("newMessage")) == stored() == 1


def test_a_repeat_is_201_then_200(ann, bob):
    path = f"/api/conversations/{ann.direct(bob)}/messages"
    body = {"content": "hello", "clientMsgId": "one"}
    assert [ann.rest("POST", path, json=body).status_code for _ in range(2)] == [201, 200]


def test_a_repeat_over_the_other_transport_is_a_repeat(ann, bob):
    conversation = ann.direct(bob)
    first = ann.send(conversation, "hello", clientMsgId="one")
    again = ann.socket().call("newMessage", {"conversationId": conversation, "content": "hello", "tempId": "one"})
    assert (again["duplicate"], again["data"]["id"]) == (True, first["data"]["id"])


def test_an_id_used_for_another_message_is_refused(send, ann, bob):
    conversation = ann.direct(bob)
    send(ann, conversation, "hello", clientMsgId="one")
    for answer in (
        send(ann, conversation, "hello!", clientMsgId="one"),
        send(ann, conversation, "hello", clientMsgId="one", attachment="https://pictures.example/1.jpg"),
    ):
        assert (answer["error"]["code"], answer["error"]["statusCode"]) == ("IDEMPOTENCY_MISMATCH", 409)
    assert stored() == 1


def test_the_same_id_in_another_conversation_is_another_message(send, ann, bob, eve):
    conversation, other = ann.direct(bob), ann.direct(eve)
    first = send(ann, conversation, "hello", clientMsgId="one")
    second = send(ann, other, "hello", clientMsgId="one")
    assert "duplicate" not in second and second["data"]["id"] != first["data"]["id"]
    recent.clear()  # as after a restart
    for chat, message in ((conversation, first), (other, second)):
        again = send(ann, chat, "hello", clientMsgId="one")
        assert (again["duplicate"], again["data"]["id"]) == (True, message["data"]["id"])
    assert stored() == 2


def test_ids_belong_to_their_sender(send, ann, bob):
    conversation = ann.direct(bob)
    answers = [send(person, conversation, "hello", clientMsgId="one") for person in (ann, bob)]
    assert [answer["data"]["seq"] for answer in answers] == [1, 2]


def test_a_temp_id_is_queued_after_the_write(ann, bob):
    conversation, socket = ann.direct(bob), ann.socket()
    ack = socket.call("newMessage", {"conversationId": conversation, "content": "hello", "tempId": "t1"})
    (queued,) = socket.received("messageQueued")
    assert queued == {"tempId": "t1", "seq": 1, "timestamp": ack["data"]["createdAt"]}
    names = [row["name"] for row in socket.received() if row["name"] in ("newMessage", "messageQueued")]
    assert names == ["newMessage", "messageQueued"]


def test_a_refused_temp_id_is_not_queued(ann, bob):
    socket = ann.socket()
    socket.call("newMessage", {"conversationId": ann.direct(bob), "content": " ", "tempId": "t1"})
    assert socket.received("messageQueued") == []


def test_a_quick_succession_over_one_socket_keeps_its_order_for_all(ann, bob):
    conversation, socket, partner = ann.direct(bob), ann.socket(), bob.socket()
    texts = [str(number) for number in range(60)]
    for text in texts:
        socket.emit("newMessage", {"conversationId": conversation, "content": text})
    for hears in (socket, partner):
        got = [event["data"] for event in hears.received("newMessage")]
        assert [row["content"] for row in got] == texts
        assert [row["seq"] for row in got] == list(range(1, 61))


def test_nothing_is_said_of_a_message_whose_insert_fails(send, ann, bob, monkeypatch):
    conversation, device = ann.direct(bob), bob.socket()

    def fail(entry):
        raise RuntimeError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(entry_store, "insert", fail)
        answer = send(ann, conversation, "hello", clientMsgId="one")
    assert answer["error"]["code"] == "INTERNAL_ERROR"
    assert "disk" not in str(answer)
    assert device.received("newMessage") == []
    assert send(ann, conversation, "hello", clientMsgId="one")["data"]["seq"] == 1


def fail_once(monkeypatch, store, name):
    """Make a function of the store raise the first time it is called."""
    real, failures = getattr(store, name), [RuntimeError("connection lost")]

    def maybe(*args, **kwargs):
        if failures:
            raise failures.pop()
        return real(*args, **kwargs)

    monkeypatch.setattr(store, name, maybe)


@pytest.mark.parametrize("warm", [False, True])
def test_a_failure_after_the_insert_heals_on_retry(send, ann, bob, monkeypatch, warm):
    conversation, device = ann.direct(bob), bob.socket()
    if warm:
        send(bob, conversation, "before")
    fail_once(monkeypatch, head_store, "advance")
    assert not send(ann, conversation, "hello", clientMsgId="one")["success"]
    again = send(ann, conversation, "hello", clientMsgId="one")
    assert (again["success"], again["data"]["seq"]) == (True, 1 + warm)
    contents = ["before"] * warm + ["hello"]
    assert [event["data"]["content"] for event in device.received("newMessage")] == contents
    assert [row["content"] for row in history(bob, conversation)] == contents[::-1]


def test_a_failure_after_the_insert_heals_with_the_next_message_of_anybody(send, ann, bob, monkeypatch):
    conversation, device = ann.direct(bob), ann.socket()
    fail_once(monkeypatch, head_store, "advance")
    assert not send(ann, conversation, "lost answer", clientMsgId="one")["success"]
    assert send(bob, conversation, "next")["data"]["seq"] == 2
    assert [event["data"]["seq"] for event in device.received("newMessage")] == [1, 2]
    (row,) = ann.get("/api/user/conversations")["data"]
    assert (row["head"]["seq"], row["head"]["mseq"], row["unreadCount"]) == (2, 2, 1)


@pytest.mark.parametrize("is_stored", [False, True])
def test_an_insert_that_the_database_gave_up_is_looked_up_and_made_again(send, ann, bob, monkeypatch, is_stored):
    """Two processes that append at once may stand in each other's way; a deadlock's answer says nothing for sure."""
    conversation, device, real = ann.direct(bob), bob.socket(), entry_store.db
    failures = [OperationFailure("deadlock detected", 112)]

    class Entries:
        def __getattr__(self, name):
            return getattr(real().entries, name)

        def insert_one(self, entry):
            if is_stored or not failures:
                real().entries.insert_one(entry)
            if failures:
                raise failures.pop()

    monkeypatch.setattr(entry_store, "db", lambda: SimpleNamespace(entries=Entries()))
    assert send(ann, conversation, "hello")["data"]["seq"] == 1
    assert not failures
    assert send(ann, conversation, "again")["data"]["seq"] == 2
    assert [event["data"]["content"] for event in device.received("newMessage")] == ["hello", "again"]
    assert [row["content"] for row in history(bob, conversation)] == ["again", "hello"]


def test_a_lost_insert_answer_heals_on_retry(send, ann, bob, monkeypatch):
    """The entry was written, but the database's answer never came."""
    conversation, device, real = ann.direct(bob), bob.socket(), entry_store.insert

    def write_and_fail(entry):
        real(entry)
        raise RuntimeError("connection lost")

    with monkeypatch.context() as patched:
        patched.setattr(entry_store, "insert", write_and_fail)
        assert not send(ann, conversation, "hello", clientMsgId="one")["success"]
    again = send(ann, conversation, "hello", clientMsgId="one")
    assert (again["duplicate"], again["data"]["seq"]) == (True, 1)
    assert len(device.received("newMessage")) == stored() == 1


def test_the_oldest_apps_send_message_is_stored_and_delivered(ann, bob):
    conversation, socket, device = ann.direct(bob), ann.socket(), bob.socket()
    for message in ("hello", {"content": "hello", "sender": {"id": bob.id}}):
        assert socket.call("sendMessage", {"conversationId": conversation, "message": message})["success"]
    got = [event["data"] for event in device.received("newMessage")]
    assert [(row["content"], row["sender"]["id"]) for row in got] == [("hello", ann.id)] * 2


def test_many_senders_at_once_leave_no_hole_and_one_order(ann, bob, eve):
    conversation = ann.group(bob, eve)
    hears = [person.socket() for person in (ann, bob, eve)]
    jobs = [
        gevent.spawn(person.send, conversation, f"{person.id} {number}")
        for number in range(20)
        for person in (ann, bob, eve)
    ]
    gevent.joinall(jobs, raise_error=True)
    assert sorted(job.value["data"]["seq"] for job in jobs) == list(range(1, 61))
    orders = [[event["data"]["seq"] for event in socket.received("newMessage")] for socket in hears]
    assert orders == [list(range(1, 61))] * 3
    assert [row["seq"] for row in history(ann, conversation)] == list(range(60, 0, -1))


def test_the_same_send_many_times_at_once_is_stored_once(ann, bob):
    conversation, device = ann.direct(bob), bob.socket()
    jobs = [gevent.spawn(ann.send, conversation, "hello", clientMsgId="one") for _ in range(20)]
    gevent.joinall(jobs, raise_error=True)
    assert {job.value["data"]["seq"] for job in jobs} == {1}
    assert len(device.received("newMessage")) == stored() == 1

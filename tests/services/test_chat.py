"""Conversations and messages: REST and sockets, two stores."""

import gevent
import pytest

from chatapp.realtime import connections
from chatapp.services.log.catch_up import recover
from chatapp.stores import entries as entry_store
from chatapp.stores import heads as head_store
from tests.conftest import eventually


@pytest.fixture(params=["rest", "socket"])
def send(request):
    """Send a message over either transport: `send(person, conversation_id, fields)` returns body or ack."""

    def over_rest(person, conversation_id, **fields):
        return person.post(f"/api/conversations/{conversation_id}/messages", fields)

    def over_socket(person, conversation_id, **fields):
        return person.socket().call("newMessage", {"conversationId": conversation_id, **fields})

    return over_rest if request.param == "rest" else over_socket


@pytest.fixture
def chat(ann, bob):
    return ann.direct(bob)


def test_a_message_reaches_every_device_of_every_member_and_nobody_else(ann, bob, eve, chat, send):
    devices = [ann.socket(), ann.socket(), bob.socket(), bob.socket()]
    stranger = eve.socket()
    sent = send(ann, chat, content="hello")
    assert sent["success"] and sent["data"]["seq"] == 1 and sent["data"]["status"] == "sent"
    assert [device.received("newMessage") for device in devices] == [[sent]] * 4
    assert stranger.received("newMessage") == []


@pytest.mark.parametrize(
    "text", ["  leading", "שלום عليكم", "👩‍👩‍👧‍👦 é e\u0301", "<b>&amp;</b>", "x" * 10_000, "a\r\n\tb"]
)
def test_text_comes_back_byte_for_byte(ann, bob, chat, send, text):
    assert send(ann, chat, content=text)["data"]["content"] == text
    assert bob.get(f"/api/user/messages/{chat}")["data"][0]["content"] == text


@pytest.mark.parametrize("fields", [{}, {"content": ""}, {"content": " \n\t"}, {"content": None}, {"content": "a\0b"}])
def test_empty_and_unstorable_text_is_refused(ann, chat, send, fields):
    assert send(ann, chat, **fields)["error"]["code"] == "VALIDATION_ERROR"


def test_text_over_the_limit_is_refused_and_the_socket_stays(ann, chat):
    socket = ann.socket()
    answer = socket.call("newMessage", {"conversationId": chat, "content": "x" * 10_001})
    assert answer["error"]["code"] == "CONTENT_TOO_LARGE" and socket.connected
    assert ann.rest("POST", f"/api/conversations/{chat}/messages", json={"content": "x" * 10_001}).status_code == 413
    assert socket.call("newMessage", {"conversationId": chat, "content": "ok"})["success"]


def test_a_repeat_gives_the_original_and_is_told_once(ann, bob, chat, send):
    hears = bob.socket()
    first = send(ann, chat, content="once", clientMsgId="m1")
    again = send(ann, chat, content="once", clientMsgId="m1")
    assert again["duplicate"] is True and again["data"] == first["data"]
    assert len(hears.received("newMessage")) == 1


def test_a_client_id_is_for_one_message_of_a_conversation(ann, bob, eve, chat, send):
    send(ann, chat, content="once", clientMsgId="m1")
    assert send(ann, chat, content="other", clientMsgId="m1")["error"]["code"] == "IDEMPOTENCY_MISMATCH"
    assert send(ann, ann.direct(eve), content="other", clientMsgId="m1")["data"]["seq"] == 1
    assert send(bob, chat, content="mine", clientMsgId="m1")["data"]["seq"] == 2


def test_a_temp_id_is_answered_after_the_write(ann, chat):
    socket = ann.socket()
    answer = socket.call("newMessage", {"conversationId": chat, "content": "x", "tempId": "t1"})
    assert answer["data"]["clientMsgId"] == "t1"
    assert socket.received("messageQueued")[0]["seq"] == answer["data"]["seq"]


def test_identity_never_comes_from_the_payload(ann, bob, chat):
    answer = ann.socket().call("newMessage", {"conversationId": chat, "content": "x", "sender": {"id": bob.id}})
    assert answer["data"]["sender"]["id"] == ann.id


def test_concurrent_sends_get_gapless_numbers(ann, bob, chat):
    calls = [gevent.spawn(person.send, chat, f"{number}") for number in range(15) for person in (ann, bob)]
    gevent.joinall(calls)
    assert sorted(call.value["data"]["seq"] for call in calls) == list(range(1, 31))


def test_one_senders_order_is_everybodys_order(ann, bob, chat):
    hears, socket = bob.socket(), ann.socket()
    for number in range(30):
        socket.emit("newMessage", {"conversationId": chat, "content": str(number)})
    assert [row["data"]["content"] for row in hears.received("newMessage")] == [str(number) for number in range(30)]


def test_nothing_is_told_when_the_write_fails(ann, bob, chat, send, monkeypatch):
    hears = bob.socket()

    def fail(_):
        raise RuntimeError("disk on fire")

    monkeypatch.setattr(entry_store, "insert", fail)
    answer = send(ann, chat, content="lost", clientMsgId="m1")
    assert answer["error"]["code"] == "INTERNAL_ERROR" and "fire" not in str(answer)
    monkeypatch.undo()
    assert hears.received("newMessage") == []
    assert send(ann, chat, content="lost", clientMsgId="m1")["data"]["seq"] == 1


def test_a_crash_between_entry_and_head_heals_on_the_repeat(ann, bob, chat, send, monkeypatch):
    hears = bob.socket()

    def crash(*_):
        raise RuntimeError("killed")

    monkeypatch.setattr(head_store, "advance", crash)
    assert not send(ann, chat, content="first", clientMsgId="m1")["success"]
    monkeypatch.undo()
    assert hears.received("newMessage") == []
    again = send(ann, chat, content="first", clientMsgId="m1")
    assert again["duplicate"] and again["data"]["seq"] == 1
    assert send(bob, chat, content="second")["data"]["seq"] == 2
    assert [row["data"]["seq"] for row in hears.received("newMessage")] == [1, 2]
    assert ann.get("/api/user/conversations")["data"][0]["unreadCount"] == 1


def test_direct_conversations_are_unique_per_pair(ann, bob):
    calls = [
        gevent.spawn(
            person.rest, "POST", "/api/user/conversations", json={"type": "direct", "participants": [other.id]}
        )
        for person, other in [(ann, bob), (bob, ann)] * 5
    ]
    gevent.joinall(calls)
    assert len({call.value.json["data"]["id"] for call in calls}) == 1
    assert sorted(call.value.status_code for call in calls) == [200] * 9 + [201]


def test_a_new_conversation_is_told_to_every_member_and_an_old_one_to_the_caller(ann, bob, eve):
    sockets = [person.socket() for person in (ann, bob, eve)]
    sockets[0].call("newConversation", {"type": "direct", "participants": [ann.id, bob.id]})
    assert [[row["data"]["isNew"] for row in socket.received("newConversation")] for socket in sockets] == [
        [True],
        [True],
        [],
    ]
    sockets[1].call("newConversation", {"type": "direct", "participants": [ann.id]})
    assert [row["data"]["isNew"] for row in sockets[1].received("newConversation")] == [True, False]
    assert len(sockets[0].received("newConversation")) == 1


@pytest.mark.parametrize(
    "body",
    [
        {"type": "direct", "participants": []},
        {"type": "direct", "participants": ["0" * 24]},
        {"type": "group", "participants": ["BOB", "EVE"], "name": ""},
        {"type": "group", "participants": ["BOB"], "name": "x"},
        {"type": "other", "participants": ["BOB"]},
        {"type": "group", "participants": "BOB"},
    ],
)
def test_impossible_conversations_are_refused(ann, bob, eve, body):
    people = {"BOB": bob.id, "EVE": eve.id}
    if isinstance(body["participants"], list):
        body = {**body, "participants": [people.get(row, row) for row in body["participants"]]}
    assert ann.post("/api/user/conversations", body)["error"]["code"] == "VALIDATION_ERROR"
    assert ann.socket().call("newConversation", body)["error"]["code"] == "VALIDATION_ERROR"


def test_groups_have_roles_and_drop_unknown_people(ann, bob, eve):
    body = {"type": "group", "name": "Team", "participants": [bob.id, eve.id, "0" * 24, "rubbish", ann.id]}
    data = ann.post("/api/user/conversations", body)["data"]
    assert {row["id"]: row["role"] for row in data["participants"]} == {
        ann.id: "owner",
        bob.id: "member",
        eve.id: "member",
    }


def test_history_is_newest_first_and_paged_by_seq(ann, bob, chat):
    for number in range(1, 13):
        ann.send(chat, str(number))
    page = bob.get(f"/api/conversations/{chat}/messages?limit=5")
    assert [row["seq"] for row in page["data"]] == [12, 11, 10, 9, 8] and page["pagination"]["hasMore"]
    page = bob.get(f"/api/conversations/{chat}/messages?limit=5&before={page['pagination']['nextBefore']}")
    assert [row["seq"] for row in page["data"]] == [7, 6, 5, 4, 3]
    page = bob.get(f"/api/conversations/{chat}/messages?limit=5&before=3")
    assert [row["seq"] for row in page["data"]] == [2, 1] and not page["pagination"]["hasMore"]
    after = bob.socket().call("getMessages", {"conversationId": chat, "after": 4, "limit": 3})
    assert [row["seq"] for row in after["data"]] == [7, 6, 5] and after["pagination"]["nextAfter"] == 7


def test_unread_counts_others_messages_only(ann, bob, chat):
    ann.send(chat, "1")
    ann.send(chat, "2")
    unread = lambda person: person.get("/api/user/conversations")["data"][0]["unreadCount"]  # noqa: E731
    assert (unread(ann), unread(bob)) == (0, 2)
    assert bob.socket().call("markAsRead", {"conversationId": chat, "seq": 1})["data"]["unreadCount"] == 1
    assert bob.post(f"/api/conversations/{chat}/read")["data"]["unreadCount"] == 0
    bob.post(f"/api/conversations/{chat}/read", {"seq": 1})
    assert unread(bob) == 0
    bob.send(chat, "3")
    assert (unread(ann), unread(bob)) == (1, 0)


def test_the_sender_sees_when_a_message_was_read(ann, bob, chat):
    message = ann.send(chat, "read me")["data"]
    hears = ann.socket()
    bob.socket().call("messageRead", {"conversationId": chat, "messageId": message["id"]})
    assert hears.received("messageReadReceipt")[0]["readBy"] == bob.id
    assert ann.get(f"/api/user/messages/{chat}")["data"][0]["status"] == "read"


def test_deleting_hides_for_the_caller_until_the_next_message(ann, bob, chat):
    ann.send(chat, "old")
    other_device = bob.socket()
    assert bob.socket().call("deleteConversation", {"conversationId": chat})["success"]
    assert other_device.received("conversationDeleted")[0]["data"]["conversationId"] == chat
    assert bob.get("/api/user/conversations")["data"] == []
    assert len(ann.get(f"/api/user/messages/{chat}")["data"]) == 1
    ann.send(chat, "new")
    assert bob.get("/api/user/conversations")["data"][0]["unreadCount"] == 1
    assert [row["content"] for row in bob.get(f"/api/user/messages/{chat}")["data"]] == ["new"]


def test_typing_and_presence_are_told_to_partners_only(ann, bob, eve, chat):
    hears, deaf = bob.socket(), eve.socket()
    socket = ann.socket()
    assert eventually(lambda: hears.received("userOnline")) == [{"userId": ann.id}]
    assert deaf.received("userOnline") == []
    socket.call("typing", {"conversationId": chat, "isTyping": True})
    assert hears.received("userTyping")[0]["userEmail"] == "ann@test.com"
    socket.inner.disconnect()
    assert eventually(lambda: hears.received("userOffline")) == [{"userId": ann.id}]
    assert [row["status"] for row in hears.received("userStatusChanged")] == ["online", "offline"]


def test_old_join_leave_and_rejoin_take_bare_ids(ann, bob, eve, chat):
    socket = ann.socket()
    socket.emit("joinConversation", chat)
    socket.emit("leaveConversation", chat)
    socket.emit("rejoinConversations")
    assert socket.received("conversationJoined") == [{"success": True, "conversationId": chat}]
    assert socket.received("conversationLeft") == [{"success": True, "conversationId": chat}]
    assert socket.received("rejoinedConversations") == [{"success": True, "count": 1}]
    assert eve.socket().call("joinConversation", chat)["error"]["code"] == "CONVERSATION_NOT_FOUND"


@pytest.mark.parametrize("message", ["relay", {"content": "relay"}])
def test_the_oldest_send_is_stored_too(ann, bob, chat, message):
    hears = bob.socket()
    assert ann.socket().call("sendMessage", {"conversationId": chat, "message": message})["data"]["content"] == "relay"
    assert len(hears.received("newMessage")) == 1


@pytest.mark.parametrize("event", ["getContacts", "getConversations"])
def test_requests_without_payload_answer_as_event_and_ack(ann, bob, event):
    socket = ann.socket()
    for payload in ((), (None,), ({},)):
        socket.forget()
        ack = socket.call(event, *payload)
        assert ack["success"] and socket.received(event) == [ack]


def test_events_not_there_yet_say_so(ann):
    socket = ann.socket()
    assert socket.call("story:post", {"mediaUrl": "x"})["error"]["code"] == "NOT_IMPLEMENTED"
    assert socket.received("story:error")[0]["error"]["statusCode"] == 501


def test_recovery_announces_what_a_crash_left(ann, bob, chat, monkeypatch):
    hears = bob.socket()
    monkeypatch.setattr(head_store, "advance", lambda *_, **__: (_ for _ in ()).throw(RuntimeError("killed")))
    ann.send(chat, "left behind")
    monkeypatch.undo()
    assert recover(100) == 1
    assert [row["data"]["content"] for row in hears.received("newMessage")] == ["left behind"]
    assert recover(100) == 0
    assert bob.get("/api/user/conversations")["data"][0]["unreadCount"] == 1


def test_connections_are_forgotten(ann):
    socket = ann.socket()
    socket.inner.disconnect()
    eventually(lambda: not connections.here.by_sid)

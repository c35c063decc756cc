"""The three generations of old apps get the names and shapes that they wait for (contract)."""

import jwt
import pytest


@pytest.fixture
def conversation(ann, bob):
    return ann.direct(bob)


def test_g1_finds_accounts_at_the_root_and_the_user_in_the_token(client):
    body = {"email": "new@test.com", "password": "password123", "name": "New"}
    registered = client.post("/auth/register", json=body).json
    logged_in = client.post("/auth/login", json=body).json
    for answer in (registered, logged_in):
        claims = jwt.decode(answer["token"], options={"verify_signature": False})
        assert {"id", "name", "email", "avatar"} <= set(claims["user"])
        assert claims["userId"] == claims["sub"] == claims["user"]["id"] == answer["data"]["id"]
        assert {"email", "name", "exp"} <= set(claims)


def test_failures_carry_msg(client):
    answer = client.post("/auth/login", json={"email": "no@test.com", "password": "password123"}).json
    assert (answer["success"], answer["msg"]) == (False, "Invalid credentials")


def test_people_and_conversations_have_both_ids(ann, bob, conversation):
    socket = ann.socket()
    for event in ("getContacts", "getConversations"):
        socket.call(event, None)
        (answer,) = socket.received(event)
        assert answer["success"]
        assert [row["id"] for row in answer["data"]] == [row["_id"] for row in answer["data"]]
    (row,) = answer["data"]
    assert {"type", "name", "avatar", "participants", "createdBy", "createdAt", "updatedAt"} <= set(row)
    assert row["unreadCount"] == 0
    assert all({"_id", "name", "avatar", "email"} <= set(person) for person in row["participants"])


def test_a_bare_id_joins_and_leaves(ann, conversation):
    socket = ann.socket()
    for event, reply in (("joinConversation", "conversationJoined"), ("leaveConversation", "conversationLeft")):
        socket.emit(event, conversation)
        (answer,) = socket.received(reply)
        assert answer["conversationId"] == conversation


def test_rejoin_counts_the_conversations(ann, conversation):
    socket = ann.socket()
    socket.emit("rejoinConversations")
    (answer,) = socket.received("rejoinedConversations")
    assert (answer["success"], answer["count"]) == (True, 1)


def test_g2_and_g3_send_and_get_the_bubble_back(ann, bob, conversation):
    socket, partner = ann.socket(), bob.socket()
    sender = {"id": ann.id, "name": "Ann", "avatar": None}
    payload = {"conversationId": conversation, "sender": sender, "content": " hi ", "attachment": None, "tempId": "t"}
    socket.emit("newMessage", payload)
    for hears in (socket, partner):
        (event,) = hears.received("newMessage")
        message = event["data"]
        assert (event["success"], message["content"], message["sender"]["id"]) == (True, " hi ", ann.id)
        assert {"id", "_id", "attachment", "createdAt", "conversationId", "sender"} <= set(message)
    assert {"tempId", "seq", "timestamp"} == set(socket.received("messageQueued")[0])
    socket.emit("getMessages", {"conversationId": conversation})
    assert [row["content"] for row in socket.received("getMessages")[0]["data"]] == [" hi "]


def test_reading_and_typing_are_told(ann, bob, conversation):
    socket, partner = ann.socket(), bob.socket()
    partner.emit("markAsRead", {"conversationId": conversation})
    assert partner.received("markAsRead")[0]["data"]["conversationId"] == conversation
    socket.emit("typing", {"conversationId": conversation, "isTyping": True})
    (event,) = partner.received("userTyping")
    assert (event["userId"], event["userEmail"], event["isTyping"]) == (ann.id, "ann@test.com", True)
    assert event["conversationId"] == conversation
    assert socket.received("userTyping") == []


def test_a_changed_profile_comes_as_the_union_of_both_shapes(ann, bob, conversation):
    socket, partner = ann.socket(), bob.socket()
    socket.emit("updateProfile", {"name": "Anna", "avatar": None})
    (answer,) = socket.received("updateProfile")
    assert {"token", "id", "name", "email", "avatar"} <= set(answer["data"])
    assert (answer["success"], answer["data"]["name"], "msg" in answer) == (True, "Anna", True)
    assert partner.received("userProfileUpdated") == [{"userId": ann.id, "name": "Anna", "avatar": None}]


def test_a_failed_send_is_an_event_of_the_same_name(ann, conversation):
    socket = ann.socket()
    socket.emit("newMessage", {"conversationId": conversation, "content": ""})
    (answer,) = socket.received("newMessage")
    assert answer["success"] is False
    assert isinstance(answer["msg"], str)


def test_the_socket_test_answers(ann):
    socket = ann.socket()
    socket.emit("testSocket", "anything")
    assert "msg" in socket.received("testSocket")[0]

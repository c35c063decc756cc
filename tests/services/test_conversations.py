"""Conversations are opened, listed and hidden."""

import gevent
import pytest
from bson import ObjectId

from chatapp import clock
from chatapp.database import db
from chatapp.services.log import cache
from chatapp.stores import conversations as conversation_store
from chatapp.stores import memberships as membership_store
from config import TestConfig


@pytest.fixture(params=["rest", "socket"])
def create(request):
    """Create a conversation over one of the transports: `create(person, body)`; return the answer."""
    if request.param == "rest":
        return lambda person, body: person.post("/api/user/conversations", body)
    return lambda person, body: person.socket().call("newConversation", body)


def direct(other):
    return {"type": "direct", "participants": [other.id]}


def group(*others, **more):
    return {"type": "group", "participants": [row.id for row in others], "name": "Team", **more}


def names(conversation):
    return [row["name"] for row in conversation["participants"]]


def test_a_direct_conversation_is_unique_per_pair_whoever_opens_it(create, ann, bob):
    first = create(ann, direct(bob))
    again, mirrored = create(ann, direct(bob)), create(bob, direct(ann))
    assert first["data"]["isNew"] is True
    assert {again["data"]["isNew"], mirrored["data"]["isNew"]} == {False}
    assert first["data"]["id"] == again["data"]["id"] == mirrored["data"]["id"]


def test_opening_a_direct_conversation_is_201_then_200(ann, bob):
    statuses = [ann.rest("POST", "/api/user/conversations", json=direct(bob)).status_code for _ in range(2)]
    assert statuses == [201, 200]


def test_both_sides_open_the_direct_conversation_at_once(ann, bob):
    jobs = [
        gevent.spawn(side.post, "/api/user/conversations", direct(other))
        for side, other in [(ann, bob), (bob, ann)] * 8
    ]
    gevent.joinall(jobs, raise_error=True)
    assert len({job.value["data"]["id"] for job in jobs}) == 1
    assert sum(job.value["data"]["isNew"] for job in jobs) == 1
    assert db().conversations.count_documents({}) == 1


def test_a_new_conversation_is_told_to_every_member_and_to_nobody_else(create, ann, bob, eve):
    hears_ann, hears_bob, hears_eve = ann.socket(), bob.socket(), eve.socket()
    answer = create(ann, direct(bob))
    for socket in (hears_ann, hears_bob):
        (event,) = socket.received("newConversation")
        assert event["data"]["id"] == answer["data"]["id"]
        assert event["data"]["isNew"] is True
    assert hears_eve.received("newConversation") == []


def test_an_existing_conversation_is_told_to_the_caller_only(ann, bob):
    ann.direct(bob)
    caller, other_device, partner = ann.socket(), ann.socket(), bob.socket()
    answer = caller.call("newConversation", direct(bob))
    assert answer["data"]["isNew"] is False
    assert caller.received("newConversation") == [answer]
    assert other_device.received("newConversation") == partner.received("newConversation") == []


def test_a_direct_conversation_needs_one_other_who_exists(create, ann, bob, eve):
    for participants in ([ann.id], ["f" * 24], ["nonsense"], [bob.id, eve.id]):
        answer = create(ann, {"type": "direct", "participants": participants})
        assert answer["error"]["code"] == "VALIDATION_ERROR"
        assert "participants" in answer["error"]["details"]


def test_a_group_has_a_name_and_the_caller_whether_listed_or_not(create, ann, bob, eve):
    unlisted, listed = create(ann, group(bob, eve)), create(ann, group(ann, bob, eve, bob))
    assert names(unlisted["data"]) == names(listed["data"]) == ["Ann", "Bob", "Eve"]
    assert unlisted["data"]["id"] != listed["data"]["id"]
    assert unlisted["data"]["name"] == "Team"


def test_unknown_participants_of_a_group_are_dropped(create, ann, bob, eve):
    answer = create(ann, {**group(bob, eve), "participants": [bob.id, "f" * 24, eve.id, "nonsense"]})
    assert names(answer["data"]) == ["Ann", "Bob", "Eve"]


def test_a_group_of_fewer_than_two_others_is_refused(create, ann, bob):
    for participants in ([bob.id], [bob.id, ann.id], [bob.id, bob.id], [bob.id, "f" * 24]):
        answer = create(ann, {**group(bob), "participants": participants})
        assert "participants" in answer["error"]["details"]


@pytest.mark.parametrize("name", [None, "", "  \n", "x" * 101])
def test_a_group_without_a_usable_name_is_refused(create, ann, bob, eve, name):
    assert "name" in create(ann, {**group(bob, eve), "name": name})["error"]["details"]


def test_a_group_over_the_size_limit_is_refused(create, ann, bob, eve, register, monkeypatch):
    monkeypatch.setattr("chatapp.services.founding.config", lambda: TestConfig(MAX_GROUP_SIZE=3))
    dan = register("dan")
    assert create(ann, group(bob, eve))["success"]
    answer = create(ann, group(bob, eve, dan))
    assert (answer["error"]["code"], answer["error"]["statusCode"]) == ("GROUP_TOO_LARGE", 413)


def test_the_list_has_the_last_active_first(ann, bob, eve):
    with_bob, with_eve = ann.direct(bob), ann.direct(eve)
    ann.send(with_bob, "hello")
    assert [row["id"] for row in ann.get("/api/user/conversations")["data"]] == [with_bob, with_eve]
    bob_sees = bob.socket().call("getConversations")["data"]
    assert [(row["id"], row["lastMessage"]["content"], row["unreadCount"]) for row in bob_sees] == [
        (with_bob, "hello", 1)
    ]


def test_the_list_shows_what_another_process_has_stored(ann, bob):
    conversation = ann.direct(bob)
    ann.send(conversation, "hello")
    assert bob.get("/api/user/conversations")["data"][0]["unreadCount"] == 1
    key = {"conversation_id": ObjectId(conversation), "user_id": ObjectId(bob.id)}
    db().memberships.update_one(key, {"$max": {"read_seq": 1, "read_mseq": 1}})
    db().conversations.update_one({"_id": ObjectId(conversation)}, {"$max": {"touched_at": clock.tick()}})
    assert bob.get("/api/user/conversations")["data"][0]["unreadCount"] == 0


def test_what_is_deleted_while_the_list_is_loaded_stays_deleted(ann, bob, monkeypatch):
    conversation = ann.direct(bob)
    ann.send(conversation, "hello")
    cache.reset()
    load = conversation_store.find_with_members

    def load_and_delete_meanwhile(ids):
        rows = load(ids)
        monkeypatch.undo()
        ann.rest("DELETE", f"/api/conversations/{conversation}")
        return rows

    monkeypatch.setattr(conversation_store, "find_with_members", load_and_delete_meanwhile)
    assert ann.get("/api/user/conversations")["data"] == []
    assert ann.get("/api/user/conversations")["data"] == []
    assert len(bob.get("/api/user/conversations")["data"]) == 1


def test_memberships_are_stored_once_whoever_stores_them_at_once(app):
    for _ in range(20):
        conversation = ObjectId()
        rows = [{"conversation_id": conversation, "user_id": ObjectId()} for _ in range(4)]
        jobs = [
            gevent.spawn(membership_store.insert_missing, conversation, [dict(row) for row in rows]) for _ in range(8)
        ]
        gevent.joinall(jobs, raise_error=True)
        assert db().memberships.count_documents({"conversation_id": conversation}) == 4


def test_an_empty_list_says_why(ann):
    for answer in (ann.get("/api/user/conversations"), ann.socket().call("getConversations", None)):
        assert answer["success"]
        assert answer["data"] == []
        assert answer["meta"]["code"] == "NO_CONVERSATIONS"


def test_the_list_comes_in_pages(ann, bob, eve, register):
    made = [ann.direct(other) for other in (bob, eve, register("dan"))]
    pages = [ann.get(f"/api/user/conversations?limit=2&skip={skip}") for skip in (0, 2)]
    assert [row["id"] for page in pages for row in page["data"]] == made[::-1]
    assert [page["pagination"]["hasMore"] for page in pages] == [True, False]


@pytest.fixture(params=["rest", "socket"])
def hide(request):
    """Delete a conversation for oneself over one of the transports."""
    if request.param == "rest":
        return lambda person, conversation: person.rest("DELETE", f"/api/conversations/{conversation}").json
    return lambda person, conversation: person.socket().call("deleteConversation", {"conversationId": conversation})


def test_a_deleted_conversation_is_gone_for_the_caller_on_all_devices_until_the_next_message(hide, ann, bob):
    conversation = ann.direct(bob)
    ann.send(conversation, "old")
    device, partner = ann.socket(), bob.socket()
    assert hide(ann, conversation)["data"] == {"conversationId": conversation}
    assert device.received("conversationDeleted") == [{"success": True, "data": {"conversationId": conversation}}]
    assert partner.received("conversationDeleted") == []
    assert ann.get("/api/user/conversations")["data"] == []
    assert [row["id"] for row in bob.get("/api/user/conversations")["data"]] == [conversation]

    bob.send(conversation, "new")
    (row,) = ann.get("/api/user/conversations")["data"]
    assert (row["lastMessage"]["content"], row["unreadCount"]) == ("new", 1)
    for person, contents in ((ann, ["new"]), (bob, ["new", "old"])):
        page = person.get(f"/api/conversations/{conversation}/messages")
        assert [message["content"] for message in page["data"]] == contents


def test_an_empty_conversation_can_be_deleted_too(hide, ann, bob):
    conversation = ann.direct(bob)
    hide(ann, conversation)
    assert ann.get("/api/user/conversations")["data"] == []
    bob.send(conversation, "hello")
    assert len(ann.get("/api/user/conversations")["data"]) == 1


def test_a_deleted_direct_conversation_comes_back_under_its_old_id(hide, ann, bob):
    conversation = ann.direct(bob)
    ann.send(conversation, "old")
    hide(ann, conversation)
    assert ann.direct(bob) == conversation


def test_pages_are_filled_past_hidden_conversations(ann, register):
    chats = [ann.direct(register(f"p{number}")) for number in range(7)]
    for chat in chats:
        ann.send(chat, "hello")
    newest_first = chats[::-1]
    for number in (0, 1, 4):
        ann.rest("DELETE", f"/api/conversations/{newest_first[number]}")

    def page(skip):
        answer = ann.get(f"/api/user/conversations?limit=2&skip={skip}")
        return [row["id"] for row in answer["data"]], answer["pagination"]["hasMore"], "meta" in answer

    shown = [newest_first[number] for number in (2, 3, 5, 6)]
    assert [page(0), page(2), page(4)] == [(shown[:2], True, False), (shown[2:], False, False), ([], False, False)]
    ann.send(newest_first[1], "back again")
    assert page(0) == ([newest_first[1], shown[0]], True, False)


def test_a_list_of_hidden_conversations_only_says_that_there_are_none(ann, bob, register):
    for other in (bob, register("kim")):
        chat = ann.direct(other)
        ann.send(chat, "hello")
        ann.rest("DELETE", f"/api/conversations/{chat}")
    page = ann.get("/api/user/conversations?limit=1")
    assert (page["data"], page["pagination"]["hasMore"], page["meta"]["code"]) == ([], False, "NO_CONVERSATIONS")

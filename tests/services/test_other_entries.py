"""Entries that are no messages: of types that this version does not know, many of them, and messages without a text."""

import pytest
from bson import ObjectId

from chatapp.database import db
from chatapp.lab.replica import Replica
from chatapp.services.log import recent
from chatapp.services.log.append import append_entry
from chatapp.services.log.draft import Draft
from chatapp.state import reset_caches
from chatapp.stores import heads as head_store

MANY = 150


def riddle(person, conversation, times=1):
    """Append entries of a type that a later version may have."""
    for _ in range(times):
        append_entry(ObjectId(conversation), Draft(ObjectId(person.id), "riddle", {"answer": 42}, lambda state: None))


def seqs(answer):
    return [row["seq"] for row in answer["data"]]


def test_an_entry_of_an_unknown_type_is_passed_over(ann, bob):
    chat, socket = ann.direct(bob), bob.socket()
    ann.send(chat, "before")
    before = ann.get(f"/api/conversations/{chat}")["data"]
    riddle(ann, chat)
    (entry,) = [row["data"] for row in socket.received("entry")]
    assert (entry["type"], entry["change"], entry["seq"], entry["mseq"]) == ("riddle", {}, 2, 1)
    reset_caches()
    after = ann.get(f"/api/conversations/{chat}")["data"]
    assert (after["lastMessage"], after["updatedAt"]) == (before["lastMessage"], before["updatedAt"])
    assert ann.send(chat, "after")["data"]["seq"] == 3
    assert [row["type"] for row in bob.get(f"/api/conversations/{chat}/entries")["data"]] == [
        "message",
        "riddle",
        "message",
    ]


def test_a_process_catches_up_over_an_unknown_type(ann, bob):
    chat = ann.direct(bob)
    ann.send(chat, "one")
    stored = db().conversations.find_one({"_id": ObjectId(chat)})
    riddle(ann, chat)
    bob.send(chat, "two")
    ann.get("/api/user/conversations")  # which stores the head
    db().conversations.replace_one({"_id": ObjectId(chat)}, stored)  # as a crash leaves it
    reset_caches()
    assert bob.send(chat, "three")["data"]["seq"] == 4
    assert bob.get("/api/user/conversations")["data"][0]["head"]["seq"] == 4


def test_many_of_them_do_not_empty_a_page(ann, bob):
    chat = ann.direct(bob)
    for number in range(4):
        ann.send(chat, str(number))
    riddle(bob, chat, MANY)
    ann.send(chat, "last")
    riddle(bob, chat, MANY)
    path = f"/api/conversations/{chat}/messages"
    newest = ann.get(f"{path}?limit=3")
    assert [row["content"] for row in newest["data"]] == ["last", "3", "2"]
    assert newest["pagination"] == {"limit": 3, "hasMore": True, "nextBefore": 3, "nextAfter": None}
    rest = ann.get(f"{path}?limit=3&before=3")
    assert (seqs(rest), rest["pagination"]["hasMore"]) == ([2, 1], False)
    following = ann.get(f"{path}?limit=2&after=3")
    assert (seqs(following), following["pagination"]["nextAfter"]) == ([5 + MANY, 4], None)


def test_many_of_them_do_not_empty_the_newest_of_a_sync(ann, bob):
    chat = ann.direct(bob)
    for number in range(4):
        ann.send(chat, str(number))
    riddle(bob, chat, MANY)
    replica = Replica()
    replica.synced(ann.post("/api/sync", replica.body())["data"])
    assert [row["content"] for row in replica.logs[chat].messages()] == ["0", "1", "2", "3"]
    assert replica.logs[chat].cursor == 4 + MANY


def test_the_newest_of_a_sync_reach_back_to_the_cursor_at_most(ann, bob):
    chat, replica = ann.direct(bob), Replica()
    for number in range(40):
        ann.send(chat, str(number))
    replica.synced(bob.post("/api/sync", replica.body())["data"])
    riddle(ann, chat, MANY)
    (found,) = bob.post("/api/sync", replica.body())["data"]["conversations"]
    assert found["limited"] and found["gap"] == {"after": 40, "before": 41}
    assert [row["seq"] for row in found["entries"]] == list(range(41, 41 + MANY))


@pytest.mark.parametrize("is_remembered", [True, False])
def test_a_message_without_a_text_is_shown_and_may_be_repeated(ann, bob, is_remembered):
    chat = ann.direct(bob)
    sent = ann.send(chat, "secret", clientMsgId="one")["data"]
    db().entries.update_one({"_id": ObjectId(sent["id"])}, {"$set": {"body": None, "salt": None}})
    recent.clear()
    if not is_remembered:
        reset_caches()
    again = ann.send(chat, "secret", clientMsgId="one")
    assert again["duplicate"] and (again["data"]["id"], again["data"]["content"]) == (sent["id"], "")
    (shown,) = bob.get(f"/api/conversations/{chat}/messages")["data"]
    assert (shown["content"], shown["attachment"]) == ("", None)
    assert bob.post("/api/sync", {})["data"]["conversations"][0]["entries"][0]["content"] == ""


def test_a_message_can_be_changed_after_everything_remembered_was_forgotten(ann, bob):
    sent = ann.send(ann.direct(bob), "frist")["data"]
    recent.clear()
    assert ann.rest("PATCH", f"/api/messages/{sent['id']}", json={"content": "first"}).json["success"]


def test_a_message_with_a_body_of_a_later_version_is_shown_and_acted_on(app, ann, bob):
    chat = ann.direct(bob)
    body = {"content": "look", "attachment": None, "riddle": {"answer": 42}}
    entry = append_entry(ObjectId(chat), Draft(ObjectId(ann.id), "message", body, lambda state: None)).entry
    head_store.settle()
    reset_caches()
    (shown,) = bob.get(f"/api/conversations/{chat}/messages")["data"]
    assert shown["content"] == "look" and "riddle" not in shown
    assert bob.get("/api/user/conversations")["data"][0]["lastMessage"]["content"] == "look"
    edited = ann.rest("PATCH", f"/api/messages/{entry['_id']}", json={"content": "look here"}).json["data"]
    assert edited["content"] == "look here"
    bob.send(chat, "yes", replyTo=shown["id"])
    assert app.test_cli_runner().invoke(args=["verify"]).exit_code == 0

"""Delete a message for everyone: a tombstone stays in its place, and its text is nowhere any more."""

from datetime import timedelta
from pathlib import Path

import gevent
import pytest
from bson import ObjectId

from chatapp import clock
from chatapp.database import db
from chatapp.services.log import changes, recent
from chatapp.services.log.catch_up import recover
from chatapp.settings import config as current_config
from chatapp.state import reset_caches
from chatapp.stores import heads as head_store
from tests.services.acting import Acts, code_of, history, listed

SECRET = "quizzaciously-secret"


def stored(conversation, seq):
    return db().entries.find_one({"conversation_id": ObjectId(conversation), "seq": seq})


def everything_stored():
    """Return all documents of all collections as one text, after what waits is stored."""
    head_store.settle()
    return "".join(str(row) for name in ("entries", "conversations", "departures") for row in db()[name].find({}))


def test_a_deleted_message_is_a_tombstone_for_everybody(acts, ann, bob, chat):
    sent = ann.send(chat, SECRET, attachment="https://files.test/secret.png")["data"]
    acts.edit(ann, sent["id"], f"{SECRET}!")
    answer = acts.delete(ann, sent["id"], conversationId=chat, clientMsgId="act")
    assert answer["success"] and answer["entry"]["type"] == "message_deleted"
    assert answer["entry"]["change"] == {"messageId": sent["id"], "targetSeq": 1, "targetMseq": 1}
    for shown in (answer["data"], history(bob, chat)[0], history(ann, chat)[0]):
        assert (shown["id"], shown["content"], shown["attachment"]) == (sent["id"], "", None)
        assert shown["deleted"] and shown["changedSeq"] == 3 and "editedAt" not in shown
    reset_caches()
    last = listed(bob)["lastMessage"]
    assert (last["id"], last["content"], last["attachment"], last["deleted"]) == (sent["id"], "", None, True)
    edit = bob.get(f"/api/conversations/{chat}/entries")["data"][1]
    assert (edit["change"]["content"], edit["change"]["withheld"], edit["change"]["targetSeq"]) == ("", True, 1)
    assert code_of(acts.edits(bob, sent["id"])) == code_of(acts.edit(ann, sent["id"], "x")) == "MESSAGE_DELETED"


def test_what_was_deleted_is_stored_nowhere(acts, ann, bob, eve, run):
    team = ann.group(bob, eve)
    sent = ann.send(team, SECRET)["data"]
    eve.post(f"/api/conversations/{team}/leave")  # who goes on seeing it as the last message
    acts.edit(ann, sent["id"], f"{SECRET} too")
    assert SECRET in everything_stored()
    assert eve.get(f"/api/conversations/{team}/messages")["data"][0]["content"] == SECRET
    acts.delete(ann, sent["id"])
    assert SECRET not in everything_stored()
    assert recent.get(ObjectId(team), ObjectId(ann.id), sent["clientMsgId"]) is None
    (seen,) = history(eve, team)
    assert (seen["content"], seen["deleted"]) == ("", True)
    result = run("verify")
    assert result.exit_code == 0, result.output


def test_no_file_of_the_embedded_store_has_the_text_any_more(ann, bob, chat, store_uri):
    if not store_uri.startswith("litemongo:"):
        pytest.skip("a database's files are its own")
    folder = Path(current_config().store_uri.removeprefix("litemongo://"))
    found = lambda: [path.name for path in folder.rglob("*") if SECRET.encode() in _bytes(path)]  # noqa: E731
    sent = ann.send(chat, SECRET)["data"]
    Acts("rest").edit(ann, sent["id"], f"{SECRET} too")
    listed(bob)
    assert found()
    Acts("rest").delete(ann, sent["id"])
    assert found() == []


def _bytes(path):
    return path.read_bytes() if path.is_file() else b""


def test_old_apps_hear_the_event_that_they_know_and_new_ones_the_entry(ann, bob, register):
    new_app = register("pat", protocol=2)
    team = ann.group(bob, new_app)
    sent = ann.send(team, "one")["data"]
    old, new, own = bob.socket(), new_app.socket(), ann.socket()
    ack = own.call("message:delete", {"messageId": sent["id"], "conversationId": team, "deleteFor": "everyone"})
    told = {"success": True, "messageId": sent["id"], "conversationId": team, "deleteFor": "everyone"}
    assert old.received("message:deleted") == own.received("message:deleted") == [told]
    assert {key: ack[key] for key in told} == told
    assert not old.received("entry") and not new.received("message:deleted")
    (entry,) = [row["data"] for row in new.received("entry")]
    assert (entry["type"], entry["change"]["messageId"]) == ("message_deleted", sent["id"])
    own.call("message:delete", {"messageId": sent["id"]})  # it is so already
    assert len(own.received("message:deleted")) == 2 and len(old.received("message:deleted")) == 1
    old.emit("message:delete", {"messageId": "f" * 24, "deleteFor": "everyone"})
    assert old.received("message:delete:error")[0]["error"]["code"] == "MESSAGE_NOT_FOUND"


def test_a_deletion_may_be_repeated_and_is_done_once(acts, ann, chat):
    sent = ann.send(chat, "one", clientMsgId="sent")["data"]
    first = acts.delete(ann, sent["id"], clientMsgId="act")
    again = acts.delete(ann, sent["id"], clientMsgId="act")
    assert again["duplicate"] and (again["data"], again["entry"]) == (first["data"], first["entry"])
    other = acts.delete(ann, sent["id"], clientMsgId="another")
    assert other["success"] and "entry" not in other and other["data"] == first["data"]
    repeated = ann.send(chat, "one", clientMsgId="sent")
    assert repeated["duplicate"] and repeated["data"]["deleted"] and repeated["data"]["content"] == ""


def test_who_may_delete(acts, ann, bob, eve, register):
    dan = register("dan")
    team = ann.group(bob, eve, dan)
    ann.rest("PATCH", f"/api/conversations/{team}/members/{bob.id}", json={"role": "admin"})
    by_eve = [eve.send(team, str(number))["data"]["id"] for number in range(3)]
    assert code_of(acts.delete(dan, by_eve[0])) == "NOT_ALLOWED"
    assert [code_of(acts.delete(who, found)) for who, found in zip((eve, bob, ann), by_eve, strict=True)] == ["OK"] * 3
    by_ann = ann.send(team, "ann's")["data"]["id"]
    assert code_of(acts.delete(eve, by_ann)) == "NOT_ALLOWED"
    chat = ann.direct(bob)
    assert code_of(acts.delete(bob, ann.send(chat, "one")["data"]["id"])) == "NOT_ALLOWED"
    assert code_of(acts.delete(eve, by_ann, conversationId=chat)) == "MESSAGE_NOT_FOUND"
    eve.post(f"/api/conversations/{team}/leave")
    assert code_of(acts.delete(eve, by_eve[0])) == "NOT_ALLOWED"


def test_there_may_be_a_last_moment_for_deleting(acts, ann, bob, eve, settings):
    team = ann.group(bob, eve)
    own, by_bob = ann.send(team, "one")["data"]["id"], bob.send(team, "two")["data"]["id"]
    settings(DELETE_WINDOW_SECONDS=60)
    clock.move(timedelta(seconds=61))
    assert code_of(acts.delete(bob, by_bob)) == "DELETE_WINDOW_PASSED"
    assert code_of(acts.delete(ann, own)) == code_of(acts.delete(ann, by_bob)) == "OK"  # the group's owner


def test_it_is_said_for_whom(acts, ann, chat):
    sent = ann.send(chat, "one")["data"]
    assert code_of(acts.delete(ann, sent["id"], deleteFor="nobody")) == "VALIDATION_ERROR"
    assert ann.get(f"/api/conversations/{chat}/messages")["data"][0]["content"] == "one"


def test_a_deleted_message_is_not_unread(acts, ann, bob, chat):
    ids = [ann.send(chat, str(number))["data"]["id"] for number in range(4)]
    bob.post(f"/api/conversations/{chat}/read", {"seq": 1})
    for number in (0, 2):  # one that bob has read, one that he has not
        acts.delete(ann, ids[number])
    assert (listed(bob)["unreadCount"], listed(bob)["deletedMseqs"]) == (2, [3])
    (row,) = bob.post("/api/sync", {})["data"]["conversations"]
    assert (row["unreadCount"], row["deletedMseqs"], row["head"]["mseq"], row["readMseq"]) == (2, [3], 4, 1)
    reset_caches()
    assert listed(bob)["unreadCount"] == 2
    assert bob.post(f"/api/conversations/{chat}/read", {"seq": 3})["data"]["unreadCount"] == 1
    assert bob.post(f"/api/conversations/{chat}/read")["data"]["unreadCount"] == 0


def test_an_edit_that_crosses_a_deletion_leaves_nothing(ann, bob, chat, monkeypatch):
    sent = ann.send(chat, "one")["data"]
    find, is_deleted = changes.of, []

    def deleted_meanwhile(message):
        if not is_deleted:
            is_deleted.append(True)
            before = find(message)
            Acts("rest").delete(ann, sent["id"])
            return before
        return find(message)

    monkeypatch.setattr(changes, "of", deleted_meanwhile)
    answer = Acts("rest").edit(ann, sent["id"], SECRET)
    assert answer["success"]
    (shown,) = history(bob, chat)
    assert (shown["deleted"], shown["content"]) == (True, "")
    assert SECRET not in everything_stored()


def test_deletions_and_edits_at_once_end_the_same_for_all(ann, bob, chat, run):
    sent = ann.send(chat, "0")["data"]
    rest = Acts("rest")
    at_once = [gevent.spawn(rest.edit, ann, sent["id"], f"{SECRET} {number}") for number in range(4)]
    at_once.insert(2, gevent.spawn(rest.delete, ann, sent["id"]))
    gevent.joinall(at_once, raise_error=True)
    assert history(bob, chat)[0]["deleted"]
    assert SECRET not in everything_stored()
    assert run("verify").exit_code == 0


@pytest.mark.parametrize("died", ["before erasing", "before the message is marked", "before the head"])
def test_a_crash_in_between_is_mended(ann, bob, chat, monkeypatch, died, run):
    sent = ann.send(chat, SECRET)["data"]
    Acts("rest").edit(ann, sent["id"], f"{SECRET} too")
    head_store.settle()

    def die(*_, **__):
        raise OSError("killed")

    place = {
        "before erasing": ("chatapp.stores.changed_messages", "erase"),
        "before the message is marked": ("chatapp.stores.changed_messages", "set_now"),
        "before the head": ("chatapp.stores.heads", "advance"),
    }[died]
    with monkeypatch.context() as patched:
        patched.setattr(".".join(place), die)
        assert code_of(Acts("rest").delete(ann, sent["id"], clientMsgId="act")) == "INTERNAL_ERROR"
    assert stored(chat, 3)["type"] == "message_deleted"
    reset_caches()  # another process begins
    assert recover(100) == 1
    assert SECRET not in everything_stored()
    assert history(bob, chat)[0]["deleted"] and listed(bob)["lastMessage"]["deleted"]
    assert Acts("rest").delete(ann, sent["id"], clientMsgId="act")["duplicate"]
    assert run("verify").exit_code == 0

"""`flask verify` names every way in which the store can differ from its logs; `flask repair` mends what is derived."""

import json

import gevent
import pytest
from bson import ObjectId

from chatapp.database import db
from chatapp.services import receipts
from chatapp.state import reset_caches
from chatapp.stores.packed import pack
from tests.conftest import eventually


@pytest.fixture
def run(app):
    return lambda *arguments: app.test_cli_runner().invoke(args=list(arguments))


@pytest.fixture
def team(ann, bob, eve, register):
    """A group with everything in its log."""
    dan = register("dan")
    team = ann.group(bob, eve)
    ann.send(team, "one")
    two = bob.send(team, "two")["data"]["id"]
    ann.post(f"/api/conversations/{team}/members", {"userIds": [dan.id]})
    ann.rest("PATCH", f"/api/conversations/{team}", json={"name": "New"})
    ann.rest("PATCH", f"/api/conversations/{team}/members/{bob.id}", json={"role": "owner"})
    ann.rest("DELETE", f"/api/conversations/{team}/members/{eve.id}")
    dan.post(f"/api/conversations/{team}/leave")
    three = ann.send(team, "three")["data"]["id"]
    bob.rest("PATCH", f"/api/messages/{two}", json={"content": "two, mended"})
    bob.rest("PUT", f"/api/messages/{two}/star")
    bob.rest("DELETE", f"/api/messages/{two}?for=me")
    BEFORE_DELETION.update(db().entries.find_one({"_id": ObjectId(three)}))
    ann.rest("DELETE", f"/api/messages/{three}")
    for emoji in "👍🎉":
        ann.rest("PUT", f"/api/messages/{two}/reactions/{emoji}")
    ann.rest("PUT", f"/api/messages/{two}/pin", json={"until": "2999-01-01T00:00:00Z"})
    bob.post(f"/api/conversations/{team}/read", {"seq": 3})
    bob.rest("PUT", f"/api/conversations/{team}/settings", json={"archived": True, "markedUnread": True})
    bob.post("/api/sync", {"cursors": {team: 13}})
    receipts.tell()
    eventually(lambda: db().receipts.find_one({"read_seq": {"$gte": 2}, "delivered_seq": 13}))  # nothing else to come
    return team


def test_a_sound_store_has_no_faults(run, ann, bob, team):
    ann.direct(bob)
    result = run("verify", "--json")
    found = json.loads(result.output)
    assert (result.exit_code, found["conversations"], found["entries"], found["faults"]) == (0, 2, 13, [])
    assert "2 conversations, 13 entries, 0 faults" in run("verify").output


def entry(team, seq, **changes):
    db().entries.update_one({"conversation_id": ObjectId(team), "seq": seq}, {"$set": changes})


def conversation(team, **changes):
    db().conversations.update_one({"_id": ObjectId(team)}, {"$set": changes})


def hiding(mseq, seq, name="hidden"):
    return {"version": 1, name: [{"mseq": mseq, "seq": seq, "id": ObjectId()}]}


def membership(team, role="owner", **changes):
    db().memberships.update_one({"conversation_id": ObjectId(team), "role": role}, {"$set": changes})


BEFORE_DELETION = {}


def target_of(team, seq):
    row = db().entries.find_one({"conversation_id": ObjectId(team), "seq": seq})
    return {"target_id": row["_id"], "target_mseq": row["mseq"]}


def now(team, place, **changes):
    row = db().entries.find_one({"conversation_id": ObjectId(team), "seq": place})
    entry(team, place, now={**row["now"], **changes})


def turn_around(team, place):
    reactions = db().entries.find_one({"conversation_id": ObjectId(team), "seq": place})["now"]["reactions"]
    now(team, place, reactions={})  # the embedded store takes another order for the same
    now(team, place, reactions=dict(reversed(reactions.items())))


BROKEN_LOGS = {
    "a changed text": (lambda team: entry(team, 2, body={"content": "forged", "attachment": None}), "seq 2"),
    "another sender": (lambda team: entry(team, 1, sender_id=ObjectId()), "seq 1"),
    "another time": (lambda team: entry(team, 1, created_at=db().entries.find_one({"seq": 8})["created_at"]), "seq 1"),
    "a hole": (lambda team: db().entries.delete_one({"seq": 3}), "seq 3"),
    "no beginning": (lambda team: db().entries.delete_one({"seq": 1}), "seq 1"),
    "another mseq": (lambda team: entry(team, 2, mseq=7), "seq 2"),
    "an unknown type": (lambda team: entry(team, 4, type="riddle"), "seq 4"),
    "a read mark beyond the end": (lambda team: membership(team, read_seq=99), "user"),
    "an archive beyond the end": (lambda team: membership(team, own={"version": 1, "archived_mseq": 9}), "user"),
    "a mark as unread beyond the end": (lambda team: membership(team, own={"version": 1, "unread_seq": 99}), "user"),
    "a hidden message that is none": (lambda team: membership(team, own=hiding(7, 5)), "user"),
    "a hidden message beyond the end": (lambda team: membership(team, own=hiding(3, 99)), "user"),
    "a star on no message": (lambda team: membership(team, own=hiding(7, 5, "starred")), "user"),
    "an mseq that is not at its seq": (lambda team: membership(team, read_mseq=7), "user"),
    "somebody of whom the log knows nothing": (
        lambda team: db().memberships.insert_one(
            {**db().memberships.find_one({"conversation_id": ObjectId(team)}), "_id": ObjectId(), "user_id": ObjectId()}
        ),
        "user",
    ),
    "a body that is gone": (lambda team: entry(team, 1, body=None, salt=None), "seq 1"),
    "an edit of another message": (lambda team: entry(team, 9, target_seq=1, **target_of(team, 1)), "seq 9"),
    "an edit of nothing": (lambda team: entry(team, 9, target_seq=3), "seq 9"),
    "an edit that names another message than its seq": (
        lambda team: entry(team, 9, target_id=target_of(team, 1)["target_id"]),
        "seq 9",
    ),
    "a deletion that counts another message": (lambda team: entry(team, 10, target_mseq=1), "seq 10"),
    "a reaction with another emoji": (lambda team: entry(team, 11, body={"emoji": "🎉", "on": True}), "seq 11"),
    "a pin until another time": (lambda team: entry(team, 13, body={}), "seq 13"),
    "a reaction to nothing": (lambda team: entry(team, 11, target_seq=3), "seq 11"),
    "entries without a conversation": (lambda team: db().conversations.delete_one({"_id": ObjectId(team)}), "entries"),
}
BROKEN_DERIVED = {
    "a head that is behind": (
        lambda team: conversation(team, head={"seq": 1, "mseq": 1, "hash": db().entries.find_one({"seq": 1})["hash"]}),
        "head",
    ),
    "another name": (lambda team: conversation(team, name="Old"), "name"),
    "a last message that is not the last": (lambda team: conversation(team, last_message=None), "last_message"),
    "a participant who has left": (
        lambda team: conversation(team, **pack({"participants": [ObjectId()]})),
        "participants",
    ),
    "an erased text that is still there": (
        lambda team: entry(team, 8, **{name: BEFORE_DELETION[name] for name in ("body", "salt")}),
        "seq 8",
    ),
    "a message that is ahead": (lambda team: now(team, 2, seq=99), "seq 2"),
    "a message with another text": (lambda team: now(team, 2, content="forged"), "seq 2"),
    "a deleted message that is back": (lambda team: now(team, 8, deleted=False), "seq 8"),
    "an edit that does not show": (
        lambda team: db().entries.update_one({"conversation_id": ObjectId(team), "seq": 2}, {"$unset": {"now": ""}}),
        "seq 2",
    ),
    "a reaction of somebody else": (lambda team: now(team, 2, reactions={"👍": [ObjectId()]}), "seq 2"),
    "reactions that are gone": (lambda team: now(team, 2, reactions={}), "seq 2"),
    "reactions in another order": (lambda team: turn_around(team, 2), "seq 2"),
    "a reaction to what is deleted": (lambda team: now(team, 8, reactions={"👍": [ObjectId()]}), "seq 8"),
    "a pin that is not shown": (lambda team: now(team, 2, pinned=None), "seq 2"),
    "a pin of something deleted": (lambda team: now(team, 8, pinned={"seq": 13, "until": None}), "seq 8"),
    "a conversation without its pins": (lambda team: conversation(team, pins=[]), "pins"),
    "somebody else who may pin": (lambda team: conversation(team, who_may_pin="admins"), "who_may_pin"),
    "a message that nothing has changed": (
        lambda team: entry(team, 1, now=db().entries.find_one({"seq": 2})["now"]),
        "seq 1",
    ),
    "a deletion that is not counted": (lambda team: conversation(team, deleted=[]), "deleted"),
    "a deletion that was not": (lambda team: conversation(team, deleted=[[2, 10]]), "deleted"),
    "an older last change": (lambda team: conversation(team, last_change_seq=0), "last_change_seq"),
    "another role": (lambda team: membership(team, role="owner", changed_seq=99), "user"),
    "a membership that is missing": (
        lambda team: db().memberships.delete_one({"conversation_id": ObjectId(team), "role": "owner"}),
        "user",
    ),
    "a former member who is current": (
        lambda team: db().memberships.update_one({"left_seq": 6}, {"$set": {"left_seq": None}}),
        "user",
    ),
}


@pytest.mark.parametrize("what", BROKEN_LOGS)
def test_a_broken_log_is_named_with_its_place_and_not_repaired(run, team, what):
    spoil, place = BROKEN_LOGS[what]
    spoil(team)
    result = run("verify")
    assert result.exit_code == 1 and f"FAULT conversation {team}, {place}" in result.output, result.output
    if place != "entries":
        before = list(db().entries.find()), list(db().memberships.find())
        repaired = run("repair")
        assert repaired.exit_code == 1 and "NOT REPAIRABLE" in repaired.output
        assert (list(db().entries.find()), list(db().memberships.find())) == before


@pytest.mark.parametrize("what", BROKEN_DERIVED)
def test_what_is_derived_is_named_and_repaired(run, ann, team, what):
    spoil, place = BROKEN_DERIVED[what]
    spoil(team)
    result = run("verify", "--conversation", team)
    assert result.exit_code == 1 and f"FAULT conversation {team}, {place}" in result.output
    dry = run("repair", "--dry-run")
    assert "would be repaired" in dry.output and run("verify").exit_code == 1
    assert run("repair").exit_code == 0
    assert run("verify").output.splitlines()[-1].startswith("1 conversations, 13 entries, 0 faults")
    reset_caches()
    assert ann.send(team, "goes on")["data"]["seq"] == 14


def test_a_head_that_a_running_server_is_about_to_store_is_no_fault(run, team):
    right = db().conversations.find_one({"_id": ObjectId(team)})["head"]
    BROKEN_DERIVED["a head that is behind"][0](team)
    gevent.spawn_later(0.03, conversation, team, head=right)
    result = run("verify")
    assert result.exit_code == 0 and "1 conversations, 13 entries, 0 faults" in result.output


def test_only_some_conversations_can_be_asked_for(run, ann, bob, team):
    other = ann.direct(bob)
    assert "1 conversations, 0 entries" in run("verify", "--conversation", other).output
    assert "0 conversations" in run("verify", "--since", "2999-01-01").output
    assert "2 conversations" in run("verify", "--since", "2020-01-01T00:00:00").output
    for text in ("f" * 24, "nonsense"):
        result = run("verify", "--conversation", text)
        assert (result.exit_code, result.output) == (1, "Error: Conversation not found\n")

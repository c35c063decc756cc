"""Mentions: members who are named in a text, and how many of their unread messages name them."""

import pytest
from bson import ObjectId

from chatapp.database import db
from chatapp.services.log import mentions as log_mentions
from chatapp.state import reset_caches
from chatapp.stores import heads as head_store
from tests.services.acting import Acts, code_of, history, listed


@pytest.fixture
def team(ann, bob, eve):
    return ann.group(bob, eve)


def at(person, offset=0, length=4):
    """Return a mention of somebody as it is sent and shown."""
    return {"userId": getattr(person, "id", person), "offset": offset, "length": length}


def counted(person, conversation=None):
    """Return the mseqs of the unread mentions as the list, a sync and one conversation show them."""
    head_store.settle()
    reset_caches()
    row = listed(person)
    synced = person.post("/api/sync", {})["data"]["conversations"][0]
    one = person.get(f"/api/conversations/{row['id']}")["data"]
    for shown in (row, synced, one):
        assert shown["mentionCount"] == len(shown["mentionMseqs"])
    assert row["mentionMseqs"] == synced["mentionMseqs"] == one["mentionMseqs"]
    return row["mentionMseqs"]


def is_sound(app):
    return app.test_cli_runner().invoke(args=["verify"]).exit_code == 0


def test_a_mention_shows_everywhere_and_counts_for_whom_it_names(acts, app, ann, bob, eve, team):
    socket = bob.socket()
    sent = acts.send(ann, team, "@bob, see", mentions=[at(bob)])["data"]
    assert sent["mentions"] == [at(bob)]
    (told,) = [row["data"] for row in socket.received("newMessage")]
    for shown in (told, history(eve, team)[0], bob.post("/api/sync", {})["data"]["conversations"][0]["entries"][-1]):
        assert shown["mentions"] == [at(bob)]
    assert (counted(bob), counted(eve), counted(ann)) == ([1], [], [])
    bob.post(f"/api/conversations/{team}/read")
    assert counted(bob) == [] and is_sound(app)


def test_a_message_without_mentions_is_stored_as_it_always_was(acts, ann, team):
    sent = acts.send(ann, team, "hello", mentions=[])["data"]
    assert "mentions" not in sent
    assert db().entries.find_one({"_id": ObjectId(sent["id"])})["body"] == {"content": "hello", "attachment": None}
    assert "mentioned" not in db().conversations.find_one({"_id": ObjectId(team)}) or not counted(ann)


def test_offsets_count_utf_16_units(acts, ann, bob, team):
    text = "\U0001f600 @bob"
    assert acts.send(ann, team, text, mentions=[at(bob, 3)])["data"]["mentions"] == [at(bob, 3)]
    assert code_of(acts.send(ann, team, text, mentions=[at(bob, 4)])) == "VALIDATION_ERROR"


def test_only_members_can_be_mentioned_within_the_text_and_not_too_many(acts, register, ann, bob, eve, team):
    dan = register("dan")
    wrong = [
        [at(dan)],
        [at("f" * 24)],
        [at("nonsense")],
        [at(bob, 3)],
        [at(bob, -1)],
        [at(bob, 0, 0)],
        [at(bob)] * 51,
        [{"userId": bob.id}],
        "all",
    ]
    for mentions in wrong:
        assert code_of(acts.send(ann, team, "@bob", mentions=mentions)) == "VALIDATION_ERROR"
    ann.rest("DELETE", f"/api/conversations/{team}/members/{eve.id}")
    assert code_of(acts.send(ann, team, "@eve", mentions=[at(eve)])) == "VALIDATION_ERROR"
    assert acts.send(ann, team, "@bob", mentions=[at(bob)] * 50)["success"]
    assert counted(bob) == [1]


def test_owner_and_admins_may_mention_everyone(acts, app, ann, bob, eve, team):
    everyone = [at("everyone", 0, 9)]
    assert acts.send(ann, team, "@everyone", mentions=everyone)["data"]["mentions"] == everyone
    assert code_of(acts.send(bob, team, "@everyone", mentions=everyone)) == "NOT_ALLOWED"
    assert (counted(bob), counted(eve), counted(ann)) == ([1], [1], [])
    ann.rest("PATCH", f"/api/conversations/{team}/members/{bob.id}", json={"role": "admin"})
    assert acts.send(bob, team, "@everyone", mentions=everyone)["success"]
    assert (counted(ann), counted(eve)) == ([2], [1, 2])
    assert is_sound(app)


def test_nobody_mentions_everyone_of_a_direct_conversation(acts, ann, bob):
    chat = ann.direct(bob)
    assert code_of(acts.send(ann, chat, "@everyone", mentions=[at("everyone", 0, 9)])) == "NOT_ALLOWED"
    assert acts.send(ann, chat, "@bob", mentions=[at(bob)])["success"]


def test_an_edit_brings_mentions_and_takes_them_back(acts, app, ann, bob, eve, team):
    sent = acts.send(ann, team, "@bob", mentions=[at(bob)])["data"]
    edited = acts.edit(ann, sent["id"], "@eve", mentions=[at(eve)])
    assert edited["data"]["mentions"] == edited["entry"]["change"]["mentions"] == [at(eve)]
    assert (counted(bob), counted(eve)) == ([], [1])
    moved = acts.edit(ann, sent["id"], "@eve", mentions=[at(eve, 1, 3)])
    assert moved["entry"]["change"]["mentions"] == [at(eve, 1, 3)]
    assert "entry" not in acts.edit(ann, sent["id"], "@eve", mentions=[at(eve, 1, 3)])
    plain = acts.edit(ann, sent["id"], "nobody")
    assert "mentions" not in plain["data"] and "mentions" not in plain["entry"]["change"]
    assert (counted(bob), counted(eve)) == ([], [])
    assert code_of(acts.edit(ann, sent["id"], "@all", mentions=[at("f" * 24)])) == "VALIDATION_ERROR"
    assert is_sound(app)


def test_a_deletion_takes_mentions_back(acts, app, ann, bob, team):
    sent = acts.send(ann, team, "@bob", mentions=[at(bob)])["data"]
    acts.send(ann, team, "@bob again", mentions=[at(bob)])
    acts.delete(ann, sent["id"])
    assert counted(bob) == [2] and "mentions" not in history(bob, team)[-1]
    assert is_sound(app)


def test_a_send_with_mentions_may_be_repeated_and_is_compared(acts, ann, bob, eve, team):
    first = acts.send(ann, team, "@bob", mentions=[at(bob)], clientMsgId="one")
    again = acts.send(ann, team, "@bob", mentions=[at(bob)], clientMsgId="one")
    assert again["duplicate"] and again["data"]["mentions"] == first["data"]["mentions"]
    for other in ([], [at(eve)], [at(bob, 0, 3)]):
        assert code_of(acts.send(ann, team, "@bob", mentions=other, clientMsgId="one")) == "IDEMPOTENCY_MISMATCH"
    acts.edit(ann, first["data"]["id"], "@bob!", mentions=[at(bob)], clientMsgId="two")
    other = acts.edit(ann, first["data"]["id"], "@bob!", mentions=[at(eve)], clientMsgId="two")
    assert code_of(other) == "IDEMPOTENCY_MISMATCH"
    ann.rest("DELETE", f"/api/conversations/{team}/members/{bob.id}")
    assert acts.send(ann, team, "@bob", mentions=[at(bob)], clientMsgId="one")["duplicate"]


def test_without_a_history_of_edits_the_mentions_stay_right(acts, app, ann, bob, eve, team, settings):
    settings(EDIT_HISTORY="none")
    sent = acts.send(ann, team, "@bob", mentions=[at(bob)])["data"]
    acts.edit(ann, sent["id"], "@bob @eve", mentions=[at(bob), at(eve, 5)])
    acts.edit(ann, sent["id"], "@eve", mentions=[at(eve)])
    assert history(bob, team)[0]["mentions"] == [at(eve)]
    assert (counted(bob), counted(eve)) == ([], [1])
    assert is_sound(app)


def test_a_member_who_may_not_see_the_message_gets_no_mentions_of_an_edit(register, ann, bob, eve):
    team = ann.group(bob, eve, history="since_join")
    sent = ann.send(team, "@bob", mentions=[at(bob)])["data"]
    new = register("pat", protocol=2)
    ann.post(f"/api/conversations/{team}/members", {"userIds": [new.id]})
    Acts("rest").edit(ann, sent["id"], "@bob!", mentions=[at(bob)])
    change = new.get(f"/api/conversations/{team}/entries")["data"][-1]["change"]
    assert change["withheld"] and "mentions" not in change


def test_a_new_member_is_not_mentioned_by_what_was_before_and_a_former_one_by_nothing_after(
    register, ann, bob, eve, team
):
    ann.send(team, "@everyone", mentions=[at("everyone", 0, 9)])
    dan = register("dan")
    ann.post(f"/api/conversations/{team}/members", {"userIds": [dan.id]})
    assert counted(dan) == []
    eve.post(f"/api/conversations/{team}/leave")
    seen = eve.post("/api/sync", {"cursors": {team: 1}})["data"]["conversations"][0]
    ann.send(team, "@everyone", mentions=[at("everyone", 0, 9)])
    again = eve.post("/api/sync", {"cursors": {team: 1}})["data"]["conversations"][0]
    assert seen["mentionMseqs"] == again["mentionMseqs"] == [1]
    assert counted(dan) == [2]


def test_a_deleted_conversation_has_no_unread_mentions(ann, bob):
    chat = ann.direct(bob)
    ann.send(chat, "@bob", mentions=[at(bob)])
    bob.rest("DELETE", f"/api/conversations/{chat}")
    ann.send(chat, "again")
    assert counted(bob) == []


def test_repair_counts_mentions_anew(app, ann, bob, team):
    ann.send(team, "@bob", mentions=[at(bob)])
    counted(bob)
    reset_caches()
    db().conversations.update_one({"_id": ObjectId(team)}, {"$unset": {"mentioned": ""}})
    assert listed(bob)["mentionCount"] == 0 and not is_sound(app)
    assert app.test_cli_runner().invoke(args=["repair"]).exit_code == 0
    assert counted(bob) == [1] and is_sound(app)


def test_what_a_crash_has_left_is_counted(ann, bob, team):
    before = db().conversations.find_one({"_id": ObjectId(team)})
    ann.send(team, "@bob", mentions=[at(bob)])
    counted(bob)
    db().conversations.replace_one({"_id": ObjectId(team)}, before)
    reset_caches()
    ann.send(team, "more")
    assert counted(bob) == [1]


def test_of_many_mentions_the_newest_count(app, ann, bob, team, monkeypatch):
    monkeypatch.setattr(log_mentions, "MOST_KNOWN", 4)
    sent = [ann.send(team, "@bob", mentions=[at(bob)])["data"] for _ in range(6)]
    assert counted(bob) == [3, 4, 5, 6] and is_sound(app)
    Acts("rest").delete(ann, sent[5]["id"])
    assert counted(bob) == [3, 4, 5] and is_sound(app)

"""Replies: a reference to a message, whose quote is made for each reader when it is shown."""

from bson import ObjectId

from chatapp.database import db
from chatapp.services.log import announcements, cache, quotes
from chatapp.state import reset_caches
from tests.services.acting import Acts, code_of, history

PICTURE = "https://files.test/a.png"


def quote_of(message, **more):
    """Return the quote of a message that a view shows."""
    found = {"id": message["id"], "seq": message["seq"], "sender": message["sender"], "kind": message["kind"]}
    return {**found, "preview": message["content"], **more}


def shown(person, chat):
    """Return the newest message's quote as sync, history, entries and a fresh process show it to somebody."""
    synced = [row for row in person.post("/api/sync", {})["data"]["conversations"] if row["id"] == chat]
    paged = person.get(f"/api/conversations/{chat}/entries")["data"]
    found = [
        [row for row in rows if row["type"] == "message"][-1].get("replyTo")
        for rows in (synced[0]["entries"], history(person, chat)[::-1], paged)
    ]
    assert found[0] == found[1] == found[2]
    return found[0]


def test_a_reply_shows_what_it_replies_to(acts, ann, bob, chat):
    question, socket = ann.send(chat, "Nine?")["data"], ann.socket()
    answer = acts.send(bob, chat, "Nine it is.", replyTo=question["id"])
    assert answer["data"]["replyTo"] == quote_of(question)
    (told,) = [row["data"] for row in socket.received("newMessage")]
    assert told["replyTo"] == shown(ann, chat) == shown(bob, chat) == quote_of(question)
    reset_caches()
    assert shown(bob, chat) == quote_of(question)
    body = db().entries.find_one({"_id": ObjectId(answer["data"]["id"])})["body"]
    assert body["reply_to"] == {"id": ObjectId(question["id"]), "seq": 1}


def test_a_plain_message_is_stored_as_it_always_was(ann, chat):
    sent = ann.send(chat, "hello", replyTo=None)["data"]
    assert "replyTo" not in sent
    assert db().entries.find_one({"_id": ObjectId(sent["id"])})["body"] == {"content": "hello", "attachment": None}


def test_a_quote_is_short_and_says_the_kind(ann, bob, chat):
    picture = ann.send(chat, "x" * 300, attachment=PICTURE)["data"]
    assert bob.send(chat, "nice", replyTo=picture["id"])["data"]["replyTo"] == quote_of(
        picture, kind="image", preview="x" * quotes.MOST_PREVIEWED
    )


def test_an_edit_follows_and_a_deletion_empties_it(acts, ann, bob, chat):
    question = ann.send(chat, "Nien?")["data"]
    reply = bob.send(chat, "Yes", replyTo=question["id"])["data"]
    edited = acts.edit(ann, question["id"], "Nine?")
    assert shown(bob, chat) == quote_of(question, preview="Nine?", changedSeq=edited["entry"]["seq"])
    acts.delete(ann, question["id"])
    assert shown(bob, chat) == shown(ann, chat) == {"id": question["id"], "unavailable": True}
    acts.delete(bob, reply["id"])
    assert shown(ann, chat) is None


def test_an_edited_reply_stays_one(acts, ann, bob, chat, settings):
    question = ann.send(chat, "Nine?")["data"]
    reply = bob.send(chat, "Yse", replyTo=question["id"])["data"]
    assert acts.edit(bob, reply["id"], "Yes")["data"]["replyTo"] == quote_of(question)
    settings(EDIT_HISTORY="none")
    for text in ("Yes.", "Yes!"):
        assert acts.edit(bob, reply["id"], text)["data"]["replyTo"] == quote_of(question)
    reset_caches()
    assert shown(ann, chat) == quote_of(question)


def test_only_a_message_of_the_same_conversation_that_one_sees_can_be_replied_to(acts, ann, bob, eve, chat):
    other = ann.direct(eve)
    elsewhere, here = ann.send(other, "elsewhere")["data"], ann.send(chat, "here")["data"]
    for message_id in (elsewhere["id"], "f" * 24, "nonsense"):
        assert code_of(acts.send(ann, chat, "x", replyTo=message_id)) == "MESSAGE_NOT_FOUND"
    assert code_of(acts.send(eve, chat, "x", replyTo=here["id"])) == "MESSAGE_NOT_FOUND"
    assert len(history(bob, chat)) == 1


def test_a_reply_to_a_change_is_no_reply_to_a_message(acts, ann, bob, eve):
    team = ann.group(bob, eve)
    change = ann.rest("PATCH", f"/api/conversations/{team}", json={"name": "New"}).json["entry"]
    assert code_of(acts.send(ann, team, "x", replyTo=change["id"])) == "MESSAGE_NOT_FOUND"


def test_a_reply_to_what_was_deleted_meanwhile_is_stored(acts, ann, bob, chat):
    question = ann.send(chat, "Nine?")["data"]
    acts.delete(ann, question["id"])
    answer = acts.send(bob, chat, "Yes", replyTo=question["id"])
    assert answer["data"]["replyTo"] == {"id": question["id"], "unavailable": True}


def test_a_reply_that_crosses_a_change_shows_what_is_so_now(ann, bob, chat, monkeypatch):
    question, socket = ann.send(chat, "secret")["data"], ann.socket()
    find = quotes.Quoted

    def and_deleted_then(message, as_of):
        Acts("rest").delete(ann, question["id"])
        return find(message, as_of)

    monkeypatch.setattr("chatapp.services.messages.Quoted", and_deleted_then)
    bob.send(chat, "Yes", replyTo=question["id"])
    (told,) = [row["data"] for row in socket.received("newMessage")]
    assert told["replyTo"] == {"id": question["id"], "unavailable": True}


def test_a_reply_may_be_repeated_and_is_compared(acts, ann, bob, chat):
    one, two = (ann.send(chat, text)["data"] for text in ("one", "two"))
    first = acts.send(bob, chat, "Yes", replyTo=one["id"], clientMsgId="reply")
    for reset in (lambda: None, reset_caches):
        reset()
        again = acts.send(bob, chat, "Yes", replyTo=one["id"], clientMsgId="reply")
        assert again["duplicate"] and again["data"] == first["data"]
        for more in ({}, {"replyTo": two["id"]}):
            answer = acts.send(bob, chat, "Yes", clientMsgId="reply", **more)
            assert code_of(answer) == "IDEMPOTENCY_MISMATCH"
    bob.rest("DELETE", f"/api/conversations/{chat}")  # what it replies to is not for bob to see any more
    assert acts.send(bob, chat, "Yes", replyTo=one["id"], clientMsgId="reply")["duplicate"]
    assert code_of(acts.send(bob, chat, "No", replyTo=one["id"])) == "MESSAGE_NOT_FOUND"


def test_a_member_who_may_not_see_the_message_gets_no_quote(ann, bob, eve, new_app):
    team = ann.group(bob, eve, history="since_join")
    secret = ann.send(team, "secret")["data"]
    ann.post(f"/api/conversations/{team}/members", {"userIds": [new_app.id]})
    sockets = [person.socket() for person in (eve, new_app)]
    answer = bob.send(team, "I know", replyTo=secret["id"])["data"]
    hidden = {"id": secret["id"], "unavailable": True}
    for person, socket, quote in zip((eve, new_app), sockets, (quote_of(secret), hidden), strict=True):
        (told,) = [row["data"] for row in socket.received("newMessage")]
        assert told["replyTo"] == quote == shown(person, team)
        assert told["id"] == answer["id"]
    assert code_of(Acts("rest").send(new_app, team, "me too", replyTo=secret["id"])) == "MESSAGE_NOT_FOUND"


def test_whoever_has_deleted_the_conversation_sees_no_quote_of_what_was_before(ann, bob, chat):
    old, socket = ann.send(chat, "old")["data"], bob.socket()
    bob.rest("DELETE", f"/api/conversations/{chat}")
    ann.send(chat, "again", replyTo=old["id"])
    (told,) = [row["data"] for row in socket.received("newMessage")]
    assert told["replyTo"] == shown(bob, chat) == {"id": old["id"], "unavailable": True}


def test_a_former_member_sees_the_quote_as_it_was_when_they_left(acts, ann, bob, eve):
    team = ann.group(bob, eve)
    question, gone = ann.send(team, "one")["data"], ann.send(team, "gone")["data"]
    acts.edit(ann, question["id"], "two")
    bob.send(team, "first", replyTo=gone["id"])
    bob.send(team, "second", replyTo=question["id"])
    ann.rest("DELETE", f"/api/conversations/{team}/members/{eve.id}")
    seen = [row.get("replyTo") for row in history(eve, team)]
    assert [row and row["preview"] for row in seen] == ["two", "gone", None, None]
    acts.edit(ann, question["id"], "three")
    acts.delete(ann, gone["id"])
    seen[1] = {"id": gone["id"], "unavailable": True}
    assert [row.get("replyTo") for row in history(eve, team)] == seen
    assert shown(bob, team)["preview"] == "three"


def test_an_entry_that_is_announced_late_has_its_quote(ann, bob, chat):
    question = ann.send(chat, "Nine?")["data"]
    reply = bob.send(chat, "Yes", replyTo=question["id"])["data"]
    state = cache.load(ObjectId(chat))
    entry = db().entries.find_one({"_id": ObjectId(reply["id"])})
    assert announcements.publish(state, entry)["replyTo"] == quote_of(question)


def test_the_log_with_replies_is_sound(app, acts, ann, bob, chat, settings):
    question = ann.send(chat, "Nine?")["data"]
    reply = bob.send(chat, "Yse", replyTo=question["id"])["data"]
    settings(EDIT_HISTORY="none")
    acts.edit(bob, reply["id"], "Yes")
    acts.delete(ann, question["id"])
    assert app.test_cli_runner().invoke(args=["verify"]).exit_code == 0

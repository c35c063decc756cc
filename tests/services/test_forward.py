"""Forward a message: a copy of what it says now, in other conversations, which does not tell where it comes from."""

import json

import pytest
from bson import ObjectId

from chatapp.database import db
from chatapp.state import reset_caches
from tests.services.acting import Acts, code_of, history

PICTURE = "https://files.test/a.png"


@pytest.fixture
def chats(ann, bob, eve):
    """Conversations of ann's: with bob, and with eve."""
    return ann.direct(bob), ann.direct(eve)


def forward(person, message, *conversations, **more):
    """Forward over REST; return status and JSON."""
    body = {"conversationIds": list(conversations), **more}
    answer = person.rest("POST", f"/api/messages/{message['id']}/forward", json=body)
    return answer.status_code, answer.json


def test_a_forward_copies_what_the_message_says_now_and_hides_where_it_is_from(acts, ann, bob, eve, chats):
    source = acts.send(bob, chats[0], "frist", attachment=PICTURE)["data"]
    acts.edit(bob, source["id"], "first")
    socket = eve.socket()
    sent = acts.send(ann, chats[1], None, forwardOf=source["id"])["data"]
    assert (sent["content"], sent["attachment"], sent["kind"]) == ("first", PICTURE, "image")
    assert (sent["sender"]["id"], sent["forwarded"]) == (ann.id, {"hops": 1})
    (told,) = [row["data"] for row in socket.received("newMessage")]
    for shown in (told, history(eve, chats[1])[0], eve.post("/api/sync", {})["data"]["conversations"][0]):
        text = json.dumps(shown)
        assert '"hops": 1' in text
        for secret in (source["id"], bob.id, chats[0]):
            assert secret not in text


def test_hops_are_counted(acts, register, ann, bob, eve, chats):
    source = acts.send(bob, chats[0], "look")["data"]
    once = acts.send(ann, chats[1], None, forwardOf=source["id"])["data"]
    twice = acts.send(eve, eve.direct(register("dan")), None, forwardOf=once["id"])["data"]
    assert twice["forwarded"] == {"hops": 2}


def test_who_may_not_see_it_or_not_write_there_can_not_forward_it(acts, ann, bob, eve, chats):
    source = acts.send(bob, chats[0], "secret")["data"]
    assert code_of(acts.send(eve, chats[1], None, forwardOf=source["id"])) == "MESSAGE_NOT_FOUND"
    assert code_of(acts.send(bob, chats[1], None, forwardOf=source["id"])) == "CONVERSATION_NOT_FOUND"
    for message_id in ("f" * 24, "nonsense"):
        assert code_of(acts.send(ann, chats[1], None, forwardOf=message_id)) == "MESSAGE_NOT_FOUND"
    assert history(eve, chats[1]) == []


def test_a_forward_has_no_words_of_its_own(acts, ann, chats):
    source = acts.send(ann, chats[0], "look")["data"]
    mention = {"userId": ann.id, "offset": 0, "length": 1}
    for more in ({"content": "see"}, {"attachment": PICTURE}, {"mentions": [mention]}):
        fields = {"content": None, "forwardOf": source["id"], **more}
        assert code_of(acts.send(ann, chats[1], **fields)) == "VALIDATION_ERROR"


def test_a_deleted_message_can_not_be_forwarded_and_a_copy_stays(acts, app, ann, bob, eve, chats):
    source = acts.send(bob, chats[0], "look")["data"]
    acts.send(ann, chats[1], None, forwardOf=source["id"])
    acts.delete(bob, source["id"])
    assert code_of(acts.send(ann, chats[1], None, forwardOf=source["id"])) == "MESSAGE_DELETED"
    assert history(eve, chats[1])[0]["content"] == "look"
    assert app.test_cli_runner().invoke(args=["verify"]).exit_code == 0


def test_a_forward_may_be_repeated_whatever_becomes_of_its_source(acts, ann, bob, eve, chats):
    source, other = (acts.send(bob, chats[0], text)["data"] for text in ("look", "here"))
    first = acts.send(ann, chats[1], None, forwardOf=source["id"], clientMsgId="on")
    acts.edit(bob, source["id"], "look here")
    reset_caches()
    again = acts.send(ann, chats[1], None, forwardOf=source["id"], clientMsgId="on")
    assert again["duplicate"] and again["data"]["id"] == first["data"]["id"] and again["data"]["content"] == "look"
    acts.delete(bob, source["id"])
    assert acts.send(ann, chats[1], None, forwardOf=source["id"], clientMsgId="on")["duplicate"]
    assert code_of(acts.send(ann, chats[1], None, forwardOf=other["id"], clientMsgId="on")) == "IDEMPOTENCY_MISMATCH"
    assert code_of(acts.send(ann, chats[1], "look", clientMsgId="on")) == "IDEMPOTENCY_MISMATCH"
    acts.delete(ann, first["data"]["id"])
    assert acts.send(ann, chats[1], None, forwardOf=source["id"], clientMsgId="on")["data"]["deleted"]
    assert len(history(eve, chats[1])) == 1


def test_an_edited_forward_stays_one_and_a_deleted_one_says_nothing(acts, ann, chats, settings):
    source = acts.send(ann, chats[0], "look")["data"]
    sent = acts.send(ann, chats[1], None, forwardOf=source["id"])["data"]
    settings(EDIT_HISTORY="none")
    for text in ("see", "look here"):
        assert acts.edit(ann, sent["id"], text)["data"]["forwarded"] == {"hops": 1}
    reset_caches()
    assert history(ann, chats[1])[0]["forwarded"] == {"hops": 1}
    assert "forwarded" not in acts.delete(ann, sent["id"])["data"]


def test_mentions_are_not_forwarded(acts, ann, bob, chats):
    mention = {"userId": bob.id, "offset": 0, "length": 4}
    source = acts.send(ann, chats[0], "@bob", mentions=[mention])["data"]
    sent = acts.send(ann, chats[1], None, forwardOf=source["id"])["data"]
    assert sent["content"] == "@bob" and "mentions" not in sent


def test_a_former_member_forwards_what_they_saw(acts, ann, bob, eve, chats):
    team = ann.group(bob, eve)
    source = ann.send(team, "then")["data"]
    eve.post(f"/api/conversations/{team}/leave")
    acts.edit(ann, source["id"], "now")
    assert acts.send(eve, chats[1], None, forwardOf=source["id"])["data"]["content"] == "then"


def test_one_call_forwards_to_several_and_says_what_failed(ann, bob, eve, chats):
    source = ann.send(ann.group(bob, eve), "look")["data"]
    strange = bob.direct(eve)
    status, answer = forward(ann, source, *chats, strange, chats[0], clientMsgId="on")
    assert status == 201 and [row["conversationId"] for row in answer["data"]] == list(chats)
    (failed,) = answer["failed"]
    assert (failed["conversationId"], failed["error"]["code"]) == (strange, "CONVERSATION_NOT_FOUND")
    assert failed["error"]["statusCode"] == 404
    for person, chat in ((bob, chats[0]), (eve, chats[1])):
        assert [row["content"] for row in history(person, chat)] == ["look"]
    status, again = forward(ann, source, *chats, clientMsgId="on")
    assert (status, again["duplicate"], again["failed"]) == (200, True, [])
    assert [row["id"] for row in again["data"]] == [row["id"] for row in answer["data"]]


def test_where_all_fail_the_call_fails_as_the_first(ann, bob, eve, chats):
    source = ann.send(chats[0], "look")["data"]
    strange = bob.direct(eve)
    assert [forward(ann, source, strange, "nonsense")[0], forward(bob, source, chats[1])[0]] == [404, 404]
    Acts("rest").delete(ann, source["id"])
    status, answer = forward(ann, source, *chats)
    assert (status, answer["error"]["code"]) == (409, "MESSAGE_DELETED")


def test_so_many_conversations_are_enough(ann, chats):
    source = ann.send(chats[0], "look")["data"]
    for conversations in ([], [chats[1]] * 6):
        assert forward(ann, source, *conversations)[0] == 400


def test_a_message_that_is_no_forward_is_stored_as_it_always_was(ann, chats):
    sent = ann.send(chats[0], "look", forwardOf=None)["data"]
    assert "forwarded" not in sent
    assert db().entries.find_one({"_id": ObjectId(sent["id"])})["body"] == {"content": "look", "attachment": None}

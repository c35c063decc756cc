"""Edit a message: another text for everybody, and the first one is kept."""

from datetime import timedelta

import gevent
from bson import ObjectId

from chatapp import clock
from chatapp.database import db
from chatapp.services import actions
from chatapp.state import reset_caches
from tests.services.acting import Acts, code_of, history, listed


def test_an_edit_shows_everywhere(acts, ann, bob, chat):
    sent = ann.send(chat, "frist")["data"]
    answer = acts.edit(ann, sent["id"], "first", conversationId=chat, clientMsgId="mend")
    assert answer["success"] and answer["entry"]["type"] == "message_edited"
    message = answer["data"]
    assert (message["id"], message["content"], message["edits"]) == (sent["id"], "first", 1)
    assert message["editedAt"] == answer["entry"]["createdAt"] and message["changedSeq"] == 2
    assert (message["seq"], message["mseq"], message["hash"]) == (1, 1, sent["hash"])
    for person in (ann, bob):
        (shown,) = history(person, chat)
        assert (shown["content"], shown["editedAt"]) == ("first", message["editedAt"])
        assert listed(person)["lastMessage"]["content"] == "first"
    reset_caches()
    assert listed(bob)["lastMessage"]["content"] == "first"
    assert [row["content"] for row in acts.edits(bob, sent["id"])["data"]] == ["frist", "first"]


def test_an_edit_moves_no_conversation_and_counts_as_no_message(acts, ann, bob, eve, chat):
    sent = ann.send(chat, "one")["data"]
    later = ann.direct(eve)
    ann.send(later, "two")
    before = bob.get(f"/api/conversations/{chat}")["data"]
    acts.edit(ann, sent["id"], "uno")
    assert [row["id"] for row in ann.get("/api/user/conversations")["data"]] == [later, chat]
    after = bob.get(f"/api/conversations/{chat}")["data"]
    assert (after["updatedAt"], after["unreadCount"], after["head"]["mseq"]) == (before["updatedAt"], 1, 1)
    assert after["head"]["seq"] == 2


def test_old_apps_hear_the_event_that_they_know_and_new_ones_the_entry(ann, bob, new_app):
    team = ann.group(bob, new_app)
    sent = ann.send(team, "frist")["data"]
    old, new = bob.socket(), new_app.socket()
    answer = Acts("rest").edit(ann, sent["id"], "first")
    (told,) = old.received("message:edited")
    assert told == {
        "success": True,
        "messageId": sent["id"],
        "conversationId": team,
        "newContent": "first",
        "editedAt": answer["data"]["editedAt"],
    }
    assert not old.received("entry") and not new.received("message:edited")
    (entry,) = [row["data"] for row in new.received("entry")]
    assert entry["change"] == {
        "messageId": sent["id"],
        "targetSeq": 1,
        "targetMseq": 1,
        "content": "first",
        "editedAt": answer["data"]["editedAt"],
    }
    assert entry["actor"]["id"] == ann.id


def test_an_old_app_gets_ack_and_event(ann, bob, chat):
    sent, socket, partner = ann.send(chat, "frist")["data"], ann.socket(), bob.socket()
    ack = socket.call("message:edit", {"messageId": sent["id"], "newContent": "first", "conversationId": chat})
    (event,) = socket.received("message:edited")
    assert event == {key: ack[key] for key in event} == partner.received("message:edited")[0]
    socket.call("message:edit", {"messageId": sent["id"], "newContent": "first"})  # it is so already
    assert len(socket.received("message:edited")) == 2 and len(partner.received("message:edited")) == 1
    partner.emit("message:edit", {"messageId": sent["id"], "newContent": "bob's"})
    (refusal,) = partner.received("message:edit:error")
    assert (refusal["success"], refusal["error"]["code"]) == (False, "NOT_ALLOWED")


def test_an_edit_may_be_repeated(acts, ann, chat):
    sent, other = ann.send(chat, "one")["data"], ann.send(chat, "two")["data"]
    first = acts.edit(ann, sent["id"], "uno", clientMsgId="act")
    again = acts.edit(ann, sent["id"], "uno", clientMsgId="act")
    assert again["duplicate"] and again["entry"] == first["entry"] and again["data"] == first["data"]
    acts.edit(ann, sent["id"], "ein")
    late = acts.edit(ann, sent["id"], "uno", clientMsgId="act")
    assert late["duplicate"] and late["data"]["content"] == "ein"  # as it is now
    for message, text in ((sent, "tre"), (other, "uno")):
        assert code_of(acts.edit(ann, message["id"], text, clientMsgId="act")) == "IDEMPOTENCY_MISMATCH"
    assert ann.send(chat, "uno", clientMsgId="act")["error"]["code"] == "IDEMPOTENCY_MISMATCH"
    assert code_of(acts.edit(ann, other["id"], "due", clientMsgId=sent["clientMsgId"])) == "IDEMPOTENCY_MISMATCH"


def test_the_send_of_an_edited_message_may_be_repeated(ann, chat):
    sent = ann.send(chat, "frist", clientMsgId="one")["data"]
    Acts("rest").edit(ann, sent["id"], "first")
    again = ann.send(chat, "frist", clientMsgId="one")
    assert again["duplicate"] and again["data"]["content"] == "first"
    assert ann.send(chat, "first", clientMsgId="one")["error"]["code"] == "IDEMPOTENCY_MISMATCH"


def test_what_is_so_already_is_a_success_without_an_entry(acts, ann, chat):
    sent = ann.send(chat, "one")["data"]
    answer = acts.edit(ann, sent["id"], "one")
    assert answer["success"] and "entry" not in answer and answer["data"]["content"] == "one"
    assert ann.get(f"/api/conversations/{chat}")["data"]["head"]["seq"] == 1


def test_only_the_sender_edits_and_nobody_else_learns_that_there_is_a_message(acts, ann, bob, eve, chat):
    sent, other = ann.send(chat, "one")["data"], ann.direct(eve)
    assert code_of(acts.edit(bob, sent["id"], "bob's")) == "NOT_ALLOWED"
    for who, message_id, more in (
        (eve, sent["id"], {}),
        (ann, "f" * 24, {}),
        (ann, "nonsense", {}),
        (ann, sent["id"], {"conversationId": other}),
        (ann, sent["id"], {"conversationId": "nonsense"}),
    ):
        assert code_of(acts.edit(who, message_id, "x", **more)) == "MESSAGE_NOT_FOUND"
    assert history(bob, chat)[0]["content"] == "one"


def test_a_text_is_needed_and_bounded(acts, ann, chat, settings):
    sent = ann.send(chat, "one")["data"]
    settings(MAX_TEXT_LENGTH=5)
    for text, code in ((" \n", "VALIDATION_ERROR"), (None, "VALIDATION_ERROR"), ("too long", "CONTENT_TOO_LARGE")):
        assert code_of(acts.edit(ann, sent["id"], text)) == code
    picture = ann.send(chat, "", attachment="https://files.test/a.png")["data"]
    captioned = acts.edit(ann, picture["id"], "mine")["data"]
    assert (captioned["content"], captioned["attachment"]) == ("mine", picture["attachment"])
    assert acts.edit(ann, picture["id"], "")["data"]["attachment"] == picture["attachment"]


def test_after_a_while_a_message_stays_as_it_is(acts, ann, chat, settings):
    sent = ann.send(chat, "one")["data"]
    settings(EDIT_WINDOW_SECONDS=60)
    done = acts.edit(ann, sent["id"], "uno", clientMsgId="in time")
    assert done["success"]
    clock.move(timedelta(seconds=61))
    assert code_of(acts.edit(ann, sent["id"], "due")) == "EDIT_WINDOW_PASSED"
    assert acts.edit(ann, sent["id"], "uno", clientMsgId="in time")["duplicate"]
    settings(EDIT_WINDOW_SECONDS=0)
    assert acts.edit(ann, sent["id"], "due")["success"]


def test_so_many_edits_are_enough(acts, ann, chat, monkeypatch):
    monkeypatch.setattr(actions, "MOST_EDITS", 2)
    sent = ann.send(chat, "0")["data"]
    codes = [code_of(acts.edit(ann, sent["id"], str(number))) for number in range(1, 4)]
    assert codes == ["OK", "OK", "TOO_MANY_EDITS"]


def test_edits_have_a_limit_of_their_own(acts, ann, chat, settings):
    sent = ann.send(chat, "0")["data"]
    settings(RATE_ACTIONS="1 per minute")
    assert [code_of(acts.edit(ann, sent["id"], text)) for text in "12"] == ["OK", "RATE_LIMITED"]
    assert ann.send(chat, "still")["success"]


def test_edits_at_once_all_count(ann, bob, chat):
    sent = ann.send(chat, "0")["data"]
    edits = [gevent.spawn(Acts("rest").edit, ann, sent["id"], str(number)) for number in range(1, 6)]
    gevent.joinall(edits, raise_error=True)
    (shown,) = history(bob, chat)
    assert shown["edits"] == 5 and shown["changedSeq"] == 6
    last = bob.get(f"/api/conversations/{chat}/entries")["data"][-1]
    assert shown["content"] == last["change"]["content"]
    assert len(Acts("rest").edits(bob, sent["id"])["data"]) == 6


def test_a_member_who_may_not_see_the_message_does_not_get_its_text(ann, bob, eve, new_app):
    team = ann.group(bob, eve, history="since_join")
    sent = ann.send(team, "secret")["data"]
    ann.post(f"/api/conversations/{team}/members", {"userIds": [new_app.id]})
    socket = new_app.socket()
    Acts("rest").edit(ann, sent["id"], "secret too")
    withheld = {"messageId": sent["id"], "targetSeq": 1, "targetMseq": 1, "content": "", "withheld": True}
    synced = new_app.post("/api/sync", {})["data"]["conversations"][0]["entries"][-1]
    paged = new_app.get(f"/api/conversations/{team}/entries")["data"][-1]
    for entry in (socket.received("entry")[-1]["data"], synced, paged):
        assert entry["change"] == withheld | {"editedAt": entry["createdAt"]}
    assert code_of(Acts("rest").edits(new_app, sent["id"])) == "MESSAGE_NOT_FOUND"


def test_a_former_member_sees_it_as_it_was_when_they_left(acts, ann, bob, eve):
    team = ann.group(bob, eve)
    sent = ann.send(team, "one")["data"]
    acts.edit(ann, sent["id"], "two")
    acts.edit(ann, sent["id"], "three")
    ann.rest("DELETE", f"/api/conversations/{team}/members/{eve.id}")
    seen = history(eve, team)
    acts.edit(ann, sent["id"], "four")
    assert history(eve, team) == seen and seen[0]["content"] == "three"
    assert [row["content"] for row in acts.edits(eve, sent["id"])["data"]] == ["one", "two", "three"]
    assert code_of(acts.edit(eve, sent["id"], "eve's")) == "NOT_ALLOWED"
    assert history(bob, team)[0]["content"] == "four"


def test_a_former_member_may_repeat_what_they_did(acts, ann, bob, eve):
    team = ann.group(bob, eve)
    sent = eve.send(team, "one")["data"]
    acts.edit(eve, sent["id"], "uno", clientMsgId="act")
    eve.post(f"/api/conversations/{team}/leave")
    assert acts.edit(eve, sent["id"], "uno", clientMsgId="act")["duplicate"]
    assert code_of(acts.edit(eve, sent["id"], "due")) == "NOT_ALLOWED"


def test_without_a_history_an_edit_erases_what_was_there(acts, ann, bob, chat, settings):
    settings(EDIT_HISTORY="none")
    sent = ann.send(chat, "one", attachment="https://files.test/a.png")["data"]
    for text in ("two", "three"):
        acts.edit(ann, sent["id"], text)
    assert [row["content"] for row in acts.edits(bob, sent["id"])["data"]] == ["three"]
    (shown,) = history(bob, chat)
    assert (shown["content"], shown["attachment"], shown["edits"]) == ("three", "https://files.test/a.png", 2)
    bodies = [row["body"] for row in db().entries.find({"conversation_id": ObjectId(chat)}).sort("seq", 1)]
    assert bodies[:2] == [None, None] and bodies[2]["content"] == "three"


def test_a_device_that_was_away_gets_the_edit(ann, bob, chat):
    sent = ann.send(chat, "one")["data"]
    synced = bob.post("/api/sync", {})["data"]
    Acts("rest").edit(ann, sent["id"], "uno")
    (row,) = bob.post("/api/sync", {"cursors": {chat: 1}, "since": synced["next"]})["data"]["conversations"]
    assert [entry["change"]["content"] for entry in row["entries"]] == ["uno"]
    assert (row["unreadCount"], row["changedBeforeGap"]) == (1, False)


def test_a_gap_says_that_older_messages_may_have_changed(ann, bob, chat, settings):
    settings(SYNC_GAP_ENTRIES=3, SYNC_NEWEST_ENTRIES=2)
    sent = ann.send(chat, "one")["data"]
    for number in range(5):
        ann.send(chat, str(number))
    sync = lambda cursor: bob.post("/api/sync", {"cursors": {chat: cursor}})["data"]["conversations"][0]  # noqa: E731
    assert (sync(1)["limited"], sync(1)["changedBeforeGap"]) == (True, False)
    Acts("rest").edit(ann, sent["id"], "uno")
    for number in range(5):
        ann.send(chat, str(number))
    assert (sync(2)["limited"], sync(2)["changedBeforeGap"]) == (True, True)
    assert (sync(7)["limited"], sync(7)["changedBeforeGap"]) == (True, False)

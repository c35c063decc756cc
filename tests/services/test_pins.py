"""Pinned messages: everybody finds them again, until they are unpinned, deleted, or their time is over."""

from datetime import timedelta

import gevent
import pytest
from bson import ObjectId

from chatapp import clock
from chatapp.database import db
from chatapp.services import pins as pin_service
from chatapp.services.log import cache
from chatapp.services.log.catch_up import recover
from chatapp.state import reset_caches
from chatapp.stores import heads as head_store
from tests.services.acting import Acts, code_of, history, listed

LATER = "2999-01-01T00:00:00.000Z"


def ids(answer):
    return [row["id"] for row in answer["data"]]


def test_a_pin_shows_everywhere_until_it_is_taken_away(acts, ann, bob, chat, sent):
    answer = acts.pin(bob, sent["id"], conversationId=chat, clientMsgId="act")
    assert answer["success"] and answer["entry"]["type"] == "pinned"
    assert answer["entry"]["change"] == {"messageId": sent["id"], "targetSeq": 1, "targetMseq": 1}
    assert answer["data"]["pinned"] and "pinnedUntil" not in answer["data"] and answer["data"]["changedSeq"] == 2
    head_store.settle()
    reset_caches()
    for person in (ann, bob):
        assert history(person, chat)[0]["pinned"]
        (found,) = acts.pins(person, chat)["data"]
        assert (found["id"], found["content"], found["pinned"]) == (sent["id"], "Nine?", True)
    answer = acts.unpin(ann, sent["id"])  # both may
    assert answer["entry"]["type"] == "unpinned" and "pinned" not in answer["data"]
    assert acts.pins(bob, chat)["data"] == [] and "pinned" not in history(bob, chat)[0]


def test_a_pin_moves_no_conversation_and_is_not_unread(acts, ann, bob, chat, sent):
    before = bob.get(f"/api/conversations/{chat}")["data"]
    acts.pin(ann, sent["id"])
    after = bob.get(f"/api/conversations/{chat}")["data"]
    assert (after["updatedAt"], after["unreadCount"], after["head"]["mseq"]) == (before["updatedAt"], 1, 1)
    assert after["head"]["seq"] == 2
    synced = bob.post("/api/sync", {"cursors": {chat: 1}})["data"]["conversations"]
    assert [entry["type"] for row in synced for entry in row["entries"]] == ["pinned"]


def test_what_was_pinned_last_comes_first(acts, ann, bob, new_app):
    team = ann.group(bob, new_app)
    messages = [ann.send(team, str(number))["data"]["id"] for number in range(5)]
    for message in (*messages, messages[1]):
        acts.pin(ann, message, until=None if message != messages[1] else LATER)
    acts.pin(ann, messages[0], until=LATER)
    newest = [messages[number] for number in (0, 4, 3, 2, 1)]
    assert ids(acts.pins(new_app, team)) == newest
    assert ids(bob.get(f"/api/conversations/{team}/pins")) == newest


def test_an_old_app_gets_each_by_its_kind(ann, new_app):
    chat = ann.direct(new_app)
    sent = ann.send(chat, "", attachment="https://files.test/a.png")["data"]["id"]
    Acts("rest").pin(ann, sent)
    types = [Acts(transport).pins(person, chat)["data"][0]["type"] for transport, person in (
        ("rest", ann), ("socket", ann), ("rest", new_app), ("socket", new_app))]  # fmt: skip
    assert types == ["image", "image", "message", "message"]


def test_an_old_app_gets_the_newest_three(ann, bob, chat):
    messages = [ann.send(chat, str(number))["data"]["id"] for number in range(4)]
    for message in messages:
        Acts("rest").pin(bob, message)
    socket = bob.socket()
    ack = socket.call("getPinnedMessages", {"conversationId": chat})
    assert ids(ack) == messages[:0:-1] and socket.received("pinnedMessages") == [ack]
    socket.emit("getPinnedMessages", {"conversationId": "f" * 24})
    assert socket.received("pinnedMessages:error")[0]["error"]["code"] == "CONVERSATION_NOT_FOUND"


def test_old_apps_hear_the_events_that_they_know_and_new_ones_the_entries(ann, bob, new_app):
    team = ann.group(bob, new_app)
    sent = ann.send(team, "", attachment="https://files.test/a.png")["data"]
    old, new, own = bob.socket(), new_app.socket(), ann.socket()
    payload = {"messageId": sent["id"], "conversationId": team}
    ack = own.call("message:pin", payload)
    (told,) = old.received("message:pinned")
    assert own.received("message:pinned") == [told]
    assert (told["success"], told["conversationId"], told["messageId"]) == (True, team, sent["id"])
    shown = {name: told["message"][name] for name in ("_id", "type", "attachment", "pinned")}
    assert shown == {"_id": sent["id"], "type": "image", "attachment": sent["attachment"], "pinned": True}
    assert told["message"]["sender"]["id"] == ann.id and ack["message"]["_id"] == sent["id"]
    own.call("message:unpin", payload)
    assert old.received("message:unpinned") == [{"success": True, "conversationId": team, "messageId": sent["id"]}]
    own.call("message:unpin", payload)  # it is so already
    assert len(own.received("message:unpinned")) == 2 and len(old.received("message:unpinned")) == 1
    assert not old.received("entry") and not new.received("message:pinned")
    assert [row["data"]["type"] for row in new.received("entry")] == ["pinned", "unpinned"]
    for event in ("message:pin", "message:unpin"):
        old.emit(event, {"messageId": "f" * 24})
        assert old.received(f"{event}:error")[0]["error"]["code"] == "MESSAGE_NOT_FOUND"


def test_acts_may_be_repeated_and_what_is_so_already_writes_nothing(acts, ann, bob, chat, sent):
    assert "entry" not in acts.unpin(ann, sent["id"])
    first = acts.pin(ann, sent["id"], clientMsgId="act")
    again = acts.pin(ann, sent["id"], clientMsgId="act")
    assert again["duplicate"] and again["entry"] == first["entry"]
    assert code_of(acts.pin(ann, sent["id"], clientMsgId="act", until=LATER)) == "IDEMPOTENCY_MISMATCH"
    assert "entry" not in acts.pin(bob, sent["id"])
    taken = acts.unpin(bob, sent["id"], clientMsgId="act")
    assert acts.unpin(bob, sent["id"], clientMsgId="act")["entry"] == taken["entry"]
    assert acts.pin(ann, sent["id"], clientMsgId="act")["duplicate"] and acts.pins(ann, chat)["data"] == []
    assert ann.get(f"/api/conversations/{chat}")["data"]["head"]["seq"] == 3


def test_a_pin_may_have_an_end_which_comes_without_an_entry(acts, ann, bob, chat, sent, run):
    until = clock.now() + timedelta(hours=1)
    answer = acts.pin(ann, sent["id"], until=clock.iso(until))
    assert answer["entry"]["change"]["until"] == answer["data"]["pinnedUntil"] == clock.iso(until)
    assert ids(acts.pins(bob, chat)) == [sent["id"]]
    hears = bob.socket()
    clock.move(timedelta(hours=1))
    assert acts.pins(bob, chat)["data"] == []
    assert "pinned" not in history(bob, chat)[0] and "pinnedUntil" not in history(bob, chat)[0]
    assert "entry" not in acts.unpin(ann, sent["id"])
    assert not hears.received("message:unpinned") and not hears.received("message:pinned")
    assert code_of(acts.pin(ann, sent["id"], until=clock.iso(until))) == "VALIDATION_ERROR"
    assert acts.pin(ann, sent["id"])["entry"]["seq"] == 3
    assert ids(acts.pins(bob, chat)) == [sent["id"]]
    assert run("verify").exit_code == 0


@pytest.mark.parametrize("until", ["tomorrow", 7, {}, "", "2026-02-30T00:00:00Z"])
def test_an_end_has_to_be_a_time(acts, ann, sent, until):
    assert code_of(acts.pin(ann, sent["id"], until=until)) == "VALIDATION_ERROR"


def test_fifty_are_enough(acts, ann, bob, chat, monkeypatch):
    monkeypatch.setattr(pin_service, "MOST_PINS", 2)
    one, two, three = (ann.send(chat, text)["data"]["id"] for text in ("1", "2", "3"))
    soon = clock.iso(clock.now() + timedelta(minutes=1))
    codes = [code_of(acts.pin(ann, one)), code_of(acts.pin(bob, two, until=soon)), code_of(acts.pin(ann, three))]
    assert codes == ["OK", "OK", "TOO_MANY_PINS"]
    assert code_of(acts.pin(ann, two)) == "OK"  # another end
    acts.pin(ann, two, until=soon)
    clock.move(timedelta(minutes=1))
    assert code_of(acts.pin(ann, three)) == "OK"  # one has run out
    assert [len(state.pins) for state in [cache.load(ObjectId(chat))]] == [2]


def test_a_deletion_unpins(acts, ann, bob, chat, sent, run):
    other = ann.send(chat, "Ten?")["data"]["id"]
    for message in (sent["id"], other):
        acts.pin(bob, message)
    acts.edit(ann, other, "Eleven?")
    deleted = acts.delete(ann, sent["id"])
    assert "pinned" not in deleted["data"] and "pinned" not in history(bob, chat)[1]
    (left,) = acts.pins(bob, chat)["data"]
    assert (left["id"], left["content"]) == (other, "Eleven?")
    assert code_of(acts.pin(bob, sent["id"])) == "MESSAGE_DELETED"
    answer = acts.unpin(bob, sent["id"])
    assert answer["success"] and answer["data"]["deleted"] and "entry" not in answer
    assert run("verify").exit_code == 0


def test_who_may_pin_in_a_group(acts, ann, bob, eve, new_app):
    team = ann.group(bob, eve, new_app)
    ann.rest("PATCH", f"/api/conversations/{team}/members/{bob.id}", json={"role": "admin"})
    sent = ann.send(team, "Nine?")["data"]["id"]
    assert listed(eve)["whoMayPin"] == "everyone"
    assert code_of(acts.pin(eve, sent)) == "OK"
    path, socket = f"/api/conversations/{team}", new_app.socket()
    assert code_of(eve.rest("PATCH", path, json={"whoMayPin": "admins"}).json) == "NOT_ALLOWED"
    assert code_of(bob.rest("PATCH", path, json={"whoMayPin": "nobody"}).json) == "VALIDATION_ERROR"
    changed = bob.rest("PATCH", path, json={"whoMayPin": "admins"}).json
    assert (changed["data"]["whoMayPin"], changed["entry"]["change"]) == ("admins", {"whoMayPin": "admins"})
    assert socket.received("entry")[-1]["data"]["change"] == {"whoMayPin": "admins"}
    head_store.settle()
    reset_caches()
    assert listed(eve)["whoMayPin"] == "admins"
    for act in (acts.pin, acts.unpin):
        assert code_of(act(eve, sent)) == "NOT_ALLOWED"
    for person in (bob, ann):
        assert [code_of(act(person, sent)) for act in (acts.unpin, acts.pin)] == ["OK", "OK"]
    assert len(acts.pins(eve, team)["data"]) == 1  # whoever may see a message may see that it is pinned


def test_a_former_member_goes_on_seeing_who_might_pin(ann, bob, eve):
    team = ann.group(bob, eve)
    sent = ann.send(team, "Nine?")["data"]["id"]
    Acts("rest").pin(eve, sent, clientMsgId="act")
    ann.rest("DELETE", f"/api/conversations/{team}/members/{eve.id}")
    seen = history(eve, team)
    assert seen[0]["pinned"]
    Acts("rest").unpin(ann, sent)
    assert history(eve, team) == seen
    assert Acts("rest").pin(eve, sent, clientMsgId="act")["duplicate"]
    for answer in (Acts("rest").unpin(eve, sent), Acts("rest").pins(eve, team)):
        assert code_of(answer) == "NOT_ALLOWED"


def test_a_member_who_may_not_see_the_message_learns_nothing_of_it(acts, ann, bob, eve, new_app):
    team = ann.group(bob, eve, history="since_join")
    sent = ann.send(team, "secret")["data"]
    ann.post(f"/api/conversations/{team}/members", {"userIds": [new_app.id]})
    socket = new_app.socket()
    acts.pin(ann, sent["id"], until=LATER)
    synced = new_app.post("/api/sync", {})["data"]["conversations"][0]["entries"][-1]
    for entry in (socket.received("entry")[-1]["data"], synced):
        assert entry["change"] == {"messageId": sent["id"], "targetSeq": 1, "targetMseq": 1, "withheld": True}
    assert acts.pins(new_app, team)["data"] == [] and len(acts.pins(bob, team)["data"]) == 1
    assert code_of(acts.pin(new_app, sent["id"])) == "MESSAGE_NOT_FOUND"
    assert "secret" not in str(socket.received())


def test_what_somebody_has_deleted_for_themselves_is_pinned_for_the_others(acts, ann, bob, chat, sent):
    acts.pin(ann, sent["id"], until=LATER)
    acts.hide(bob, sent["id"])
    assert acts.pins(bob, chat)["data"] == [] and ids(acts.pins(ann, chat)) == [sent["id"]]
    assert code_of(acts.unpin(bob, sent["id"])) == "MESSAGE_NOT_FOUND"
    (row,) = bob.post("/api/sync", {})["data"]["conversations"]
    assert row["entries"][0]["hidden"] and "pinned" not in row["entries"][0]


def test_a_pin_that_crosses_a_deletion_shows_nothing(ann, bob, chat, sent, monkeypatch, run):
    bob.post(f"/api/conversations/{chat}/read")
    append, is_deleted, hears = pin_service.append_act, [], ann.socket()

    def deleted_meanwhile(message, draft, **more):
        if not is_deleted:
            is_deleted.append(True)
            Acts("rest").delete(ann, sent["id"])
        return append(message, draft, **more)

    monkeypatch.setattr(pin_service, "append_act", deleted_meanwhile)
    answer = Acts("rest").pin(bob, sent["id"])
    assert answer["success"] and answer["data"]["deleted"] and "pinned" not in answer["data"]
    assert Acts("rest").pins(ann, chat)["data"] == [] and "pinned" not in history(ann, chat)[0]
    assert hears.received("message:deleted") and not hears.received("message:pinned")
    assert run("verify").exit_code == 0


def test_pins_have_the_limit_of_acts(acts, ann, chat, sent, settings):
    settings(RATE_ACTIONS="1 per minute")
    assert [code_of(act(ann, sent["id"])) for act in (acts.pin, acts.unpin)] == ["OK", "RATE_LIMITED"]


def test_pins_at_once_all_count(ann, bob, chat, run):
    messages = [ann.send(chat, str(number))["data"]["id"] for number in range(6)]
    people = (ann, bob)
    at_once = [gevent.spawn(Acts("rest").pin, people[number % 2], row) for number, row in enumerate(messages)]
    gevent.joinall(at_once, raise_error=True)
    assert sorted(ids(Acts("rest").pins(bob, chat))) == sorted(messages)
    assert run("verify").exit_code == 0


@pytest.mark.parametrize("died", ["before the message is marked", "before the head"])
def test_a_crash_in_between_is_mended(ann, bob, chat, sent, monkeypatch, died, run):
    head_store.settle()

    def die(*_, **__):
        raise OSError("killed")

    place = {
        "before the message is marked": "chatapp.stores.changed_messages.set_now",
        "before the head": "chatapp.stores.heads.advance",
    }[died]
    with monkeypatch.context() as patched:
        patched.setattr(place, die)
        assert code_of(Acts("rest").pin(ann, sent["id"], clientMsgId="act")) == "INTERNAL_ERROR"
    reset_caches()  # another process begins
    assert recover(100) == 1
    assert ids(Acts("rest").pins(bob, chat)) == [sent["id"]]
    assert Acts("rest").pin(ann, sent["id"], clientMsgId="act")["duplicate"]
    assert run("verify").exit_code == 0


def test_a_conversation_of_an_earlier_version_has_none(acts, ann, bob, chat, sent, run):
    acts.edit(ann, sent["id"], "Ten?")
    head_store.settle()
    db().conversations.update_one({"_id": ObjectId(chat)}, {"$unset": {"pins": "", "who_may_pin": ""}})
    db().entries.update_one({"_id": ObjectId(sent["id"])}, {"$unset": {"now.pinned": ""}})
    reset_caches()
    assert run("verify").exit_code == 0
    assert (listed(bob)["whoMayPin"], acts.pins(bob, chat)["data"]) == ("everyone", [])
    acts.pin(bob, sent["id"])
    assert ids(acts.pins(ann, chat)) == [sent["id"]]
    assert run("verify").exit_code == 0

"""Reactions: an emoji on a message, which everybody sees and whoever has set it takes back."""

import gevent
import pytest
from bson import ObjectId

from chatapp import emojis
from chatapp.database import db
from chatapp.lab.replica import Replica
from chatapp.services import actions
from chatapp.services.log.catch_up import recover
from chatapp.state import reset_caches
from chatapp.stores import heads as head_store
from tests.services.acting import Acts, code_of, history, listed

MANY = 100
EMOJI = [text for text in map(emojis.key_of, "😀😁😂🤣😃😄😅😆😉😊😋😎😍😘🥰😗😙😚🙂🤗🤩🤔") if text]


def shown(*rows):
    """Return reactions as they are shown: (emoji, people) each."""
    return [{"emoji": emoji, "count": len(who), "users": [person.id for person in who]} for emoji, who in rows]


def reactions(message):
    return message.get("reactions", [])


def test_a_reaction_shows_everywhere_until_it_is_taken_back(acts, ann, bob, chat, sent):
    answer = acts.react(bob, sent["id"], "👍", conversationId=chat, clientMsgId="act")
    assert answer["success"] and answer["entry"]["type"] == "reaction"
    target = {"messageId": sent["id"], "targetSeq": 1, "targetMseq": 1}
    assert answer["entry"]["change"] == target | {"emoji": "👍", "on": True}
    assert (answer["entry"]["actor"]["id"], answer["entry"]["mseq"]) == (bob.id, 1)
    assert reactions(answer["data"]) == shown(("👍", [bob]))
    assert (answer["data"]["changedSeq"], answer["data"]["content"]) == (2, "Nine?")
    acts.react(ann, sent["id"], "🎉")
    acts.react(ann, sent["id"], "👍")
    head_store.settle()
    reset_caches()
    for person in (ann, bob):
        assert reactions(history(person, chat)[0]) == shown(("👍", [bob, ann]), ("🎉", [ann]))
        (row,) = person.post("/api/sync", {})["data"]["conversations"]
        assert reactions(row["entries"][0]) == shown(("👍", [bob, ann]), ("🎉", [ann]))
    acts.react(bob, sent["id"], "👍", on=False)
    answer = acts.react(ann, sent["id"], "👍", on=False)
    assert answer["entry"]["change"] == target | {"emoji": "👍", "on": False}
    assert reactions(history(bob, chat)[0]) == shown(("🎉", [ann]))
    acts.react(ann, sent["id"], "🎉", on=False)
    (last,) = history(bob, chat)
    assert "reactions" not in last and last["changedSeq"] == 7 and "edits" not in last


def test_a_message_without_one_says_nothing_of_reactions(ann, bob, chat, sent):
    assert "reactions" not in sent and "reactions" not in history(bob, chat)[0]
    assert "now" not in db().entries.find_one({"_id": ObjectId(sent["id"])})


def test_a_reaction_moves_no_conversation_and_is_not_unread(acts, ann, bob, eve, chat, sent):
    later = ann.direct(eve)
    ann.send(later, "two")
    before = bob.get(f"/api/conversations/{chat}")["data"]
    acts.react(ann, sent["id"], "👍")
    assert [row["id"] for row in ann.get("/api/user/conversations")["data"]] == [later, chat]
    after = bob.get(f"/api/conversations/{chat}")["data"]
    assert (after["updatedAt"], after["unreadCount"], after["lastMessage"]) == (
        before["updatedAt"],
        1,
        before["lastMessage"],
    )
    assert (after["head"]["seq"], after["head"]["mseq"]) == (2, 1)
    synced = bob.post("/api/sync", {"cursors": {chat: 1}})["data"]["conversations"]
    assert [entry["change"]["emoji"] for row in synced for entry in row["entries"]] == ["👍"]


def test_with_and_without_the_selector_an_emoji_is_the_same(acts, ann, bob, chat, sent):
    acts.react(ann, sent["id"], "❤")
    acts.react(bob, sent["id"], "❤\ufe0f")
    assert reactions(history(bob, chat)[0]) == shown(("❤\ufe0f", [ann, bob]))
    assert "entry" not in acts.react(ann, sent["id"], "❤\ufe0f")


@pytest.mark.parametrize("emoji", ["👩🏽‍🚀", "🏳️‍🌈", "🇮🇳", "#️⃣", "*⃣", "1️⃣", "👨‍👩‍👧‍👦", "🫱🏻‍🫲🏿", "©"])
def test_every_emoji_is_one_grapheme(acts, ann, chat, sent, emoji):
    assert code_of(acts.react(ann, sent["id"], emoji)) == "OK"
    (found,) = reactions(history(ann, chat)[0])
    assert emojis.key_of(found["emoji"]) == emojis.key_of(emoji)
    assert code_of(acts.react(ann, sent["id"], found["emoji"], on=False)) == "OK"
    assert reactions(history(ann, chat)[0]) == []


@pytest.mark.parametrize("text", ["a", "1", "👍👍", "👍 ", "\ufe0f", "\u200d", "👍a", "$", "a.b", "ok", "👍" * 60, "🇮"])
def test_what_is_not_one_emoji_is_refused(acts, ann, chat, sent, text):
    assert code_of(acts.react(ann, sent["id"], text)) == "VALIDATION_ERROR"
    assert ann.get(f"/api/conversations/{chat}")["data"]["head"]["seq"] == 1


def test_a_socket_has_to_name_an_emoji(ann, sent):
    for emoji in ({}, {"emoji": None}, {"emoji": ""}, {"emoji": "👍", "on": "yes"}):
        assert code_of(ann.socket().call("reaction:add", {"messageId": sent["id"], **emoji})) == "VALIDATION_ERROR"


def test_old_apps_hear_the_event_that_they_know_and_new_ones_the_entry(ann, bob, new_app):
    team = ann.group(bob, new_app)
    sent = ann.send(team, "Nine?")["data"]
    old, new = bob.socket(), new_app.socket()
    Acts("rest").react(ann, sent["id"], "👍")
    Acts("rest").react(new_app, sent["id"], "👍")
    told = {"success": True, "messageId": sent["id"], "conversationId": team}
    assert old.received("reaction:updated") == [
        told | {"reactions": shown(("👍", [ann]))},
        told | {"reactions": shown(("👍", [ann, new_app]))},
    ]
    assert not old.received("entry") and not new.received("reaction:updated")
    assert [row["data"]["change"]["emoji"] for row in new.received("entry")] == ["👍", "👍"]


def test_an_old_app_turns_a_reaction_on_and_off(ann, bob, chat, sent):
    socket, partner = ann.socket(), bob.socket()
    payload = {"messageId": sent["id"], "emoji": "👍", "userId": bob.id, "conversationId": chat}
    told = {"success": True, "messageId": sent["id"], "conversationId": chat}
    for who in ([ann], []):
        ack = socket.call("reaction:add", payload)
        (event,) = socket.received("reaction:updated")
        assert event == told | {"reactions": shown(("👍", who)) if who else []}
        assert partner.received("reaction:updated") == [event] and {key: ack[key] for key in event} == event
        assert ack["entry"]["change"]["on"] is bool(who) and ack["entry"]["actor"]["id"] == ann.id
        socket.forget()
        partner.forget()
    socket.emit("reaction:add", {"messageId": "f" * 24, "emoji": "👍"})
    assert socket.received("reaction:error")[0]["error"]["code"] == "MESSAGE_NOT_FOUND"


def test_a_toggle_may_be_repeated(ann, chat, sent):
    socket, payload = ann.socket(), {"messageId": sent["id"], "emoji": "👍", "clientMsgId": "act"}
    first = socket.call("reaction:add", payload)
    again = socket.call("reaction:add", payload)
    assert again["duplicate"] and again["entry"] == first["entry"]
    assert reactions(again["data"]) == shown(("👍", [ann]))
    other = socket.call("reaction:add", payload | {"emoji": "🎉"})
    assert code_of(other) == "IDEMPOTENCY_MISMATCH"
    assert len(socket.received("reaction:updated")) == 2  # the answer to the repeat too


def test_a_reaction_may_be_repeated(acts, ann, bob, chat, sent):
    first = acts.react(ann, sent["id"], "👍", clientMsgId="act")
    acts.react(ann, sent["id"], "👍", on=False)
    again = acts.react(ann, sent["id"], "👍", clientMsgId="act")
    assert again["duplicate"] and again["entry"] == first["entry"]
    assert reactions(again["data"]) == []  # as it is now
    assert code_of(acts.react(ann, sent["id"], "🎉", clientMsgId="act")) == "IDEMPOTENCY_MISMATCH"
    assert code_of(acts.react(ann, sent["id"], "👍", on=False, clientMsgId="act")) in ("IDEMPOTENCY_MISMATCH", "OK")
    assert acts.react(bob, sent["id"], "🎉", clientMsgId="act")["entry"]["seq"] == 4


def test_what_is_so_already_is_a_success_without_an_entry(acts, ann, bob, chat, sent):
    acts.react(ann, sent["id"], "👍")
    for answer in (acts.react(ann, sent["id"], "👍"), acts.react(bob, sent["id"], "👍", on=False)):
        assert answer["success"] and "entry" not in answer
        assert reactions(answer["data"]) == shown(("👍", [ann]))
    assert ann.get(f"/api/conversations/{chat}")["data"]["head"]["seq"] == 2


def test_so_many_are_enough(acts, ann, bob, eve):
    team = ann.group(bob, eve)
    message = ann.send(team, "Nine?")["data"]["id"]
    codes = [code_of(acts.react(ann, message, emoji)) for emoji in EMOJI[:11]]
    assert codes == ["OK"] * 10 + ["TOO_MANY_REACTIONS"]
    for emoji in EMOJI[10:20]:
        assert code_of(acts.react(bob, message, emoji)) == "OK"
    assert code_of(acts.react(eve, message, EMOJI[20])) == "TOO_MANY_REACTIONS"
    assert code_of(acts.react(eve, message, EMOJI[0])) == "OK"  # one that is there
    acts.react(bob, message, EMOJI[19], on=False)
    assert code_of(acts.react(eve, message, EMOJI[20])) == "OK"
    assert [row["emoji"] for row in reactions(history(ann, team)[0])] == [*EMOJI[:19], EMOJI[20]]


def test_reactions_have_the_limit_of_acts(acts, ann, chat, sent, settings):
    settings(RATE_ACTIONS="1 per minute")
    assert [code_of(acts.react(ann, sent["id"], emoji)) for emoji in "👍🎉"] == ["OK", "RATE_LIMITED"]


def test_a_deletion_takes_them_away(acts, ann, bob, chat, sent, run):
    acts.react(bob, sent["id"], "👍")
    acts.edit(ann, sent["id"], "Ten?")
    assert reactions(history(ann, chat)[0]) == shown(("👍", [bob]))
    deleted = acts.delete(ann, sent["id"])
    assert "reactions" not in deleted["data"] and "reactions" not in history(bob, chat)[0]
    assert code_of(acts.react(ann, sent["id"], "👍")) == "MESSAGE_DELETED"
    for emoji in "👍🎉":
        answer = acts.react(bob, sent["id"], emoji, on=False)
        assert answer["success"] and answer["data"]["deleted"] and "entry" not in answer
    assert run("verify").exit_code == 0


def test_who_may_not_see_the_message_can_not_react(acts, ann, bob, eve, chat, sent):
    other = ann.direct(eve)
    for who, message_id, more in (
        (eve, sent["id"], {}),
        (ann, "f" * 24, {}),
        (ann, sent["id"], {"conversationId": other}),
    ):
        assert code_of(acts.react(who, message_id, "👍", **more)) == "MESSAGE_NOT_FOUND"
    assert reactions(history(bob, chat)[0]) == []


def test_a_member_who_may_not_see_the_message_is_not_told_the_emoji(ann, bob, eve, new_app):
    team = ann.group(bob, eve, history="since_join")
    sent = ann.send(team, "secret")["data"]
    ann.post(f"/api/conversations/{team}/members", {"userIds": [new_app.id]})
    socket = new_app.socket()
    Acts("rest").react(ann, sent["id"], "👍")
    synced = new_app.post("/api/sync", {})["data"]["conversations"][0]["entries"][-1]
    paged = new_app.get(f"/api/conversations/{team}/entries")["data"][-1]
    for entry in (socket.received("entry")[-1]["data"], synced, paged):
        assert entry["change"] == {
            "messageId": sent["id"],
            "targetSeq": 1,
            "targetMseq": 1,
            "emoji": "",
            "on": True,
            "withheld": True,
        }
    assert code_of(Acts("rest").react(new_app, sent["id"], "👍")) == "MESSAGE_NOT_FOUND"


def test_a_former_member_sees_them_as_they_were(acts, ann, bob, eve):
    team = ann.group(bob, eve)
    first, second = (ann.send(team, text)["data"]["id"] for text in ("one", "two"))
    acts.react(eve, first, "👍", clientMsgId="act")
    acts.react(bob, first, "🎉")
    acts.edit(ann, first, "uno")
    acts.react(bob, first, "🎉", on=False)
    ann.rest("DELETE", f"/api/conversations/{team}/members/{eve.id}")
    seen = history(eve, team)
    assert [(row["content"], reactions(row)) for row in seen] == [("two", []), ("uno", shown(("👍", [eve])))]
    acts.react(ann, second, "👍")
    acts.react(bob, first, "👍")
    acts.edit(ann, first, "eins")
    assert history(eve, team) == seen
    assert [row["type"] for row in eve.get(f"/api/conversations/{team}/entries")["data"]][-1] == "member_removed"
    assert acts.react(eve, first, "👍", clientMsgId="act")["duplicate"]
    assert code_of(acts.react(eve, first, "👍", on=False)) == "NOT_ALLOWED"
    acts.delete(ann, first)
    assert [(row["content"], reactions(row)) for row in history(eve, team)] == [("two", []), ("", [])]


def test_reactions_at_once_all_count(ann, bob, eve, register):
    people = [ann, bob, eve, *(register(name) for name in ("dan", "fay", "gus"))]
    team = ann.group(*people[1:])
    message = ann.send(team, "Nine?")["data"]["id"]
    at_once = [gevent.spawn(Acts("rest").react, who, message, "👍") for who in people]
    gevent.joinall(at_once, raise_error=True)
    (row,) = reactions(history(ann, team)[0])
    assert sorted(row["users"]) == sorted(person.id for person in people)
    for task in at_once:  # whoever is answered sees all that come before their own
        answer = task.value
        assert row["users"][: len(reactions(answer["data"])[0]["users"])] == reactions(answer["data"])[0]["users"]
        assert answer["data"]["changedSeq"] >= answer["entry"]["seq"]
        assert reactions(answer["data"])[0]["count"] == answer["data"]["changedSeq"] - 1


def test_one_that_crosses_a_deletion_leaves_nothing(ann, bob, chat, sent, monkeypatch, run):
    append, is_deleted = actions.append_entry, []

    def deleted_meanwhile(conversation_id, draft):
        if not is_deleted:
            is_deleted.append(True)
            Acts("rest").delete(ann, sent["id"])
        return append(conversation_id, draft)

    monkeypatch.setattr(actions, "append_entry", deleted_meanwhile)
    answer = Acts("rest").react(bob, sent["id"], "👍")
    assert answer["success"] and answer["data"]["deleted"] and "reactions" not in answer["data"]
    assert history(bob, chat)[0]["deleted"] and reactions(history(bob, chat)[0]) == []
    assert run("verify").exit_code == 0


@pytest.mark.parametrize("died", ["before the message is marked", "before the head"])
def test_a_crash_in_between_is_mended(ann, bob, chat, sent, monkeypatch, died, run):
    head_store.settle()
    hears = bob.socket()

    def die(*_, **__):
        raise OSError("killed")

    place = {
        "before the message is marked": "chatapp.stores.changed_messages.set_now",
        "before the head": "chatapp.stores.heads.advance",
    }[died]
    with monkeypatch.context() as patched:
        patched.setattr(place, die)
        assert code_of(Acts("rest").react(ann, sent["id"], "👍", clientMsgId="act")) == "INTERNAL_ERROR"
    reset_caches()  # another process begins
    assert recover(100) == 1
    assert reactions(history(bob, chat)[0]) == shown(("👍", [ann]))
    assert [row["reactions"] for row in hears.received("reaction:updated")] in ([], [shown(("👍", [ann]))])
    assert Acts("rest").react(ann, sent["id"], "👍", clientMsgId="act")["duplicate"]
    assert run("verify").exit_code == 0


def test_a_message_that_an_earlier_version_has_marked_has_none(acts, ann, bob, chat, sent, run):
    acts.edit(ann, sent["id"], "Ten?")
    db().entries.update_one({"_id": ObjectId(sent["id"])}, {"$unset": {"now.reactions": ""}})
    assert run("verify").exit_code == 0
    assert reactions(history(bob, chat)[0]) == []
    acts.react(bob, sent["id"], "👍")
    (found,) = history(ann, chat)
    assert (found["content"], reactions(found)) == ("Ten?", shown(("👍", [bob])))
    assert run("verify").exit_code == 0


def test_a_hundred_reactions_empty_no_page_and_no_sync(ann, bob, chat, settings):
    settings(RATE_ACTIONS="1000 per minute")
    messages = [ann.send(chat, str(number))["data"]["id"] for number in range(4)]
    for number in range(MANY):
        Acts("rest").react((ann, bob)[number % 2], messages[number % 4], "👍", on=number // 4 % 2 == 0)
    assert listed(bob)["head"]["seq"] == 4 + MANY
    newest = bob.get(f"/api/conversations/{chat}/messages?limit=3")
    assert [row["content"] for row in newest["data"]] == ["3", "2", "1"] and newest["pagination"]["hasMore"]
    replica = Replica()
    replica.synced(bob.post("/api/sync", replica.body())["data"])
    assert [row["content"] for row in replica.logs[chat].messages()] == ["0", "1", "2", "3"]
    assert replica.logs[chat].cursor == 4 + MANY

"""A member's own settings of a conversation: mute, archive, pin, mark as unread. Nobody else learns of them."""

from datetime import timedelta

import gevent
import pytest

from chatapp import clock
from chatapp.realtime import others
from chatapp.services import own
from chatapp.services.log import cache
from chatapp.state import reset_caches
from chatapp.stores import memberships as membership_store
from tests.services.acting import Acts, code_of, listed

FOR_EVER = "9999-12-31T00:00:00.000Z"
NOTHING = {
    "mutedUntil": None,
    "muteMentions": False,
    "archived": False,
    "archivedMseq": None,
    "pinned": False,
    "pinnedAt": None,
    "markedUnread": False,
    "markedUnreadSeq": None,
}


def own_of(person):
    return listed(person)["own"]


def settings_of(person):
    return own_of(person)["settings"]


def sync(person, cursors, since=None):
    return person.post("/api/sync", {"cursors": cursors} | ({"since": since} if since else {}))["data"]


def test_settings_are_there_before_anything_is_set(ann, chat):
    assert own_of(ann) == {
        "version": 0,
        "settings": NOTHING,
        "hidden": [],
        "hiddenSeqs": [],
        "stars": [],
        "draft": None,
    }
    assert ann.get(f"/api/conversations/{chat}")["data"]["own"] == own_of(ann)


def test_a_conversation_is_muted_for_ever_until_it_is_not(acts, ann, bob, chat):
    answer = acts.settings(ann, chat, mutedUntil=FOR_EVER, muteMentions=True)
    assert answer["data"] == {
        "conversationId": chat,
        "version": 1,
        "settings": NOTHING | {"mutedUntil": FOR_EVER, "muteMentions": True},
    }
    reset_caches()
    assert settings_of(ann)["mutedUntil"] == FOR_EVER and settings_of(bob) == NOTHING
    assert acts.settings(ann, chat, mutedUntil=None)["data"]["settings"] == NOTHING | {"muteMentions": True}


def test_a_mute_ends_by_itself(acts, ann, chat):
    until = clock.now() + timedelta(hours=8)
    assert acts.settings(ann, chat, mutedUntil=clock.iso(until))["data"]["settings"]["mutedUntil"] == clock.iso(until)
    clock.move(timedelta(hours=8, seconds=1))
    assert settings_of(ann)["mutedUntil"] is None
    assert acts.settings(ann, chat, mutedUntil=clock.iso(until))["data"]["settings"]["mutedUntil"] is None


@pytest.mark.parametrize("until", ["soon", "", 7, [], "2026-13-01T00:00:00Z", "9999-12-31T23:59:59-12:00", "2" * 50])
def test_a_time_is_a_time(acts, ann, chat, until):
    assert code_of(acts.settings(ann, chat, mutedUntil=until)) == "VALIDATION_ERROR"
    assert settings_of(ann) == NOTHING


def test_a_time_may_be_told_in_any_zone(acts, ann, chat):
    shown = acts.settings(ann, chat, mutedUntil="2999-01-31T09:30:00.123456+02:00")["data"]["settings"]
    assert shown["mutedUntil"] == "2999-01-31T07:30:00.123Z"


def test_an_archived_conversation_comes_back_with_the_next_message(acts, ann, bob, chat):
    sent = bob.send(chat, "one")["data"]
    assert acts.settings(ann, chat, archived=True)["data"]["settings"]["archivedMseq"] == 1
    acts.edit(bob, sent["id"], "no new message")
    assert settings_of(ann)["archived"]
    bob.send(chat, "two")
    assert not settings_of(ann)["archived"]
    assert acts.settings(ann, chat, archived=True)["data"]["settings"]["archivedMseq"] == 2
    assert acts.settings(ann, chat, archived=False)["data"]["settings"] == NOTHING


def test_an_archived_conversation_stays_away_while_it_is_muted(acts, ann, bob, chat):
    acts.settings(ann, chat, archived=True, mutedUntil=FOR_EVER)
    bob.send(chat, "one")
    assert settings_of(ann)["archived"]
    acts.settings(ann, chat, mutedUntil=None)
    assert not settings_of(ann)["archived"]


def test_at_most_ten_are_pinned(acts, ann, register):
    chats = [ann.direct(register(f"p{number}")) for number in range(12)]
    answers = [acts.settings(ann, row, pinned=True) for row in chats]
    assert [code_of(answer) for answer in answers] == ["OK"] * 10 + ["TOO_MANY_PINS"] * 2
    assert code_of(acts.settings(ann, chats[0], pinned=True)) == "OK"  # it is so already
    acts.settings(ann, chats[0], pinned=False)
    assert code_of(acts.settings(ann, chats[11], pinned=True)) == "OK"
    pinned = {row["id"] for row in ann.get("/api/user/conversations")["data"] if row["own"]["settings"]["pinned"]}
    assert pinned == {*chats[1:10], chats[11]}


def test_at_most_ten_are_pinned_by_two_devices_at_once(ann, register, monkeypatch):
    chats = [ann.direct(register(f"p{number}")) for number in range(11)]
    for chat in chats[:9]:
        Acts("rest").settings(ann, chat, pinned=True)
    monkeypatch.setattr(own, "turn", lambda _: gevent.lock.RLock())  # as in two processes
    counted = membership_store.count_pinned

    def slow(user_id):
        found = counted(user_id)
        gevent.idle()
        return found

    monkeypatch.setattr(membership_store, "count_pinned", slow)
    at_once = [gevent.spawn(Acts("rest").settings, ann, chat, pinned=True) for chat in chats[9:]]
    gevent.joinall(at_once, raise_error=True)
    rows = ann.get("/api/user/conversations")["data"]
    assert sum(row["own"]["settings"]["pinned"] for row in rows) <= 10


def test_a_conversation_is_marked_unread_until_it_is_read(acts, ann, bob, chat):
    bob.send(chat, "one")
    ann.post(f"/api/conversations/{chat}/read")
    marked = acts.settings(ann, chat, markedUnread=True)["data"]["settings"]
    assert (marked["markedUnread"], marked["markedUnreadSeq"]) == (True, 1)
    assert listed(ann)["unreadCount"] == 0
    bob.send(chat, "two")
    assert settings_of(ann)["markedUnread"]
    ann.post(f"/api/conversations/{chat}/read")
    assert not settings_of(ann)["markedUnread"]


@pytest.mark.parametrize("event", ["markAsRead", "messageRead"])
def test_a_read_of_nothing_new_ends_the_mark_too(ann, bob, chat, event):
    sent = bob.send(chat, "one")["data"]
    ann.post(f"/api/conversations/{chat}/read")
    Acts("rest").settings(ann, chat, markedUnread=True)
    phone, laptop = ann.socket(), ann.socket()
    phone.call(event, {"conversationId": chat, "messageId": sent["id"]})
    assert settings_of(ann)["markedUnread"] is False
    (told,) = laptop.received("ownChanged")
    assert told["data"]["settings"]["markedUnread"] is False


def test_a_mark_ends_with_an_answer_and_with_the_conversation(acts, ann, bob, chat):
    bob.send(chat, "one")
    acts.settings(ann, chat, markedUnread=True)
    ann.send(chat, "two")
    assert not settings_of(ann)["markedUnread"]
    bob.send(chat, "three")
    acts.settings(ann, chat, markedUnread=True)
    ann.rest("DELETE", f"/api/conversations/{chat}")
    bob.send(chat, "four")
    assert not settings_of(ann)["markedUnread"]


def test_all_devices_of_the_user_hear_of_it_and_nobody_else(acts, ann, bob, chat):
    phone, laptop, other = ann.socket(), ann.socket(), bob.socket()
    answer = acts.settings(ann, chat, archived=True)
    assert [row["data"] for row in phone.received("ownChanged")] == [answer["data"]]
    assert [row["data"] for row in laptop.received("ownChanged")] == [answer["data"]]
    acts.settings(ann, chat, archived=True)  # it is so already
    assert len(phone.received("ownChanged")) == 1
    assert not other.received("ownChanged")


def test_a_sync_tells_what_has_changed_since(acts, ann, bob, chat):
    ann.send(chat, "one")
    first = sync(ann, {chat: 1})
    assert "own" not in first["conversations"][0]  # nothing was ever set
    acts.settings(ann, chat, pinned=True)
    reset_caches()
    (row,) = (second := sync(ann, {chat: 1}, first["next"]))["conversations"]
    assert (row["own"]["version"], row["own"]["settings"]["pinned"]) == (1, True)
    assert sync(ann, {chat: 1}, second["next"])["conversations"] == []
    bob.send(chat, "two")
    (row,) = sync(ann, {chat: 1}, second["next"])["conversations"]
    assert "own" not in row
    assert sync(ann, {}, None)["conversations"][0]["own"]["settings"]["pinned"]
    assert sync(bob, {chat: 2})["conversations"][0].get("own") is None


def test_a_sync_while_it_is_being_stored_does_not_step_over_it(ann, bob, chat, monkeypatch):
    ann.send(chat, "one")
    first, store, between = sync(ann, {chat: 1})["next"], membership_store.change_own, []

    def meanwhile(*arguments, **changes):
        between.append(sync(ann, {chat: 1}, first)["next"])
        return store(*arguments, **changes)

    monkeypatch.setattr(membership_store, "change_own", meanwhile)
    Acts("rest").settings(ann, chat, pinned=True)
    (row,) = sync(ann, {chat: 1}, between[0])["conversations"]
    assert row["own"]["settings"]["pinned"]


def test_a_long_poll_is_woken(ann, chat, settings):
    settings(LONG_POLL_SECONDS=20)
    ann.send(chat, "one")
    body = {"cursors": {chat: 1}, "since": sync(ann, {chat: 1})["next"]}
    waiting = gevent.spawn(ann.post, "/api/sync?timeout=20", body)
    gevent.idle()
    Acts("rest").settings(ann, chat, pinned=True)
    assert waiting.get(timeout=10)["data"]["conversations"][0]["own"]["settings"]["pinned"]


def test_other_processes_are_told(acts, ann, chat, monkeypatch):
    told = []
    monkeypatch.setattr(others.Others, "tell", lambda _, kind, data: told.append((kind, data)))
    monkeypatch.setattr(others.Others, "flush", lambda _: told.append(("flush", None)))
    assert listed(ann)["id"] == chat  # this process remembers it
    acts.settings(ann, chat, pinned=True)
    (row,) = [data for kind, data in told if kind == "own"]
    assert [kind for kind, _ in told][-2:] == ["own", "flush"]  # before the answer
    cache.renew_own(row["conversation"], row["user"], row["own"] | {"version": 9, "mute_mentions": True})
    cache.renew_own(row["conversation"], row["user"], row["own"])  # comes late
    assert (own_of(ann)["version"], settings_of(ann)["muteMentions"]) == (9, True)


def test_strangers_and_former_members_set_nothing(acts, ann, bob, eve, register):
    team = ann.group(bob, eve)
    acts.settings(bob, team, archived=True)
    assert code_of(acts.settings(register("dan"), team, archived=True)) == "CONVERSATION_NOT_FOUND"
    bob.post(f"/api/conversations/{team}/leave")
    assert code_of(acts.settings(bob, team, archived=False)) == "NOT_ALLOWED"
    ann.post(f"/api/conversations/{team}/members", {"userIds": [bob.id]})
    assert settings_of(bob)["archived"]  # they stayed his


def test_what_others_do_with_the_membership_leaves_the_settings_alone(ann, bob, eve):
    team = ann.group(bob, eve)
    Acts("rest").settings(bob, team, pinned=True)
    ann.rest("PATCH", f"/api/conversations/{team}/members/{bob.id}", json={"role": "admin"})
    bob.rest("PUT", "/api/user/profile", json={"name": "Robert"})
    for again in range(2):
        assert settings_of(bob)["pinned"], again
        reset_caches()

"""Presence and typing: told to people who share a conversation, and over by themselves."""

import gevent
import pytest
from bson import ObjectId

from chatapp import clock
from chatapp.realtime import online
from chatapp.services import presence
from chatapp.stores import users as user_store
from tests.conftest import eventually


@pytest.fixture
def chat(ann, bob):
    return ann.direct(bob)


@pytest.fixture
def later(monkeypatch):
    """Let seconds pass for leases: `later(7)`."""
    passed = [0.0]
    monkeypatch.setattr(clock, "monotonic", lambda: 1000.0 + passed[0])

    def wait(seconds):
        passed[0] += seconds

    return wait


def statuses(socket, person):
    return [row["status"] for row in socket.received("userStatusChanged") if row["userId"] == person.id]


def test_a_user_is_online_while_any_device_is(ann, bob, chat):
    hears = bob.socket()
    one, two = ann.socket(), ann.socket()
    eventually(lambda: statuses(hears, ann) == ["online"])
    one.inner.disconnect()
    two.call("testSocket")
    assert statuses(hears, ann) == ["online"]
    two.inner.disconnect()
    eventually(lambda: statuses(hears, ann) == ["online", "offline"])


def test_what_is_told_late_is_told_only_when_it_is_still_so(ann, bob, chat):
    hears = bob.socket()
    presence.welcome(ObjectId(ann.id), first=True)
    socket = ann.socket()
    eventually(lambda: statuses(hears, ann) == ["online"])
    presence.left(ObjectId(ann.id))
    assert statuses(hears, ann) == ["online"]
    socket.inner.disconnect()
    eventually(lambda: statuses(hears, ann) == ["online", "offline"])


def test_a_crowd_that_comes_and_goes_is_greeted_one_by_one(ann, bob, chat, monkeypatch):
    turns_taken = []
    monkeypatch.setattr(online, "wait_for_turn", lambda: turns_taken.append(True))
    socket = ann.socket()
    assert len(turns_taken) == 1
    socket.inner.disconnect()
    eventually(lambda: len(turns_taken) == 2)


def test_only_who_shares_a_conversation_sees_it(ann, bob, eve, chat):
    socket = ann.socket()
    assert ann.id in bob.socket().call("onlineUsers")["data"]
    assert ann.id not in eve.socket().call("onlineUsers")["data"]
    (row,) = bob.get("/api/user/presence")["data"]
    assert row == {"userId": ann.id, "status": "online", "lastSeen": row["lastSeen"]}
    assert eve.get("/api/user/presence")["data"] == []
    socket.inner.disconnect()
    (row,) = eventually(lambda: [row for row in bob.get("/api/user/presence")["data"] if row["lastSeen"]])
    assert row["status"] == "offline"


def test_last_seen_is_renewed_while_somebody_is_online(ann, bob, chat):
    ann.socket()
    presence.renew()
    (row,) = bob.get("/api/user/presence")["data"]
    assert row["lastSeen"] is not None


def test_a_long_poll_counts_as_online_until_a_while_after_it(ann, bob, chat, later):
    hears = bob.socket()
    bob.send(chat, "x")
    ann.post("/api/sync?timeout=1", {"cursors": {}})
    eventually(lambda: statuses(hears, ann) == ["online"])
    presence.sweep()
    assert online.is_online(realtime_id(ann)) and statuses(hears, ann) == ["online"]
    later(11)
    presence.sweep()
    assert statuses(hears, ann) == ["online", "offline"]


def realtime_id(person):
    from bson import ObjectId

    return ObjectId(person.id)


def test_who_hides_last_seen_shows_none_and_sees_none(ann, bob, chat):
    hears, socket = bob.socket(), ann.socket()
    eventually(lambda: statuses(hears, ann) == ["online"])
    ann.rest("PUT", "/api/user/privacy", json={"hideLastSeen": True})
    assert statuses(hears, ann) == ["online", "offline"]
    assert bob.get("/api/user/presence")["data"] == ann.get("/api/user/presence")["data"] == []
    assert socket.call("onlineUsers")["data"] == [ann.id]
    assert ann.id not in hears.call("onlineUsers")["data"]
    hears.forget()
    socket.inner.disconnect()
    other = ann.socket()
    assert other.call("onlineUsers")["data"] == [ann.id]
    assert statuses(hears, ann) == []
    ann.rest("PUT", "/api/user/privacy", json={"hideLastSeen": False})
    assert statuses(hears, ann) == ["online"] and other.connected


@pytest.mark.parametrize("over", ["rest", "socket"])
def test_privacy_is_read_and_set_over_both(ann, over):
    socket = ann.socket()
    assert ann.get("/api/user/privacy")["data"] == {"hideLastSeen": False, "hideReadReceipts": False}
    if over == "rest":
        ann.rest("PUT", "/api/user/privacy", json={"hideLastSeen": True})
    else:
        socket.call("updatePrivacy", {"hideLastSeen": True})
    expected = {"hideLastSeen": True, "hideReadReceipts": False}
    assert socket.call("getPrivacy")["data"] == ann.get("/api/user/privacy")["data"] == expected


def typing(socket):
    return [(row["userName"], row["isTyping"]) for row in socket.received("userTyping")]


def test_typing_ends_by_itself(ann, bob, chat, later):
    hears, socket = bob.socket(), ann.socket()
    socket.call("typing", {"conversationId": chat, "isTyping": True})
    assert hears.received("userTyping")[0]["expiresIn"] == 6
    later(5)
    presence.sweep()
    assert typing(hears) == [("Ann", True)]
    later(1.1)
    presence.sweep()
    presence.sweep()
    assert typing(hears) == [("Ann", True), ("Ann", False)]


def test_typing_goes_on_while_it_is_renewed_and_ends_with_the_message(ann, bob, chat, later):
    hears, socket = bob.socket(), ann.socket()
    for _ in range(3):
        socket.call("typing", {"conversationId": chat, "isTyping": True})
        later(4)
        presence.sweep()
    assert typing(hears) == [("Ann", True)] * 3
    ann.send(chat, "done")
    later(10)
    presence.sweep()
    assert typing(hears) == [("Ann", True)] * 3


def test_a_device_in_the_background_says_nothing_while_another_is_in_use(ann, bob, chat):
    hears, phone, laptop = bob.socket(), ann.socket(), ann.socket()
    eventually(lambda: statuses(hears, ann) == ["online"])
    assert phone.call("userOffline")["success"]
    assert statuses(hears, ann) == ["online"] and hears.received("userOffline") == []
    laptop.call("userOffline")
    assert statuses(hears, ann) == ["online", "offline"]
    phone.call("userOnline")
    laptop.call("userOffline")
    assert statuses(hears, ann) == ["online", "offline", "online"]


def test_a_crowd_that_goes_is_noted_by_few_commands_and_each_of_them_is_told(bob, register, monkeypatch):
    crowd = [register(f"person{number}") for number in range(12)]
    for person in crowd:
        bob.direct(person)
    hears = bob.socket()
    sockets = [person.socket() for person in crowd]
    eventually(lambda: all(online.is_online(ObjectId(person.id)) for person in crowd))
    commands = []
    set_last_seen = user_store.set_last_seen

    def counting(user_ids, moment):
        commands.append(len(user_ids))
        gevent.sleep(0.05)  # a database that takes its time
        set_last_seen(user_ids, moment)

    monkeypatch.setattr(user_store, "set_last_seen", counting)
    for socket in sockets:
        socket.inner.disconnect()
    eventually(lambda: all(statuses(hears, person)[-1:] == ["offline"] for person in crowd))
    assert all(statuses(hears, person).count("offline") == 1 for person in crowd)
    assert sum(commands) == len(crowd)
    assert len(commands) <= 3
    rows = {row["userId"]: row for row in bob.get("/api/user/presence")["data"]}
    assert all(rows[person.id]["lastSeen"] for person in crowd)

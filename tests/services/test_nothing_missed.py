"""State beside the log: a client that folds increments ends up with the state of a full sync, on each transport."""

import random
from contextlib import contextmanager

import gevent
import pymongo.errors
import pytest
from bson import ObjectId

from chatapp import clock
from chatapp.realtime import others
from chatapp.services import receipts
from chatapp.services.log import cache
from chatapp.services.sync import change_times
from chatapp.services.sync.continuation import Token
from chatapp.stores import entries as entry_store
from chatapp.stores import memberships as membership_store
from tests.conftest import eventually


def sync(person, cursors=None, since=None):
    body = {"cursors": cursors or {}} | ({"since": since} if since else {})
    return person.post("/api/sync", body)["data"]


def test_a_read_is_told_to_who_syncs_right_after_it(ann, bob):
    chat = ann.direct(bob)
    ann.send(chat, "hello")
    since = sync(ann, {chat: 1})["next"]
    bob.post(f"/api/conversations/{chat}/read")
    told = []
    for _ in range(3):
        answer = sync(ann, {chat: 1}, since)
        told += [row for entry in answer["conversations"] for row in entry["receipts"]]
        since = answer["next"]
        receipts.tell()
        gevent.sleep(0.01)
    assert {"userId": bob.id, "deliveredSeq": 1, "readSeq": 1} in told


def test_a_sync_while_a_read_is_being_stored_does_not_step_over_it(ann, bob, monkeypatch):
    chat = ann.direct(bob)
    ann.send(chat, "hello")
    first, store, between = sync(ann, {chat: 1})["next"], membership_store.raise_marks, []

    def meanwhile(*arguments):
        between.append(sync(ann, {chat: 1}, first)["next"])
        store(*arguments)

    monkeypatch.setattr(membership_store, "raise_marks", meanwhile)
    bob.post(f"/api/conversations/{chat}/read")
    (row,) = sync(ann, {chat: 1}, between[0])["conversations"]
    assert row["receipts"] == [{"userId": bob.id, "deliveredSeq": 1, "readSeq": 1}]


def test_a_delivery_in_a_conversation_that_nobody_uses_is_told(ann, bob):
    chat = ann.direct(bob)
    ann.send(chat, "hello")
    since = sync(ann, {chat: 1})["next"]
    cache.reset()
    sync(bob, {chat: 1})
    (row,) = sync(ann, {chat: 1}, since)["conversations"]
    assert {"userId": bob.id, "deliveredSeq": 1, "readSeq": 0} in row["receipts"]


def test_who_shows_receipts_again_learns_those_of_the_others(ann, bob):
    chat = ann.direct(bob)
    ann.send(chat, "hello")
    ann.rest("PUT", "/api/user/privacy", json={"hideReadReceipts": True})
    bob.post(f"/api/conversations/{chat}/read")
    since = sync(ann, {chat: 1})["next"]
    ann.rest("PUT", "/api/user/privacy", json={"hideReadReceipts": False})
    (row,) = sync(ann, {chat: 1}, since)["conversations"]
    assert {"userId": bob.id, "deliveredSeq": 1, "readSeq": 1} in row["receipts"]


def test_a_change_that_is_stored_late_does_not_hide_a_later_one(ann, bob):
    chat = ann.direct(bob)
    ann.send(chat, "hello")
    early = clock.tick()
    since = sync(ann, {chat: 1})["next"]
    bob.post(f"/api/conversations/{chat}/read")
    membership_store.raise_marks(ObjectId(chat), ObjectId(bob.id), {"delivered_seq": 1}, early)  # by another process
    (row,) = sync(ann, {chat: 1}, since)["conversations"]
    assert {"userId": bob.id, "deliveredSeq": 1, "readSeq": 1} in row["receipts"]


def test_the_senders_of_messages_that_were_deleted_elsewhere_have_read_them(ann, bob):
    chat = ann.direct(bob)
    since = sync(ann, {chat: 0})["next"]
    bob.send(chat, "hello")
    ann.rest("DELETE", f"/api/conversations/{chat}")
    (row,) = sync(ann, {chat: 0}, since)["conversations"]
    assert (row["firstSeq"], row["entries"]) == (2, [])
    assert {"userId": bob.id, "deliveredSeq": 1, "readSeq": 1} in row["receipts"]


def test_what_moves_to_the_top_during_a_sweep_keeps_its_receipts(ann, bob, register, settings):
    settings(SYNC_MAX_CONVERSATIONS=2)
    others = [register(f"p{number}") for number in range(6)]
    chats = [ann.direct(other) for other in others]
    for chat in chats:
        ann.send(chat, "hello")
    cursors, answer = dict.fromkeys(chats, 1), sync(ann, dict.fromkeys(chats, 1))
    while answer["more"]:
        answer = sync(ann, cursors, answer["next"])
    for other, chat in zip(others, chats, strict=True):
        other.post(f"/api/conversations/{chat}/read")
    known, answer, is_first = set(), {"more": True, "next": answer["next"]}, True
    while answer["more"]:
        answer = sync(ann, cursors, answer["next"])
        for row in answer["conversations"]:
            known |= {row["id"] for mark in row["receipts"] if mark["readSeq"] == 1}
            cursors[row["id"]] = row["head"]["seq"]
        if is_first:
            ann.send(chats[0], "on top")  # the least active one: its page is still to come
        is_first = False
    assert known == set(chats)


NOTHING = {"version": 0}


def hide_one(person, chat, chance):
    """Delete one of the newest messages for somebody alone."""
    if messages := person.get(f"/api/conversations/{chat}/messages?limit=5")["data"]:
        person.rest("DELETE", f"/api/messages/{chance.choice(messages)['id']}?for=me")


class Client:
    """One that folds what increments say, asked for by plain calls, long-polls or over a socket; a socket hears
    receipts, too."""

    def __init__(self, person, transport="rest"):
        self.person, self.transport, self.since, self.state = person, transport, None, {}
        self.socket = person.socket() if transport == "socket" else None

    def ask(self, body):
        if self.socket:
            return self.socket.call("sync", body)["data"]
        query = "?timeout=1" if self.transport == "long-poll" else ""
        return self.person.post(f"/api/sync{query}", body)["data"]

    def sync(self):
        while True:
            cursors = {key: row["cursor"] for key, row in self.state.items()}
            answer = self.ask({"cursors": cursors} | ({"since": self.since} if self.since else {}))
            self.take(answer)
            self.since = answer["next"]
            if not answer["more"]:
                return

    def take(self, answer):
        for row in answer["conversations"]:
            fresh = {"cursor": 0, "marks": {}, "people": {}, "group": None, "private": NOTHING}
            mine = self.state.setdefault(row["id"], fresh)
            if "conversation" in row:
                shown = row["conversation"]
                mine["people"] = {one["id"]: [one["name"], one["avatar"], one["role"]] for one in shown["participants"]}
                mine["group"] = [shown["name"], shown["avatar"], shown["history"]]
            mine["cursor"] = max(mine["cursor"], row["firstSeq"] - 1)
            for entry in row["entries"]:
                if entry["seq"] == mine["cursor"] + 1 or row["limited"]:
                    self.fold(mine, entry, is_known="conversation" in row)
                    mine["cursor"] = entry["seq"]
            if row["limited"] and not row["entries"]:
                mine["cursor"] = row["head"]["seq"]
            for mark in row["receipts"]:
                self.mark(mine, mark["userId"], mark["deliveredSeq"], mark["readSeq"])
            mine["own"] = [row["readSeq"], row["unreadCount"], row["hidden"]]
            if row.get("own", {}).get("version", 0) > mine["private"]["version"]:
                mine["private"] = row["own"]
        for gone in answer["left"]:
            self.state.pop(gone, None)
        for user in answer["users"]:
            for mine in self.state.values():
                if user["id"] in mine["people"]:
                    mine["people"][user["id"]][:2] = [user["name"], user["avatar"]]

    def mark(self, mine, user_id, delivered, read):
        known = mine["marks"].get(user_id, (0, 0))
        mine["marks"][user_id] = (max(known[0], delivered), max(known[1], read))

    def fold(self, mine, entry, is_known):
        if entry["type"] == "message":
            self.mark(mine, entry["sender"]["id"], entry["seq"], entry["seq"])
        if is_known:
            return
        change = entry.get("change", {})
        for one in change.get("members", []):
            mine["people"][one["id"]] = [one["name"], one["avatar"], one["role"]]
            self.mark(mine, one["id"], entry["seq"], entry["seq"])
        if entry["type"] in ("member_removed", "member_left"):
            mine["people"].pop(change["userId"], None)
            mine["marks"].pop(change["userId"], None)
        for one in change.get("roles", []):
            mine["people"][one["userId"]][2] = one["role"]
        if entry["type"] == "conversation_changed":
            fields = ("name", "avatar", "history")
            mine["group"] = [change.get(name, old) for name, old in zip(fields, mine["group"], strict=True)]

    def hear(self):
        for receipt in self.socket.received("receipt"):
            if mine := self.state.get(receipt["conversationId"]):
                self.mark(mine, receipt["userId"], receipt["deliveredSeq"], receipt["readSeq"])

    def known(self):
        """Return the visible state: marks of other members (one's own are in readSeq), and nothing that is hidden."""
        for row in self.state.values():
            others = row["people"].keys() - {self.person.id}
            row["marks"] = {one: marks for one, marks in row["marks"].items() if one in others}
        return {key: row for key, row in self.state.items() if not row["own"][2]}


@pytest.mark.parametrize("transport", ["rest", "long-poll", "socket"])
@pytest.mark.parametrize("seed", range(3))
def test_folded_increments_equal_a_full_sync(ann, bob, register, settings, seed, transport):
    settings(LONG_POLL_SECONDS=0.05)
    chance, eve = random.Random(seed), register("eve")
    group, chat = ann.group(bob, eve), ann.direct(bob)
    clients = [Client(person, transport) for person in (ann, bob) for _ in range(2)]
    for client in clients:
        client.sync()
    path, count = f"/api/conversations/{group}", 0

    def act():
        nonlocal count
        count += 1
        person, where = chance.choice([ann, bob]), chance.choice([group, chat])
        acts = [
            lambda: person.send(where, str(count)),
            lambda: eve.send(group, str(count)),
            lambda: person.post(f"/api/conversations/{where}/read"),
            lambda: eve.post(f"{path}/read"),
            lambda: sync(eve, {group: 1}),
            lambda: person.rest("DELETE", f"/api/conversations/{where}"),
            lambda: hide_one(person, where, chance),
            lambda: person.rest("PUT", f"/api/conversations/{where}/settings", json={"pinned": chance.random() < 0.5}),
            lambda: person.rest("PUT", f"/api/conversations/{where}/settings", json={"muteMentions": count % 2 == 0}),
            lambda: ann.rest("PATCH", path, json={"name": f"Name {count}"}),
            lambda: eve.rest("PUT", "/api/user/profile", json={"name": f"Eve {count}"}),
            lambda: ann.rest("PATCH", f"{path}/members/{bob.id}", json={"role": chance.choice(["admin", "member"])}),
            lambda: ann.rest("DELETE", f"{path}/members/{eve.id}"),
            lambda: ann.post(f"{path}/members", {"userIds": [eve.id]}),
            receipts.tell,
        ]
        chance.choice(acts)()

    for _ in range(12):
        acts = [gevent.spawn(act) for _ in range(4)]
        acts += [gevent.spawn(client.sync) for client in clients if chance.random() < 0.5]
        gevent.joinall(acts, raise_error=True)
    receipts.tell()
    for client in clients:
        client.sync()
        if client.socket:
            client.hear()
        full = Client(client.person)
        full.sync()
        for key, row in full.known().items():
            assert client.known().get(key) == row
        assert client.known().keys() == full.known().keys()
    assert eventually(lambda: not receipts._pending.rows)


def shown(state):
    members = state.current_members
    marks = [state.receipts(member) for member in members]
    return state.seq, state.last_message, [member.role for member in members], marks, list(map(state.unread, members))


@pytest.mark.parametrize("change", ["profile", "read", "delivery"])
def test_a_change_of_a_process_that_stood_still_is_told_to_who_synced_meanwhile(ann, bob, monkeypatch, change):
    """The others have given the process up, and told times behind that of its change."""
    chat = ann.direct(bob)
    ann.send(chat, "hello")
    since, first = [sync(ann, {chat: 1})["next"]], change_times.change
    pauses = iter([True])

    @contextmanager
    def change_while_frozen():
        with first() as moment:
            if len(since) == 1:
                since.append(Token(clock.tick()).write())  # as of a process that has not heard of this one for long
            yield moment

    monkeypatch.setattr(change_times, "change", change_while_frozen)
    monkeypatch.setattr(type(others.current()), "was_paused_since", lambda *_: next(pauses, False))
    acts = {
        "profile": lambda: bob.rest("PUT", "/api/user/profile", json={"name": "Robert"}),
        "read": lambda: bob.rest("POST", f"/api/conversations/{chat}/read"),
        "delivery": lambda: bob.rest("POST", "/api/sync", json={"cursors": {chat: 1}}),
    }
    assert acts[change]().json["success"]
    answer = sync(ann, {chat: 1}, since[1])
    if change == "profile":
        assert [row["name"] for row in answer["users"]] == ["Robert"]
    else:
        read = 1 if change == "read" else 0
        (row,) = answer["conversations"]
        assert {"userId": bob.id, "deliveredSeq": 1, "readSeq": read} in row["receipts"]


@pytest.mark.parametrize("change", ["message", "edit", "deletion", "departure"])
def test_nobody_reads_what_is_being_stored_and_may_fail(ann, bob, register, monkeypatch, change):
    chat = ann.group(bob, register("cid"))
    message = ann.send(chat, "hello")["data"]["id"]
    (state,) = cache.load_all([ObjectId(chat)], remembers=True).values()  # as somebody has it who gives way for a while
    before, meanwhile = shown(state), []

    def fail(entries):
        meanwhile.append(shown(state))
        raise pymongo.errors.AutoReconnect("the database is away")

    monkeypatch.setattr(entry_store, "insert_run", fail)
    act = {
        "message": ("POST", f"/api/conversations/{chat}/messages", {"content": "not stored"}),
        "edit": ("PATCH", f"/api/messages/{message}", {"content": "not stored"}),
        "deletion": ("DELETE", f"/api/messages/{message}", None),
        "departure": ("DELETE", f"/api/conversations/{chat}/members/{bob.id}", None),
    }
    method, path, body = act[change]
    assert ann.rest(method, path, json=body).json["error"]["code"] == "DATABASE_UNAVAILABLE"
    assert meanwhile and all(row == before for row in meanwhile)
    assert shown(state) == before

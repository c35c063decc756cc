"""Nobody sees anything of a conversation that came after they left, whatever the others do and whatever they ask for.

The proof is by comparison: each call is made right after leaving, and again after the others have gone on. The answers
have to be the same, and nothing may have been pushed in between.
"""

import random
from datetime import timedelta

import gevent
import pytest

from chatapp import clock
from chatapp.database import db
from chatapp.services import presence, receipts
from chatapp.services.log import cache
from tests.conftest import eventually

VOLATILE = {"serverTime", "next", "requestId", "timestamp"}


@pytest.fixture
def people(register, ann, bob):
    """ann founds and rules, bob is a member, eve leaves, dan comes later."""
    return ann, bob, register("eve"), register("dan")


def steady(value):
    """Return an answer without what differs between two calls anyway."""
    if isinstance(value, dict):
        return {key: steady(item) for key, item in value.items() if key not in VOLATILE}
    return [steady(item) for item in value] if isinstance(value, list) else value


class Story:
    """A group that eve was in until she was removed or left, with everything that she can ask afterwards."""

    def __init__(self, chance, people):
        self.chance, (self.ann, self.bob, self.eve, self.dan) = chance, people
        self.number = 0
        self.founding = {
            "type": "group",
            "participants": [self.ann.id, self.bob.id],
            "name": "Team",
            "history": chance.choice(["all", "since_join"]),
            "clientMsgId": "founded",
        }
        self.group = self.eve.post("/api/user/conversations", self.founding)["data"]["id"]
        self.path = f"/api/conversations/{self.group}"
        self.change = {"name": "Eve's team", "clientMsgId": "changed"}
        self.eve.rest("PATCH", self.path, json=self.change)
        self.eve.post(f"{self.path}/hand-over", {"userId": self.ann.id, "clientMsgId": "handed over"})
        self.ids = []
        for _ in range(chance.randint(2, 6)):
            self.message(chance.choice([self.ann, self.bob, self.eve]))
        self.ids.append(self.eve.send(self.group, "eve's own", clientMsgId="own")["data"]["id"])
        self.bob.post(f"{self.path}/read")
        if chance.random() < 0.3:
            self.leave()
            self.message(self.ann)
            self.ann.post(f"{self.path}/members", {"userIds": [self.eve.id]})
            self.message(self.ann)
        self.cursor = self.eve.get(f"{self.path}/entries")["data"][-1]
        self.since = self.eve.post("/api/sync", {"cursors": self.cursors(self.cursor["seq"])})["data"]["next"]
        if chance.random() < 0.3:
            self.eve.rest("DELETE", self.path)
        self.message(self.bob)
        self.message(self.ann)
        self.leave()

    def leave(self):
        if self.chance.random() < 0.5:
            assert self.eve.post(f"{self.path}/leave", {"clientMsgId": f"left {self.number}"})["success"]
        else:
            assert self.ann.rest("DELETE", f"{self.path}/members/{self.eve.id}").status_code == 200

    def message(self, sender):
        self.number += 1
        self.ids.append(sender.send(self.group, f"text {self.number}", clientMsgId=str(self.number))["data"]["id"])

    def cursors(self, seq, shown_hash=None):
        return {self.group: [seq, shown_hash] if shown_hash else seq}

    def go_on(self):
        """Something that the others do."""
        ann, bob, dan, group, path = self.ann, self.bob, self.dan, self.group, self.path
        self.number += 1
        new_name, address = f"Name {self.number}", f"https://x.org/{self.number}"
        role = self.chance.choice(["admin", "member"])
        acts = [
            lambda: self.message(self.chance.choice([ann, bob])),
            lambda: ann.rest("PATCH", path, json={"name": new_name, "avatar": address}),
            lambda: ann.rest("PATCH", path, json={"history": self.chance.choice(["all", "since_join"])}),
            lambda: bob.rest("PUT", "/api/user/profile", json={"name": new_name, "email": f"b{self.number}@x.org"}),
            lambda: ann.rest("PUT", "/api/user/profile", json={"avatar": address}),
            lambda: ann.post(f"{path}/members", {"userIds": [dan.id]}),
            lambda: ann.rest("DELETE", f"{path}/members/{dan.id}"),
            lambda: ann.rest("PATCH", f"{path}/members/{bob.id}", json={"role": role}),
            lambda: ann.post(f"{path}/read"),
            lambda: bob.post(f"{path}/read"),
            lambda: bob.post("/api/sync", {"cursors": {group: 10**6}}),
            lambda: bob.rest("PUT", "/api/user/privacy", json={"hideReadReceipts": self.chance.random() < 0.5}),
            lambda: bob.socket().call("typing", {"conversationId": group}),
            lambda: bob.rest("DELETE", path),
            lambda: cache.reset(),
            receipts.tell,
            presence.sweep,
        ]
        self.chance.choice(acts)()

    def calls(self):
        """Return everything that eve asks: name → answer."""
        last = self.cursor["seq"]
        answers = {}
        socket = self.eve.socket()

        def rest(method, path, body=None):
            answers[f"{method} {path} {body}"] = self.eve.rest(method, path, json=body).json

        def event(name, payload):
            answers[f"{name} {payload}"] = socket.call(name, payload)

        for query in ("", "?limit=2", "?before=4", "?after=0&limit=3", f"?before={10**6}&limit=1"):
            rest("GET", f"{self.path}/entries{query}")
            rest("GET", f"{self.path}/messages{query}")
            rest("GET", f"/api/user/messages/{self.group}{query}")
        event("getEntries", {"conversationId": self.group})
        event("getMessages", {"conversationId": self.group})
        for query in ("", "?at=1", f"?at={10**6}"):
            rest("GET", f"{self.path}/proof{query}")
        event("getProof", {"conversationId": self.group})
        rest("GET", self.path)
        rest("GET", "/api/user/conversations")
        rest("GET", "/api/user/presence")
        event("getConversation", {"conversationId": self.group})
        event("getMembers", {"conversationId": self.group})
        rest("GET", f"{self.path}/members")
        event("getConversations", None)
        event("onlineUsers", None)
        event("rejoinConversations", None)
        for message_id in self.ids[: self.known]:
            rest("GET", f"/api/messages/{message_id}/receipts")
            rest("GET", f"/api/messages/{message_id}/trace")
        event("getReceipts", {"messageId": self.ids[self.known - 1]})
        event("getTrace", {"messageId": self.ids[self.known - 1]})
        rest("POST", f"{self.path}/leave", {})
        rest("POST", f"{self.path}/leave", {"clientMsgId": "again"})
        rest("DELETE", f"{self.path}/members/{self.eve.id}")
        rest("DELETE", f"{self.path}/members/{self.bob.id}")
        event("leaveGroup", {"conversationId": self.group})
        event("leaveConversation", self.group)
        event("removeMember", {"conversationId": self.group, "userId": self.eve.id})
        rest("POST", "/api/user/conversations", self.founding)
        event("newConversation", self.founding)
        rest("PATCH", self.path, self.change)
        event("updateConversation", {"conversationId": self.group, **self.change})
        rest("PATCH", self.path, {"name": "Mine"})
        rest("POST", f"{self.path}/hand-over", {"userId": self.ann.id, "clientMsgId": "handed over"})
        own = {"content": "eve's own", "clientMsgId": "own"}
        rest("POST", f"{self.path}/messages", own)
        event("newMessage", {"conversationId": self.group, **own})
        rest("POST", f"{self.path}/messages", {"content": "more"})
        rest("POST", f"{self.path}/read", {})
        rest("DELETE", self.path)
        event("typing", {"conversationId": self.group})
        event("markAsDelivered", {"cursors": {self.group: 10**6}})
        for since in (None, self.since):
            for cursors in (
                None,
                {},
                self.cursors(0),
                self.cursors(1, "0" * 16),
                self.cursors(last),
                self.cursors(last, self.cursor["hash"]),
                self.cursors(last, "f" * 16),
                self.cursors(last + 1),
                self.cursors(10**6),
            ):
                body = {"since": since, "cursors": cursors}
                given = {name: value for name, value in body.items() if value is not None}
                rest("POST", "/api/sync", given)
                event("sync", given)
        rest("GET", f"/api/sync?since={self.since}")
        return {name: steady(answer) for name, answer in answers.items()}


@pytest.mark.parametrize("seed", range(8))
def test_every_answer_stays_as_it_was(people, seed):
    story = Story(random.Random(seed), people)
    if seed % 4 == 3:
        db().departures.delete_many({})  # an older version has stored the last entry
    story.known = len(story.ids)
    receipts.tell()
    before = story.calls()
    listening = story.eve.socket()
    listening.forget()
    for _ in range(20):
        story.go_on()
    after = story.calls()
    assert {name: after[name] for name in before} == before
    assert sum(answer["success"] for answer in before.values()) > 60
    for message_id in story.ids[story.known :]:
        for what in ("receipts", "trace"):
            assert story.eve.get(f"/api/messages/{message_id}/{what}")["error"]["code"] == "MESSAGE_NOT_FOUND"
    receipts.tell()
    presence.sweep()
    gevent.sleep(0.01)
    assert listening.received() == []


def test_a_left_group_is_shown_as_it_was(ann, bob, eve):
    group = ann.group(bob, eve, name="Before")
    own = eve.send(group, "hello")["data"]["id"]
    bob.post(f"/api/conversations/{group}/read")
    left = eve.post(f"/api/conversations/{group}/leave")["data"]
    ann.rest("PATCH", f"/api/conversations/{group}", json={"name": "After"})
    bob.rest("PUT", "/api/user/profile", json={"name": "Robert"})
    ann.post(f"/api/conversations/{group}/read")
    ann.send(group, "eve is gone")
    again = eve.post(f"/api/conversations/{group}/leave")["data"]
    assert again == left
    assert (again["name"], again["lastMessage"]["content"], again["head"]["seq"]) == ("Before", "hello", 2)
    assert [(row["name"], row["email"]) for row in again["participants"]] == [("Ann", ""), ("Bob", "")]
    (row,) = eve.get(f"/api/conversations/{group}/messages")["data"]
    assert (row["deliveredTo"], row["readBy"]) == (1, 1)
    told = eve.get(f"/api/messages/{own}/receipts")["data"]["members"]
    assert [(row["name"], row["status"], row["readAt"]) for row in told] == [
        ("Ann", "sent", None),
        ("Bob", "read", None),
    ]


def test_what_an_older_version_did_not_keep_is_replayed_once(ann, bob, eve, register):
    group = ann.group(bob, eve, name="Founded")
    path = f"/api/conversations/{group}"
    ann.rest("PATCH", path, json={"name": "Before"})
    ann.post(f"{path}/members", {"userIds": [register("dan").id]})
    for number in range(100):
        ann.send(group, str(number))
    left = eve.post(f"{path}/leave")["data"]
    ann.rest("PATCH", path, json={"name": "After"})
    ann.send(group, "eve is gone")
    db().departures.delete_many({})
    again = eve.post(f"{path}/leave")["data"]
    assert again == left
    assert db().departures.count_documents({}) == 1


def test_who_is_taken_out_twice_sees_up_to_the_second_time(ann, bob, eve):
    group = ann.group(bob, eve, name="First")
    path = f"/api/conversations/{group}"
    for name in ("Second", "Third"):
        ann.rest("DELETE", f"{path}/members/{eve.id}")
        ann.rest("PATCH", path, json={"name": name})
        ann.post(f"{path}/members", {"userIds": [eve.id]})
    ann.rest("DELETE", f"{path}/members/{eve.id}")
    ann.rest("PATCH", path, json={"name": "Fourth"})
    assert eve.post(f"{path}/leave")["data"]["name"] == "Third"


def test_receipts_and_typing_are_not_told_to_who_left_a_moment_ago(ann, bob, eve, monkeypatch):
    monkeypatch.setattr(receipts, "_INTERVAL_SECONDS", 3600)
    receipts.reset()
    receipts._pending.told_at = clock.monotonic()
    group = ann.group(bob, eve)
    ann.send(group, "hello")
    bob.post(f"/api/conversations/{group}/read")
    bob.socket().call("typing", {"conversationId": group})
    eve.post(f"/api/conversations/{group}/leave")
    hears = eve.socket()
    hears.forget()
    clock.move(timedelta(seconds=presence.TYPING_SECONDS + 1))
    receipts.tell()
    presence.sweep()
    assert hears.received() == []


def test_a_message_from_the_moment_before_is_not_pushed_to_a_newcomer(ann, bob, eve, register):
    group, dan = ann.group(bob, eve, history="since_join"), register("dan")
    ann.send(group, "remembered")
    hears = dan.socket()
    acts = [
        gevent.spawn(bob.send, group, "not for dan"),
        gevent.spawn(ann.post, f"/api/conversations/{group}/members", {"userIds": [dan.id]}),
    ]
    gevent.joinall(acts, raise_error=True)
    eventually(lambda: hears.received("newConversation"))
    first = dan.get(f"/api/conversations/{group}/entries")["meta"]["firstSeq"]
    assert [row for row in hears.received("newMessage") if row["data"]["seq"] < first] == []

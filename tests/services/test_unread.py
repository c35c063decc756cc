"""The unread count is arithmetic on the log. Here it is compared with counting, after random events in random order."""

from dataclasses import dataclass, field

import hypothesis.strategies as st
from flask import Flask
from hypothesis import HealthCheck, settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from chatapp import clock, database, state
from chatapp.lab.replica import Replica
from tests.conftest import COLLECTIONS, PASSWORD, Person

NAMES = ("ann", "bob", "eve", "dan")


@dataclass
class Naive:
    """A member's view, kept by counting: messages that they may see and have neither written nor read, nor are gone."""

    is_member: bool
    unread: list[int] = field(default_factory=list)  # seqs
    naming: set[int] = field(default_factory=set)  # seqs of all messages that mention them

    def read_up_to(self, seq: int) -> None:
        self.unread = [row for row in self.unread if row > seq]

    @property
    def mentions(self) -> int:
        return len(self.naming.intersection(self.unread))

    def name(self, seq: int, is_named: bool) -> None:
        """Note whether a message mentions them now."""
        (self.naming.add if is_named else self.naming.discard)(seq)


class Conversations(RuleBasedStateMachine):
    """Several people and devices who send, read, come, go, delete and sync in any order."""

    app: Flask
    groups = Bundle("groups")

    def __init__(self) -> None:
        super().__init__()
        clock.reset()
        for name in COLLECTIONS:
            database.db()[name].delete_many({})
        state.reset_caches()
        self.people = {name: self._register(name) for name in NAMES}
        self.views: dict[str, dict[str, Naive]] = {}
        self.heads: dict[str, int] = {}
        self.devices = {(name, number): Replica(user_id=self.people[name].id) for name in NAMES for number in range(2)}

    def _register(self, name: str) -> Person:
        body = {"email": f"{name}@test.com", "password": PASSWORD, "name": name}
        answer = self.app.test_client().post("/api/auth/register", json=body).json
        return Person(self.app, answer["data"], answer["token"], answer)

    @rule(
        target=groups,
        others=st.sets(st.sampled_from(NAMES[1:]), min_size=2),
        history=st.sampled_from(["all", "since_join"]),
    )
    def found(self, others, history):
        group = self.people["ann"].group(*[self.people[name] for name in sorted(others)], history=history)
        self.views[group] = {name: Naive(name == "ann" or name in others) for name in NAMES}
        self.heads[group] = 0
        return group

    def _naming(self, group, named):
        """Return the fields that mention somebody, where they are a member."""
        if named not in self.views[group] or not self.views[group][named].is_member:
            return {}
        return {"mentions": [{"userId": self.people[named].id, "offset": 0, "length": 1}]}

    def _named(self, group, seq, naming):
        ids = {row["userId"] for row in naming.get("mentions", ())}
        for name, view in self.views[group].items():
            view.name(seq, self.people[name].id in ids)

    @rule(
        group=groups,
        sender=st.sampled_from(NAMES),
        repeats=st.integers(1, 3),
        named=st.sampled_from((*NAMES, None)),
    )
    def send(self, group, sender, repeats, named):
        client_id, naming = f"{group}:{self.heads[group]}:{sender}", self._naming(group, named)
        answers = [self.people[sender].send(group, "text", clientMsgId=client_id, **naming) for _ in range(repeats)]
        assert [answer["success"] for answer in answers] == [self.views[group][sender].is_member] * repeats
        if answers[0]["success"]:
            seq = self._appended(group, answers[0]["data"]["seq"])
            for name, view in self.views[group].items():
                if name == sender:
                    view.read_up_to(seq)
                elif view.is_member:
                    view.unread.append(seq)
            self._named(group, seq, naming)

    @rule(group=groups, number=st.integers(0, 9), name=st.sampled_from(NAMES))
    def delete_for_everyone(self, group, number, name):
        self._act(group, number, name, lambda person, path: person.rest("DELETE", path).json)

    @rule(
        group=groups,
        number=st.integers(0, 9),
        name=st.sampled_from(NAMES),
        named=st.sampled_from((*NAMES, None)),
    )
    def edit(self, group, number, name, named):
        body = {"content": "new", **self._naming(group, named)}
        answer = self._act(group, number, name, lambda person, path: person.rest("PATCH", path, json=body).json)
        if answer is not None and "entry" in answer:
            self._named(group, answer["entry"]["change"]["targetSeq"], body)

    @rule(group=groups, number=st.integers(0, 9), name=st.sampled_from(NAMES), on=st.booleans())
    def react(self, group, number, name, on):
        method = "PUT" if on else "DELETE"
        self._act(group, number, name, lambda person, path: person.rest(method, f"{path}/reactions/👍").json)

    @rule(group=groups, number=st.integers(0, 9), name=st.sampled_from(NAMES), on=st.booleans())
    def pin(self, group, number, name, on):
        method = "PUT" if on else "DELETE"
        self._act(group, number, name, lambda person, path: person.rest(method, f"{path}/pin").json)

    def _act(self, group, number, name, act):
        """Do something with one of the last messages: its sender may, ann deletes any, all react and pin."""
        messages = self.people["ann"].get(f"/api/conversations/{group}/messages")["data"]
        if number >= len(messages):
            return None
        answer = act(self.people[name], f"/api/messages/{messages[number]['id']}")
        if "entry" in answer:
            self._appended(group, answer["entry"]["seq"])
            if answer["entry"]["type"] == "message_deleted":
                for view in self.views[group].values():
                    view.unread = [seq for seq in view.unread if seq != messages[number]["seq"]]
        return answer

    @rule(group=groups, number=st.integers(0, 9), name=st.sampled_from(NAMES))
    def hide(self, group, number, name):
        """Delete one of the last messages that somebody sees for them alone: it counts as read."""
        person, view = self.people[name], self.views[group][name]
        if not view.is_member:
            return
        messages = person.get(f"/api/conversations/{group}/messages")["data"]
        if number < len(messages):
            assert person.rest("DELETE", f"/api/messages/{messages[number]['id']}?for=me").json["success"]
            view.unread = [seq for seq in view.unread if seq != messages[number]["seq"]]

    def _appended(self, group, seq):
        self.heads[group] += 1
        assert seq == self.heads[group]
        return seq

    @rule(group=groups, reader=st.sampled_from(NAMES), back=st.integers(0, 4))
    def read(self, group, reader, back):
        seq = max(0, self.heads[group] - back)
        answer = self.people[reader].post(f"/api/conversations/{group}/read", {"seq": seq})
        view = self.views[group][reader]
        if view.is_member:
            view.read_up_to(seq)
            assert answer["data"]["unreadCount"] == len(view.unread)

    @rule(group=groups, name=st.sampled_from(NAMES[1:]))
    def remove(self, group, name):
        answer = self.people["ann"].rest("DELETE", f"/api/conversations/{group}/members/{self.people[name].id}").json
        if "entry" in answer:
            self._appended(group, answer["entry"]["seq"])
            self.views[group][name] = Naive(is_member=False)

    @rule(group=groups, name=st.sampled_from(NAMES[1:]))
    def add(self, group, name):
        answer = self.people["ann"].post(f"/api/conversations/{group}/members", {"userIds": [self.people[name].id]})
        if "entry" in answer:
            self._appended(group, answer["entry"]["seq"])
            self.views[group][name] = Naive(is_member=True)

    @rule(group=groups, name=st.sampled_from(NAMES))
    def delete_for_oneself(self, group, name):
        self.people[name].rest("DELETE", f"/api/conversations/{group}")
        if self.views[group][name].is_member:
            self.views[group][name].unread.clear()

    @rule()
    def restart(self):
        state.reset_caches()

    @rule(name=st.sampled_from(NAMES), number=st.integers(0, 1))
    def sync(self, name, number):
        """Check a device that comes back after any absence: it has what it may see, and the same unread count."""
        replica = self.devices[name, number]
        while replica.synced(self.people[name].post("/api/sync", replica.body())["data"]):
            pass
        for group, views in self.views.items():
            if not views[name].is_member:
                assert group not in replica.logs
            elif group in replica.logs:  # else it was deleted, and nothing came since
                log = replica.logs[group]
                assert log.cursor == self.heads[group]
                assert log.unread_now() == log.unread == len(views[name].unread)
                assert len(log.state.shown()["mentions"]) == views[name].mentions

    @invariant()
    def the_list_counts_as_we_do(self):
        for name, person in self.people.items():
            rows = person.get("/api/user/conversations")["data"]
            listed = {row["id"]: (row["unreadCount"], row["mentionCount"]) for row in rows}
            for group, views in self.views.items():
                view = views[name]
                counted = (len(view.unread), view.mentions) if view.is_member else (0, 0)
                assert listed.get(group, (0, 0)) == counted


def test_unread_is_what_counting_gives(app):
    Conversations.app = app
    run_state_machine_as_test(
        Conversations,
        settings=settings(
            max_examples=12,
            stateful_step_count=30,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )

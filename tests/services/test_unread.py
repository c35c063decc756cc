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
    """A member's view, kept by counting: messages that they may see and have neither written nor read."""

    is_member: bool
    unread: list[int] = field(default_factory=list)  # seqs

    def read_up_to(self, seq: int) -> None:
        self.unread = [row for row in self.unread if row > seq]


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
        self.devices = {(name, number): Replica() for name in NAMES for number in range(2)}

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

    @rule(group=groups, sender=st.sampled_from(NAMES), repeats=st.integers(1, 3))
    def send(self, group, sender, repeats):
        client_id = f"{group}:{self.heads[group]}:{sender}"
        answers = [self.people[sender].send(group, "text", clientMsgId=client_id) for _ in range(repeats)]
        assert [answer["success"] for answer in answers] == [self.views[group][sender].is_member] * repeats
        if answers[0]["success"]:
            seq = self._appended(group, answers[0]["data"]["seq"])
            for name, view in self.views[group].items():
                if name == sender:
                    view.read_up_to(seq)
                elif view.is_member:
                    view.unread.append(seq)

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
                assert log.mseq - log.state.read[1] == log.unread == len(views[name].unread)

    @invariant()
    def the_list_counts_as_we_do(self):
        for name, person in self.people.items():
            listed = {row["id"]: row["unreadCount"] for row in person.get("/api/user/conversations")["data"]}
            for group, views in self.views.items():
                assert listed.get(group, 0) == (len(views[name].unread) if views[name].is_member else 0)


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

"""The people of a run: their conversations, their devices, and what they change of their groups."""

import random
import time
from typing import Any

import gevent
import gevent.pool

from chatapp.lab.devices import Device
from chatapp.lab.installation import Installation
from chatapp.lab.links import Answer, Http, NoAnswer, Refused
from chatapp.lab.plan import Plan
from chatapp.lab.records import Records

_CATCH_UPS = 10
_ROUNDS = 3  # of syncs: they fetch the rest, prove that it has come, and tell of these proofs


class People:
    """The users of a run, some of them guests whom the owners of groups let in and out."""

    def __init__(self, plan: Plan, installation: Installation, records: Records) -> None:
        self.plan, self.records, self._installation = plan, records, installation
        self.chance = random.Random(plan.seed)  # noqa: S311 - repeatable on purpose
        self.users: list[tuple[str, str]] = []  # (id, token)
        self.members: dict[str, list[str]] = {}  # conversation → ids, its owner first
        self.guests: list[str] = []
        self.devices: list[Device] = []
        self.refusals: list[str] = []

    def come(self) -> None:
        """Register everybody, found the conversations, and connect the devices."""
        http, mark = Http(*self._installation.direct[0]), f"{self.plan.seed}-{time.time_ns():x}"
        for number in range(self.plan.people + 2):
            email = f"lab-{mark}-{number}@test.com"
            body = {"email": email, "password": "password123", "name": f"Lab {number}", "protocol": 2}
            answer = http.call("POST", "/api/auth/register", body, 30)
            self.users.append((answer["data"]["id"], answer["token"]))
        self.guests = [user_id for user_id, _ in self.users[self.plan.people :]]
        ids = [user_id for user_id, _ in self.users[: self.plan.people]]
        for number in range(self.plan.conversations):
            members = self.chance.sample(ids, 2 if number % 4 == 0 else self.chance.randint(3, min(6, len(ids))))
            self._found(members)
        is_several = self.plan.workers * self.plan.machines > 1
        ways = [("127.0.0.1", network.port) for network in self._installation.networks]
        for number, (user_id, token) in enumerate(self.users):
            for kind in (self.plan.kinds[number % len(self.plan.kinds)], *(["websocket"] if number % 3 == 0 else [])):
                chance = random.Random(f"{self.plan.seed}-{len(self.devices)}")  # noqa: S311 - repeatable on purpose
                device = Device(user_id, token, ways, kind, self.records, chance, roams=is_several)
                device.gives_up = 0.05 if number % 5 == 0 else 0.0
                self.devices.append(device)
                device.start()

    def _found(self, members: list[str]) -> None:
        kind = "direct" if len(members) == 2 else "group"
        body = {"type": kind, "participants": members, "name": "Lab", "history": "since_join"}
        answer = self.call(dict(self.users)[members[0]], "POST", "/api/user/conversations", body)
        self.members.setdefault(answer["data"]["id"], members)

    def call(self, token: str, method: str, path: str, body: Any = None) -> Answer:
        """Call the server past the faults."""
        link = Http(*self.chance.choice(self._installation.direct), token)
        try:
            return link.call(method, path, body, 60)
        finally:
            link.close()

    def churn(self) -> None:
        """Let owners add guests to their groups, remove them, change roles, rename the groups and themselves; guests
        hide groups."""
        groups = [(conversation, members) for conversation, members in self.members.items() if len(members) > 2]
        tokens = dict(self.users)
        while groups:
            gevent.sleep(self.chance.uniform(0.2, 0.8))
            conversation, (owner, *others) = self.chance.choice(groups)
            path, guest = f"/api/conversations/{conversation}", self.chance.choice(self.guests)
            name, role = f"Lab {self.chance.random()}", self.chance.choice(("admin", "member"))
            user, method, path, body = self.chance.choice(
                (
                    (owner, "POST", f"{path}/members", {"userIds": [guest]}),
                    (owner, "DELETE", f"{path}/members/{guest}", None),
                    (owner, "PATCH", f"{path}/members/{self.chance.choice(others)}", {"role": role}),
                    (owner, "PATCH", path, {"name": name}),
                    (owner, "PUT", "/api/user/profile", {"name": name}),
                    (guest, "DELETE", path, None),
                )
            )
            link = Http("127.0.0.1", self.chance.choice(self._installation.networks).port, tokens[user])
            try:
                link.call(method, path, body)
            except (NoAnswer, Refused):
                pass
            finally:
                link.close()

    def catch_up(self) -> None:
        """Let every device fetch what it has missed."""
        pool = gevent.pool.Pool(4)
        for _ in range(_ROUNDS):
            for device in self.devices:
                pool.spawn(self._catch_up, device)
            pool.join(raise_error=True)

    def _catch_up(self, device: Device) -> None:
        for attempt in range(_CATCH_UPS):
            try:
                device.sync()
                device.fill_gaps()
            except (NoAnswer, Refused) as error:
                if attempt == _CATCH_UPS - 1:
                    self.refusals.append(f"{device.kind} device of {device.user_id} can't catch up: {error}")
                gevent.sleep(0.5)
            else:
                return

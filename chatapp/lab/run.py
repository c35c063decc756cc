"""One run of the delivery lab: people who chat while faults are injected, and the judgement at the end."""

import json
import math
import random
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import gevent
import gevent.pool

from chatapp.lab.checker import Histories, Known, Verdict, judge
from chatapp.lab.devices import KINDS, Device
from chatapp.lab.faults import Places, Schedule
from chatapp.lab.forks import Fork
from chatapp.lab.links import Http, NoAnswer, Refused
from chatapp.lab.proxy import Proxy
from chatapp.lab.records import Records
from chatapp.lab.replica import Replica
from chatapp.lab.server import Server

_SETTLE_SECONDS = 120
_CATCH_UPS = 10
_ROUNDS = 3  # of syncs: they fetch the rest, prove that it has come, and tell of these proofs
_READS_A_SECOND = 20
Told = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a run does. Without `url` the lab starts a server of its own, on `store_uri` or an embedded store.

    The chat ends after `sends` messages or `seconds`, or when every kind of fault has come `fault_rounds` times (0:
    they do not end it). `pause` is the time after which every member sends to each of their conversations again.
    """

    seed: int = 1
    sends: int = 2_000
    seconds: float = 600
    people: int = 12
    conversations: int = 12
    fault_pause: float = 2.0
    fault_rounds: int = 0
    pause: float = 0.005
    faults: list[str] | None = None
    url: str | None = None
    store_uri: str | None = None
    database_control: str | None = None
    sabotage: str = ""
    settings: dict[str, str] = field(default_factory=dict)


def run(plan: Plan, told: Told = lambda _: None) -> Verdict:
    """Carry the plan out: chat under faults, let everything settle, judge. `told` hears of the progress."""
    with tempfile.TemporaryDirectory(prefix="chatapp-lab-") as folder:
        return Run(plan, Path(folder), told).carry_out()


class Run:
    """The run of a plan, in a folder of its own."""

    def __init__(self, plan: Plan, folder: Path, told: Told) -> None:
        self.plan, self.told, self.records = plan, told, Records()
        self.chance = random.Random(plan.seed)  # noqa: S311 - repeatable on purpose
        self.database, uri = self._database_proxy()
        self.server: Server | None = None
        if plan.url is None:
            uri = uri or f"litemongo://{folder}/store"
            self.server = Server(folder, uri, dict(plan.settings), plan.sabotage)
            host, port = "127.0.0.1", self.server.port
        else:
            parts = urlsplit(plan.url)
            host, port = parts.hostname or "127.0.0.1", parts.port or 80
        self.direct = (host, port)
        self.network = Proxy(host, port)
        self.users: list[tuple[str, str]] = []  # (id, token)
        self.members: dict[str, list[str]] = {}  # conversation → ids, its owner first
        self.guests: list[str] = []
        self.devices: list[Device] = []
        self.refusals: list[str] = []

    def _database_proxy(self) -> tuple[Proxy | None, str | None]:
        """A proxy before the database, and the address through it."""
        uri = self.plan.store_uri
        if uri is None or not uri.startswith("mongodb://"):
            return None, uri
        parts = urlsplit(uri)
        proxy = Proxy(parts.hostname or "127.0.0.1", parts.port or 27017)
        return proxy, uri.replace(parts.netloc, f"127.0.0.1:{proxy.port}")

    def carry_out(self) -> Verdict:
        """Start, chat, settle, judge, and clean up whatever happens."""
        places = Places(self.network, self.server, self.database, self.plan.database_control)
        schedule = Schedule(places, self.plan.seed, self.plan.fault_pause, self.plan.faults, self.records)
        try:
            if self.server is not None:
                self.server.migrate()
                self.server.start()
            self._people()
            injecting = gevent.spawn(schedule.run)
            self._chat(schedule)
            schedule.stop()
            injecting.join()
            injecting.get()
            self._settle()
            verdict = judge(self.records, self._histories())
            self._verify(verdict)
            return verdict
        finally:
            for device in self.devices:
                device.stop()
            if self.server is not None:
                self.server.stop()
            self.network.close()
            if self.database is not None:
                self.database.close()

    def _people(self) -> None:
        """Register everybody, found the conversations, and connect the devices."""
        http, mark = Http(*self.direct), f"{self.plan.seed}-{time.time_ns():x}"
        for number in range(self.plan.people + 2):
            body = {"email": f"lab-{mark}-{number}@test.com", "password": "password123", "name": f"Lab {number}"}
            answer = http.call("POST", "/api/auth/register", body, 30)
            self.users.append((answer["data"]["id"], answer["token"]))
        self.guests = [user_id for user_id, _ in self.users[self.plan.people :]]
        ids = [user_id for user_id, _ in self.users[: self.plan.people]]
        for number in range(self.plan.conversations):
            members = self.chance.sample(ids, 2 if number % 4 == 0 else self.chance.randint(3, min(6, len(ids))))
            self._found(members)
        for number, (user_id, token) in enumerate(self.users):
            for kind in (KINDS[number % len(KINDS)], *(["websocket"] if number % 3 == 0 else [])):
                chance = random.Random(f"{self.plan.seed}-{len(self.devices)}")  # noqa: S311 - repeatable on purpose
                device = Device(user_id, token, ("127.0.0.1", self.network.port), kind, self.records, chance)
                device.gives_up = 0.05 if number % 5 == 0 else 0.0
                self.devices.append(device)
                device.start()

    def _found(self, members: list[str]) -> None:
        kind = "direct" if len(members) == 2 else "group"
        body = {"type": kind, "participants": members, "name": "Lab", "history": "since_join"}
        answer = Http(*self.direct, dict(self.users)[members[0]]).call("POST", "/api/user/conversations", body, 30)
        self.members.setdefault(answer["data"]["id"], members)

    def _chat(self, schedule: Schedule) -> None:
        """Let the devices send until there are enough messages or faults or no time is left, as fast as acks allow."""
        deadline, told_at = time.monotonic() + self.plan.seconds, time.monotonic()
        fault_rounds = self.plan.fault_rounds or math.inf
        by_user: dict[str, list[Device]] = {}
        for device in self.devices:
            by_user.setdefault(device.user_id, []).append(device)
        writers = [(conversation, user) for conversation, members in self.members.items() for user in members]
        chosen = {pair: self.chance.choice(by_user[pair[1]]) for pair in writers}
        churning = gevent.spawn(self._churn)
        while (
            len(self.records.sends) < self.plan.sends and schedule.rounds < fault_rounds and time.monotonic() < deadline
        ):
            for pair, device in chosen.items():
                if device.waiting_in(pair[0]) < 2 and len(self.records.sends) < self.plan.sends:
                    device.send(pair[0])
            if self.chance.random() < _READS_A_SECOND * self.plan.pause:
                (conversation, _), device = self.chance.choice(list(chosen.items()))
                gevent.spawn(device.read, conversation)
            if time.monotonic() - told_at > 5:
                told_at = time.monotonic()
                self.told(f"{len(self.records.sends)} sends, faults: {self.records.faults}")
            gevent.sleep(self.plan.pause)
        churning.kill()

    def _churn(self) -> None:
        """Owners add guests to their groups, remove them, change roles, and rename the groups and themselves; guests
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
            link = Http("127.0.0.1", self.network.port, tokens[user])
            try:
                link.call(method, path, body)
            except (NoAnswer, Refused):
                pass
            finally:
                link.close()

    def _settle(self) -> None:
        """Without faults: everything that waits is sent, and every device catches up."""
        self.told("no more faults; waiting for what is under way")
        if self.server is not None and not self.server.is_ready():
            self.server.kill()
            self.server.start()
        with gevent.Timeout(_SETTLE_SECONDS, False):
            while any(device.unsent for device in self.devices):
                gevent.sleep(0.1)
        gevent.sleep(1)  # what was sent twice at once arrives
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

    def _histories(self) -> Histories:
        """Everything that the checker compares, from the API."""
        self.told("fetching the histories")
        found, tokens = Histories(passing=set(self.guests), refusals=self.refusals), dict(self.users)
        for device in self.devices:
            device.pause()
        found.told = {user: self._sync_from_the_start(user, token) for user, token in self.users}
        pool = gevent.pool.Pool(4)
        wanted = [
            (conversation, user)
            for conversation, members in self.members.items()
            for user in (*members, *(self.guests if len(members) > 2 else []))
        ]
        for conversation, user in wanted:
            pool.spawn(self._history, found, conversation, user, tokens[user])
        pool.join(raise_error=True)
        for user, token in self.users:
            for row in self._call(token, "GET", "/api/user/conversations?limit=1000")["data"]:
                found.unread[row["id"], user] = row["unreadCount"]
        for number, device in enumerate(self.devices):
            found.known[device.user_id, f"{device.kind} device {number}"] = device.replica.known()
            for conversation, log in device.replica.logs.items():
                if (conversation, device.user_id) in found.logs:
                    shown = [entry["id"] for entry in log.messages()]
                    found.shown[conversation, device.user_id, f"{device.kind} device {number}"] = shown
        return found

    def _sync_from_the_start(self, user: str, token: str) -> Known:
        """What a new device of the user is told."""
        replica = Replica(user_id=user)
        while replica.synced(self._call(token, "POST", "/api/sync", replica.body())["data"]):
            pass
        return replica.known()

    def _call(self, token: str, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """A call past the faults."""
        link = Http(*self.direct, token)
        try:
            return link.call(method, path, body, 60)
        finally:
            link.close()

    def _history(self, found: Histories, conversation: str, user: str, token: str) -> None:
        path, after, log = f"/api/conversations/{conversation}", 0, []
        chance = random.Random(f"{self.plan.seed}-{conversation}-{user}")  # noqa: S311 - repeatable on purpose
        while True:
            try:
                page = self._call(token, "GET", f"{path}/entries?after={after}&limit=500")
            except Refused:  # a guest who was never in it
                return
            log += page["data"]
            if not page["meta"]["hasMore"]:
                break
            after = log[-1]["seq"]
        found.logs[conversation, user] = log
        if log and user not in self.guests:
            try:
                answer = self._call(token, "POST", f"{path}/read", {"seq": chance.randint(0, log[-1]["seq"])})
            except Refused as refusal:
                found.refusals.append(f"{path}/read: {refusal}")
            else:
                found.read[conversation, user] = answer["data"]["readSeq"]

    def _verify(self, verdict: Verdict) -> None:
        """Stop the server, and let `flask verify` look at the store."""
        if self.server is None:
            return
        self.told("verifying the store")
        self.server.stop()
        verdict.tracebacks += self.server.tracebacks
        verification = Fork(["flask", "verify", "--json"], self.server.environment)
        said = verification.stdout.read().decode()
        verification.wait()
        try:
            faults = json.loads(said.rstrip().rpartition("\n")[2])["faults"]
        except (ValueError, KeyError):
            verdict.store.append(said[-500:])
            return
        verdict.store += [f"{row['conversationId']}, {row['place']}: {row['message']}" for row in faults]

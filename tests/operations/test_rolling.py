"""Machines are replaced one by one, behind a proxy that knows them, while people write: no call fails, nothing is lost.

The machines that go are of this version, or of earlier ones that may run beside it.
"""

import io
import subprocess
import tarfile
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import gevent
import pytest
import requests

from chatapp.lab.forks import ROOT
from tests.balancer import Balancer
from tests.conftest import MONGO, NEEDS_MONGO, eventually
from tests.device import Device
from tests.redis_server import NEEDS_REDIS, running_redis
from tests.server import REAL_CLIENTS, Server, running

pytestmark = [*REAL_CLIENTS, NEEDS_MONGO, NEEDS_REDIS]
NOW = ""
BEFORE_MACHINES = "6afc4e7"  # the first that may run beside later ones: of several machines it knows nothing
FIRST_OF_MACHINES = "1102e72"
HEARD = ("newMessage", "resync")
EXIT_SECONDS = 10
PAUSE = 0.05


def code_of(version: str, folder: Path) -> Path:
    """Return a folder with the code of an earlier version, by its commit."""
    if version == NOW:
        return ROOT
    found = subprocess.run(["git", "archive", version], cwd=ROOT, capture_output=True)
    if found.returncode:
        pytest.skip(f"the history of this clone has no {version}")
    with tarfile.open(fileobj=io.BytesIO(found.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder


@pytest.fixture
def balancer() -> Iterator[Balancer]:
    balancer = Balancer()
    yield balancer
    balancer.stop()


class Writer:
    """Somebody who calls through the proxy again and again, each time over a new connection; what failed is noted."""

    def __init__(self, balancer: Balancer, person: dict[str, Any], chat: str) -> None:
        self.acknowledged: list[int] = []
        self.failures: list[Any] = []
        self.cursor = 0
        self._balancer, self._person, self._chat = balancer, person, chat
        self._working = gevent.spawn(self._work)

    def _work(self) -> None:
        path = f"/api/conversations/{self._chat}/messages"
        while True:
            text = uuid.uuid4().hex
            sent = self._call("POST", path, {"content": text, "clientMsgId": text})
            if sent is not None:
                self.acknowledged.append(sent["data"]["seq"])
            synced = self._call("POST", "/api/sync", {"cursors": {self._chat: self.cursor}})
            for row in synced["data"]["conversations"] if synced is not None else ():
                if row["reset"]:
                    self.failures.append("told of another history")
                self.cursor = max(self.cursor, row["head"]["seq"])
            gevent.sleep(PAUSE)

    def _call(self, method: str, path: str, body: Any) -> Any:
        headers = {"Authorization": f"Bearer {self._person['token']}"}
        try:
            answer = requests.request(method, self._balancer.url + path, json=body, headers=headers, timeout=30)
        except requests.RequestException as error:
            self.failures.append(repr(error))
            return None
        if not answer.ok:
            self.failures.append((path, answer.status_code, answer.text[:300]))
            return None
        return answer.json()

    def stop(self) -> None:
        """Finish the call that is under way, and call no more."""
        self._working.kill()


class Rolling:
    """Machines on one database, behind the proxy."""

    def __init__(self, stack: ExitStack, tmp_path: Path, balancer: Balancer, redis_url: str) -> None:
        self._stack, self._folder, self._balancer = stack, tmp_path, balancer
        self._settings = {"MONGO_DATABASE": f"rolling_{uuid.uuid4().hex[:12]}", "REDIS_URL": redis_url}
        self.started: list[Server] = []

    def start(self, code: Path) -> Server:
        """Start a machine, and wait until calls come to it."""
        folder = self._folder / f"machine-{len(self.started)}"
        folder.mkdir()
        server = self._stack.enter_context(running(folder, str(MONGO), fresh=True, code=code, **self._settings))
        self.started.append(server)
        self._balancer.machines.append(server.port)
        eventually(lambda: server.port in self._balancer.ready)
        return server

    def replace(self, old: Server, code: Path) -> Server:
        """Start another machine, then end this one; one of this version has to end in time."""
        new = self.start(code)
        began = time.monotonic()
        old.stop()
        assert old.code != ROOT or time.monotonic() - began < EXIT_SECONDS
        self._balancer.machines.remove(old.port)
        return new

    def logs(self) -> str:
        """Return what all of them have logged."""
        return "".join((server.folder / "server.log").read_text() for server in self.started)


@pytest.mark.parametrize("version", [NOW, FIRST_OF_MACHINES, BEFORE_MACHINES])
def test_machines_are_replaced_one_by_one_while_people_write(tmp_path, balancer, version):
    with ExitStack() as stack:
        redis = stack.enter_context(running_redis(tmp_path))
        rolling = Rolling(stack, tmp_path, balancer, redis.url)
        earlier = code_of(version, tmp_path / "earlier")
        machines = [rolling.start(earlier) for _ in range(2)]
        people = [machines[0].register(name) for name in ("ann", "bob", "eve")]
        body = {"type": "group", "name": "Crew", "participants": [person["data"]["id"] for person in people[1:]]}
        chat = machines[0].call("POST", "/api/user/conversations", people[0], body)["data"]["id"]
        writers = [Writer(balancer, person, chat) for person in people]
        eventually(lambda: all(len(writer.acknowledged) > 5 for writer in writers))
        for turn in range(2):
            machines[turn] = rolling.replace(machines[turn], ROOT)
            if version != BEFORE_MACHINES:
                hear_each_other(machines, people, chat)
        counts = [len(writer.acknowledged) for writer in writers]
        eventually(
            lambda: all(len(writer.acknowledged) > count + 5 for writer, count in zip(writers, counts, strict=True))
        )
        for writer in writers:
            writer.stop()
        assert [writer.failures for writer in writers] == [[], [], []]
        acknowledged = sorted(seq for writer in writers for seq in writer.acknowledged)
        assert len(set(acknowledged)) == len(acknowledged)
        for machine in machines:
            assert acknowledged == sorted(set(seqs_in(machine, people[0], chat)) & set(acknowledged))
    assert "malformed" not in rolling.logs()


def hear_each_other(machines: list[Server], people: list[Any], chat: str) -> None:
    """Let each machine's sockets hear what is said on the other, whichever versions they are of."""
    devices = [
        Device(server.url, person["token"], HEARD, ["websocket"])
        for server, person in zip(machines, people, strict=False)
    ]
    try:
        for speaker, listener in (devices, devices[::-1]):
            seq = speaker.send(chat, "Do you hear me?")
            eventually(lambda listener=listener, seq=seq: seq in listener.seqs)
    finally:
        for device in devices:
            device.client.disconnect()


def seqs_in(server: Server, person: Any, chat: str) -> list[int]:
    """Return the seqs of all messages in the conversation."""
    found: list[int] = []
    while page := server.call("GET", f"/api/conversations/{chat}/messages?limit=200{before(found)}", person)["data"]:
        found += [message["seq"] for message in page]
    return found


def before(found: list[int]) -> str:
    return f"&before={min(found)}" if found else ""

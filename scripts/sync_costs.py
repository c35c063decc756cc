"""The cost of sync for this server: CPU from /proc and database commands, with nothing new, and after an absence.

TEST_MONGO_URI names the MongoDB server (a database of its own is made and dropped); without it: the embedded store.
"""

from gevent import monkey

monkey.patch_all()

import os
import re
import sys
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import pymongo
from gevent.pool import Pool

from chatapp.lab.links import Http
from chatapp.lab.server import Server

CONVERSATIONS, ENTRIES_EACH = 1_000, 10
CALLS = 30
SETTLING_SECONDS = 2
LIMITS = {"MAX_GROUP_SIZE": "10", "MONGO_MAX_POOL_SIZE": "10"}


class Subject:
    """A server with three people and groups of them."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.people = [self._register(name) for name in ("ann", "bob", "eve")]
        self.reader = self.link(1)
        self.conversations: list[str] = []

    def _register(self, name: str) -> dict[str, Any]:
        body = {"email": f"{name}@test.com", "password": "password123", "name": name}
        return Http("127.0.0.1", self.server.port).call("POST", "/api/auth/register", body, 30)

    def link(self, person: int) -> Http:
        """Return a link for HTTP calls of one of them."""
        return Http("127.0.0.1", self.server.port, self.people[person]["token"])

    def found(self, count: int) -> None:
        """Open `count` conversations."""
        ids = [person["data"]["id"] for person in self.people]
        body = {"type": "group", "name": "Group", "participants": ids}

        def one(_: int) -> str:
            return str(self.link(0).call("POST", "/api/user/conversations", body, 60)["data"]["id"])

        self.conversations += Pool(8).map(one, range(count - len(self.conversations)))

    def write(self, each: int) -> None:
        """Send so many messages to every conversation."""

        def one(conversation: str) -> None:
            for number in range(each):
                path = f"/api/conversations/{conversation}/messages"
                self.link(0).call("POST", path, {"content": f"message {number} " * 5}, 60)

        Pool(16).map(one, self.conversations)

    def catch_up(self, cursors: dict[str, int], since: str | None) -> tuple[dict[str, int], str | None, int, int]:
        """Sync until nothing is left: cursors, since, entries, calls."""
        entries = calls = 0
        while True:
            body = {"cursors": cursors, "since": since}
            data = self.reader.call("POST", "/api/sync", body, 60)["data"]
            calls += 1
            for row in data["conversations"]:
                found = row["entries"]
                entries += len(found)
                cursors[row["id"]] = found[-1]["seq"] if found else row["head"]["seq"]
            since = data["next"]
            if not data["more"]:
                return cursors, since, entries, calls

    def ask_again(self, cursors: dict[str, int], since: str | None) -> None:
        """Sync over and over, with nothing new."""
        for _ in range(CALLS):
            self.catch_up(cursors, since)

    def read_one_by_one(self, limit: int) -> int:
        """Read the newest messages of each conversation, with a call each; return how many."""
        pages = (f"/api/conversations/{row}/messages?limit={limit}" for row in self.conversations)
        return sum(len(self.reader.call("GET", page, None, 60)["data"]) for page in pages)

    def cpu_seconds(self) -> float:
        """Return the CPU time of all threads of the server's processes so far, in seconds."""
        assert self.server._process is not None
        parent = self.server._process.pid
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        files = [file for child in children for file in Path(f"/proc/{child}/task").glob("*/schedstat")]
        return sum(int(file.read_text().split()[0]) for file in files) / 1e9

    def commands(self) -> int:
        """Return the number of database commands so far."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.server.port}/metrics") as answer:
            text = answer.read().decode()
        counts = re.findall(r'^chatapp_database_command_seconds_count\{command="(\w+)"\} ([\d.]+)$', text, re.MULTILINE)
        return sum(int(float(count)) for name, count in counts if name not in ("hello", "ismaster", "ping"))

    def cost(self, act: Callable[[], Any]) -> tuple[float, int, Any]:
        """Return CPU seconds and commands of doing it, and of what the server does about it afterwards (receipts)."""
        commands, started = self.commands(), self.cpu_seconds()
        result = act()
        time.sleep(SETTLING_SECONDS)
        return self.cpu_seconds() - started, self.commands() - commands, result


def measure(subject: Subject) -> None:
    """Print all of it."""
    cursors: dict[str, int] = {}
    since: str | None = None
    for count in (1, 50, CONVERSATIONS):
        subject.found(count)
        cursors, since, _, _ = subject.catch_up(cursors, since)
        seconds, commands, _ = subject.cost(partial(subject.ask_again, cursors, since))
        milliseconds = seconds / CALLS * 1e3
        print(f"nothing new in {count:5}: {milliseconds:7.2f} ms of CPU, {commands / CALLS:.2f} commands a call")
    subject.write(ENTRIES_EACH)
    subject.reader = subject.link(1)  # the server closes connections that were idle meanwhile
    seconds, commands, (_, _, entries, calls) = subject.cost(partial(subject.catch_up, dict(cursors), since))
    print(
        f"{entries} entries by sync: {seconds / entries * 1e6:.1f} us of CPU each, {commands} commands, {calls} calls"
    )
    apart, commands, entries = subject.cost(partial(subject.read_one_by_one, ENTRIES_EACH))
    print(f"{entries} by a call a conversation: {apart / entries * 1e6:.1f} us of CPU each, {commands} commands")
    print(f"ratio {apart / seconds:.1f}")


def main() -> None:
    """Measure on a server that is started and stopped here."""
    name = f"chatapp_sync_{uuid.uuid4().hex[:8]}"
    with tempfile.TemporaryDirectory() as folder:
        base, _, options = os.environ.get("TEST_MONGO_URI", "").partition("?")
        uri = f"{base.rstrip('/')}/{name}?{options}" if base else f"litemongo://{folder}/store"
        server = Server(Path(folder), uri, LIMITS, fresh=True)
        server.migrate()
        server.start()
        try:
            measure(Subject(server))
        finally:
            server.stop()
            if base:
                with pymongo.MongoClient[dict[str, Any]](uri) as client:
                    client.drop_database(name)


if __name__ == "__main__":
    main()

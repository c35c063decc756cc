"""A real server for tests: gunicorn as a subprocess on a free port."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import pytest
import requests
import socketio
from engineio.payload import Payload

from chatapp.lab.forks import ROOT, Fork
from chatapp.lab.server import free_port

Payload.max_decode_packets = 4096  # or the Python client gives up polling when more than 16 events wait for it

PATIENCE_SECONDS = 20
# The socket clients leave connections that the server has closed to the garbage collector.
REAL_CLIENTS = [
    pytest.mark.usefixtures("collected", "collected_at_the_end"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning"),
]
SETTINGS = {
    "APP_ENV": "development",
    "HOST": "127.0.0.1",
    "JWT_SECRET": "only-for-tests-" + "0" * 32,
    "ARGON2_MEMORY_KIB": "8",
    "ARGON2_TIME_COST": "1",
    "RATE_ANONYMOUS": "10000 per minute",
    "RATE_REGISTRATIONS_ADDRESS": "10000 per minute",
    "RATE_SENDS": "10000 per minute",
    "LOG_FORMAT": "json",
    "ENGINE": os.environ.get("TEST_ENGINE", "chatapp"),
}


@dataclass
class Server:
    """A server process; `start` again after `stop` comes back on the same port and store."""

    folder: Path
    store_uri: str
    settings: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | Fork | None = None
    migrates: bool = True  # before it first starts, as a release command does
    fresh: bool = False  # a new interpreter each time, not a fork
    application: str = "wsgi:app"
    code: Path = ROOT  # where the server's code is; that of another version needs a new interpreter

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """Only what the server and the interpreter need: nothing leaks in from the developer's shell."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        own = {"PORT": str(self.port), "MONGO_URI": self.store_uri, "INSTANCE_DIR": str(self.folder)}
        return kept | {"PYTHONDONTWRITEBYTECODE": "1", "FLASK_APP": "wsgi"} | SETTINGS | own | self.settings

    def start(self) -> None:
        """Migrate the first time, start, and wait until it is healthy."""
        if self.migrates:
            self.migrates = False
            with open(os.devnull, "wb") as nowhere:
                assert self._run(["flask", "migrate"], nowhere).wait() == 0
        with (self.folder / "server.log").open("ab") as log:
            self.process = self._run(["gunicorn", self.application], log)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self.is_healthy():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError((self.folder / "server.log").read_text()[-3000:])
            time.sleep(0.05)

    def _run(self, command: list[str], output: IO[bytes]) -> subprocess.Popen[bytes] | Fork:
        if not self.fresh:
            return Fork(command, self.environment, output)
        command = [sys.executable, "-m", *command]
        return subprocess.Popen(command, cwd=self.code, env=self.environment, stdout=output, stderr=output)

    def is_healthy(self) -> bool:
        """Return whether it answers its health route."""
        with contextlib.suppress(requests.RequestException):
            return requests.get(f"{self.url}/api/health", timeout=2).ok
        return False

    def stop(self, with_signal: int = signal.SIGTERM) -> None:
        """End the process and wait for it."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(with_signal)
            try:
                self.process.wait(PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None

    def register(self, name: str) -> dict[str, Any]:
        """Register somebody: the answer's JSON."""
        body = {"email": f"{name}@test.com", "password": "password123", "name": name.title()}
        return dict(self.call("POST", "/api/auth/register", None, body))

    def call(self, method: str, path: str, person: dict[str, Any] | None, body: Any = None) -> dict[str, Any]:
        """Return the JSON of an HTTP call by this person."""
        headers = {"Authorization": f"Bearer {person['token']}"} if person else {}
        answer = requests.request(method, self.url + path, json=body, headers=headers, timeout=PATIENCE_SECONDS)
        return dict(answer.json())

    def connect(self, person: dict[str, Any], transports: list[str], **options: Any) -> socketio.Client:
        """Return a connected socket of this person."""
        # By default the client gives a POST up after five seconds. While much waits to be handled it is answered later.
        client = socketio.Client(**{"reconnection": False, "request_timeout": PATIENCE_SECONDS, **options})
        auth = {"token": person["token"]}
        client.connect(self.url, auth=auth, transports=transports, wait_timeout=PATIENCE_SECONDS)
        return client


@contextlib.contextmanager
def running(
    folder: Path,
    store_uri: str,
    *,
    migrates: bool = True,
    fresh: bool = False,
    application: str = "wsgi:app",
    code: Path = ROOT,
    **settings: str,
) -> Iterator[Server]:
    """A started server, stopped at the end. Prints of a traceback fail the test: nobody else would notice."""
    server = Server(folder, store_uri, settings, migrates=migrates, fresh=fresh, application=application, code=code)
    try:
        server.start()
        yield server
    finally:
        server.stop()
    log = (folder / "server.log").read_text()
    assert "\nTraceback" not in log, log[log.index("\nTraceback") :][:5_000]

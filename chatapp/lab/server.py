"""A chatapp server as a process of its own, started and ended as roughly as wished."""

import contextlib
import http.client
import json
import os
import resource
import secrets
import signal
import socket
import sys
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

import gevent
from gevent.subprocess import PIPE, STDOUT, Popen

from chatapp.lab.forks import ROOT, Fork

PATIENCE_SECONDS = 30
_TRACEBACK_CHARACTERS = 5_000
SETTINGS = {
    "APP_ENV": "development",
    "HOST": "127.0.0.1",
    "JWT_SECRET": "only-in-the-lab-" + "0" * 32,
    "ARGON2_MEMORY_KIB": "8",
    "ARGON2_TIME_COST": "1",
    "LOG_FORMAT": "json",
    "LOG_LEVEL": "WARNING",
    "METRICS_REPORT_SECONDS": "0",
    **dict.fromkeys(
        (
            "RATE_ANONYMOUS",
            "RATE_SESSION",
            "RATE_REGISTRATIONS_ADDRESS",
            "RATE_USER",
            "RATE_SENDS",
            "RATE_CONNECTS_ADDRESS",
            "RATE_CONNECTS_USER",
            "RATE_HANDSHAKES_ADDRESS",
            "RATE_GROUP_ADDS",
        ),
        "1000000 per minute",
    ),
}


def free_port() -> int:
    """A port that nobody uses just now, below those that outgoing connections are given: such a connection would have
    it when the server, killed, comes back."""
    while True:
        port = 10_240 + secrets.randbelow(22_528)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@dataclass
class Server:
    """A server process on a store; `start` again after any end comes back on the same port."""

    folder: Path
    store_uri: str
    settings: dict[str, str] = field(default_factory=dict)
    sabotage: str = ""
    fresh: bool = False  # a new interpreter each time, not a fork: for who measures it
    port: int = field(default_factory=free_port)
    output: deque[str] = field(default_factory=lambda: deque(maxlen=400))
    tracebacks: list[str] = field(default_factory=list)  # printed where an exception was caught by nobody
    _process: Popen | Fork | None = None

    @property
    def environment(self) -> dict[str, str]:
        """Only what the server needs: nothing leaks in from the operator's shell."""
        own = {"PORT": str(self.port), "MONGO_URI": self.store_uri, "INSTANCE_DIR": str(self.folder)}
        return {"PYTHONDONTWRITEBYTECODE": "1", "FLASK_APP": "wsgi"} | SETTINGS | own | self.settings

    @property
    def _control(self) -> Path:
        return self.folder / "lab.json"

    def migrate(self) -> None:
        """Bring the store to the newest form."""
        migration = Fork(["flask", "migrate"], self.environment)
        said = migration.stdout.read().decode()
        if migration.wait():
            raise RuntimeError(said)

    def start(self) -> None:
        """Start, and wait until it is ready."""
        if not self._control.exists():
            self.set_clock(0)
        application = f"chatapp.lab.application:make({str(self._control)!r})"
        command = ["gunicorn", application]
        self._process = self._fresh(command) if self.fresh else Fork(command, self.environment)
        gevent.spawn(self._drain, self._process)
        self.output.clear()
        with gevent.Timeout(PATIENCE_SECONDS, False):
            while self._process.poll() is None:
                if self.is_ready():
                    return
                gevent.sleep(0.05)
            raise RuntimeError("\n".join(["the server has ended", *self.output]))
        raise RuntimeError("\n".join(["the server does not start", *self.output]))

    def _fresh(self, command: list[str]) -> Popen:
        command = [sys.executable, "-m", *command]
        return Popen(command, cwd=ROOT, env=self.environment, stdout=PIPE, stderr=STDOUT, start_new_session=True)

    def _drain(self, process: Popen | Fork) -> None:
        """Read the log from a pipe: a full disk must not be felt by writing it."""
        for data in process.stdout:
            line = data.decode(errors="replace").rstrip()
            self.output.append(line)
            if line.startswith("Traceback "):
                self.tracebacks.append(line)
            elif self.tracebacks and not line.startswith("{") and len(self.tracebacks[-1]) < _TRACEBACK_CHARACTERS:
                self.tracebacks[-1] += "\n" + line

    def is_ready(self) -> bool:
        """Does it answer its readiness route?"""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
            connection.request("GET", "/api/health/ready")
            return connection.getresponse().status == 200
        return False

    def kill(self) -> None:
        """End all of its processes at once, with nothing said."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ask it to stop, and wait."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            with gevent.Timeout(PATIENCE_SECONDS, False):
                self._process.wait()
        self._end(signal.SIGKILL)

    def _end(self, with_signal: int) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, with_signal)
            self._process.wait()
            self._process = None

    def freeze(self, seconds: float) -> None:
        """Stop it in mid-step for a while, as a stalled machine would."""
        self._signal(signal.SIGSTOP)
        gevent.sleep(seconds)
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    def set_clock(self, wrong_by_seconds: float) -> None:
        """Let its wall clock be wrong by so much."""
        written = self._control.with_suffix(".new")
        written.write_text(json.dumps({"clock": wrong_by_seconds, "sabotage": self.sabotage}))
        written.replace(self._control)

    def fill_disk(self, seconds: float) -> None:
        """Let none of its files grow for a while; writes fail as on a full disk."""
        smallest = min((path.stat().st_size for path in self.folder.rglob("*-wal")), default=0)
        limits = [(pid, resource.prlimit(pid, resource.RLIMIT_FSIZE)) for pid in self._pids()]
        for pid, (_, hard) in limits:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (max(1, smallest), hard))
        gevent.sleep(seconds)
        for pid, limit in limits:
            with contextlib.suppress(ProcessLookupError):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, limit)

    def _pids(self) -> list[int]:
        """Its processes: gunicorn's master and worker."""
        if self._process is None:
            return []
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        return [self._process.pid, *map(int, children)]

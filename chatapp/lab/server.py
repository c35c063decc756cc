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
LOOK_SECONDS = 0.2  # after which every process has seen what it is told by the control file
_TRACEBACK_CHARACTERS = 5_000
SETTINGS = {
    "APP_ENV": "development",
    "HOST": "127.0.0.1",
    "JWT_SECRET": "only-in-the-lab-" + "0" * 32,
    "ARGON2_MEMORY_KIB": "8",
    "ARGON2_TIME_COST": "1",
    "ACCESS_TOKEN_SECONDS": "86400",
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
            "RATE_ACTIONS",
            "RATE_CONNECTS_ADDRESS",
            "RATE_CONNECTS_USER",
            "RATE_HANDSHAKES_ADDRESS",
            "RATE_GROUP_ADDS",
        ),
        "1000000 per minute",
    ),
}


def free_port() -> int:
    """Return an unused port, below those that outgoing connections are given: such a connection would have
    it when the server, killed, comes back."""
    while True:
        port = 10_240 + secrets.randbelow(22_528)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@dataclass
class Server:
    """A server, of one or several worker processes, on a store; `start` again after any end comes back on the same
    port."""

    folder: Path
    store_uri: str
    settings: dict[str, str] = field(default_factory=dict)
    sabotage: str = ""
    workers: int = 1
    bad_bus: float = 0.0  # the share of what passes between its processes that is lost all the time
    fresh: bool = False  # a new interpreter each time, not a fork: for who measures it
    port: int = field(default_factory=free_port)
    output: deque[str] = field(default_factory=lambda: deque(maxlen=400))
    tracebacks: list[str] = field(default_factory=list)  # printed where an exception was caught by nobody
    _process: Popen | Fork | None = None
    _clock: float = 0.0
    _bad_bus: float = 0.0
    _held_bus: float | None = None

    @property
    def environment(self) -> dict[str, str]:
        """Only what the server needs: nothing leaks in from the operator's shell."""
        own = {"PORT": str(self.port), "MONGO_URI": self.store_uri, "INSTANCE_DIR": str(self.folder)}
        own["WEB_CONCURRENCY"] = str(self.workers)
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
        """Start, and wait until it is ready, with all of its workers."""
        if not self._control.exists():
            self._write_control()
        application = f"chatapp.lab.application:make({str(self._control)!r})"
        command = ["gunicorn", application]
        self._process = self._fresh(command) if self.fresh else Fork(command, self.environment)
        gevent.spawn(self._drain, self._process)
        self.output.clear()
        with gevent.Timeout(PATIENCE_SECONDS, False):
            while self._process.poll() is None:
                if self.is_ready() and self.is_whole():
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
        """Return whether it answers its readiness route."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
            connection.request("GET", "/api/health/ready")
            return connection.getresponse().status == 200
        return False

    def worker_names(self) -> dict[int, str]:
        """Return the names of the living workers that have joined the others, by process id; of one alone none."""
        found = {}
        for pid in self._pids()[1:]:
            with contextlib.suppress(FileNotFoundError):
                found[pid] = (self.folder / f"worker-{pid}").read_text()
        return found

    def is_whole(self) -> bool:
        """Return whether as many workers serve as should."""
        return self.workers == 1 or len(self.worker_names()) == self.workers

    def replace_workers(self) -> None:
        """Let new workers take the place of those that run, which end when they have answered (SIGHUP)."""
        if self._process is not None:
            self._process.send_signal(signal.SIGHUP)

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
        self._clock = wrong_by_seconds
        self._write_control()

    def set_bad_bus(self, share: float) -> None:
        """Let that share of what comes from other processes be lost, as much be doubled, and as much swapped."""
        self._bad_bus = share
        self._write_control()

    def mend_bus(self) -> None:
        """Let all come that other processes send from now on."""
        self.bad_bus = 0.0
        self.set_bad_bus(0.0)

    def hold_bus(self, share: float | None) -> None:
        """Let that share of what comes from other processes be lost, whatever the faults want; None: as they want."""
        self._held_bus = share
        self._write_control()

    def _write_control(self) -> None:
        written = self._control.with_suffix(".new")
        wanted = {
            "clock": self._clock,
            "sabotage": self.sabotage,
            "bad_bus": max(self._bad_bus, self.bad_bus) if self._held_bus is None else self._held_bus,
        }
        written.write_text(json.dumps(wanted))
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
        """Return the ids of its processes: gunicorn's master and worker."""
        if self._process is None:
            return []
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        return [self._process.pid, *map(int, children)]

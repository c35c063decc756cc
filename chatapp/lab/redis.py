"""Redis, which carries between machines, started and ended as roughly as wished."""

import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from chatapp.lab.server import free_port

_PATIENCE_SECONDS = 10


def is_installed() -> bool:
    """Return whether this machine has a redis-server."""
    return shutil.which("redis-server") is not None


@dataclass
class Redis:
    """A redis-server on a free port of this machine. What it starts with is empty, each time."""

    folder: Path
    port: int = field(default_factory=free_port)
    options: dict[str, str] = field(default_factory=dict)  # beside those that it always has
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address that REDIS_URL has."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self.folder.mkdir(exist_ok=True)
        options = {"port": str(self.port), "bind": "127.0.0.1", "save": "", "appendonly": "no", "dir": str(self.folder)}
        command = ["redis-server"]
        for name, value in (options | self.options).items():
            command += [f"--{name}", *(value.split() or [""])]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not self._answers():
            if time.monotonic() > deadline:
                raise RuntimeError("redis-server does not answer")
            time.sleep(0.02)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(7) == b"+PONG\r\n"
        except OSError:
            return False

    def kill(self) -> None:
        """End it as a power cut does."""
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()
            self.process = None

    def pause(self) -> None:
        """Let it answer nobody, and keep its connections."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

"""Commands that run in a fork of a process which has already imported the server, so they start in milliseconds.

The imports take a second or two of CPU, several times what a test or a fault then asks of the server. One process per
run does them, and waits. For each command it forks a keeper, and that forks the process: the keeper tells its id and,
when it has ended, its exit code. The process then imports the command's module as `python -m` would.
"""

import atexit
import functools
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

from gevent import monkey
from gevent.fileobject import FileObject

ROOT = Path(__file__).resolve().parent.parent.parent
_IMPORTED = (
    "chatapp.lab.application",
    "chatapp.server.worker",
    "gunicorn.app.wsgiapp",
    "gunicorn.arbiter",
    "flask.cli",
)
_NUMBER_BYTES = 4
# As without gevent, whose own use the hub: that would be forked too.
_close, _fork, _waitpid = (monkey.get_original("os", name) for name in ("close", "fork", "waitpid"))
_socket = monkey.get_original("socket", "socket")


class Fork:
    """A running `python -m` of this command line, with the attributes and methods of subprocess.Popen used here.

    It leads a session of its own. Its output goes to `output`, or is to be read from `stdout`.
    """

    def __init__(self, command: list[str], environment: dict[str, str], output: IO[bytes] | None = None) -> None:
        self.returncode: int | None = None
        self._link, theirs = socket.socketpair()
        readable, writable = os.pipe() if output is None else (None, os.dup(output.fileno()))
        self.stdout: Any = None if readable is None else FileObject(readable, "rb")
        try:
            socket.send_fds(_breeder(), [b"\n"], [theirs.fileno(), writable])
        finally:
            theirs.close()
            _close(writable)
        self._link.sendall(json.dumps([command, environment]).encode() + b"\n")
        self.pid = self._told()

    def poll(self) -> int | None:
        """Return the exit code, or None while it runs."""
        if self.returncode is None and select.select([self._link], [], [], 0)[0]:
            self.wait()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code when it has ended. Raises subprocess.TimeoutExpired."""
        if self.returncode is None:
            if not select.select([self._link], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("fork", timeout or 0)
            self.returncode = self._told()
            self._link.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Signal the process, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to stop."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def _told(self) -> int:
        if len(told := self._link.recv(_NUMBER_BYTES)) != _NUMBER_BYTES:
            raise RuntimeError("the keeper of a fork has ended")
        return int.from_bytes(told, signed=True)


@functools.cache
def _breeder() -> socket.socket:
    """Return the connection to the process that forks, which lives as long as this one."""
    ours, theirs = socket.socketpair()
    with theirs:
        program = (
            f"from gevent import monkey; monkey.patch_all(); from {__name__} import {breed.__name__} as run; run()"
        )
        command = [sys.executable, "-B", "-c", program]
        process = subprocess.Popen(command, cwd=ROOT, stdin=theirs.fileno(), start_new_session=True)
    atexit.register(process.wait)
    atexit.register(ours.close)
    return ours


def breed() -> None:
    """Fork a keeper for each connection that comes on standard input, until that is closed.

    Returns in the forks too, when their commands have ended.
    """
    for name in _IMPORTED:
        importlib.import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with _socket(fileno=os.dup(0)) as control:
        while (given := socket.recv_fds(control, 1, 2))[0]:
            link, output = given[1]
            if not _fork():
                control.close()
                _keep(_socket(fileno=link), output)
                return
            _close(link)
            _close(output)


def _keep(link: socket.socket, output: int) -> None:
    """Fork the process, and tell its id and its exit code."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    link.setblocking(True)  # gevent made it, so it comes without
    with link.makefile("rb") as request:
        command, environment = json.loads(request.readline())
    if not (pid := _fork()):
        link.close()
        _become(command, environment, output)
        return
    _close(output)
    link.sendall(pid.to_bytes(_NUMBER_BYTES, signed=True))
    status = _waitpid(pid, 0)[1]
    link.sendall(os.waitstatus_to_exitcode(status).to_bytes(_NUMBER_BYTES, signed=True))
    os._exit(0)


def _become(command: list[str], environment: dict[str, str], output: int) -> None:
    """Be the process of the command line."""
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    for target, source in enumerate((nothing, output, output)):
        os.dup2(source, target)
    _close(nothing)
    _close(output)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = command
    runpy.run_module(command[0], run_name="__main__", alter_sys=True)

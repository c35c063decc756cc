"""A proxy that shares calls out to the machines that are ready, as a platform's router does.

It looks at readiness a few times a second. A machine that refuses a connection, or a call (503, so that nothing of it
was done), is passed over for the next one. What a machine has begun is never tried again.
"""

import contextlib
import itertools
from typing import Any

import gevent
import gevent.server
import gevent.socket
import requests

LOOK_SECONDS = 0.2
PIECE_BYTES = 65_536
HEAD_END = b"\r\n\r\n"


class Balancer:
    """`machines` are the ports that it knows, `ready` those that calls go to, `url` is its own address."""

    def __init__(self) -> None:
        self.machines: list[int] = []
        self.ready: list[int] = []
        self._turn = itertools.count()
        self._server = gevent.server.StreamServer(("127.0.0.1", 0), self._serve)
        self._server.start()
        self._looking = gevent.spawn(self._look)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def stop(self) -> None:
        """End."""
        self._looking.kill()
        self._server.stop(timeout=1)

    def _look(self) -> None:
        while True:
            self.ready = [port for port in self.machines if is_ready(port)]
            gevent.sleep(LOOK_SECONDS)

    def _serve(self, near: Any, _: Any) -> None:
        """Pass one call on, or a WebSocket: each has a connection of its own."""
        with contextlib.closing(near), contextlib.suppress(OSError):
            call = read_call(near)
            first, ready = next(self._turn), self.ready
            for attempt in range(len(ready)):
                with contextlib.suppress(ConnectionRefusedError):
                    far = gevent.socket.create_connection(("127.0.0.1", ready[(first + attempt) % len(ready)]))
                    with contextlib.closing(far):
                        far.sendall(call)
                        begun = far.recv(PIECE_BYTES)
                        if begun.startswith(b"HTTP/1.1 503 ") and attempt + 1 < len(ready):
                            continue
                        near.sendall(begun)
                        back = gevent.spawn(pass_on, near, far)
                        pass_on(far, near)
                        back.kill()
                        return


def is_ready(port: int) -> bool:
    """Return whether the machine wants to have calls."""
    with contextlib.suppress(requests.RequestException):
        return requests.get(f"http://127.0.0.1:{port}/api/health/ready", timeout=2).ok
    return False


def read_call(near: Any) -> bytes:
    """Return a whole request, which says that its connection ends with the answer."""
    data = b""
    while HEAD_END not in data:
        data += receive(near)
    head, _, body = data.partition(HEAD_END)
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection: keep-alive")]
    lengths = [int(line.partition(b":")[2]) for line in lines if line.lower().startswith(b"content-length:")]
    while len(body) < sum(lengths):
        body += receive(near)
    if not any(line.lower().startswith(b"connection:") for line in lines):
        lines.append(b"Connection: close")
    return b"\r\n".join(lines) + HEAD_END + body


def receive(near: Any) -> bytes:
    """Return what comes next. Raises OSError at the end."""
    data: bytes = near.recv(PIECE_BYTES)
    if not data:
        raise ConnectionError("the client has hung up")
    return data


def pass_on(source: Any, target: Any) -> None:
    """Copy until one of them ends."""
    with contextlib.suppress(OSError):
        while data := source.recv(PIECE_BYTES):
            target.sendall(data)

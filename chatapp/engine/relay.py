"""Connections move to the worker that owns their session: the descriptor, and what has been read, over a Unix socket.

A session's id begins with the name of its worker. Every request is looked at, not every connection: browsers and
routers keep connections, and mix clients on them. A worker that can't be reached owns nothing any more, so its requests
are answered here: the session is unknown, and the client connects anew.
"""

import array
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from io import BufferedReader
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import gevent
import orjson

MOST_BYTES = 190_000  # of one passed request's head, and what was read behind it
SEPARATOR = "."
_SUFFIX = ".fd"
_SEND_SECONDS = 1.0
_BACKLOG = 1024
_DESCRIPTOR_BYTES = array.array("i").itemsize

Take = Callable[[Any, Any, BufferedReader], object]


class Relay:
    """Passes connections to other workers, and takes theirs.

    `me` is this worker's name; `peers()` has the names of the living ones with the number of their sessions, None where
    one was not heard of lately; `folder` is the machine's, with mode 0700.
    """

    def __init__(
        self,
        folder: Path,
        me: str,
        *,
        peers: Callable[[], dict[str, int | None]],
        sessions: Callable[[], int],
    ) -> None:
        self._folder = folder
        self._me = me
        self._peers = peers
        self._sessions = sessions
        self._given: dict[str, int] = {}  # handshakes passed to peers, that their numbers don't know yet
        self._seen: dict[str, int] = {}
        self._listener: socket.socket | None = None
        self.passed = 0
        self.taken = 0

    def start(self, take: Take) -> None:
        """Take connections from now on: `take(socket, address, file of what it sends)` for each."""
        path = self._path(self._me)
        with suppress(FileNotFoundError):
            path.unlink()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.bind(str(path))
        self._listener.listen(_BACKLOG)
        gevent.spawn(self._accept, self._listener, take)

    def stop(self) -> None:
        """Take no more: others answer themselves what would have come here."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
            with suppress(FileNotFoundError):
                self._path(self._me).unlink()

    def _path(self, name: str) -> Path:
        return self._folder / (name.partition("-")[0] + _SUFFIX)  # without the machine: paths have to be short

    def owner(self, target: str) -> str | None:
        """Return the other worker that is to answer a request for this target of the socket server; None: this one."""
        query = parse_qs(target.partition("?")[2])
        sid = query.get("sid", [""])[0]
        if not sid:
            return self._emptiest()
        name = sid.partition(SEPARATOR)[0]
        return name if name != self._me and name in self._peers() else None

    def _emptiest(self) -> str | None:
        """Return the worker with the fewest sessions, when it is worth passing a handshake to it."""
        best, fewest = None, self._sessions()
        for name, sessions in self._peers().items():
            if sessions is None:
                continue
            if self._seen.get(name) != sessions:
                self._seen[name], self._given[name] = sessions, 0
            if sessions + self._given.get(name, 0) < fewest:
                best, fewest = name, sessions + self._given.get(name, 0)
        if best is not None:
            self._given[best] = self._given.get(best, 0) + 1
        return best

    def pass_on(self, sock: Any, address: Any, head: bytes, name: str) -> bool:
        """Pass a connection, with what was read of it, to another worker; False when it can't be."""
        content = orjson.dumps(list(address) if isinstance(address, tuple) else address) + b"\n" + head
        if len(content) > MOST_BYTES:
            return False
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as way:
            try:
                way.settimeout(_SEND_SECONDS)
                way.connect(str(self._path(name)))
                way.sendmsg([content], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [sock.fileno()]))])
            except OSError:
                return False
        self.passed += 1
        return True

    def _accept(self, listener: socket.socket, take: Take) -> None:
        while self._listener is listener:
            try:
                way, _ = listener.accept()
            except OSError:
                return
            with way:
                self._receive(way, take)

    def _receive(self, way: socket.socket, take: Take) -> None:
        """Take the one connection that comes this way."""
        with suppress(OSError, ValueError):
            way.settimeout(_SEND_SECONDS)
            content, ancillary, _, _ = way.recvmsg(MOST_BYTES + 1, socket.CMSG_SPACE(_DESCRIPTOR_BYTES))
            descriptors = array.array("i")
            for level, kind, data in ancillary:
                if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                    descriptors.frombytes(data[: len(data) - len(data) % _DESCRIPTOR_BYTES])
            if not descriptors:
                return
            for extra in descriptors[1:]:
                os.close(extra)
            sock = socket.socket(fileno=descriptors[0])
            address, _, head = content.partition(b"\n")
            found = orjson.loads(address)
            self.taken += 1
            take(sock, tuple(found) if isinstance(found, list) else found, replayed(sock, head))


class _Replayed(socket.SocketIO):
    """Reads the bytes that were read of a connection already, then the rest of it."""

    def __init__(self, sock: Any, head: bytes) -> None:
        super().__init__(sock, "r")
        self._head = memoryview(head)

    def readinto(self, buffer: Any) -> int | None:
        """Fill the buffer from what was read already, or from the connection."""
        if self._head:
            count = min(len(buffer), len(self._head))
            buffer[:count] = self._head[:count]
            self._head = self._head[count:]
            return count
        return super().readinto(buffer)


def replayed(sock: Any, head: bytes) -> BufferedReader:
    """Return a file that gives `head` first, then what comes on the connection."""
    sock._io_refs += 1  # as socket.makefile does
    return BufferedReader(_Replayed(sock, head))

"""The carrier between the workers of one machine: each listens on a Unix socket in one folder, and connects to all.

A frame is its length in four bytes, then its bytes. The first frame of a connection is the name of who connects.
What a peer does not take in time is dropped; it notices, and asks again.
"""

import os
import socket
import struct
from collections import deque
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import gevent
import structlog
from gevent.event import Event

from chatapp.bus.envelope import MOST_BYTES

logger = structlog.get_logger("chatapp.bus")
_SUFFIX = ".bus"
_MACHINE = "-"  # begins the last part of a name, which is the same for all in the folder: paths have to be short
_LENGTH = struct.Struct(">I")
_MOST_WAITING_BYTES = 8_000_000
_LOOK_SECONDS = 0.5
_READ_BYTES = 1 << 18
_MOST_PEERS = 256


class Mesh:
    """The mesh as one worker sees it. `folder` belongs to one machine's workers alone, with mode 0700."""

    name = "mesh"

    def __init__(self, folder: Path, me: str) -> None:
        self._folder = folder
        self._me = me
        self._machine = "".join(me.partition(_MACHINE)[1:])
        self._writers: dict[str, _Writer] = {}
        self._received: Callable[[bytes], None] = lambda _: None
        self._listener: socket.socket | None = None
        self._greenlets: list[gevent.Greenlet] = []
        self.dropped = 0  # frames

    def start(self, received: Callable[[bytes], None]) -> None:
        """Listen, and connect to who is there."""
        self._received = received
        path = self._path(self._me)
        with suppress(FileNotFoundError):
            path.unlink()
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(str(path))
        listener.listen(_MOST_PEERS)
        self._listener = listener
        self._greenlets = [gevent.spawn(self._accept, listener), gevent.spawn(self._keep_looking)]
        self._look()

    def send(self, data: bytes, to: str | None = None) -> None:
        """Send to one peer, or to all; to a peer that takes nothing it is dropped."""
        if to is not None:
            writer = self._writers.get(to)
            if writer is not None:
                writer.send(data)
            return
        for writer in list(self._writers.values()):
            writer.send(data)

    def stop(self) -> None:
        """Send what waits, for a moment, and end."""
        with gevent.Timeout(0.5, False):
            for writer in list(self._writers.values()):
                writer.drained.wait()
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        with suppress(FileNotFoundError):
            self._path(self._me).unlink()
        gevent.killall(self._greenlets, block=False)
        for writer in list(self._writers.values()):
            writer.close()
        self._writers.clear()

    def _path(self, name: str) -> Path:
        return self._folder / (name.removesuffix(self._machine) + _SUFFIX)

    def _keep_looking(self) -> None:
        while self._listener is not None:
            gevent.sleep(_LOOK_SECONDS)
            self._look()

    def _look(self) -> None:
        """Connect to whoever is there and not connected yet."""
        with suppress(FileNotFoundError):
            for entry in os.scandir(self._folder):
                name = entry.name.removesuffix(_SUFFIX) + self._machine
                if entry.name.endswith(_SUFFIX) and name != self._me:
                    self._connect(name)

    def _connect(self, name: str) -> None:
        if name in self._writers or len(self._writers) >= _MOST_PEERS:
            return
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.settimeout(1)
            sock.connect(str(self._path(name)))
        except OSError:  # it has ended, or begins just now
            sock.close()
            return
        if name in self._writers:
            sock.close()
            return
        self._writers[name] = _Writer(sock, lambda: self._ended(name))
        self._writers[name].send(self._me.encode())

    def _ended(self, name: str) -> None:
        writer = self._writers.pop(name, None)
        if writer is not None:
            self.dropped += writer.dropped
            writer.close()

    def _accept(self, listener: socket.socket) -> None:
        while self._listener is listener:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            self._greenlets.append(gevent.spawn(self._read, sock))
            self._greenlets = [greenlet for greenlet in self._greenlets if not greenlet.dead]

    def _read(self, sock: socket.socket) -> None:
        """Take the frames of one connection, before anything else that has come in the same turn of the loop.

        Whoever was acknowledged by another worker and asks this one finds here what that one had told before.
        """
        buffer, name = bytearray(), None
        loop = gevent.get_hub().loop
        watcher = loop.io(sock.fileno(), 1)
        watcher.priority = loop.MAXPRI
        sock.settimeout(0)
        with sock, closing(watcher), suppress(OSError):
            while True:
                gevent.get_hub().wait(watcher)
                if not (piece := sock.recv(_READ_BYTES)):
                    return
                buffer += piece
                while len(buffer) >= _LENGTH.size:
                    (length,) = _LENGTH.unpack_from(buffer)
                    if length > MOST_BYTES:
                        logger.warning("a worker's frame is too large", bytes=length)
                        return
                    end = _LENGTH.size + length
                    if len(buffer) < end:
                        break
                    frame = bytes(buffer[_LENGTH.size : end])
                    del buffer[:end]
                    if name is None:
                        name = frame.decode("ascii", "replace")
                        if name != self._me and "/" not in name:
                            self._connect(name)
                    else:
                        self._received(frame)


class _Writer:
    """The way to one peer. A frame goes out at once where it can; while the peer takes nothing, frames wait."""

    def __init__(self, sock: socket.socket, ended: Callable[[], object]) -> None:
        self._sock = sock
        self._ended = ended
        self._waiting: deque[bytes | memoryview] = deque()
        self._waiting_bytes = 0
        self._wanted = Event()
        self.drained = Event()
        self.drained.set()
        self.dropped = 0
        self._greenlet = gevent.spawn(self._write)

    def send(self, frame: bytes) -> None:
        if self._waiting_bytes > _MOST_WAITING_BYTES:
            self.dropped += 1
            return
        rest = memoryview(_LENGTH.pack(len(frame)) + frame)
        if self.drained.is_set():
            try:
                rest = rest[os.write(self._sock.fileno(), rest) :]
            except BlockingIOError:
                pass
            except OSError:  # the peer has ended
                gevent.spawn(self._ended)
                return
        if rest:
            self._waiting.append(rest)
            self._waiting_bytes += len(rest)
            self.drained.clear()
            self._wanted.set()

    def _write(self) -> None:
        self._sock.settimeout(None)
        try:
            while True:
                self._wanted.wait()
                self._wanted.clear()
                while self._waiting:
                    data = b"".join(self._waiting)
                    self._waiting.clear()
                    self._sock.sendall(data)
                    self._waiting_bytes = sum(map(len, self._waiting))
                self.drained.set()
        except OSError:
            self._ended()

    def close(self) -> None:
        if self._greenlet is not gevent.getcurrent():
            self._greenlet.kill(block=False)
        self.drained.set()
        self._sock.close()

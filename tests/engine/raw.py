"""Clients that do exactly what a test says: raw WebSocket frames, raw HTTP, and Engine.IO over polling."""

import base64
import contextlib
import json
import os
import socket
import time
from dataclasses import dataclass, field
from typing import Any

import requests

from chatapp.engine import frame_reader, frames

PATIENCE_SECONDS = 10
PIECE_BYTES = 65_536
MASK = b"\x01\x02\x03\x04"


def masked(opcode: int, payload: bytes = b"", final: bool = True, reserved: int = 0, mask: bytes = MASK) -> bytes:
    """Return one frame as clients send it."""
    head = bytes(((0x80 if final else 0) | reserved << 4 | opcode,))
    size = len(payload)
    if size < 126:
        head += bytes((0x80 | size,))
    elif size < 65_536:
        head += b"\xfe" + size.to_bytes(2, "big")
    else:
        head += b"\xff" + size.to_bytes(8, "big")
    return head + mask + frame_reader.apply_mask(payload, mask)


_opened: list[socket.socket] = []


def close_all() -> None:
    """Close what a test has left open."""
    while _opened:
        _opened.pop().close()


def connect(address: tuple[str, int], source: str = "127.0.0.1") -> socket.socket:
    """Return a TCP connection, from one of this machine's addresses."""
    sock = socket.create_connection(address, timeout=PATIENCE_SECONDS, source_address=(source, 0))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    _opened.append(sock)
    return sock


def upgrade_request(path: str, **headers: str) -> bytes:
    """Return the opening handshake; a header with an empty value is left out."""
    usual = {
        "Host": "localhost",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
        "Sec-WebSocket-Version": "13",
    }
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{name}: {value}" for name, value in {**usual, **given}.items() if value]
    return ("\r\n".join([f"GET {path} HTTP/1.1", *lines]) + "\r\n\r\n").encode()


class WebSocket:
    """A WebSocket; `status` is what the handshake was answered with."""

    def __init__(
        self,
        address: tuple[str, int],
        path: str,
        early: bytes = b"",
        source: str = "127.0.0.1",
        sock: socket.socket | None = None,
        **headers: str,
    ) -> None:
        self.sock = sock or connect(address, source)
        self.sock.sendall(upgrade_request(path, **headers) + early)
        self.buffer = b""
        head = self._until(b"\r\n\r\n")
        self.status = int(head.split()[1])

    def _until(self, end: bytes) -> bytes:
        while end not in self.buffer:
            data = self.sock.recv(65_536)
            if not data:
                raise EOFError(self.buffer)
            self.buffer += data
        head, _, self.buffer = self.buffer.partition(end)
        return head

    def _exactly(self, size: int) -> bytes:
        while len(self.buffer) < size:
            data = self.sock.recv(65_536)
            if not data:
                raise EOFError
            self.buffer += data
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        send(self.sock, data)

    def text(self, text: str) -> None:
        """Send a text message."""
        self.send(masked(frames.TEXT, text.encode()))

    def receive(self) -> tuple[int, bytes]:
        """Return the next frame: opcode and payload. EOFError when the connection has ended."""
        first, length = self._exactly(2)
        assert length < 0x80, "servers do not mask"
        if length == 126:
            length = int.from_bytes(self._exactly(2), "big")
        elif length == 127:
            length = int.from_bytes(self._exactly(8), "big")
        return first & 0x0F, self._exactly(length)

    def message(self, pings: bool = False) -> str | bytes:
        """Return the next message; Engine.IO pings are passed over, unless they are wanted."""
        while True:
            opcode, payload = self.receive()
            assert opcode in (frames.TEXT, frames.BINARY), (opcode, payload)
            message = payload.decode() if opcode == frames.TEXT else payload
            if message != "2" or pings:
                return message
            self.text("3")

    def end(self) -> int | None:
        """Read to the end: the close code, or None when there was no close frame."""
        code = None
        with contextlib.suppress(EOFError, ConnectionError):
            while True:
                opcode, payload = self.receive()
                if opcode == frames.CLOSE:
                    code = int.from_bytes(payload[:2], "big") if payload else frames.NO_CODE
        return code

    def close(self) -> None:
        """Hang up."""
        self.sock.close()


@dataclass
class Polling:
    """An Engine.IO session over polling."""

    url: str
    http: Any = requests  # makes the requests
    opened: dict[str, Any] = field(default_factory=dict)

    def open(self) -> "Polling":
        """Return the handshake."""
        self.opened = json.loads(self.http.get(self.url, timeout=PATIENCE_SECONDS).text[1:])
        return self

    @property
    def sid(self) -> str:
        return str(self.opened["sid"])

    def get(self, **more: Any) -> requests.Response:
        """Poll."""
        return self.http.get(f"{self.url}&sid={self.sid}", **{"timeout": PATIENCE_SECONDS, **more})

    def post(self, body: str | bytes, **more: Any) -> requests.Response:
        """Send packets."""
        data = body.encode() if isinstance(body, str) else body
        return self.http.post(f"{self.url}&sid={self.sid}", data=data, timeout=PATIENCE_SECONDS, **more)

    def packets(self) -> list[str]:
        """Return the packets of the next poll that has other ones than pings, which are answered."""
        while True:
            got = self.get().text.split("\x1e")
            if "2" in got:
                self.post("3")
            if others := [packet for packet in got if packet != "2"]:
                return others


def http(address: tuple[str, int], request: bytes, source: str = "127.0.0.1") -> bytes:
    """Return everything that a connection answers to these bytes, until it ends."""
    sock = connect(address, source)
    with contextlib.suppress(ConnectionError):
        send(sock, request)
    return rest_of(sock)


def send(sock: socket.socket, data: bytes) -> None:
    """Send in pieces, as they go: one large system call would keep everybody else from the core."""
    view = memoryview(data)
    for start in range(0, len(data), PIECE_BYTES):
        sock.sendall(view[start : start + PIECE_BYTES])


def rest_of(sock: socket.socket) -> bytes:
    """Return everything until the connection ends."""
    answer = b""
    with contextlib.suppress(ConnectionError):
        while data := sock.recv(65_536):
            answer += data
    sock.close()
    return answer


def until(holds: Any, seconds: float = PATIENCE_SECONDS) -> Any:
    """Return the first true value of `holds()`."""
    end = time.monotonic() + seconds
    while not (value := holds()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)
    return value

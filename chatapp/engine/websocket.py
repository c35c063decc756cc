"""A WebSocket on a raw non-blocking socket, driven by the event loop: an idle one has no greenlet and no buffer.

What the kernel does not take waits, at most `buffer_bytes` of it; beyond that all of it is dropped, except the rest of
a frame that has been written in part, and the socket lags: it takes nothing more until its client has read what it has.
"""

import _socket
import contextlib
import socket
from time import monotonic
from typing import Protocol

from chatapp.engine import frames, lingering_close, timer_wheel
from chatapp.engine.frames import ProtocolError
from chatapp.engine.socket_reader import READ_BYTES, SocketReader
from chatapp.engine.socket_writer import WRITE_BYTES, SocketWriter, flusher
from chatapp.engine.traffic_limits import Limits

_OPEN, _CLOSING, _CLOSED = range(3)


class Owner(Protocol):
    """The session that a WebSocket belongs to. All of this runs in the event loop: it must not wait for anything."""

    def received(self, message: frames.Message) -> None:
        """Handle a message. May raise ProtocolError."""

    def lost(self, code: int) -> None:
        """Handle the end of the connection, with the close code that was received or sent. Not called after `close`."""

    def caught_up(self) -> None:
        """Handle that the client of a socket that lagged has read all that was written."""


class WebSocket:
    """One connection after its opening handshake. `start` it when its owner is ready."""

    __slots__ = (
        "_deadline",
        "_hang_up",
        "_limits",
        "_reader",
        "_sock",
        "_state",
        "_writer",
        "entry",
        "lagging",
        "owner",
    )

    def __init__(self, sock: _socket.socket, owner: Owner, limits: Limits) -> None:
        sock.setblocking(False)
        with contextlib.suppress(OSError):  # not TCP
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, WRITE_BYTES)
        self.owner = owner
        self.entry: timer_wheel.Entry | None = None
        self.lagging = False
        self._limits = limits
        self._sock = sock
        self._writer = SocketWriter(sock, self)
        self._reader = SocketReader(sock, self, limits, flusher().loop)
        self._state = _OPEN
        self._hang_up = False  # has the client said goodbye?
        self._deadline = 0.0  # of the goodbye, or of a client that lags; 0: none

    def start(self, early: bytes = b"") -> None:
        """Begin to read; `early` are bytes that came with the handshake."""
        self._reader.start()
        if early:
            self._reader.feed(early)

    @property
    def is_open(self) -> bool:
        return self._state == _OPEN

    @property
    def unread_bytes(self) -> int:
        """Return how much waits to be written."""
        return self._writer.size

    # Sending

    def send(self, frame: bytes) -> None:
        """Send a frame, unless the connection is closed or lags."""
        if self._state != _OPEN or self.lagging:
            return
        writer = self._writer
        writer.push(frame)
        if writer.size > self._limits.buffer_bytes:
            if not writer.is_blocked:  # nobody has tried yet whether the kernel takes it
                writer.flush()
            if writer.size > self._limits.buffer_bytes and writer.size - len(frame) > self._limits.unread_bytes:
                self._overflow()  # (one large message behind little is no backlog)

    def send_urgently(self, frame: bytes) -> None:
        """Send a control frame or a ping: also to a client that lags."""
        if self._state == _OPEN:
            self._writer.push(frame)
            if self._writer.size > self._limits.buffer_bytes + READ_BYTES:  # it makes us answer and does not read
                self._end(frames.POLICY)

    def _overflow(self) -> None:
        """Drop what waits, and take nothing until the client has caught up."""
        self.lagging = True
        self._deadline = monotonic() + self._limits.slow_seconds
        self.wake_at(self._deadline)
        self._writer.drop()

    def has_read(self, size: int) -> None:
        """Take note that the client has read something; `size` bytes had waited."""
        if self.lagging and self._state == _OPEN:
            if not self._writer.size:
                self.lagging = False
                self._deadline = 0.0
                self.owner.caught_up()
            elif self._writer.size < size:
                self._deadline = monotonic() + self._limits.slow_seconds

    def written(self) -> None:
        """Hang up after the close frame if the client sent one too; else only stop writing, so that it reads why."""
        if self._hang_up:
            self._end(frames.NORMAL)
            return
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_WR)

    # Receiving

    def pause(self) -> None:
        """Read no more for now: the kernel makes the client wait."""
        self._reader.pause()

    def resume(self) -> None:
        """Read again."""
        self._reader.resume()

    def handle(self, kind: int, content: frames.Message | frames.Close) -> None:
        """Take a message or a control frame from the client."""
        if self._state != _OPEN:
            return
        if isinstance(content, tuple):
            self._hang_up = True
            self.close(content[0])
            self.owner.lost(content[0])
        elif kind == frames.PING:
            self.send_urgently(frames.build(frames.PONG, content if isinstance(content, bytes) else b""))
        elif kind != frames.PONG:
            self.owner.received(content)

    # Ending

    def close(self, code: int = frames.NORMAL, reason: str = "") -> None:
        """Say goodbye with this code after what waits already, and hang up when the client has had time to read it."""
        if self._state != _OPEN:
            return
        self._writer.push(frames.build_close(code, reason))
        self._writer.is_ending = True
        self._state = _CLOSING
        self._deadline = monotonic() + lingering_close.SECONDS
        self.wake_at(self._deadline)
        self._reader.discard()

    def failed(self, error: ProtocolError) -> None:
        """Close because of what the client did, and tell the owner."""
        if self._state == _OPEN:
            self.close(error.code, error.reason)
            self.owner.lost(error.code)

    def broken(self) -> None:
        """Handle the loss of the socket."""
        self._end(frames.ABNORMAL)

    def wake_at(self, when: float) -> None:
        """Call `tick` at this time."""
        timer_wheel.current().at(when, self)

    def tick(self, now: float) -> float:
        """Close the connection if a deadline has come; return the time of the next look."""
        if self._state == _CLOSED:
            return 0
        if self._deadline and now >= self._deadline:
            self._end(frames.TRY_AGAIN if self.lagging else frames.ABNORMAL)
            return 0
        whole_by = self._reader.whole_by
        if self._state == _OPEN and whole_by and now >= whole_by:
            self.failed(ProtocolError(frames.POLICY, "too slow"))
        return min(filter(None, (self._deadline, self._reader.whole_by)), default=0)

    def _end(self, code: int) -> None:
        """Hang up."""
        if self._state == _CLOSED:
            return
        was_open = self._state == _OPEN
        self._state = _CLOSED
        self._writer.stop()
        self._reader.stop()
        self._sock.close()
        timer_wheel.cancel(self)
        if was_open:
            self.owner.lost(code)

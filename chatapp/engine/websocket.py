"""A WebSocket on a raw non-blocking socket, driven by the event loop: an idle one has no greenlet and no buffer.

What is sent joins a list that is written once per turn of the loop, several frames in one system call. What the
kernel does not take waits here, at most `buffer_bytes` of it; beyond that all of it is dropped, except the rest of a
frame that has been written in part, and the socket lags: it takes nothing more until its client has read what it has.
"""

import _socket
import contextlib
import socket
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Any, Protocol

from chatapp.engine import fair_queue, frames, lingering_close, timer_wheel
from chatapp.engine.frame_reader import Reader
from chatapp.engine.frames import ProtocolError
from chatapp.engine.per_loop import PerLoop

READ_BYTES = 16_384  # of a large message at a time, so that who sends a lot does not hold up the others
SMALL_READ_BYTES = 2_048  # of everything else: some hundred frames at most
QUICK_FRAMES, QUICK_BYTES = 200, 262_144  # in a window: who sends more is read from when its turn has come
WRITE_BYTES = 131_072  # joined for one system call
SLICE = 200  # sockets written to before others get a turn
FRAGMENTS = 1_024
_READABLE, _WRITABLE = 1, 2
_OPEN, _CLOSING, _CLOSED = range(3)
_NO_LINE, _TURNS, _LARGE = range(3)  # where a socket waits to be read from


@dataclass(frozen=True, slots=True)
class Limits:
    """What one WebSocket may use. `frames` and `received_bytes` are per `window` seconds; a frame counts once, and so
    does every read that the client makes necessary."""

    message_bytes: int = 1_000_000
    buffer_bytes: int = 1_000_000
    slow_seconds: float = 30
    frames: int = 3_000
    received_bytes: int = 10_000_000
    window: float = 10
    fragments: int = FRAGMENTS

    @property
    def unread_bytes(self) -> int:
        """So much may wait for the client when it is given more that it asked for, or one large message."""
        return self.buffer_bytes // 4


class Owner(Protocol):
    """Who a WebSocket belongs to. All of this runs in the event loop: it must not wait for anything."""

    def received(self, message: frames.Message) -> None:
        """A message has come. May raise ProtocolError."""

    def lost(self, code: int) -> None:
        """The connection is gone or going: with the code that was received or sent. Not after `close`."""

    def caught_up(self) -> None:
        """The socket has lagged, and its client has read all that was written."""


class Flusher:
    """Writes, once per turn of the loop, to the sockets that something was sent to."""

    def __init__(self, loop: Any) -> None:
        self.loop = loop
        self._waiting: deque[WebSocket] = deque()
        self._scheduled = False

    def add(self, websocket: "WebSocket") -> None:
        """Write to it soon."""
        self._waiting.append(websocket)
        if not self._scheduled:
            self._scheduled = True
            self.loop.run_callback(self._flush)

    def _flush(self) -> None:
        waiting = self._waiting
        for _ in range(min(SLICE, len(waiting))):
            waiting.popleft().flush()
        if waiting:
            self.loop.run_callback(self._flush)
        else:
            self._scheduled = False


_flusher = PerLoop(Flusher)


class WebSocket:
    """One connection after its opening handshake. `start` it when its owner is ready."""

    __slots__ = (
        "_begun_bytes",
        "_deadline",
        "_flusher",
        "_hang_up",
        "_heard_bytes",
        "_is_paused",
        "_limits",
        "_line",
        "_out",
        "_partial",
        "_queued",
        "_read",
        "_reader",
        "_size",
        "_sock",
        "_state",
        "_whole_by",
        "_window_end",
        "_write",
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
        self._flusher = _flusher()
        self._sock = sock
        self._read = self._flusher.loop.io(sock.fileno(), _READABLE)
        self._write: Any = None
        self._reader = Reader(limits.message_bytes, limits.fragments, limits.frames)
        self._window_end = 0.0
        self._heard_bytes = 0
        self._is_paused = False
        self._line = _NO_LINE
        self._begun_bytes = 0  # of a large message under way: what it has announced
        self._out: list[bytes | memoryview] = []
        self._partial = False  # is the first of _out the rest of a frame that was written in part?
        self._queued = False  # is the flusher going to write to it?
        self._size = 0
        self._state = _OPEN
        self._hang_up = False  # has the client said goodbye?
        self._deadline = 0.0  # of the goodbye, or of a client that lags; 0: none
        self._whole_by = 0.0  # of a message that has begun; 0: none has

    def start(self, early: bytes = b"") -> None:
        """Begin to read; `early` are bytes that came with the handshake."""
        self._read.start(self._on_readable)
        if early:
            self._feed(early)

    @property
    def is_open(self) -> bool:
        return self._state == _OPEN

    @property
    def waiting_bytes(self) -> int:
        """How much waits to be written."""
        return self._size

    # Sending

    def send(self, frame: bytes) -> None:
        """Send a frame, unless the connection is closed or lags."""
        if self._state != _OPEN or self.lagging:
            return
        self._push(frame)
        if self._size > self._limits.buffer_bytes:
            if self._write is None:  # nobody has tried yet whether the kernel takes it
                self.flush()
            if self._size > self._limits.buffer_bytes and self._size - len(frame) > self._limits.unread_bytes:
                self._overflow()  # (one large message behind little is no backlog)

    def send_urgently(self, frame: bytes) -> None:
        """Send a control frame or a ping: also to a client that lags."""
        if self._state == _OPEN:
            self._push(frame)
            if self._size > self._limits.buffer_bytes + READ_BYTES:  # it makes us answer and does not read
                self._end(frames.POLICY)

    def _push(self, frame: bytes) -> None:
        self._out.append(frame)
        self._size += len(frame)
        if not self._queued:
            self._queued = True
            self._flusher.add(self)

    def _overflow(self) -> None:
        """Drop what waits, and take nothing until the client has caught up."""
        del self._out[1 if self._partial else 0 :]
        self._size = len(self._out[0]) if self._out else 0
        self.lagging = True
        self._deadline = monotonic() + self._limits.slow_seconds
        timer_wheel.current().at(self._deadline, self)
        self._wait_for_room()

    def flush(self) -> None:
        """Write what waits, as far as the kernel takes it. Only the flusher and the event loop call it."""
        out = self._out
        while out and self._state != _CLOSED:
            data = out[0] if len(out) == 1 else b"".join(self._some())
            try:
                sent = self._sock.send(data)
            except BlockingIOError:
                sent = 0
            except OSError:
                self._end(frames.ABNORMAL)
                return
            self._size -= sent
            if self._size:
                self._written(sent)
            else:
                out.clear()
                self._partial = False
            if sent < len(data):
                self._wait_for_room()
                return
        self._queued = False
        if self._state == _CLOSING:
            self._finish_writing()

    def _some(self) -> list[bytes | memoryview]:
        """The first frames, together about what one system call takes."""
        size, count = 0, 0
        for frame in self._out:
            size += len(frame)
            count += 1
            if size >= WRITE_BYTES:
                break
        return self._out[:count]

    def _written(self, sent: int) -> None:
        """Forget the frames that were written, and the beginning of the one that was written in part."""
        whole = 0
        for frame in self._out:
            if sent < len(frame):
                break
            sent -= len(frame)
            whole += 1
        del self._out[:whole]
        if whole:
            self._partial = False
        if sent:
            self._out[0] = memoryview(self._out[0])[sent:]
            self._partial = True

    def _wait_for_room(self) -> None:
        if self._write is None:
            self._queued = True
            self._write = self._flusher.loop.io(self._sock.fileno(), _WRITABLE)
            self._write.start(self._on_writable)

    def _on_writable(self) -> None:
        """The client has read something."""
        before = self._size
        self._drop_writer()
        self.flush()
        if self.lagging and self._state == _OPEN:
            if not self._size:
                self.lagging = False
                self._deadline = 0.0
                self.owner.caught_up()
            elif self._size < before:
                self._deadline = monotonic() + self._limits.slow_seconds

    def _drop_writer(self) -> None:
        if self._write is not None:
            self._write.stop()
            self._write.close()
            self._write = None

    # Receiving

    def pause(self) -> None:
        """Read no more for now: the kernel makes the client wait."""
        self._is_paused = True
        self._read.stop()

    def resume(self) -> None:
        """Read again."""
        self._is_paused = False
        if self._state != _CLOSED and self._line == _NO_LINE and not self._read.active:
            self._read.start(self._on_readable)

    def _on_readable(self) -> None:
        if self._sends_a_lot():
            self._wait_for_turn(fair_queue.current().add)
        else:
            self._receive()

    def _sends_a_lot(self) -> bool:
        """More than the usual in this window? (Of a socket that is closing everything is too much.)"""
        if self._state != _OPEN or self._heard_bytes > QUICK_BYTES:
            return True
        return self._reader.allowance < self._limits.frames - QUICK_FRAMES

    def _wait_for_turn(self, add: Callable[[fair_queue.Act], None]) -> None:
        self._line = _TURNS
        self._read.stop()
        add(self._read_in_turn)

    def _read_in_turn(self) -> None:
        self._line = _NO_LINE
        if self._state != _CLOSED and not self._is_paused:
            is_finishing = self._receive() == READ_BYTES and self._begun_bytes
            if self._line == _NO_LINE and not self._is_paused:
                if is_finishing:
                    self._wait_for_turn(fair_queue.current().add_first)
                else:
                    self.resume()

    def _pace(self, ended: bool) -> None:
        """What a large message announces has to wait before it is read: the kernel makes the client wait."""
        before, announced = self._begun_bytes, self._reader.announced
        if ended and before:
            fair_queue.large().finished(before)
            before = 0
        self._begun_bytes = announced if announced > fair_queue.LARGE_BYTES else 0
        if self._begun_bytes > before:
            self._line = _LARGE
            self._read.stop()
            self._whole_by = 0.0  # not the client's fault
            fair_queue.large().add(self._begin)

    def _begin(self) -> bool:
        """A large message may be read now; False when it will not be."""
        if self._line != _LARGE:
            return False
        self._line = _NO_LINE
        self._expect_the_rest(began=True)
        if not self._is_paused:
            self._wait_for_turn(fair_queue.current().add_first)
        return True

    def _receive(self) -> int:
        """Read once; gives how many bytes there were."""
        try:
            if self._state != _OPEN:  # only so that the kernel delivers the close frame
                return self._discard()
            data = self._sock.recv(SMALL_READ_BYTES if self._reader.missing < SMALL_READ_BYTES else READ_BYTES)
        except BlockingIOError:
            return 0
        except OSError:
            data = b""
        if data:
            self._feed(data)
        else:
            self._end(frames.ABNORMAL)
        return len(data)

    def _discard(self) -> int:
        size = lingering_close.discard(self._sock)
        self._heard_bytes += size
        if not size or self._heard_bytes > lingering_close.BYTES:
            self._end(frames.ABNORMAL)
        return size

    def _feed(self, data: bytes) -> None:
        try:
            self._count(len(data))
            was_amid = self._reader.is_amid
            events = self._reader.feed(data)
            if self._reader.is_amid or was_amid:
                self._expect_the_rest(began=bool(events) or not was_amid)
            for kind, content in events:
                self._handle(kind, content)
        except ProtocolError as error:
            self._fail(error)
            return
        if self._reader.broken is not None:
            self._fail(self._reader.broken)
        elif self._state == _OPEN and (self._reader.announced or self._begun_bytes):
            self._pace(ended=any(kind in (frames.TEXT, frames.BINARY) for kind, _ in events))

    def _fail(self, error: ProtocolError) -> None:
        """Close because of what the client did, and tell the owner."""
        if self._state == _OPEN:
            self.close(error.code, error.reason)
            self.owner.lost(error.code)

    def _count(self, size: int) -> None:
        """Take one read from what the client may do; raises ProtocolError when it does too much."""
        now = self._flusher.loop.now()
        if now >= self._window_end:
            self._window_end = now + self._limits.window
            self._reader.allowance = self._limits.frames
            self._heard_bytes = 0
        self._reader.allowance -= 1
        self._heard_bytes += size
        if self._heard_bytes > self._limits.received_bytes or self._reader.allowance < 0:
            raise ProtocolError(frames.POLICY, "too much data")

    def _expect_the_rest(self, began: bool) -> None:
        """A message that has begun has to be whole in time."""
        if not self._reader.is_amid:
            self._whole_by = 0.0
        elif began:
            self._whole_by = monotonic() + self._limits.slow_seconds
            timer_wheel.current().at(self._whole_by, self)

    def _handle(self, kind: int, content: frames.Message | frames.Close) -> None:
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
        self._push(frames.build_close(code, reason))
        self._state = _CLOSING
        self._reader.forget()
        self._heard_bytes = 0
        self._whole_by = 0.0
        self._deadline = monotonic() + lingering_close.SECONDS
        timer_wheel.current().at(self._deadline, self)
        if self._line == _LARGE:
            self._line = _NO_LINE
        self.resume()

    def _finish_writing(self) -> None:
        """The close frame is written. The client hangs up first, if it has not said goodbye, so that it reads why."""
        if self._hang_up:
            self._end(frames.NORMAL)
            return
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_WR)

    def tick(self, now: float) -> float:
        """A deadline has come, or has been moved."""
        if self._state == _CLOSED:
            return 0
        if self._deadline and now >= self._deadline:
            self._end(frames.TRY_AGAIN if self.lagging else frames.ABNORMAL)
            return 0
        if self._state == _OPEN and self._whole_by and now >= self._whole_by:
            self._fail(ProtocolError(frames.POLICY, "too slow"))
        return min(filter(None, (self._deadline, self._whole_by)), default=0)

    def _end(self, code: int) -> None:
        """Hang up."""
        if self._state == _CLOSED:
            return
        was_open = self._state == _OPEN
        self._state = _CLOSED
        self._drop_writer()
        self._read.stop()
        self._read.close()
        self._sock.close()
        self._line = _NO_LINE
        self._reader.forget()
        self._out.clear()
        self._size = 0
        timer_wheel.cancel(self)
        if was_open:
            self.owner.lost(code)

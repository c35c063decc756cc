"""Reads frames from a raw non-blocking socket, as much of each client as leaves the others their turns.

A client that sends much is read from in the fair queue; a large message is not read before its time, nor is anything
while the connection's owner is behind.
"""

import _socket
from collections.abc import Callable
from time import monotonic
from typing import Any, Protocol

from chatapp.engine import fair_queue, frames, lingering_close
from chatapp.engine.frame_reader import Reader
from chatapp.engine.frames import ProtocolError
from chatapp.engine.traffic_limits import Limits

READ_BYTES = 16_384  # of a large message at a time, so that one who sends a lot does not hold up the others
SMALL_READ_BYTES = 2_048  # of everything else: some hundred frames at most
QUICK_FRAMES, QUICK_BYTES = 200, 262_144  # in a window: beyond that a client is read from when its turn has come
_READABLE = 1
_NO_LINE, _TURNS, _LARGE = range(3)  # where a socket waits to be read from


class Reading(Protocol):
    """The connection that a reader belongs to."""

    def handle(self, kind: int, content: frames.Message | frames.Close) -> None:
        """Handle a message or a control frame. May raise ProtocolError."""

    def failed(self, error: ProtocolError) -> None:
        """Handle a breach of the protocol or of a limit."""

    def broken(self) -> None:
        """Handle the loss of the socket."""

    def wake_at(self, when: float) -> None:
        """Call the connection's `tick` at this time."""


class SocketReader:
    """Reads from one socket, once it is started."""

    __slots__ = (
        "_begun_bytes",
        "_frames",
        "_heard_bytes",
        "_is_discarding",
        "_is_paused",
        "_is_stopped",
        "_limits",
        "_line",
        "_loop",
        "_owner",
        "_sock",
        "_watcher",
        "_window_end",
        "whole_by",
    )

    def __init__(self, sock: _socket.socket, owner: Reading, limits: Limits, loop: Any) -> None:
        self._sock = sock
        self._owner = owner
        self._limits = limits
        self._loop = loop
        self._watcher = loop.io(sock.fileno(), _READABLE)
        self._frames = Reader(limits.message_bytes, limits.fragments, limits.frames)
        self._window_end = 0.0
        self._heard_bytes = 0
        self._is_paused = self._is_discarding = self._is_stopped = False
        self._line = _NO_LINE
        self._begun_bytes = 0  # of a large message under way: what it has announced
        self.whole_by = 0.0  # when a message that has begun has to be there; 0: none has begun

    def start(self) -> None:
        """Begin to read."""
        self._watcher.start(self._on_readable)

    def pause(self) -> None:
        """Read no more for now: the kernel makes the client wait."""
        self._is_paused = True
        self._watcher.stop()

    def resume(self) -> None:
        """Read again."""
        self._is_paused = False
        if not self._is_stopped and self._line == _NO_LINE and not self._watcher.active:
            self._watcher.start(self._on_readable)

    def _on_readable(self) -> None:
        if self._sends_a_lot():
            self._wait_for_turn(fair_queue.current().add)
        else:
            self._receive()

    def _sends_a_lot(self) -> bool:
        """Return whether more than the usual has come in this window. (While discarding, everything is.)"""
        if self._is_discarding or self._heard_bytes > QUICK_BYTES:
            return True
        return self._frames.allowance < self._limits.frames - QUICK_FRAMES

    def _wait_for_turn(self, add: Callable[[fair_queue.Act], None]) -> None:
        self._line = _TURNS
        self._watcher.stop()
        add(self._read_in_turn)

    def _read_in_turn(self) -> None:
        self._line = _NO_LINE
        if not self._is_stopped and not self._is_paused:
            is_finishing = self._receive() == READ_BYTES and self._begun_bytes
            if self._line == _NO_LINE and not self._is_paused:
                if is_finishing:
                    self._wait_for_turn(fair_queue.current().add_first)
                else:
                    self.resume()

    def _pace(self, ended: bool) -> None:
        """Read no more of a large message before its time: the kernel makes the client wait."""
        before, announced = self._begun_bytes, self._frames.announced
        if ended and before:
            fair_queue.large().finished(before)
            before = 0
        self._begun_bytes = announced if announced > fair_queue.LARGE_BYTES else 0
        if self._begun_bytes > before:
            self._line = _LARGE
            self._watcher.stop()
            self.whole_by = 0.0  # not the client's fault
            fair_queue.large().add(self._begin)

    def _begin(self) -> bool:
        """Read a large message now; return False when it will not come."""
        if self._line != _LARGE:
            return False
        self._line = _NO_LINE
        self._expect_the_rest(began=True)
        if not self._is_paused:
            self._wait_for_turn(fair_queue.current().add_first)
        return True

    def _receive(self) -> int:
        """Read once; return how many bytes there were."""
        try:
            if self._is_discarding:  # only so that the kernel delivers the close frame
                return self._discard()
            data = self._sock.recv(SMALL_READ_BYTES if self._frames.missing < SMALL_READ_BYTES else READ_BYTES)
        except BlockingIOError:
            return 0
        except OSError:
            data = b""
        if data:
            self.feed(data)
        else:
            self._owner.broken()
        return len(data)

    def _discard(self) -> int:
        size = lingering_close.discard(self._sock)
        self._heard_bytes += size
        if not size or self._heard_bytes > lingering_close.BYTES:
            self._owner.broken()
        return size

    def feed(self, data: bytes) -> None:
        """Take bytes from the client."""
        try:
            self._count(len(data))
            was_amid = self._frames.is_amid
            events = self._frames.feed(data)
            if self._frames.is_amid or was_amid:
                self._expect_the_rest(began=bool(events) or not was_amid)
            for kind, content in events:
                self._owner.handle(kind, content)
        except ProtocolError as error:
            self._owner.failed(error)
            return
        if self._frames.broken is not None:
            self._owner.failed(self._frames.broken)
        elif not self._is_discarding and (self._frames.announced or self._begun_bytes):
            self._pace(ended=any(kind in (frames.TEXT, frames.BINARY) for kind, _ in events))

    def _count(self, size: int) -> None:
        """Take one read from what the client may do; raises ProtocolError when it does too much."""
        now = self._loop.now()
        if now >= self._window_end:
            self._window_end = now + self._limits.window
            self._frames.allowance = self._limits.frames
            self._heard_bytes = 0
        self._frames.allowance -= 1
        self._heard_bytes += size
        if self._heard_bytes > self._limits.received_bytes or self._frames.allowance < 0:
            raise ProtocolError(frames.POLICY, "too much data")

    def _expect_the_rest(self, began: bool) -> None:
        """Set the time by which a message that has begun has to be whole."""
        if not self._frames.is_amid:
            self.whole_by = 0.0
        elif began:
            self.whole_by = monotonic() + self._limits.slow_seconds
            self._owner.wake_at(self.whole_by)

    def discard(self) -> None:
        """Throw away what still comes: nobody will read it."""
        self._is_discarding = True
        self._frames.forget()
        self._heard_bytes = 0
        self.whole_by = 0.0
        if self._line == _LARGE:
            self._line = _NO_LINE
        self.resume()

    def stop(self) -> None:
        """Read nothing more; before the socket is closed."""
        self._is_stopped = self._is_discarding = True
        self._watcher.stop()
        self._watcher.close()
        self._line = _NO_LINE
        self._frames.forget()

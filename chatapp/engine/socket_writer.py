"""Writes to a raw non-blocking socket: once per turn of the event loop, several frames in one system call."""

import _socket
from collections import deque
from time import perf_counter
from typing import Any, Protocol

from chatapp.per_loop import PerLoop

WRITE_BYTES = 131_072  # joined for one system call
SLICE_SECONDS = 0.0005  # for writing to sockets before others get a turn
_WRITABLE = 2


class Writing(Protocol):
    """The connection that a writer belongs to."""

    def broken(self) -> None:
        """Handle the loss of the socket."""

    def written(self) -> None:
        """Handle that all is written, after `end`."""

    def has_read(self, size: int) -> None:
        """Handle that the kernel, which had no room, took bytes again; `size` bytes had waited."""


class Flusher:
    """Writes, once per turn of the loop, to the sockets that something was sent to.

    A crowd is written to in slices, with a turn of the loop between two. What is sent meanwhile does not wait for the
    rest of the crowd.
    """

    def __init__(self, loop: Any) -> None:
        self.loop = loop
        self._new: list[SocketWriter] = []  # of this turn
        self._rest: deque[SocketWriter] = deque()  # of earlier ones
        self._is_planned = False
        self._next_slice = loop.timer(0)

    def add(self, writer: "SocketWriter") -> None:
        """Let it write at the end of this turn."""
        self._new.append(writer)
        if not self._is_planned:
            self._is_planned = True
            self.loop.run_callback(self._flush_new)

    def _flush_new(self) -> None:
        self._is_planned = False
        new, self._new = deque(self._new), []
        try:
            _flush_for_a_while(new)
        finally:
            self._rest.extend(new)
            self._plan_rest()

    def _flush_rest(self) -> None:
        try:
            _flush_for_a_while(self._rest)
        finally:
            self._plan_rest()

    def _plan_rest(self) -> None:
        if self._rest and not self._next_slice.active:
            self._next_slice.start(self._flush_rest)


def _flush_for_a_while(writers: "deque[SocketWriter]") -> None:
    """Let one after the other write, until a slice of time is over."""
    end = perf_counter() + SLICE_SECONDS
    while writers:
        writers.popleft().flush()
        if perf_counter() >= end:
            break


flusher = PerLoop(Flusher)  # of this thread's event loop


class SocketWriter:
    """The frames that wait to be written to one socket."""

    __slots__ = ("_flusher", "_frames", "_is_partial", "_is_queued", "_owner", "_sock", "_watcher", "is_ending", "size")

    def __init__(self, sock: _socket.socket, owner: Writing) -> None:
        self._sock = sock
        self._owner = owner
        self._flusher = flusher()
        self._frames: list[bytes | memoryview] = []
        self._is_partial = False  # is the first frame the rest of one that was written in part?
        self._is_queued = False  # is the flusher, or the event loop, going to write?
        self._watcher: Any = None  # while the kernel has no room
        self.is_ending = False  # is the owner told when all is written?
        self.size = 0  # bytes of the frames

    @property
    def is_blocked(self) -> bool:
        """Return whether the kernel takes nothing for now."""
        return self._watcher is not None

    def push(self, frame: bytes) -> None:
        """Write the frame at the end of this turn of the loop."""
        self._frames.append(frame)
        self.size += len(frame)
        if not self._is_queued:
            self._is_queued = True
            self._flusher.add(self)

    def drop(self) -> None:
        """Drop what waits, but the rest of a frame that was written in part."""
        del self._frames[1 if self._is_partial else 0 :]
        self.size = len(self._frames[0]) if self._frames else 0
        self._wait_for_room()

    def flush(self) -> None:
        """Write what waits, as far as the kernel takes it."""
        frames = self._frames
        while frames:
            data = frames[0] if len(frames) == 1 else b"".join(self._some())
            try:
                sent = self._sock.send(data)
            except BlockingIOError:
                sent = 0
            except OSError:
                self._owner.broken()
                return
            self.size -= sent
            if self.size:
                self._forget_written(sent)
            else:
                frames.clear()
                self._is_partial = False
            if sent < len(data):
                self._wait_for_room()
                return
        self._is_queued = False
        if self.is_ending:
            self._owner.written()

    def _some(self) -> list[bytes | memoryview]:
        """Return the first frames, together about what one system call takes."""
        size, count = 0, 0
        for frame in self._frames:
            size += len(frame)
            count += 1
            if size >= WRITE_BYTES:
                break
        return self._frames[:count]

    def _forget_written(self, sent: int) -> None:
        """Forget the frames that were written, and the beginning of the one that was written in part."""
        whole = 0
        for frame in self._frames:
            if sent < len(frame):
                break
            sent -= len(frame)
            whole += 1
        del self._frames[:whole]
        if whole:
            self._is_partial = False
        if sent:
            self._frames[0] = memoryview(self._frames[0])[sent:]
            self._is_partial = True

    def _wait_for_room(self) -> None:
        if self._watcher is None:
            self._is_queued = True
            self._watcher = self._flusher.loop.io(self._sock.fileno(), _WRITABLE)
            self._watcher.start(self._on_writable)

    def _on_writable(self) -> None:
        before = self.size
        self._drop_watcher()
        self.flush()
        self._owner.has_read(before)

    def _drop_watcher(self) -> None:
        if self._watcher is not None:
            self._watcher.stop()
            self._watcher.close()
            self._watcher = None

    def stop(self) -> None:
        """Write nothing more; before the socket is closed."""
        self._drop_watcher()
        self._frames.clear()
        self.size = 0
        self.is_ending = False

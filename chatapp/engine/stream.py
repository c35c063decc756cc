"""One end of a stream to another process: notes and bytes in order, as many at a time as the receiver allows."""

from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Any, Protocol

from gevent.event import Event

FIRST_BYTES = 16_384  # that whoever opens a stream may send before the other end asks for more
WINDOW_BYTES = 262_144  # that may be under way
PIECE_BYTES = 65_536
_MOST_AHEAD = 4_096  # pieces that wait for one before them

Frame = dict[str, Any]
Key = tuple[int, bool]  # a stream's number, and whether this process opened it


class Gone(OSError):
    """The other end of a stream is not there any more, or something of the stream was lost."""


class Host(Protocol):
    """The streams of this process, as one of them knows them."""

    conceal: Callable[[bytes], bytes]
    reveal: Callable[[bytes], bytes]

    def put(self, stream: "Stream", frame: Frame) -> None:
        """Send a frame of a stream."""

    def watch_gap(self, stream: "Stream") -> None:
        """Look at times whether what a stream misses has come."""

    def let_go(self, stream: "Stream") -> None:
        """Forget a stream in a while, if its other end does not say how it has ended."""

    def forget(self, stream: "Stream") -> None:
        """Forget a stream that is over."""


class Stream:
    """One end of a stream. `on_gone` is called, in whatever greenlet, when the other end has ended it too early."""

    __slots__ = (
        "_ahead",
        "_arrived",
        "_data",
        "_has_ended",
        "_has_room",
        "_is_ended",
        "_notes",
        "_owed",
        "_room",
        "_sent",
        "_streams",
        "_taken",
        "_window",
        "gap_since",
        "is_mine",
        "is_over",
        "key",
        "on_gone",
        "peer",
    )

    def __init__(self, streams: Host, peer: str, key: Key) -> None:
        self.peer = peer
        self.key = key
        self.on_gone: Callable[[], object] | None = None
        self.is_over = False
        self.gap_since = 0.0  # since when a piece is missing; 0: none is
        self._streams = streams
        self.is_mine = key[1]
        self._room = FIRST_BYTES if self.is_mine else WINDOW_BYTES  # bytes that may be sent
        self._window = WINDOW_BYTES if self.is_mine else FIRST_BYTES  # bytes that may come
        self._owed = 0  # bytes that were read, and that the other end does not know of
        self._sent = self._taken = 0  # pieces
        self._ahead: dict[int, Frame] = {}
        self._notes: deque[Frame] = deque()
        self._data: deque[bytes] = deque()
        self._has_ended = self._is_ended = False  # this end, and the other one
        self._arrived = Event()
        self._has_room = Event()

    # Sending

    def note(self, note: Frame) -> None:
        """Send a note; raises Gone."""
        self._put({"note": note})

    def write(self, data: bytes, seconds: float | None = None) -> None:
        """Send bytes, as the other end has room for them; raises Gone, also when it has none for so many seconds."""
        view = memoryview(data)
        while view:
            while not self._room:
                self._wait(self._has_room, seconds)
            piece = view[: min(self._room, PIECE_BYTES)]
            view = view[len(piece) :]
            self._room -= len(piece)
            self._put({"data": self._streams.conceal(bytes(piece)) if self.is_mine else bytes(piece)})

    def end(self) -> None:
        """Say that nothing more is sent from here."""
        if not self.is_over and not self._has_ended:
            self._put({"end": True})
            self._has_ended = True
            self._finish()

    def _put(self, piece: Frame) -> None:
        if self.is_over:
            raise Gone
        self._sent += 1
        self._streams.put(self, {"turn": self._sent, **piece})

    # Receiving

    def read_note(self, seconds: float) -> Frame:
        """Return the next note; raises Gone when it does not come in time."""
        while not self._notes:
            if self._is_ended:
                raise Gone
            self._wait(self._arrived, seconds)
        return self._notes.popleft()

    def read(self, seconds: float | None = None) -> bytes:
        """Return the bytes that have come, as soon as there are some, empty at the end; raises Gone."""
        while not self._data:
            if self._is_ended:
                return b""
            self._wait(self._arrived, seconds)
        data = b"".join(self._data)
        self._data.clear()
        self._owed += len(data)
        if self._owed >= WINDOW_BYTES // 2:
            self.make_room(0)
        return data

    def read_all(self, most: int, seconds: float) -> bytes:
        """Return all bytes to the end; raises Gone when there are more than `most`, or none come for so long."""
        data = bytearray()
        while piece := self.read(seconds):
            data += piece
            if len(data) > most:
                self.reset()
                raise Gone
        return bytes(data)

    def make_room(self, more: int = WINDOW_BYTES - FIRST_BYTES) -> None:
        """Let the other end send what was read until now again, and `more` bytes."""
        room = self._owed + more
        self._owed = 0
        if not self._is_ended and not self.is_over:
            self._window += room
            self._streams.put(self, {"room": room})

    def _wait(self, event: Event, seconds: float | None) -> None:
        if self.is_over:
            raise Gone
        event.clear()
        if not event.wait(seconds):
            self.reset()
            raise Gone

    # What comes

    def take(self, frame: Frame) -> None:
        """Take a frame of the other end."""
        if "room" in frame:
            self._room += int(frame["room"])
            self._has_room.set()
        elif frame.get("reset"):
            self.lose()
        elif frame["turn"] > self._taken and len(self._ahead) < _MOST_AHEAD:
            self._ahead[frame["turn"]] = frame
            self._take_those_in_turn()

    def _take_those_in_turn(self) -> None:
        while (frame := self._ahead.pop(self._taken + 1, None)) is not None:
            self._taken += 1
            if "data" in frame:
                data = frame["data"] if self.is_mine else self._streams.reveal(frame["data"])
                self._window -= len(data)
                self._data.append(data)
            elif "note" in frame:
                self._notes.append(frame["note"])
            else:
                self._is_ended = True
        if self._window < 0:  # the other end does not keep to what was agreed
            self.fail()
            return
        self.gap_since = (self.gap_since or monotonic()) if self._ahead else 0.0
        self._streams.watch_gap(self)
        self._arrived.set()
        self._finish()

    # Ending

    def _finish(self) -> None:
        if self._has_ended and self._is_ended:
            self.is_over = True
            self._streams.forget(self)

    def reset(self) -> None:
        """End the stream before its time: the other end hears of it, and nothing more comes."""
        if not self.is_over:
            self._streams.put(self, {"reset": True})
            self._end()

    def fail(self) -> None:
        """End the stream at both ends."""
        if not self.is_over:
            self._streams.put(self, {"reset": True})
            self.lose()

    def let_go(self) -> None:
        """Forget the stream in a while, if its other end does not say how it has ended."""
        if not self.is_over:
            self._streams.let_go(self)

    def lose(self) -> None:
        """Take note that the other end has ended the stream before its time, or is gone."""
        if not self.is_over:
            self._end()
            if self.on_gone is not None:
                self.on_gone()

    def _end(self) -> None:
        self.is_over = True
        self._streams.forget(self)
        self._arrived.set()
        self._has_room.set()

"""Reads RFC 6455 frames from a stream of bytes, without waiting for more than a header.

Nothing here does I/O. A `Reader` never holds more than `message_bytes` and a header, whatever it is fed, and raises
nothing: the client's first error is in `broken`.
"""

import codecs

try:
    from websockets.speedups import apply_mask as apply_mask  # written in C: 1 MB in 60 µs
except ImportError:  # there is no binary of it for this machine
    from websockets.utils import apply_mask as apply_mask

from chatapp.engine.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    FINAL,
    INVALID_DATA,
    MAX_CONTROL,
    PING,
    POLICY,
    PONG,
    PROTOCOL_ERROR,
    SMALL,
    TEXT,
    TOO_BIG,
    Close,
    Message,
    ProtocolError,
    decoded,
    parse_close,
)

_DATA = (CONTINUATION, TEXT, BINARY)
_CONTROL = (CLOSE, PING, PONG)


class Reader:
    """Reads a client's frames. `allowance` is how many frames it may still send; whoever owns the reader refills it."""

    __slots__ = (
        "_final",
        "_held",
        "_mask",
        "_opcode",
        "_remaining",
        "_rest",
        "_size",
        "_validator",
        "allowance",
        "broken",
        "fragments",
        "message_bytes",
        "pieces",
    )

    def __init__(self, message_bytes: int, fragments: int, allowance: int) -> None:
        self.message_bytes = message_bytes
        self.fragments = fragments
        self.allowance = allowance
        self.broken: ProtocolError | None = None  # what the client did wrong; nothing is read after it
        self._rest = b""  # a header, or a control frame, that has not all come
        self._opcode = 0  # of the message under way; 0: none is
        self._remaining = 0  # bytes of the current data frame that have not come
        self._final = True
        self._mask = b""
        self._size = 0  # bytes of the message under way, announced ones too
        self.pieces = 0  # frames of the message under way
        self._held = bytearray()  # what has come of the message under way
        self._validator: codecs.IncrementalDecoder | None = None

    @property
    def is_amid(self) -> bool:
        """Return whether a message has begun that has not ended."""
        return bool(self._opcode or self._rest)

    @property
    def held(self) -> int:
        """Return how many bytes of the message under way are kept."""
        return len(self._held)

    @property
    def announced(self) -> int:
        """Return the size of the message under way, as far as its frames have begun; 0: none is under way."""
        return self._size

    @property
    def missing(self) -> int:
        """Return how many bytes of the frame under way have not come."""
        return self._remaining

    def feed(self, data: bytes) -> list[tuple[int, Message | Close]]:
        """Return the messages (TEXT, BINARY) and control frames that these bytes complete, up to the first error."""
        events: list[tuple[int, Message | Close]] = []
        if self._rest:
            data, self._rest = self._rest + data, b""
        if self.broken is None:
            try:
                self._read(data, events)
            except ProtocolError as error:
                self.broken = error.with_traceback(None)  # which would keep what was read
                self.forget()
        return events

    def forget(self) -> None:
        """Keep nothing of the message under way: nobody will read it."""
        self._held, self._rest = bytearray(), b""

    def _read(self, data: bytes, events: list[tuple[int, Message | Close]]) -> None:
        position, end = 0, len(data)
        while position < end:
            if self._remaining:
                position = self._continue(data, position, end, events)
                continue
            start = position
            position = self._begin(data, position, end, events)
            if position < 0:
                self._rest = data[start:]
                return

    def _begin(self, data: bytes, position: int, end: int, events: list[tuple[int, Message | Close]]) -> int:
        """Read a header and its frame; return the position behind, -1 when the header is not all there yet."""
        first = data[position]
        opcode = first & 0x0F
        self._check_first(first, opcode)
        if end - position < 2:
            return -1
        length = data[position + 1]
        if not length & 0x80:
            raise ProtocolError(PROTOCOL_ERROR, "frames of clients have to be masked")
        length &= 0x7F
        position += 2
        if opcode & 0x8:
            if length > MAX_CONTROL or not first & FINAL:
                raise ProtocolError(PROTOCOL_ERROR, "control frames are short and whole")
        elif length >= SMALL:
            width = 2 if length == SMALL else 8
            if end - position < width:
                return -1
            length = int.from_bytes(data[position : position + width], "big")
            position += width
        if not opcode & 0x8 and self._size + length > self.message_bytes:
            raise ProtocolError(TOO_BIG, f"messages have at most {self.message_bytes} bytes")
        if end - position < 4 or (opcode & 0x8 and end - position - 4 < length):
            return -1
        self.allowance -= 1
        if self.allowance < 0:
            raise ProtocolError(POLICY, "too many frames")
        mask = data[position : position + 4]
        position += 4
        stop = position + length
        if opcode & 0x8:
            payload = apply_mask(data[position:stop], mask)
            events.append((opcode, parse_close(payload) if opcode == CLOSE else payload))
            return stop
        if stop <= end and first & FINAL and opcode:  # the ordinary frame: a whole message that is all there
            payload = apply_mask(data[position:stop], mask)
            events.append((opcode, decoded(payload) if opcode == TEXT else payload))
            return stop
        self._start(opcode, bool(first & FINAL), length, mask)
        return self._continue(data, position, end, events)

    def _check_first(self, first: int, opcode: int) -> None:
        """Refuse what is wrong with a frame's first byte alone."""
        if first & 0x70 or (opcode not in _DATA and opcode not in _CONTROL):
            raise ProtocolError(PROTOCOL_ERROR, "reserved bits or opcode")
        if opcode == CONTINUATION and not self._opcode:
            raise ProtocolError(PROTOCOL_ERROR, "nothing to continue")
        if opcode in (TEXT, BINARY) and self._opcode:
            raise ProtocolError(PROTOCOL_ERROR, "the last message has not ended")

    def _start(self, opcode: int, final: bool, length: int, mask: bytes) -> None:
        """Begin a data frame that goes on in later frames or bytes."""
        if opcode:
            self._opcode, self._size, self.pieces = opcode, 0, 0
            self._validator = codecs.getincrementaldecoder("utf-8")() if opcode == TEXT else None
        self.pieces += 1
        if self.pieces > self.fragments:
            raise ProtocolError(POLICY, f"messages have at most {self.fragments} fragments")
        self._size += length
        self._final, self._remaining, self._mask = final, length, mask

    def _continue(self, data: bytes, position: int, end: int, events: list[tuple[int, Message | Close]]) -> int:
        """Take what is there of the current data frame; return the position behind it."""
        stop = min(end, position + self._remaining)
        taken = stop - position
        if taken:
            self._take(apply_mask(data[position:stop], self._mask))
            turn = taken % 4
            self._mask = self._mask[turn:] + self._mask[:turn]
            self._remaining -= taken
        if not self._remaining and self._final:
            events.append((self._opcode, self._finish()))
        return stop

    def _take(self, payload: bytes) -> None:
        """Keep a piece of the message; text is checked as it comes, so that invalid text fails at once."""
        self._held += payload
        if self._validator is not None:
            try:
                self._validator.decode(payload)
            except UnicodeDecodeError:
                raise ProtocolError(INVALID_DATA, "invalid UTF-8") from None

    def _finish(self) -> Message:
        """Return the whole message, and be ready for the next."""
        held, is_text = self._held, self._opcode == TEXT
        self._held, self._validator, self._opcode, self._size, self.pieces = bytearray(), None, 0, 0, 0
        return decoded(held) if is_text else bytes(held)

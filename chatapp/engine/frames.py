"""RFC 6455 frames: built once, and read from a stream of bytes without waiting for more than a header.

Nothing here does I/O. A `Reader` never holds more than `message_bytes` and a header, whatever it is fed, and raises
nothing: what is wrong is in `broken`.
"""

import codecs

try:
    from websockets.speedups import apply_mask as apply_mask  # written in C: 1 MB in 60 µs
except ImportError:  # there is no binary of it for this machine
    from websockets.utils import apply_mask as apply_mask

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
FINAL = 0x80
_DATA = (CONTINUATION, TEXT, BINARY)
_CONTROL = (CLOSE, PING, PONG)
_SMALL, _SHORT = 126, 65_536
MAX_CONTROL = 125

# Close codes (RFC 6455, section 7.4, and IANA's registry).
NORMAL, GOING_AWAY, PROTOCOL_ERROR, UNSUPPORTED, NO_CODE = 1000, 1001, 1002, 1003, 1005
ABNORMAL, INVALID_DATA, POLICY, TOO_BIG, TRY_AGAIN = 1006, 1007, 1008, 1009, 1013
_SENDABLE = frozenset({1000, 1001, 1002, 1003, *range(1007, 1015)})

Message = str | bytes
Close = tuple[int, str]


class ProtocolError(Exception):
    """The peer broke the protocol or a limit: the close code and the reason that it is told."""

    def __init__(self, code: int, reason: str):
        super().__init__(reason)
        self.code = code
        self.reason = reason


def build(opcode: int, payload: bytes) -> bytes:
    """One unmasked, unfragmented frame, as a server sends it."""
    size = len(payload)
    if size < _SMALL:
        return bytes((FINAL | opcode, size)) + payload
    if size < _SHORT:
        return bytes((FINAL | opcode, 126)) + size.to_bytes(2, "big") + payload
    return bytes((FINAL | opcode, 127)) + size.to_bytes(8, "big") + payload


def header_size(frame: bytes) -> int:
    """How many bytes of an unmasked frame come before its payload."""
    return {126: 4, 127: 10}.get(frame[1], 2)


def build_message(message: Message) -> bytes:
    """The frame of a text or binary message."""
    return build(TEXT, message.encode()) if isinstance(message, str) else build(BINARY, message)


def build_close(code: int, reason: str = "") -> bytes:
    """A close frame; without a body where there is no code to tell."""
    if code not in _SENDABLE and not 3000 <= code <= 4999:
        return build(CLOSE, b"")
    text = reason.encode()[: MAX_CONTROL - 2].decode(errors="ignore").encode()
    return build(CLOSE, code.to_bytes(2, "big") + text)


def parse_close(payload: bytes) -> Close:
    """Code and reason of a close frame; raises ProtocolError when it may not be sent."""
    if not payload:
        return NO_CODE, ""
    code = int.from_bytes(payload[:2], "big")
    if len(payload) == 1 or (code not in _SENDABLE and not 3000 <= code <= 4999):
        raise ProtocolError(PROTOCOL_ERROR, "invalid close code")
    return code, _decoded(payload[2:])


def _decoded(payload: bytes | bytearray) -> str:
    try:
        return payload.decode()
    except UnicodeDecodeError:
        raise ProtocolError(INVALID_DATA, "invalid UTF-8") from None


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
        """Has a message begun that has not ended?"""
        return bool(self._opcode or self._rest)

    @property
    def held(self) -> int:
        """How many bytes of the message under way are kept."""
        return len(self._held)

    @property
    def announced(self) -> int:
        """How many bytes the message under way has, as far as its frames have begun; 0: none is under way."""
        return self._size

    @property
    def missing(self) -> int:
        """How many bytes of the frame under way have not come."""
        return self._remaining

    def feed(self, data: bytes) -> list[tuple[int, Message | Close]]:
        """The messages (TEXT, BINARY) and control frames that these bytes complete, up to what is wrong."""
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
        """Read a header and, where it is all there, its frame; gives the position behind, -1 when the header is not
        all there yet."""
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
        elif length >= _SMALL:
            width = 2 if length == _SMALL else 8
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
            events.append((opcode, _decoded(payload) if opcode == TEXT else payload))
            return stop
        self._start(opcode, bool(first & FINAL), length, mask)
        return self._continue(data, position, end, events)

    def _check_first(self, first: int, opcode: int) -> None:
        """What a frame's first byte alone can be wrong about."""
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
        """Take what is there of the current data frame; gives the position behind."""
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
        """The whole message, and ready for the next."""
        held, is_text = self._held, self._opcode == TEXT
        self._held, self._validator, self._opcode, self._size, self.pieces = bytearray(), None, 0, 0, 0
        return _decoded(held) if is_text else bytes(held)

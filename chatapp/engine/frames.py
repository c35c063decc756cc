"""RFC 6455 frames: opcodes, close codes, and what a server sends, built once."""

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
FINAL = 0x80
SMALL, _SHORT = 126, 65_536  # lengths from which a header is longer
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
    """Return an unmasked, unfragmented frame, as a server sends it."""
    size = len(payload)
    if size < SMALL:
        return bytes((FINAL | opcode, size)) + payload
    if size < _SHORT:
        return bytes((FINAL | opcode, 126)) + size.to_bytes(2, "big") + payload
    return bytes((FINAL | opcode, 127)) + size.to_bytes(8, "big") + payload


def header_size(frame: bytes) -> int:
    """Return how many bytes of an unmasked frame come before its payload."""
    return {126: 4, 127: 10}.get(frame[1], 2)


def build_message(message: Message) -> bytes:
    """Return the frame of a text or binary message."""
    return build(TEXT, message.encode()) if isinstance(message, str) else build(BINARY, message)


def build_close(code: int, reason: str = "") -> bytes:
    """Return a close frame; without a body where there is no code to tell."""
    if code not in _SENDABLE and not 3000 <= code <= 4999:
        return build(CLOSE, b"")
    text = reason.encode()[: MAX_CONTROL - 2].decode(errors="ignore").encode()
    return build(CLOSE, code.to_bytes(2, "big") + text)


def parse_close(payload: bytes) -> Close:
    """Return code and reason of a close frame; raises ProtocolError when it may not be sent."""
    if not payload:
        return NO_CODE, ""
    code = int.from_bytes(payload[:2], "big")
    if len(payload) == 1 or (code not in _SENDABLE and not 3000 <= code <= 4999):
        raise ProtocolError(PROTOCOL_ERROR, "invalid close code")
    return code, decoded(payload[2:])


def decoded(payload: bytes | bytearray) -> str:
    """Return the text of a payload; raises ProtocolError when it is not UTF-8."""
    try:
        return payload.decode()
    except UnicodeDecodeError:
        raise ProtocolError(INVALID_DATA, "invalid UTF-8") from None

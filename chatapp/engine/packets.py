"""Packets of both protocols: Engine.IO's, framed once however many sockets they go to, and Socket.IO's.

Seams, checked against python-socketio 5.18.1: `socketio.packet.Packet` is what the `serializer` option names; its
`encode` returns a text, or a list of it and the attachments.
"""

import base64
import binascii
import json
from typing import Any

import orjson
import socketio.packet

from chatapp.engine import frames
from chatapp.engine.frames import INVALID_DATA, POLICY, UNSUPPORTED, Message, ProtocolError

OPEN, CLOSE, PING, PONG, MESSAGE, UPGRADE, NOOP = "0123456"
SEPARATOR = "\x1e"
_SEPARATOR = SEPARATOR.encode()
BINARY = "b"
MAX_ATTACHMENTS = 10
MAX_ID_DIGITS = 19
RESERVED = frozenset(("connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"))
_CONNECT, _DISCONNECT, _EVENT, _ACK, _CONNECT_ERROR, _BINARY_EVENT, _BINARY_ACK = range(7)


class Outgoing:
    """One Engine.IO packet on its way out, as its WebSocket frame: made once, however many sockets it goes to."""

    __slots__ = ("_is_binary", "frame")

    def __init__(self, kind: str, data: Message = "") -> None:
        self._is_binary = not isinstance(data, str)
        if isinstance(data, str):
            self.frame = frames.build(frames.TEXT, (kind + data).encode())
        else:
            self.frame = frames.build(frames.BINARY, data)

    @property
    def data(self) -> Message:
        """Return the content: text without the packet's type, or bytes. (Flask-SocketIO's test client looks at it.)"""
        content = self.frame[frames.header_size(self.frame) :]
        return content if self._is_binary else content[1:].decode()

    @property
    def part(self) -> bytes | memoryview:
        """Return the packet as a part of a polling payload."""
        content = memoryview(self.frame)[frames.header_size(self.frame) :]
        return BINARY.encode() + base64.b64encode(content) if self._is_binary else content


def payload(packets: list[Outgoing]) -> bytes:
    """Return several packets as one HTTP body."""
    return _SEPARATOR.join([packet.part for packet in packets])


def split(body: bytes) -> list[Message]:
    """Return the packets of an HTTP body: texts with their type in front, and binary messages. Raises ProtocolError."""
    try:
        texts = body.decode().split(SEPARATOR)
    except UnicodeDecodeError:
        raise ProtocolError(INVALID_DATA, "invalid UTF-8") from None
    return [unpack(text) for text in texts]


def unpack(text: str) -> Message:
    """Return a text packet as it is, or the bytes that it has in base64."""
    if not text.startswith(BINARY):
        return text
    try:
        return base64.b64decode(text[1:], validate=True)
    except (binascii.Error, ValueError):
        raise ProtocolError(INVALID_DATA, "invalid base64") from None


class Json:
    """JSON by orjson, and by the standard library where orjson is stricter: lone surrogates, NaN, integers beyond
    64 bits, more than 254 levels."""

    @staticmethod
    def dumps(data: Any, **_: Any) -> str:
        """Return compact JSON."""
        try:
            return orjson.dumps(data).decode()
        except TypeError:
            return json.dumps(data, separators=(",", ":"))

    @staticmethod
    def loads(text: str | bytes, **_: Any) -> Any:
        """Return the value of the JSON; raises ValueError."""
        try:
            return orjson.loads(text)
        except ValueError:
            pass
        try:
            return json.loads(text)
        except RecursionError:
            raise ValueError("too deep") from None


class Packet(socketio.packet.Packet):  # type: ignore[misc]
    """A Socket.IO packet, checked as strictly as the reference server does; ProtocolError says what is wrong."""

    json = Json
    uses_binary_events = False

    def decode(self, encoded_packet: str) -> int:
        """Read a packet's text; return how many attachments follow."""
        text, self.id, self.namespace, self.data = encoded_packet, None, None, None
        kind = text[:1]
        if not kind or kind not in "0123456":
            raise ProtocolError(POLICY, "unknown packet type")
        self.packet_type = int(kind)
        position, count = 1, 0
        if self.packet_type >= _BINARY_EVENT:
            position, count = self._attachments(text)
        if text.startswith("/", position):
            comma = text.find(",", position)
            end = len(text) if comma < 0 else comma
            self.namespace = text[position:end].partition("?")[0]
            position = end + 1
        start = position
        while text[position : position + 1].isascii() and text[position : position + 1].isdigit():
            position += 1
            if position - start > MAX_ID_DIGITS:
                raise ProtocolError(POLICY, "ack ids have at most 19 digits")
        if position > start:
            self.id = int(text[start:position])
        self.data = self._data(text[position:])
        return count

    @staticmethod
    def _attachments(text: str) -> tuple[int, int]:
        """Return where the packet goes on, and how many attachments it announces."""
        digits, dash, _ = text[1 : MAX_ID_DIGITS + 1].partition("-")
        if not dash or not (digits.isascii() and digits.isdigit()):
            raise ProtocolError(POLICY, "invalid number of attachments")
        if not 1 <= int(digits) <= MAX_ATTACHMENTS:
            raise ProtocolError(POLICY, f"packets have 1 to {MAX_ATTACHMENTS} attachments")
        return len(digits) + 2, int(digits)

    def _data(self, text: str) -> Any:
        try:
            data = self.json.loads(text) if text else None
        except ValueError:
            raise ProtocolError(POLICY, "invalid JSON") from None
        if not _is_allowed(self.packet_type, data):
            raise ProtocolError(POLICY, "invalid payload")
        return data

    def add_attachment(self, attachment: Any) -> bool:
        """Take the next attachment; True when it was the last."""
        if not isinstance(attachment, bytes):
            raise ProtocolError(UNSUPPORTED, "expected a binary attachment")
        try:
            return bool(super().add_attachment(attachment))
        except (ValueError, IndexError, TypeError, RecursionError):
            raise ProtocolError(POLICY, "invalid attachment") from None


class BinaryPacket(Packet):
    """The same, with binary attachments."""

    uses_binary_events = True

    @classmethod
    def data_is_binary(cls, data: Any) -> bool:
        """Return whether there are bytes in the data.

        The library's own way needs three calls on the stack for each level.
        """
        stack = [data]
        while stack:
            item = stack.pop()
            if isinstance(item, bytes | bytearray):
                return True
            if isinstance(item, list):
                stack.extend(item)
            elif isinstance(item, dict):
                stack.extend(item.values())
        return False


def _is_allowed(kind: int, data: Any) -> bool:
    """Return whether this type of packet may have this payload."""
    if kind == _CONNECT:
        return True  # the connect handler refuses what is no good, and says why
    if kind == _DISCONNECT:
        return data is None
    if kind == _CONNECT_ERROR:
        return False  # only servers send it
    if not isinstance(data, list):
        return False
    if kind in (_ACK, _BINARY_ACK):
        return True
    return bool(data) and isinstance(data[0], str | int | float) and data[0] not in RESERVED

"""An HTTP/1.x request as it comes: its line, headers and body, read strictly (RFC 9112, RFC 9110).

Where a proxy and a server read the same bytes differently, one client's request can hide in another's. So nothing is
guessed here: what has more than one reading is refused, and the connection ends. `tests/engine/test_differential.py`
compares this with h11 and llhttp.

Seam, checked against gevent 26.9.0: `gevent.pywsgi.Input` reads bodies that have a length, and asks `_chunked_read` for
others.
"""

import re
from functools import lru_cache
from io import BufferedReader
from ipaddress import AddressValueError, IPv6Address
from typing import Any, NamedTuple, Protocol

from gevent.pywsgi import Input

from chatapp.engine import fair_queue

LINE_BYTES = 32_768  # of a request line: a GET of /api/sync carries a cursor for each conversation
HEADER_BYTES = 32_768
HEADER_LINES = 100
CHUNK_LINE_BYTES = 1_024  # a chunk's size and extensions
CHUNKS_AT_ONCE = 64  # then others get a turn
READ_BYTES = 65_536
DISCARD_BYTES = 4_000_000  # of a body that nobody read, before the connection is closed instead

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]"
_LINE = re.compile(rb"(" + _TOKEN + rb"{1,32}) ([\x21-\x7e]++) (HTTP/1\.[01])\r\n")
_ABSOLUTE = re.compile(r"https?://([^/?#]*+)(.*)", re.IGNORECASE)
_HEADER = re.compile(rb"(" + _TOKEN + rb"++):([\t\x20-\x7e\x80-\xff]*+)\r\n")
_LENGTH = re.compile(r"[0-9]{1,18}")
_QUOTED = rb'"(?:[\t\x20\x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*+"'
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,16})(?:;" + _TOKEN + rb"++(?:=(?:" + _TOKEN + rb"++|" + _QUOTED + rb"))?+)*+\r\n")
_HOST = re.compile(r"(?:[A-Za-z0-9._-]{1,255}|\[([0-9A-Fa-f:.]{2,45})\])(?::([0-9]{0,5}))?")
_SINGLE = ("content-length", "transfer-encoding", "host")


class Unacceptable(Exception):
    """A request that nothing is done with. `status` is its answer's; the connection ends after it.

    (Neither an OSError nor a ValueError: Werkzeug would take those for a client that has gone.)
    """

    def __init__(self, reason: str, status: int = 400) -> None:
        super().__init__(reason)
        self.status = status


class RequestLine(NamedTuple):
    """`target` begins with a slash or is "*"; `host` is that of an absolute target, else None."""

    method: str
    target: str
    version: str
    host: str | None


@lru_cache(maxsize=256)
def is_host(text: str) -> bool:
    """Return whether this is a host, with or without a port, that an address can be made of."""
    match = _HOST.fullmatch(text)
    if match is None:
        return False
    literal, port = match.groups()
    try:
        return (literal is None or bool(IPv6Address(literal))) and int(port or 0) <= 65_535
    except AddressValueError:
        return False


def read_line(file: BufferedReader) -> RequestLine | None:
    """Return the request line; None when the connection has ended. Raises Unacceptable."""
    line = file.readline(LINE_BYTES + 1)
    if not line:
        return None
    if len(line) > LINE_BYTES:
        raise Unacceptable("The request line is too long", 414)
    match = _LINE.fullmatch(line)
    if match is None:
        raise Unacceptable("Invalid request line")
    method, target, version = (part.decode("latin-1") for part in match.groups())
    if target.startswith("/") or (target == "*" and method == "OPTIONS"):
        return RequestLine(method, target, version, None)
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None or not is_host(absolute[1]) or method == "CONNECT":
        raise Unacceptable("Invalid request target")
    path = absolute[2]
    return RequestLine(method, path if path.startswith("/") else "/" + path, version, absolute[1])


class Headers:
    """A request's headers, as pywsgi asks for them. (The standard library's e-mail parser costs ten times as much.)

    A name that comes twice is joined; two lengths, a folded line or an invalid name make the request unacceptable.
    """

    def __init__(self, file: BufferedReader) -> None:
        self.values: dict[str, str] = {}
        size = 0
        for _ in range(HEADER_LINES + 1):
            line = file.readline(HEADER_BYTES - size + 1)
            size += len(line)
            if size > HEADER_BYTES:
                break
            if line == b"\r\n":
                self._check_length()
                return
            self._add(line)
        raise Unacceptable("Too many headers", 431)

    def _add(self, line: bytes) -> None:
        match = _HEADER.fullmatch(line)
        if match is None:
            raise Unacceptable("Invalid header")
        key = match[1].decode("ascii").lower()
        text = match[2].strip(b" \t").decode("latin-1")
        if key in self.values:
            if key in _SINGLE:
                raise Unacceptable(f"Two of {key}")
            text = self.values[key] + ("; " if key == "cookie" else ",") + text
        self.values[key] = text

    def _check_length(self) -> None:
        """Refuse an unclear length: a proxy that reads it differently would let requests be smuggled.

        (Python's `int` would take "+5" and "1_0" too.)
        """
        encoding, length = self.values.get("transfer-encoding"), self.values.get("content-length")
        if encoding is not None and (encoding.lower() != "chunked" or length is not None):
            raise Unacceptable("Unclear length of the body")
        if length is not None and not _LENGTH.fullmatch(length):
            raise Unacceptable("Unclear length of the body")

    def check(self, line: RequestLine) -> None:
        """Refuse headers that don't fit the request line. An absolute target's host replaces the header's."""
        host = self.values.get("host")
        if host is None if line.version == "HTTP/1.1" else "transfer-encoding" in self.values:
            raise Unacceptable("HTTP/1.1 needs a Host, HTTP/1.0 has no Transfer-Encoding")
        if host is not None and not is_host(host):
            raise Unacceptable("Invalid host")
        if line.host is not None:
            self.values["host"] = line.host

    def ends_connection(self, version: str) -> bool:
        """Return whether the client wants the connection to end after the answer."""
        options = self.values.get("connection")
        if options is None:
            return version == "HTTP/1.0"
        names = [name.strip() for name in options.lower().split(",")]
        return "close" in names or (version == "HTTP/1.0" and "keep-alive" not in names)

    def get(self, name: str, default: Any = None) -> Any:
        """Return the header's value."""
        return self.values.get(name.lower(), default)

    getheader = get

    @property
    def typeheader(self) -> str | None:
        """Return the Content-Type."""
        return self.values.get("content-type")

    def items(self) -> list[tuple[str, str]]:
        """Return all headers."""
        return list(self.values.items())


class Connection(Protocol):
    """The connection that a body comes on."""

    is_late: bool  # the time for what has to come is over
    close_connection: bool
    linger: bool  # before it is closed, what still comes is read for a moment

    def expect_body(self, waiting: bool) -> None:
        """Start the clock of a body that is being read, or stop it."""


class Body(Input):  # type: ignore[misc]
    """A request's body that has to come in time, and is not read to its end for nothing."""

    __slots__ = ("_chunks", "_is_whole", "_left", "handler")
    handler: Connection

    def __init__(self, *arguments: Any, handler: Connection, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.handler = handler
        self._left = 0  # bytes of the chunk that is being read
        self._chunks = 0
        self._is_whole = False

    @property
    def is_endless(self) -> bool:
        """Return whether so much of it is unread, or so unclear how much, that the connection has to end instead."""
        if self.chunked_input:
            return not self._is_whole
        return bool((self.content_length or 0) - self.position > DISCARD_BYTES)

    def _do_read(self, length: int | None = None, use_readline: bool = False) -> Any:
        self.handler.expect_body(True)
        data = super()._do_read(length, use_readline)
        if self.position >= (self.content_length or 0):
            self.handler.expect_body(False)
        return data

    def _chunked_read(self, length: int | None = None, use_readline: bool = False) -> bytes:
        """Read chunks; raises Unacceptable where they are malformed, and OSError where they don't come."""
        self.handler.expect_body(True)
        self._send_100_continue()
        data = bytearray()
        while not self._is_whole and (length is None or len(data) < length):
            if use_readline and data.endswith(b"\n"):
                break
            if not self._left:
                self._begin_chunk()
                continue
            wanted = READ_BYTES if length is None else length - len(data)
            data += self._of_chunk(1 if use_readline else min(wanted, READ_BYTES))
        if self._is_whole:
            self.handler.expect_body(False)
        return bytes(data)

    def _of_chunk(self, wanted: int) -> bytes:
        data: bytes = self.rfile.read(min(wanted, self._left))
        if not data:
            raise self._ended()
        self._left -= len(data)
        if not self._left and (end := self.rfile.read(2)) != b"\r\n":
            raise self._ended() if len(end) < 2 else Unacceptable("A chunk is longer than it says")
        return data

    def _begin_chunk(self) -> None:
        self._chunks += 1
        if not self._chunks % CHUNKS_AT_ONCE:
            fair_queue.current().wait()
        match = _CHUNK.fullmatch(self._line(CHUNK_LINE_BYTES))
        if match is None:
            raise Unacceptable("Invalid chunk")
        self._left = int(match[1], 16)
        if not self._left:
            self._pass_over_trailers()

    def _pass_over_trailers(self) -> None:
        left = HEADER_BYTES
        for _ in range(HEADER_LINES):
            line = self._line(left)
            if line == b"\r\n":
                self._is_whole = True
                return
            if not _HEADER.fullmatch(line):
                break
            left -= len(line)
        raise Unacceptable("Invalid trailer")

    def _line(self, most: int) -> bytes:
        line: bytes = self.rfile.readline(most)
        if not line:
            raise self._ended()
        return line

    def _ended(self) -> Exception:
        """Return the error for a client that has said no more, or not in time."""
        return OSError("too late") if self.handler.is_late else Unacceptable("The body has no end")

    def _discard(self) -> None:
        if self.is_endless:
            self.handler.close_connection = True
            self.handler.linger = True
        elif not self.chunked_input:
            super()._discard()

"""gevent's WSGI handler, with limits on what a request may cost, and a way to take its connection over.

Seams, checked against gevent 26.9.0 (`gevent.pywsgi.WSGIHandler`): `MessageClass` reads the headers, `_headers` gives
them to `get_environ`, `read_requestline` waits for a request, `finalize_headers` and `_write_with_headers` answer,
`wsgi_input._discard` reads what the application has left of the body, and `handle` ends when `socket` is None.
`tests/engine/test_seams.py` fails when one of them changes.
"""

import _socket
import contextlib
import errno
import re
import socket
from collections.abc import Callable, Iterator
from io import BufferedReader
from time import monotonic
from typing import Any

import gevent
from gevent.pywsgi import Input, WSGIHandler

from chatapp.realtime.engine import linger, turns, wheel

HEADER_BYTES = 32_768
HEADER_LINES = 100
DISCARD_BYTES = 4_000_000  # of a body that nobody read, before the connection is closed instead
JOINED_BYTES = 65_536  # a body up to this goes out with its headers
UNSENT_BYTES = 131_072  # of an answer wait in the kernel: else it takes megabytes for a client that reads nothing
KEY = "chatapp.connection"  # where the environ has the handler

_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_LENGTH = re.compile(r"[0-9]{1,18}")
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
_TOO_LATE = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
_ANONYMOUS = ("CONTENT_TYPE", "CONTENT_LENGTH")


class HeadersTooLarge(ValueError):
    """More header lines or bytes than a request may have."""


class Headers:
    """A request's headers, as pywsgi asks for them. (The standard library's e-mail parser costs ten times as much.)

    A name that comes twice is joined; two lengths, a folded line or an invalid name make the request invalid.
    """

    def __init__(self, file: BufferedReader) -> None:
        self.values: dict[str, str] = {}
        self.status = ""  # what is wrong with them; pywsgi answers 400 when it is not empty
        size = 0
        for _ in range(HEADER_LINES + 1):
            line = file.readline(HEADER_BYTES - size + 1)
            size += len(line)
            if size > HEADER_BYTES:
                break
            if line in (b"\r\n", b"\n"):
                self._check_length()
                return
            if not line.endswith(b"\n"):
                self.status = "Incomplete headers"
                return
            self._add(line)
        raise HeadersTooLarge(size)

    def _add(self, line: bytes) -> None:
        name, colon, value = line.partition(b":")
        if not colon or not _NAME.fullmatch(name) or b"\0" in value:
            self.status = "Invalid header"
            return
        key = name.decode("ascii").lower()
        text = value.strip(b" \t\r\n").decode("latin-1")
        if key in self.values:
            if key in ("content-length", "transfer-encoding", "host"):
                self.status = f"Two of {key}"
                return
            text = self.values[key] + ("; " if key == "cookie" else ",") + text
        self.values[key] = text

    def _check_length(self) -> None:
        """The body's length has to be clear: a proxy that reads it differently would let requests be smuggled.

        (Python's `int` would take "+5" and "1_0" too.)
        """
        encoding, length = self.values.get("transfer-encoding"), self.values.get("content-length")
        if encoding is not None and (encoding.lower() != "chunked" or length is not None):
            self.status = "Unclear length of the body"
        if length is not None and not _LENGTH.fullmatch(length):
            self.status = "Unclear length of the body"

    def get(self, name: str, default: Any = None) -> Any:
        """The header's value."""
        return self.values.get(name.lower(), default)

    getheader = get

    def __delitem__(self, name: str) -> None:
        self.values.pop(name.lower(), None)

    @property
    def typeheader(self) -> str | None:
        """The Content-Type."""
        return self.values.get("content-type")

    def items(self) -> list[tuple[str, str]]:
        """All of them."""
        return list(self.values.items())


class Body(Input):  # type: ignore[misc]
    """A request's body that has to come in time, and is not read to its end for nothing."""

    __slots__ = ("handler",)
    handler: "Handler"

    def _do_read(self, length: int | None = None, use_readline: bool = False) -> Any:
        self.handler.expect_body(True)
        data = super()._do_read(length, use_readline)
        if self.position >= (self.content_length or 0):
            self.handler.expect_body(False)
        return data

    def _chunked_read(self, length: int | None = None, use_readline: bool = False) -> Any:
        self.handler.expect_body(True)
        data = super()._chunked_read(length, use_readline)
        if self.chunk_length == 0:
            self.handler.expect_body(False)
        return data

    def _discard(self) -> None:
        rest = (self.content_length or 0) - self.position
        if rest > DISCARD_BYTES or (self.chunked_input and self.chunk_length != 0):
            self.handler.close_connection = True
            self.handler.linger = True
        elif rest > 0:
            super()._discard()


class Handler(WSGIHandler):  # type: ignore[misc]
    """One connection's requests, until it ends or is taken over."""

    header_seconds: float = 10  # from a request's first byte to the end of its headers
    body_seconds: float = 30  # for its body, and for taking a part of the answer
    idle_seconds: float = 75  # until the next request on the connection

    # pywsgi's own, with their types
    socket: Any = None
    headers: Any
    status: Any
    code: Any = None
    wsgi_input: Any = None

    def __init__(self, sock: Any, address: Any, server: Any, rfile: Any = None) -> None:
        super().__init__(sock, address, server, rfile)
        self.entry: wheel.Entry | None = None
        self.write_failed = False
        self.on_reset: Callable[[], object] | None = None  # called when the client did not read the last answer
        self.linger = False
        self._late = False
        self._deadline = 0.0
        self._wheel = wheel.current()
        self._expect(self.header_seconds)

    # What a request may cost

    def MessageClass(self, file: BufferedReader, _: int) -> Headers:
        """Read the headers: pywsgi's name for it."""
        return Headers(file)

    def _headers(self) -> Iterator[tuple[str, str]]:
        """Names and values for the environ; a name with an underscore could pass for another and is left out."""
        for name, value in self.headers.items():
            key = name.upper().replace("-", "_")
            if "_" not in name and key not in _ANONYMOUS:
                yield "HTTP_" + key, value

    def _expect(self, seconds: float) -> None:
        """Give the client this long; the connection ends when it takes longer."""
        self._deadline = monotonic() + seconds
        self._wheel.at(self._deadline, self)

    def tick(self, now: float) -> float:
        """The deadline has come, or has been moved."""
        if not self._deadline or self.socket is None:
            return 0
        if now < self._deadline:
            return self._deadline
        self._late = True
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RD)  # whoever reads gets an OSError
        return 0

    def read_requestline(self) -> str:
        """Wait for a request; its headers have to follow soon."""
        if self.response_length:  # not the first one
            self._expect(self.idle_seconds)
            self._wait_for_request()
            self._expect(self.header_seconds)
        line: str = super().read_requestline()
        return line

    def _wait_for_request(self) -> None:
        """Until the next request begins. A reset instead says that the client closed with something unread."""
        try:
            self.rfile.peek(1)
        except ConnectionError:
            if self.on_reset is not None:
                self.on_reset()
            raise
        finally:
            self.on_reset = None

    def _handle_client_error(self, ex: Exception) -> tuple[str, bytes] | None:
        if isinstance(ex, HeadersTooLarge):
            self.socket.sendall(_TOO_LARGE)
            self._let_read()
            return None  # answered, and the end
        if isinstance(ex, OSError):  # the connection has ended, or it was time; pywsgi would print a traceback
            return ("408", _TOO_LATE) if self._late else None
        answer: tuple[str, bytes] = super()._handle_client_error(ex)
        return answer

    def log_error(self, msg: str, *args: Any) -> None:
        """What clients send wrongly is their business, and fills no log."""

    def log_request(self) -> None:
        """The application writes one line for each request."""

    def get_environ(self) -> dict[str, Any]:
        """The WSGI environ, with this handler and a body that has to come in time."""
        environ: dict[str, Any] = super().get_environ()
        self._deadline = 0.0
        inner = self.wsgi_input
        body = Body(inner.rfile, inner.content_length, socket=inner.socket, chunked_input=inner.chunked_input)
        body.handler = self
        self.wsgi_input = body
        environ["wsgi.input"] = body
        environ["wsgi.input_terminated"] = True
        environ[KEY] = self
        return environ

    def expect_body(self, waiting: bool) -> None:
        """The application reads the body, so it has to come now; or it is all there."""
        if not waiting:
            self._deadline = 0.0
        elif not self._deadline:
            self._expect(self.body_seconds)

    # Answering

    def finalize_headers(self) -> None:
        """Say that the connection ends where it does: a client would write into it otherwise."""
        self._deadline = 0.0
        super().finalize_headers()
        if self.close_connection and not any(name.lower() == b"connection" for name, _ in self.response_headers):
            self.response_headers.append((b"Connection", b"close"))

    def _write_with_headers(self, data: bytes) -> None:
        """Headers and a small body in one system call."""
        self.headers_sent = True
        self.finalize_headers()
        lines = [b"HTTP/1.1 " + self.status, *(name + b": " + value for name, value in self.response_headers)]
        head = b"\r\n".join(lines) + b"\r\n\r\n"
        if self.response_use_chunked or len(data) > JOINED_BYTES:
            self._sendall(head)
            self._write(data)
        else:
            self._sendall(head + data)

    def _sendall(self, data: bytes) -> None:
        """Send; a client that takes nothing for a while loses the connection."""
        try:
            view = memoryview(data)
            if len(view) > UNSENT_BYTES:
                self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)
            self.socket.settimeout(self.body_seconds)
            while view:
                view = view[self.socket.send(view) :]
        except OSError as error:
            self.write_failed = True
            self.close_connection = True
            self.status = f"socket error: {error}"
            if self.code and self.code > 0:
                self.code = -self.code
            raise BrokenPipeError(errno.EPIPE, "the client takes nothing") from None
        finally:
            if self.socket is not None:
                self.socket.settimeout(None)
        self.response_length += len(data)

    def handle_one_request(self) -> Any:
        """One request; where its body was left unread, the client gets a moment to read the answer."""
        result = super().handle_one_request()
        if self.linger:
            self._let_read()
        return result

    def _let_read(self) -> None:
        """Take what still comes, for a moment: hanging up on it would reset the connection, and lose the answer.

        In turns.
        """
        left, line = linger.BYTES, turns.current()
        with contextlib.suppress(OSError), gevent.Timeout(linger.SECONDS, False):
            self.socket.shutdown(socket.SHUT_WR)
            while left > 0 and (count := linger.discard(self.socket)):
                left -= count
                line.wait()

    def handle(self) -> None:
        """All requests of the connection."""
        try:
            super().handle()
        finally:
            wheel.cancel(self)
            self.environ = self.headers = self.result = self.on_reset = None

    # Taking over

    def on_hangup(self, callback: Callable[[], object]) -> "Hangup":
        """Call back when the client ends the connection while its request is being worked on."""
        return Hangup(self.socket, callback)

    def take_over(self) -> tuple[_socket.socket, bytes]:
        """The raw connection, and what the client has sent already: this handler and its greenlet end."""
        sock = self.socket
        sock.settimeout(0)
        early = self.rfile.peek(1) or b""
        family, kind, proto = sock.family, sock.type, sock.proto
        self.close_connection = True
        self.socket = None
        return _socket.socket(family, kind, proto, sock.detach()), bytes(early)


class Hangup:
    """Watches a connection that nobody reads for its end."""

    def __init__(self, sock: Any, callback: Callable[[], object]) -> None:
        self._sock = sock
        self._callback = callback
        self._watcher = gevent.get_hub().loop.io(sock.fileno(), 1)
        self._watcher.start(self._look)

    def _look(self) -> None:
        try:
            gone = not self._sock._sock.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return
        except OSError:
            gone = True
        self.stop()  # its next request, if that is what has come, waits in the kernel
        if gone:
            self._callback()

    def stop(self) -> None:
        """Watch no more."""
        if self._watcher is not None:
            self._watcher.stop()
            self._watcher.close()
            self._watcher = None

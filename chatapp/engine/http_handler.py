"""gevent's WSGI handler, with limits on what a request may cost, and a way to take its connection over.

Seams, checked against gevent 26.9.0 (`gevent.pywsgi.WSGIHandler`): `handle` calls `handle_one_request` until `socket`
is None, that calls `get_environ` and `handle_one_response`, `_headers` yields the headers for `get_environ`,
`wsgi_input._discard` reads what the application has left of the body. `http_answer` has the others.
`tests/engine/test_seams.py` fails when one of them changes.
"""

import _socket
import contextlib
import os
import socket
from collections.abc import Callable, Iterator
from http import HTTPStatus
from time import monotonic
from typing import Any
from wsgiref.types import WSGIEnvironment

from chatapp.engine import fair_queue, http_request, idle_connections, timer_wheel
from chatapp.engine.hangup import Hangup
from chatapp.engine.http_answer import Answering
from chatapp.engine.http_request import Body, Headers, RequestLine, Unacceptable
from chatapp.engine.relay import Relay

KEY = "chatapp.connection"  # where the environ has the handler

_ANONYMOUS = ("CONTENT_TYPE", "CONTENT_LENGTH")
HeaderList = list[tuple[str, str]]
Refusal = Callable[[int, float], tuple[HeaderList, bytes]]


def _refuse_in_silence(status: int, seconds: float) -> tuple[HeaderList, bytes]:
    return [], b""


class Handler(Answering):
    """One connection's requests, until it ends or is taken over."""

    header_seconds: float = 10  # from a request's first byte to the end of its headers
    idle_seconds: float = 75  # until the next request on the connection
    most_connections: int = 0  # that the server takes, 0: any number
    is_clients_own: bool = True  # False: a proxy's, which resets connections that it needs no more (HAProxy does)
    most_waiting: int = 0  # connections of one group that wait for a request, 0: any number
    group_of: Callable[[str], str] = staticmethod(str)  # the group of an address
    # Headers and body that answer a request which no application sees, by status and the seconds that it took.
    refusal: Refusal = staticmethod(_refuse_in_silence)
    relay: Relay | None = None  # to the workers that share the address
    relayed_path = "/socket.io/"

    # pywsgi's own, with their types
    headers: Any
    environ: Any = None

    def __init__(self, sock: Any, address: Any, server: Any, rfile: Any = None) -> None:
        super().__init__(sock, address, server, rfile)
        self.entry: timer_wheel.Entry | None = None
        self._reading: fair_queue.Reading | None = None
        self.on_reset: Callable[[], object] | None = None  # called when the client did not read the last answer
        self.linger = False
        self._begun = 0.0  # when the first byte of a request was there
        self.is_late = False
        self._wheel = timer_wheel.current()
        self._expect(self.header_seconds)
        self.group = self.group_of(str(address[0]) if isinstance(address, tuple) else "")
        self._crowd = idle_connections.current()
        self._crowd.open += 1
        self._crowd.add(self)
        if self.most_connections and self._crowd.open >= self.most_connections:
            self._crowd.make_room(self)

    # Limits of a request

    def _headers(self) -> Iterator[tuple[str, str]]:
        """Yield names and values for the environ; a name with an underscore could pass for another and is left out."""
        for name, value in self.headers.items():
            key = name.upper().replace("-", "_")
            if "_" not in name and key not in _ANONYMOUS:
                yield "HTTP_" + key, value

    def hang_up(self) -> None:
        """End a connection that waits for a request: its place is needed."""
        self._crowd.remove(self)
        if self.socket is not None:
            with contextlib.suppress(OSError):
                self.socket.shutdown(socket.SHUT_RDWR)  # whoever reads gets an OSError

    def _expect(self, seconds: float) -> None:
        """Give the client this long; the connection ends when it takes longer."""
        self._deadline = monotonic() + seconds
        self._wheel.at(self._deadline, self)

    def tick(self, now: float) -> float:
        """Read nothing more if the deadline has come; return the time of the next look, 0 for never."""
        if not self._deadline or self.socket is None:
            return 0
        if now < self._deadline:
            return self._deadline
        self.is_late = True
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RD)  # whoever reads gets an OSError
        return 0

    def handle_one_request(self) -> bool | None:
        """Serve one request; return True when the connection goes on after it."""
        line = None
        try:
            line = self._read_line()
            if line is None:
                return None
            self._read_headers(line)
            self._crowd.remove(self)
        except OSError:  # the connection has ended, or it was time
            if line is not None and self.is_late:
                self._refuse(HTTPStatus.REQUEST_TIMEOUT)
            return None
        except Unacceptable as unacceptable:
            self._refuse(unacceptable.status)
            return None
        if self.relay is not None and self.path.startswith(self.relayed_path) and self._is_passed_on(self.relay):
            return None
        self.environ = self.get_environ()
        self.application = self.server.application
        self.handle_one_response()
        if self.linger:
            self._let_read()
        return None if self.close_connection or self.rfile.closed else True

    def _read_line(self) -> RequestLine | None:
        """Wait for a request; its headers have to follow soon."""
        is_first = not self.response_length
        if not is_first:
            self._expect(self.idle_seconds)
            self._crowd.add(self)
        self._wait_for_request()
        if not is_first:
            self._expect(self.header_seconds)
        self._begun = monotonic()
        return http_request.read_line(self.rfile)

    def _read_headers(self, line: RequestLine) -> None:
        self.response_length = 0
        self.headers = Headers(self.rfile)
        self.headers.check(line)
        self.command, self.path, self.request_version, _ = line
        length = self.headers.get("content-length")
        self.content_length = None if length is None else int(length)
        self.close_connection = self.headers.ends_connection(line.version)

    def _refuse(self, status: int) -> None:
        """Answer a request that nothing is done with, and end the connection."""
        self._deadline = 0.0
        headers, body = self.refusal(status, monotonic() - self._begun)
        lines = [f"{name}: {value}" for name, value in headers]
        head = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", "Connection: close", f"Content-Length: {len(body)}"]
        with contextlib.suppress(OSError):
            self.socket.sendall("\r\n".join([*head, *lines, "", ""]).encode("latin-1") + body)
            self._let_read()

    def _wait_for_request(self) -> None:
        """Return when the next request begins and its turn has come, or when there is none any more.

        A reset instead says that the client closed with something unread.
        """
        try:
            if self._peek_at_once():
                fair_queue.current().go_on()
                return
            if self._reading is None:
                self._reading = fair_queue.Reading(fair_queue.current(), self.socket.fileno())
            self._reading.wait()
            self.rfile.peek(1)
        except ConnectionError:
            if self.on_reset is not None and self.is_clients_own:
                self.on_reset()
            raise
        finally:
            self.on_reset = None

    def _peek_at_once(self) -> bytes:
        """Return what has come already."""
        self.socket.settimeout(0)
        try:
            return bytes(self.rfile.peek(1) or b"")
        finally:
            self.socket.settimeout(None)

    def handle_error(self, t: Any, v: Any, tb: Any) -> None:
        """Answer for an application that failed, or for a body that was none."""
        if isinstance(v, Unacceptable):
            self.close_connection = True
            if not self.response_length:
                self._refuse(v.status)
        else:
            super().handle_error(t, v, tb)

    def log_error(self, msg: str, *args: Any) -> None:
        """Log nothing: the mistakes of clients would fill the log."""

    def log_request(self) -> None:
        """Log nothing: the application writes one line for each request."""

    def get_environ(self) -> WSGIEnvironment:
        """Return the WSGI environ, with this handler and a body that has to come in time."""
        environ: WSGIEnvironment = super().get_environ()
        self._deadline = 0.0
        inner = self.wsgi_input
        body = Body(
            inner.rfile, inner.content_length, socket=inner.socket, chunked_input=inner.chunked_input, handler=self
        )
        self.wsgi_input = body
        environ["wsgi.input"] = body
        environ["wsgi.input_terminated"] = True
        environ[KEY] = self
        return environ

    def expect_body(self, waiting: bool) -> None:
        """Start the clock of a body that the application reads, unless all of it is there."""
        if not waiting:
            self._deadline = 0.0
        elif not self._deadline:
            self._expect(self.body_seconds)

    def handle(self) -> None:
        """Serve all requests of the connection."""
        try:
            super().handle()
        finally:
            timer_wheel.cancel(self)
            self._crowd.remove(self)
            self._crowd.open -= 1
            if self._reading is not None:
                self._reading.close()
            self.environ = self.headers = self.result = self.on_reset = self._reading = None

    # Taking over

    def _is_passed_on(self, relay: Relay) -> bool:
        """Pass the connection to the worker that owns the request's session, where that is another one."""
        owner = relay.owner(self.path)
        if owner is None:
            return False
        lines = [f"{name}: {value}" for name, value in self.headers.items()]
        head = "\r\n".join([f"{self.command} {self.path} {self.request_version}", *lines, "", ""]).encode("latin-1")
        behind = self._peek_at_once()
        if not relay.pass_on(self.socket, self.client_address, head + behind, owner):
            return False
        self.close_connection = True
        os.close(self.socket.detach())  # without a shutdown: the other one goes on with it
        self.socket = None
        return True

    def on_hangup(self, callback: Callable[[], object]) -> Hangup:
        """Call back when the client ends the connection while its request is being worked on."""
        return Hangup(self.socket, callback)

    def take_over(self) -> tuple[_socket.socket, bytes]:
        """Return the raw connection and the bytes that have come already; this handler and its greenlet end."""
        sock = self.socket
        sock.settimeout(0)
        early = self.rfile.peek(1) or b""
        family, kind, proto = sock.family, sock.type, sock.proto
        self.close_connection = True
        self.socket = None
        return _socket.socket(family, kind, proto, sock.detach()), bytes(early)

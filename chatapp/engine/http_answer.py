"""The answers of gevent's WSGI handler: few system calls for each, and an end to clients that take nothing.

Seams, checked against gevent 26.9.0 (`gevent.pywsgi.WSGIHandler`): `finalize_headers` and `_write_with_headers` answer.
"""

import contextlib
import errno
import socket
from typing import Any

import gevent
from gevent.pywsgi import WSGIHandler

from chatapp.engine import fair_queue, lingering_close

JOINED_BYTES = 65_536  # a body up to this goes out with its headers
UNSENT_BYTES = 131_072  # of an answer wait in the kernel: else it takes megabytes for a client that reads nothing


class Answering(WSGIHandler):  # type: ignore[misc]
    """The half of a connection's handler that answers."""

    body_seconds: float = 30  # for a request's body, and for taking a part of the answer

    # pywsgi's own, with their types
    socket: Any = None
    status: Any
    code: Any = None
    wsgi_input: Any = None
    response_headers: Any = None

    def __init__(self, sock: Any, address: Any, server: Any, rfile: Any = None) -> None:
        super().__init__(sock, address, server, rfile)
        self.write_failed = False
        self._deadline = 0.0  # of the request that is being read; 0: there is none

    def finalize_headers(self) -> None:
        """Say that the connection ends where it does: a client would write into it otherwise."""
        self._deadline = 0.0
        super().finalize_headers()
        if self.wsgi_input.is_endless:
            self.close_connection = True
        if self.close_connection:
            others = [row for row in self.response_headers if row[0].lower() != b"connection"]
            self.response_headers = [*others, (b"Connection", b"close")]

    def _write_with_headers(self, data: bytes) -> None:
        """Write headers and a small body in one system call."""
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

    def _let_read(self) -> None:
        """Take what still comes, for a moment: hanging up on it would reset the connection, and lose the answer.

        In turns.
        """
        left, line = lingering_close.BYTES, fair_queue.current()
        with contextlib.suppress(OSError), gevent.Timeout(lingering_close.SECONDS, False):
            self.socket.shutdown(socket.SHUT_WR)
            while left > 0 and (count := lingering_close.discard(self.socket)):
                left -= count
                line.wait()

"""Copies the bytes of a connection to and from another process."""

import contextlib
import socket
from typing import Any

import gevent

from chatapp.engine import lingering_close
from chatapp.engine.stream import Stream

_READ_BYTES = 65_536
_WRITE_BYTES = 16_384


def join(sock: Any, stream: Stream, early: bytes = b"", seconds: float | None = None) -> None:
    """Copy both ways until it ends, and close the connection. `early` was read of it already; when it takes nothing
    for so many `seconds`, it ends."""
    stream.on_gone = lambda: _shut_down(sock)
    if stream.is_over:
        _shut_down(sock)
    sending = gevent.spawn(_send, sock, stream, early)
    try:
        _receive(sock, stream, seconds)
        sending.join(lingering_close.SECONDS)  # so that it hears why it is ended
    finally:
        sending.kill()
        stream.on_gone = None
        stream.reset()
        sock.close()


def _shut_down(sock: Any) -> None:
    """Let nobody wait for this connection any more."""
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


def _send(sock: Any, stream: Stream, early: bytes) -> None:
    try:
        if early:
            stream.write(early)
        while data := sock.recv(_READ_BYTES):
            stream.write(data)
        stream.end()
    except OSError:
        stream.reset()
        _shut_down(sock)


def _receive(sock: Any, stream: Stream, seconds: float | None) -> None:
    try:
        while data := stream.read():
            view = memoryview(data)
            for start in range(0, len(view), _WRITE_BYTES):
                with gevent.Timeout(seconds, TimeoutError):
                    sock.sendall(view[start : start + _WRITE_BYTES])
        sock.shutdown(socket.SHUT_WR)
    except OSError:
        stream.reset()
        _shut_down(sock)

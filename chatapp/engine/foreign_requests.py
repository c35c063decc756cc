"""Requests that other machines send on to the owner of the session: answered here, by the session itself.

An answer to a poll counts as delivered when it was sent on, as it does locally when the kernel has it. When the other
process could not write it the session ends, and its client connects anew.
"""

import _socket
import socket
from collections.abc import Callable
from typing import Any, Protocol

import gevent.socket

from chatapp.engine import fair_queue, tunnel
from chatapp.engine.answers import Answer, Refusal
from chatapp.engine.frames import TOO_BIG, ProtocolError
from chatapp.engine.polling import Watch
from chatapp.engine.stream import FIRST_BYTES, Frame, Gone, Stream

POST, WEBSOCKET = "POST", "WEBSOCKET"  # what is asked for, beside GET
CANCEL, RELEASE = "CANCEL", "RELEASE"  # the client did not read an answer; let the poll be answered now
PIECE_SECONDS = 10.0  # for what has to follow a part of an answer, or of a body
_CONNECTION_BYTES = 65_536  # that the kernel keeps between a session's WebSocket and its tunnel


class Engine(Protocol):
    """The Engine.IO server that the sessions belong to."""

    sockets: dict[str, Any]
    max_http_buffer_size: int

    def answer(self, method: str, sid: str, watch: Watch | None, read: Callable[[], bytes]) -> Answer:
        """Return the answer to a request of polling; raises Refusal."""

    def upgrade(self, sid: str, connect: Callable[[], _socket.socket]) -> None:
        """Let a session try a WebSocket; raises Refusal."""


class _Watched:
    """Calls back when the client of a stream's request has hung up."""

    def __init__(self, stream: Stream, callback: Callable[[], object]) -> None:
        self._stream = stream
        stream.on_gone = callback
        if stream.is_over:
            callback()

    def stop(self) -> None:
        self._stream.on_gone = None


class ForeignRequests:
    """Answers the requests that other machines send here. A large body has to come within `body_seconds`."""

    def __init__(self, engine: Engine, body_seconds: float) -> None:
        self._engine = engine
        self._body_seconds = body_seconds

    def serve(self, stream: Stream, request: Frame) -> None:
        """Answer one request, which another process has sent on."""
        try:
            if request["method"] in (CANCEL, RELEASE):
                self._act(stream, request)
            elif request["method"] == WEBSOCKET:
                self._upgrade(stream, request["sid"])
            else:
                self._answer(stream, request)
            stream.let_go()
        except Gone:
            pass
        except BaseException:
            stream.fail()
            raise

    def _act(self, stream: Stream, request: Frame) -> None:
        session = self._engine.sockets.get(request["sid"])
        if session is not None and request["method"] == CANCEL:
            session.cancelled()
        elif session is not None:
            session.probed()
        stream.end()

    def _answer(self, stream: Stream, request: Frame) -> None:
        try:
            answer = self._engine.answer(
                request["method"],
                request["sid"],
                lambda callback: _Watched(stream, callback),
                lambda: self._body(stream, request),
            )
        except Refusal as refusal:
            answer = refusal.answer
        session = answer.session
        try:
            _send(stream, answer)
        except Gone:
            if session is not None:
                session.polled(False)
            raise
        if session is not None:
            session.polled(True)
            stream.on_gone = session.cancelled

    def _body(self, stream: Stream, request: Frame) -> bytes:
        """Return the body of a POST; raises ProtocolError, or OSError when it does not come."""
        if "size" not in request and "fault" not in request:  # it was not read yet
            stream.note({"wanted": True})
            request = stream.read_note(self._body_seconds)
        if "fault" in request:
            raise ProtocolError(*request["fault"])
        size = request["size"]
        if size < 0:
            raise OSError("the body did not come")
        if size > self._engine.max_http_buffer_size:
            raise ProtocolError(TOO_BIG, f"Payloads have at most {self._engine.max_http_buffer_size} bytes")
        return fair_queue.read_large(size, lambda: _read(stream, size))

    def _upgrade(self, stream: Stream, sid: str) -> None:
        tunnelled, ours = gevent.socket.socketpair()
        for end in (tunnelled, ours):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _CONNECTION_BYTES)
        try:
            self._engine.upgrade(sid, lambda: _socket.socket(ours.family, ours.type, ours.proto, ours.detach()))
        except Refusal as refusal:
            tunnelled.close()
            ours.close()
            _send(stream, refusal.answer)
            return
        stream.note({"status": ""})
        stream.make_room()
        tunnel.join(tunnelled, stream)


def _read(stream: Stream, size: int) -> bytes:
    if size > FIRST_BYTES:
        stream.make_room()
    data = bytearray()
    while len(data) < size:
        piece = stream.read(PIECE_SECONDS)
        if not piece:
            raise Gone
        data += piece
    return bytes(data)


def _send(stream: Stream, answer: Answer) -> None:
    stream.note(
        {
            "status": answer.status,
            "type": answer.content_type,
            "headers": [list(row) for row in answer.headers],
            "is_poll": answer.session is not None,
        }
    )
    stream.write(answer.body)
    stream.end()

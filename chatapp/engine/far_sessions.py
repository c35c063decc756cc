"""Requests of sessions that another machine owns: sent on to their owner, whose answer is written here.

A client's requests may come to any machine, where nothing in front holds it to one. The owner is known from the
session's id. What a client may send is counted once, by its session.
"""

import _socket
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from wsgiref.types import WSGIEnvironment

import gevent
import gevent.socket

from chatapp.engine import http_handler, packets, post_body, tunnel
from chatapp.engine.answers import BAD_REQUEST, FORBIDDEN, UNKNOWN_SID, Answer, Refusal
from chatapp.engine.foreign_requests import CANCEL, PIECE_SECONDS, POST, RELEASE, WEBSOCKET
from chatapp.engine.frames import ProtocolError
from chatapp.engine.http_request import Unacceptable
from chatapp.engine.polling import NOOP
from chatapp.engine.relay import SEPARATOR
from chatapp.engine.socket_writer import WRITE_BYTES
from chatapp.engine.stream import FIRST_BYTES, Frame, Gone, Stream
from chatapp.engine.streams import Streams

MOST_BODY_BYTES = 32_000_000  # of all bodies that wait for their sessions
_MOST_ANSWER_BYTES = 64_000_000
_MOST_SID_BYTES = 100
_LEAVE_SECONDS = 0.5
_PAUSE_SECONDS = 0.1  # before a poll is answered by a process that is about to end
_BUSY = "503 Service Unavailable"
_STOPPING = (FORBIDDEN[0], "The server is restarting")


class FarSessions:
    """Sessions of other machines. `way(name)` is None for what is no process of another machine that can be asked now;
    `most_bytes` is how long a body may be, an answer comes within `seconds`, and a client that takes nothing for
    `slow_seconds` is given up."""

    def __init__(
        self,
        streams: Streams,
        way: Callable[[str], object],
        *,
        most_bytes: int,
        seconds: float,
        slow_seconds: float,
    ) -> None:
        self._streams = streams
        self._way = way
        self._most_bytes = most_bytes
        self._seconds = seconds
        self._slow_seconds = slow_seconds
        self._polls: dict[str, Stream] = {}  # by sid, until they are answered
        self._body_bytes = 0
        self._is_leaving = False
        self.sent_on = 0

    def answer(self, environ: WSGIEnvironment, method: str, sid: str) -> Answer | None:
        """Return the owner's answer to a request of polling; None when no such owner is there. Raises Refusal."""
        if method not in ("GET", POST):
            return None
        if self._is_leaving and method == "GET":
            return self._leave_to_another(environ)
        owner = self._owner(sid)
        if owner is not None:
            with suppress(Gone):
                return self._poll(owner, environ, sid) if method == "GET" else self._post(owner, environ, sid)
        if self._is_leaving:  # the session may be there, and can't be asked any more
            if method == "GET":
                return self._leave_to_another(environ)
            raise Refusal(_STOPPING, _BUSY, 1)
        if owner is not None:
            raise Refusal(UNKNOWN_SID)
        return None

    def _leave_to_another(self, environ: WSGIEnvironment) -> Answer:
        """Return the answer to a poll that has nothing in it: the client polls again, and another machine answers."""
        gevent.sleep(_PAUSE_SECONDS)
        connection = environ.get(http_handler.KEY)
        if connection is not None:
            connection.close_connection = True
        return Answer("200 OK", packets.payload([NOOP]))

    def _owner(self, sid: str) -> str | None:
        name, separator, _ = sid.partition(SEPARATOR)
        return name if separator and len(sid) <= _MOST_SID_BYTES and self._way(name) is not None else None

    def _open(self, owner: str, method: str, sid: str, **more: object) -> Stream:
        self.sent_on += 1
        return self._streams.open(owner, {"method": method, "sid": sid, **more})

    # Polling

    def _poll(self, owner: str, environ: WSGIEnvironment, sid: str) -> Answer:
        if sid in self._polls:
            self.cancel(owner, sid)
            raise Refusal(BAD_REQUEST)
        connection = environ.get(http_handler.KEY)
        stream = self._polls[sid] = self._open(owner, "GET", sid)
        hangup = connection.on_hangup(stream.reset) if connection is not None else None
        poll = _FarPoll(self, stream, sid)
        try:
            head = stream.read_note(self._seconds)
            answer = self._answer_of(head, stream)
        except BaseException:
            poll.polled(False)
            raise
        finally:
            if hangup is not None:
                hangup.stop()
        if head["is_poll"]:
            answer.session = poll
        else:
            poll.polled(True)
        return answer

    def polled(self, stream: Stream, sid: str) -> None:
        """Let the session's client poll again."""
        if self._polls.get(sid) is stream:
            del self._polls[sid]

    def cancel(self, owner: str, sid: str) -> None:
        """Let the session end: its client has not read an answer, or polls twice at once."""
        with suppress(Gone):
            self._open(owner, CANCEL, sid).end()

    def _answer_of(self, head: Frame, stream: Stream) -> Answer:
        body = stream.read_all(_MOST_ANSWER_BYTES, PIECE_SECONDS)
        return Answer(head["status"], body, head["type"], [(name, value) for name, value in head["headers"]])

    def _post(self, owner: str, environ: WSGIEnvironment, sid: str) -> Answer:
        """Send a POST on; a large body is read when the session wants it, which may be none."""
        if 0 < int(environ.get("CONTENT_LENGTH") or 0) <= FIRST_BYTES:
            request, body = self._read(environ)
            stream = self._open(owner, POST, sid, **request)
            stream.write(body, PIECE_SECONDS)
        else:
            stream = self._open(owner, POST, sid)
        head = stream.read_note(self._seconds)
        if head.get("wanted"):
            try:
                self._send_body(stream, environ)
            except BaseException:
                stream.reset()
                raise
            head = stream.read_note(self._seconds)
        answer = self._answer_of(head, stream)
        stream.end()
        return answer

    def _send_body(self, stream: Stream, environ: WSGIEnvironment) -> None:
        request, body = self._read(environ)
        with self._count(len(body)):
            stream.note(request)
            stream.write(body, PIECE_SECONDS)

    def _read(self, environ: WSGIEnvironment) -> tuple[Frame, bytes]:
        """Return what the owner is told of the body, and the body: what is wrong with it is the session's affair."""
        try:
            body = post_body.read(environ, self._most_bytes)
        except ProtocolError as error:
            return {"fault": [error.code, error.reason]}, b""
        except (OSError, Unacceptable):
            return {"size": -1}, b""
        return {"size": len(body)}, body

    @contextmanager
    def _count(self, size: int) -> Iterator[None]:
        if size and self._body_bytes + size > MOST_BODY_BYTES:
            raise Refusal((FORBIDDEN[0], "Too much is under way"), _BUSY, 1)
        self._body_bytes += size
        try:
            yield
        finally:
            self._body_bytes -= size

    # WebSocket

    def upgrade(self, environ: WSGIEnvironment, switching: bytes, sid: str) -> bool:
        """Let the owner have the connection as a WebSocket, after this response; False when no such owner is there.

        Raises Refusal.
        """
        owner = self._owner(sid)
        if owner is None:
            return False
        try:
            stream = self._open(owner, WEBSOCKET, sid)
            head = stream.read_note(self._seconds)
            if head["status"]:
                answer = self._answer_of(head, stream)
                stream.end()
                raise Refusal.of(answer)
        except Gone:
            raise Refusal(UNKNOWN_SID) from None
        try:
            sock, early = environ[http_handler.KEY].take_over()
        except OSError:  # the client has hung up
            stream.reset()
        else:
            gevent.spawn(self._tunnel, sock, early, switching, stream)
        return True

    def _tunnel(self, raw: _socket.socket, early: bytes, switching: bytes, stream: Stream) -> None:
        sock = gevent.socket.socket(raw.family, raw.type, raw.proto, raw.detach())
        with suppress(OSError):  # not TCP
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, WRITE_BYTES)
        with suppress(OSError):
            sock.sendall(switching)
        tunnel.join(sock, stream, early, self._slow_seconds)

    # The end

    def leave(self) -> None:
        """Let polls that wait be answered by their sessions, which lose nothing, before this process ends."""
        self._is_leaving = True
        for sid, stream in list(self._polls.items()):
            with suppress(Gone):
                self._open(stream.peer, RELEASE, sid).end()
        with gevent.Timeout(_LEAVE_SECONDS, False):
            while self._polls:
                gevent.sleep(0.01)


class _FarPoll:
    """A poll that another machine's session has answered, as the one who writes the answer sees it."""

    def __init__(self, sessions: FarSessions, stream: Stream, sid: str) -> None:
        self._sessions = sessions
        self._stream = stream
        self._sid = sid

    def polled(self, delivered: bool) -> None:
        """Take note that the answer was written, or could not be."""
        self._sessions.polled(self._stream, self._sid)
        if delivered:
            self._stream.end()
        else:
            self._stream.reset()

    def cancelled(self) -> None:
        """Take note that the client has not read the answer."""
        self._sessions.cancel(self._stream.peer, self._sid)

"""The Engine.IO server: the requests of clients, and the answers that the published protocol (revision 4) asks for.

Seams, checked against python-engineio 4.15.1: `handle_request` is the WSGI application, `_cors_allowed_origins` and
`_cors_headers` decide about origins. `live_sessions` has the others.
"""

import _socket
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs
from wsgiref.types import WSGIEnvironment

from chatapp.engine import answers, handshake, http_handler, packets, post_body, relay
from chatapp.engine.answers import (
    BAD_METHOD,
    BAD_REQUEST,
    UNKNOWN_SID,
    UNKNOWN_TRANSPORT,
    UNSUPPORTED_VERSION,
    Answer,
    PollBody,
    Refusal,
)
from chatapp.engine.engineio_session import Session
from chatapp.engine.frames import POLICY, TOO_BIG, Message, ProtocolError
from chatapp.engine.http_request import Unacceptable
from chatapp.engine.live_sessions import LiveSessions
from chatapp.engine.polling import Watch
from chatapp.engine.websocket import WebSocket

StartResponse = Callable[..., Any]


class EngineServer(LiveSessions):
    """The WSGI application: each request of a client, and what it is answered."""

    def handle_request(self, environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        """Answer a request: this is the WSGI application."""
        try:
            answer = self._answer(environ)
        except Refusal as refusal:
            answer = refusal.answer
        except handshake.Refused as refused:
            headers = list(refused.headers)
            answer = Answer(refused.status, refused.reason.encode(), headers=headers)
        if answer is None:  # the connection is a WebSocket now
            return []
        headers = [("Content-Type", answer.content_type), ("Cache-Control", "no-store"), *answer.headers]
        body = answer.body
        if self.http_compression and len(body) >= self.compression_threshold:
            body = answers.compressed(environ, body, headers)
        start_response(answer.status, headers + self._cors_headers(environ))
        if answer.session is not None:
            return PollBody(body, answer.session, environ.get(http_handler.KEY))
        return [body]

    def _answer(self, environ: WSGIEnvironment) -> Answer | None:
        self._check_origin(environ)
        method = environ["REQUEST_METHOD"]
        if method == "OPTIONS":
            return Answer("200 OK", b"")
        query = {name: values[0] for name, values in parse_qs(environ.get("QUERY_STRING", "")).items()}
        if query.get("transport") not in self.transports:
            raise Refusal(UNKNOWN_TRANSPORT)
        if query.get("EIO") != "4":
            raise Refusal(UNSUPPORTED_VERSION)
        if query["transport"] == "websocket":
            return self._websocket(environ, method, query.get("sid"))
        if handshake.is_upgrade(environ):
            raise Refusal(BAD_REQUEST)
        if "sid" not in query:
            return self._open_polling(environ, method)
        return self._polling(environ, method, query["sid"])

    def _check_origin(self, environ: WSGIEnvironment) -> None:
        """Refuse other sites; browsers send the origin, native apps don't."""
        origin = environ.get("HTTP_ORIGIN")
        if origin and self.cors_allowed_origins != []:
            allowed = self._cors_allowed_origins(environ)
            if allowed is not None and origin not in allowed:
                raise Refusal((BAD_REQUEST[0], "Not an accepted origin."))

    def _cors_headers(self, environ: WSGIEnvironment) -> list[tuple[str, str]]:
        """Return the CORS headers. Only a listed origin gets credentials: "*" means any site, and files (`null`)."""
        return answers.without_credentials(super()._cors_headers(environ), self.cors_allowed_origins)

    # Polling

    def _open_polling(self, environ: WSGIEnvironment, method: str) -> Answer:
        if method != "GET":
            raise Refusal(BAD_METHOD)
        session = self._open(environ)
        can_upgrade = self.allow_upgrades and "websocket" in self.transports and http_handler.KEY in environ
        body = packets.payload([self._open_packet(session, ["websocket"] if can_upgrade else [])])
        return Answer("200 OK", body, headers=self._cookie(session.sid))

    def _cookie(self, sid: str) -> list[tuple[str, str]]:
        if not self.cookie:
            return []
        attributes = self.cookie if isinstance(self.cookie, dict) else {"name": self.cookie, "path": "/"}
        return [("Set-Cookie", self._generate_sid_cookie(sid, {"SameSite": "Lax", **attributes}))]

    def _polling(self, environ: WSGIEnvironment, method: str, sid: str) -> Answer:
        if sid not in self.sockets and self.elsewhere is not None:
            answer = self.elsewhere.answer(environ, method, sid)
            if answer is not None:
                return answer
        connection = environ.get(http_handler.KEY)
        watch = connection.on_hangup if connection is not None else None
        return self.answer(method, sid, watch, lambda: post_body.read(environ, self.max_http_buffer_size))

    def answer(self, method: str, sid: str, watch: Watch | None, read: Callable[[], bytes]) -> Answer:
        """Return the answer to a request of polling; raises Refusal.

        `watch(callback)` calls back when the client hangs up, `read()` returns the body, or raises ProtocolError.
        """
        if self.name and sid == self.name + relay.SEPARATOR:  # nobody's session: whether this process can be reached
            return Answer("200 OK", self.name.encode())
        session = self._session(sid)
        if session.upgraded:
            raise Refusal(BAD_REQUEST)
        if method == "GET":
            return self._poll(session, watch)
        if method == "POST":
            return self._post(session, read)
        raise Refusal(BAD_REQUEST)

    def _poll(self, session: Session, watch: Watch | None) -> Answer:
        answer = session.poll(watch)
        if answer is None:
            raise Refusal(UNKNOWN_SID if session.closed else BAD_REQUEST)
        return Answer("200 OK", packets.payload(answer), session=session)

    def _post(self, session: Session, read: Callable[[], bytes]) -> Answer:
        try:
            session.post(read)
        except ProtocolError as error:
            status = "413 Content Too Large" if error.code == TOO_BIG else "400 Bad Request"
            raise Refusal((BAD_REQUEST[0], error.reason), status) from None
        except (OSError, Unacceptable):  # the body did not come, or is none
            session.close(abort=True, reason=self.reason.TRANSPORT_ERROR)
            raise Refusal(BAD_REQUEST) from None
        return Answer("200 OK", b"ok")

    # WebSocket

    def _websocket(self, environ: WSGIEnvironment, method: str, sid: str | None) -> Answer | None:
        if sid is None and method != "GET":
            raise Refusal(BAD_METHOD)
        can_upgrade = http_handler.KEY in environ and handshake.is_upgrade(environ)
        if can_upgrade and sid and sid not in self.sockets and self.elsewhere is not None:
            if self.elsewhere.upgrade(environ, handshake.response(environ), sid):
                return None
        session = self._session(sid) if sid is not None else None
        if not can_upgrade:
            raise Refusal(BAD_REQUEST)
        switching = handshake.response(environ)
        if session is not None:
            sock, early = environ[http_handler.KEY].take_over()
            self._upgrade(session, sock, early, switching)
        else:
            self._open_websocket(environ, switching)
        return None

    def _open_websocket(self, environ: WSGIEnvironment, switching: bytes) -> None:
        session = self._open(environ)
        try:
            sock, early = environ[http_handler.KEY].take_over()
        except OSError:  # the client has hung up
            session.close(abort=True, reason=self.reason.TRANSPORT_ERROR)
            return
        websocket = WebSocket(sock, session, self.limits)
        websocket.send(switching + self._open_packet(session, []).frame)
        session.open_websocket(websocket)
        websocket.start(early)

    def upgrade(self, sid: str, connect: Callable[[], _socket.socket]) -> None:
        """Let a session try the WebSocket that `connect()` returns, its handshake being answered; raises Refusal."""
        session = self._session(sid)
        self._upgrade(session, connect(), b"", b"")

    def _upgrade(self, session: Session, sock: _socket.socket, early: bytes, switching: bytes) -> None:
        websocket = WebSocket(sock, session, self.limits)
        if switching:
            websocket.send(switching)
        probe = session.probe(websocket) if self.allow_upgrades else None
        if probe is None:
            websocket.owner = _Nobody()
            websocket.close(POLICY, "no second WebSocket")
        else:
            websocket.owner = probe
        websocket.start(early)


class _Nobody:
    """The owner of a WebSocket that is only told goodbye."""

    def received(self, message: Message) -> None: ...
    def lost(self, code: int) -> None: ...
    def caught_up(self) -> None: ...

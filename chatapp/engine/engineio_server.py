"""The Engine.IO server: handshakes, the sessions, and the answers that the published protocol (revision 4) asks for.

Seams, checked against python-engineio 4.15.1: `handle_request` is the WSGI application, `sockets` has the sessions by
sid, `handlers` the three events, `_cors_allowed_origins` and `_cors_headers` decide about origins.
"""

from collections import Counter
from collections.abc import Callable
from math import floor
from typing import Any
from urllib.parse import parse_qs

import engineio
import orjson

from chatapp.addresses import address_key
from chatapp.engine import answers, handshake, http_handler, packets, post_body, relay, retained_environ
from chatapp.engine.answers import (
    BAD_METHOD,
    BAD_REQUEST,
    FORBIDDEN,
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
from chatapp.engine.packets import Outgoing
from chatapp.engine.traffic_limits import Limits
from chatapp.engine.websocket import WebSocket

StartResponse = Callable[..., Any]
Environ = dict[str, Any]

PINGS_TOGETHER = 0.25  # seconds

Admission = Callable[[Environ, int], None]


class EngineServer(engineio.Server):  # type: ignore[misc]
    """python-engineio's server on the engine's sessions.

    `admit(environ, sockets of the address)` may raise Refusal for a handshake; `on_caught_up(sid)` is told of clients
    that missed something; `connect_timeout` closes sessions that join no namespace in time (0: they need not).
    """

    def __init__(
        self,
        *,
        limits: Limits | None = None,
        connect_timeout: float = 0,
        upgrade_timeout: float = 10,
        max_sessions: int = 0,
        admit: Admission | None = None,
        on_caught_up: Callable[[str], None] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(monitor_clients=False, **options)
        self.limits = limits or Limits(message_bytes=self.max_http_buffer_size)
        self.connect_timeout = connect_timeout
        self.upgrade_timeout = upgrade_timeout
        self.max_sessions = max_sessions
        self.name = ""  # of this worker among others, which its sessions' ids begin with
        self.counts: Counter[str] = Counter()
        self.by_address: Counter[str] = Counter()
        self.over: set[str] = set()  # sids of closed sessions, until the application has been told
        self._admit = admit
        self._on_caught_up = on_caught_up
        self._open_sizes = {
            "pingInterval": round(self.ping_interval * 1000),
            "pingTimeout": round(self.ping_timeout * 1000),
            "maxPayload": self.max_http_buffer_size,
        }

    def generate_id(self) -> str:
        """Return a new id that begins with its owner, where there are several."""
        sid: str = super().generate_id()
        return self.name + relay.SEPARATOR + sid if self.name else sid

    # For the library

    def send_packet(self, sid: str, packet: Any) -> None:
        """Send one packet to one session; to none that is gone."""
        session = self.sockets.get(sid)
        if session is not None:
            session.send(packet if isinstance(packet, Outgoing) else Outgoing(str(packet.packet_type), packet.data))

    def send(self, sid: str, data: Message) -> None:
        """Send a message."""
        session = self.sockets.get(sid)
        if session is not None:
            session.send(Outgoing(packets.MESSAGE, data))

    def disconnect(self, sid: str | None = None) -> None:
        """Close one session, or all."""
        for session in [self.sockets.get(sid)] if sid else list(self.sockets.values()):
            if session is not None:
                session.close(reason=self.reason.SERVER_DISCONNECT)

    # For sessions

    def ping_time(self, last: float) -> float:
        """Return when to ping next: in groups, so that pongs come in groups, which costs half."""
        together = min(PINGS_TOGETHER, self.ping_interval / 20)
        return float(floor((last + self.ping_interval) / together) * together)

    def handle_message(self, sid: str, message: Message) -> None:
        """Hand a message to the application; raises ProtocolError."""
        self.handlers["message"](sid, message)

    def say_disconnected(self, sid: str, reason: str) -> None:
        """Tell the application that a session is over."""
        self.over.discard(sid)
        self._trigger_event("disconnect", sid, reason, run_async=False)

    def forget(self, session: Session) -> None:
        """Take a session out."""
        session.closing = False
        if self.sockets.pop(session.sid, None) is not None:
            self.by_address[session.address] -= 1
            if self.by_address[session.address] <= 0:
                del self.by_address[session.address]

    def caught_up(self, sid: str) -> None:
        """Tell the application that a client has missed something, and can take it now."""
        self.counts["caught_up"] += 1
        if self._on_caught_up is not None:
            self._on_caught_up(sid)

    def count(self, what: str) -> None:
        """Count something for the metrics."""
        self.counts[what] += 1

    # Requests

    def handle_request(self, environ: Environ, start_response: StartResponse) -> Any:
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

    def _answer(self, environ: Environ) -> Answer | None:
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

    def _check_origin(self, environ: Environ) -> None:
        """Refuse other sites; browsers send the origin, native apps don't."""
        origin = environ.get("HTTP_ORIGIN")
        if origin and self.cors_allowed_origins != []:
            allowed = self._cors_allowed_origins(environ)
            if allowed is not None and origin not in allowed:
                raise Refusal((BAD_REQUEST[0], "Not an accepted origin."))

    def _cors_headers(self, environ: Environ) -> list[tuple[str, str]]:
        """Credentials only for an origin that is listed: with "*" any site, and a file (`null`), would get them."""
        return answers.without_credentials(super()._cors_headers(environ), self.cors_allowed_origins)

    # Polling

    def _open_polling(self, environ: Environ, method: str) -> Answer:
        if method != "GET":
            raise Refusal(BAD_METHOD)
        session = self._open(environ)
        can_upgrade = self.allow_upgrades and "websocket" in self.transports and http_handler.KEY in environ
        body = packets.payload([self._open_packet(session, ["websocket"] if can_upgrade else [])])
        return Answer("200 OK", body, headers=self._cookie(session.sid))

    def _polling(self, environ: Environ, method: str, sid: str) -> Answer:
        session: Session | None = self.sockets.get(sid)
        if session is None or not session.check():
            raise Refusal(UNKNOWN_SID)
        if session.upgraded:
            raise Refusal(BAD_REQUEST)
        if method == "GET":
            return self._poll(environ, session)
        if method == "POST":
            return self._post(environ, session)
        raise Refusal(BAD_REQUEST)

    def _poll(self, environ: Environ, session: Session) -> Answer:
        connection = environ.get(http_handler.KEY)
        answer = session.poll(connection.on_hangup if connection is not None else None)
        if answer is None:
            raise Refusal(UNKNOWN_SID if session.closed else BAD_REQUEST)
        return Answer("200 OK", packets.payload(answer), session=session)

    def _post(self, environ: Environ, session: Session) -> Answer:
        try:
            session.post(lambda: post_body.read(environ, self.max_http_buffer_size))
        except ProtocolError as error:
            status = "413 Content Too Large" if error.code == TOO_BIG else "400 Bad Request"
            raise Refusal((BAD_REQUEST[0], error.reason), status) from None
        except (OSError, Unacceptable):  # the body did not come, or is none
            session.close(abort=True, reason=self.reason.TRANSPORT_ERROR)
            raise Refusal(BAD_REQUEST) from None
        return Answer("200 OK", b"ok")

    # WebSocket

    def _websocket(self, environ: Environ, method: str, sid: str | None) -> Answer | None:
        if sid is None and method != "GET":
            raise Refusal(BAD_METHOD)
        session: Session | None = self.sockets.get(sid) if sid else None
        if sid is not None and (session is None or not session.check()):
            raise Refusal(UNKNOWN_SID)
        if http_handler.KEY not in environ or not handshake.is_upgrade(environ):
            raise Refusal(BAD_REQUEST)
        switching = handshake.response(environ)
        if session is not None:
            self._upgrade(environ, switching, session)
        else:
            self._open_websocket(environ, switching)
        return None

    def _open_websocket(self, environ: Environ, switching: bytes) -> None:
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

    def _upgrade(self, environ: Environ, switching: bytes, session: Session) -> None:
        sock, early = environ[http_handler.KEY].take_over()
        websocket = WebSocket(sock, session, self.limits)
        websocket.send(switching)
        probe = session.probe(websocket) if self.allow_upgrades else None
        if probe is None:
            websocket.owner = _Nobody()
            websocket.close(POLICY, "no second WebSocket")
        else:
            websocket.owner = probe
        websocket.start(early)

    # Sessions

    def _open(self, environ: Environ) -> Session:
        """Return a new session, if the client may have one; raises Refusal."""
        if self.max_sessions and len(self.sockets) >= self.max_sessions:
            raise Refusal((FORBIDDEN[0], "The server is full"), "503 Service Unavailable", 30)
        address = address_key(environ.get("REMOTE_ADDR"))
        if self._admit is not None:
            self._admit(environ, self.by_address[address])
        sid = self.generate_id()
        allowed = self._trigger_event("connect", sid, retained_environ.of(environ), run_async=False)
        if allowed is not None and allowed is not True:
            raise Refusal(FORBIDDEN, "403 Forbidden")
        session = self.sockets[sid] = Session(self, sid, address)
        self.by_address[address] += 1
        return session

    def _open_packet(self, session: Session, upgrades: list[str]) -> Outgoing:
        data = {"sid": session.sid, "upgrades": upgrades, **self._open_sizes}
        return Outgoing(packets.OPEN, orjson.dumps(data).decode())

    def _cookie(self, sid: str) -> list[tuple[str, str]]:
        if not self.cookie:
            return []
        attributes = self.cookie if isinstance(self.cookie, dict) else {"name": self.cookie, "path": "/"}
        return [("Set-Cookie", self._generate_sid_cookie(sid, {"SameSite": "Lax", **attributes}))]


class _Nobody:
    """The owner of a WebSocket that is only told goodbye."""

    def received(self, message: Message) -> None: ...
    def lost(self, code: int) -> None: ...
    def caught_up(self) -> None: ...

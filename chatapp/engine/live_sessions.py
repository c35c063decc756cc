"""The living sessions of the Engine.IO server: how they begin and end, and what they and the library ask of it.

Seams, checked against python-engineio 4.15.1: `sockets` has the sessions by sid, `handlers` the three events.
"""

from collections import Counter
from collections.abc import Callable
from math import floor
from typing import Any
from wsgiref.types import WSGIEnvironment

import engineio
import orjson

from chatapp.addresses import address_key
from chatapp.engine import packets, relay, retained_environ
from chatapp.engine.answers import FORBIDDEN, UNKNOWN_SID, Refusal
from chatapp.engine.elsewhere import Elsewhere
from chatapp.engine.engineio_session import Session
from chatapp.engine.frames import Message
from chatapp.engine.packets import Outgoing
from chatapp.engine.session_host import Guest
from chatapp.engine.traffic_limits import Limits

PINGS_TOGETHER = 0.25  # seconds

Admission = Callable[[WSGIEnvironment, int], None]


class LiveSessions(engineio.Server):  # type: ignore[misc]
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
        self.elsewhere: Elsewhere | None = None
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

    def _open(self, environ: WSGIEnvironment) -> Session:
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

    def _session(self, sid: str) -> Session:
        """Return a living session; raises Refusal."""
        session: Session | None = self.sockets.get(sid)
        if session is None or not session.check():
            raise Refusal(UNKNOWN_SID)
        return session

    def _open_packet(self, session: Session, upgrades: list[str]) -> Outgoing:
        data = {"sid": session.sid, "upgrades": upgrades, **self._open_sizes}
        return Outgoing(packets.OPEN, orjson.dumps(data).decode())

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

    def forget(self, session: Guest) -> None:
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

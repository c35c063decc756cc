"""A session's transport: long-polling until the client upgrades, or a WebSocket from the beginning."""

from abc import ABC, abstractmethod
from typing import Any

import gevent

from chatapp.engine import frames, timer_wheel
from chatapp.engine.frames import Message
from chatapp.engine.packets import Outgoing
from chatapp.engine.polling import CLOSE, NOOP, Polling
from chatapp.engine.session_host import Host
from chatapp.engine.upgrade import Probe
from chatapp.engine.websocket import WebSocket

UNREAD_PAUSE_SECONDS = 0.001  # before looking again whether much is unread; twice that the next time
UNREAD_PAUSE_MOST_SECONDS = 0.5


class Transport(ABC):
    """The half of a session that sends, on one transport after the other.

    A base class and not an object beside the session: that would cost each of many thousand sessions memory and calls.
    """

    __slots__ = ("_polling", "_probe", "_websocket", "closed", "entry", "server", "sid", "upgraded")

    def __init__(self, server: Host, sid: str) -> None:
        self.server = server
        self.sid = sid
        self.closed = self.upgraded = False
        self.entry: timer_wheel.Entry | None = None
        self._websocket: WebSocket | None = None
        self._probe: Probe | None = None
        self._polling: Polling | None = Polling(server.limits)  # None once there is a WebSocket

    @abstractmethod
    def received(self, packet: Message) -> None:
        """Take one packet from the WebSocket; raises ProtocolError."""

    @abstractmethod
    def lost(self, code: int) -> None:
        """Take note that the WebSocket is lost."""

    @abstractmethod
    def tick(self, now: float) -> float:
        """Do what is due; return the time of the next look, 0 for never."""

    @property
    def upgrading(self) -> bool:
        """Return whether a probe was answered, and the upgrade has not been finished."""
        return self._probe is not None and self._probe.answered

    def send(self, packet: Any) -> None:
        """Send an Engine.IO packet (Outgoing), or drop it while the client lags or when it is gone."""
        if self.closed:
            return
        if self._websocket is not None:
            self._websocket.send(packet.frame)
        elif self._polling is not None and not self._polling.send(packet):
            timer_wheel.current().at(self._polling.lag_deadline, self)
            self.server.count("dropped")

    @property
    def unread_bytes(self) -> int:
        """Return how much waits for the client to read it; what the kernel has is not known."""
        transport = self._websocket or self._polling
        return transport.unread_bytes if transport is not None else 0

    @property
    def is_lagging(self) -> bool:
        """Return whether the client does not read what it is sent."""
        transport = self._websocket or self._polling
        return transport is not None and transport.lagging

    def wait_for_reader(self) -> None:
        """Return when the client has read most of what was sent to it, or is gone."""
        pause = UNREAD_PAUSE_SECONDS
        while self.unread_bytes > self.server.limits.unread_bytes and not self.closed:
            gevent.sleep(pause)
            pause = min(2 * pause, UNREAD_PAUSE_MOST_SECONDS)

    def caught_up(self) -> None:
        """Tell the client, which has read all there was, to fetch what it missed."""
        self.server.caught_up(self.sid)

    def pause_reading(self) -> bool:
        """Read nothing more from the WebSocket; False where there is none."""
        if self._websocket is None:
            return False
        self._websocket.pause()
        return True

    def resume_reading(self) -> None:
        """Read from the WebSocket again."""
        if self._websocket is not None:
            self._websocket.resume()

    def open_websocket(self, websocket: WebSocket) -> None:
        """Move the session to this WebSocket: what waits goes out on it."""
        polling, self._polling, self._probe = self._polling, None, None
        self._websocket = websocket
        self.upgraded = True
        websocket.owner = self
        if polling is None:
            return
        for packet in polling.drain():
            websocket.send(packet.frame)
        if polling.lagging:
            polling.caught_up()
            self.caught_up()
        polling.wake(NOOP)

    def probe(self, websocket: WebSocket) -> Probe | None:
        """Take a WebSocket that the client would like to upgrade to; None when it may not."""
        if self.closed or self.upgraded or self._probe is not None:
            return None
        self._probe = Probe(self, websocket, self.server.upgrade_timeout)
        return self._probe

    def probed(self) -> None:
        """End a waiting poll after the answer to the probe, so that the client can stop polling."""
        if self._polling is not None:
            self._polling.wake(NOOP)

    def probe_failed(self) -> None:
        """Stay on polling."""
        self._probe = None

    def _end_transport(self, abort: bool, ending: Outgoing | None, code: int, text: str) -> None:
        if self._probe is not None:
            self._probe.stop()
        if self._websocket is not None:
            if not abort:
                self._websocket.send_urgently(CLOSE.frame)
            self._websocket.close(code or (frames.GOING_AWAY if abort else frames.NORMAL), text)
        elif self._polling is not None:
            self._polling.end(ending, abort)

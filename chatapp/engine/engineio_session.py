"""One Engine.IO session: what comes in and goes out, on long-polling or a WebSocket, and how it ends.

It stands in for `engineio.socket.Socket` (python-engineio 4.15.1), whose public methods and attributes it has, without
the three greenlets and the queue of one. What comes in is handled in order by one greenlet, which exists only while
there is something to handle.
"""

from collections.abc import Callable
from time import monotonic
from typing import Any

import gevent

from chatapp.engine import frames, packets, timer_wheel
from chatapp.engine.frames import Message, ProtocolError
from chatapp.engine.heartbeat import Heartbeat
from chatapp.engine.inbox import Inbox
from chatapp.engine.packets import Outgoing
from chatapp.engine.polling import CLOSE, NOOP, Polling, Watch
from chatapp.engine.session_host import Host
from chatapp.engine.upgrade import Probe
from chatapp.engine.websocket import WebSocket

UNREAD_PAUSE_SECONDS = 0.001  # before looking again whether much is unread; twice that the next time
UNREAD_PAUSE_MOST_SECONDS = 0.5
FAREWELL_SECONDS = 10.0  # for a polling client to fetch what was sent to it before its session was closed
_PING = Outgoing(packets.PING)


class Session:
    """An Engine.IO session. `sid` is its id, `session` a dictionary for the application."""

    __slots__ = (
        "_ends_at",
        "_heartbeat",
        "_inbox",
        "_polling",
        "_probe",
        "_session",
        "_websocket",
        "address",
        "closed",
        "closing",
        "connected",
        "entry",
        "server",
        "sid",
        "upgraded",
    )

    def __init__(self, server: Host, sid: str, address: str = "") -> None:
        self.server = server
        self.sid = sid
        self.address = address
        self.closed = self.closing = self.upgraded = False
        self.connected = True
        self.entry: timer_wheel.Entry | None = None
        self._session: dict[str, Any] | None = None
        self._websocket: WebSocket | None = None
        self._probe: Probe | None = None
        self._polling: Polling | None = Polling(server.limits)  # None once there is a WebSocket
        self._inbox = Inbox(self)
        now = monotonic()
        self._heartbeat = Heartbeat(server, now)
        # When the session ends by itself: no CONNECT has come, or nobody has fetched the goodbye. 0: it does not.
        self._ends_at: float = now + server.connect_timeout if server.connect_timeout else 0.0
        timer_wheel.current().at(self._next_due(now), self)

    @property
    def session(self) -> dict[str, Any]:
        """Return the application's own data; most sessions have none."""
        if self._session is None:
            self._session = {}
        return self._session

    @session.setter
    def session(self, value: dict[str, Any]) -> None:
        self._session = value

    @property
    def upgrading(self) -> bool:
        """Return whether a probe was answered, and the upgrade has not been finished."""
        return self._probe is not None and self._probe.answered

    # Sending

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
        """The client has read what there was: it is told to fetch what it missed."""
        self.server.caught_up(self.sid)

    # Receiving

    def receive(self, packet: Message) -> None:
        """Take one packet from the client; raises ProtocolError. Runs in the event loop: it must not wait."""
        if self.closed:
            return
        self._heartbeat.heard = True
        if isinstance(packet, bytes):
            self._inbox.add(packet)
            return
        kind = packet[:1]
        if kind == packets.MESSAGE:
            self._inbox.add(packet[1:])
        elif kind == packets.PONG:
            self._heartbeat.pong_by = 0.0
        elif kind == packets.CLOSE:
            self.close(abort=True, reason=self.server.reason.CLIENT_DISCONNECT, ending=NOOP)
        elif kind == packets.BINARY:
            self._inbox.add(packets.unpack(packet))
        elif kind not in (packets.UPGRADE, packets.NOOP) or not kind:
            raise ProtocolError(frames.POLICY, "unexpected Engine.IO packet")

    received = receive

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

    def handle(self, message: Message) -> None:
        """Hand a message to the application."""
        try:
            self.server.handle_message(self.sid, message)
        except ProtocolError as error:
            self.fail(error)
        except RecursionError:
            self.fail(ProtocolError(frames.POLICY, "too deep"))
        except Exception:  # of the application: the session goes on
            self.server.logger.exception("message handler error")

    def handle_end(self, reason: str) -> None:
        """Tell the application that the session is over."""
        self.server.say_disconnected(self.sid, reason)

    def fail(self, error: ProtocolError) -> None:
        """Close the session because of what the client did; what it has sent besides is not looked at any more."""
        self._inbox.forget()
        self.close(
            abort=True,
            reason=self.server.reason.TRANSPORT_ERROR,
            ending=CLOSE,
            code=error.code,
            text=error.reason,
        )

    # Polling

    def poll(self, watch: Watch | None) -> list[Outgoing] | None:
        """Return the packets that answer a GET, as soon as there are some; None when the session is gone.

        `watch(callback)` calls back when the client hangs up meanwhile, and returns something to `stop`.
        """
        polling = self._polling
        if polling is None:
            return None
        if polling.is_polled:
            self.fail(ProtocolError(frames.POLICY, "one poll at a time"))
            return None
        polling.begin_poll()
        if self.closing:
            polling.wake(CLOSE)
        if polling.lagging:
            polling.caught_up()
            self.caught_up()
        if self.upgrading:
            polling.wake(NOOP)
        return polling.answer(watch, self.cancelled)

    def cancelled(self) -> None:
        """The client has hung up on a poll: nobody knows what it has received, so it has to connect again."""
        if not self.upgraded:
            self.close(abort=True, reason=self.server.reason.TRANSPORT_ERROR)

    def polled(self, delivered: bool) -> None:
        """A poll was answered, or the answer could not be written."""
        if self._polling is not None:
            self._polling.answered()
        if not delivered:
            self.cancelled()
        elif self.closing:
            self.server.forget(self)

    def post(self, read: Callable[[], bytes]) -> None:
        """Take the packets of a POST; raises ProtocolError. `read` returns the body."""
        if self._polling is None:
            raise ProtocolError(frames.POLICY, "upgraded")
        posts = self._polling.posts
        try:
            with posts.take_one():
                body = read()
                if self.closed:
                    raise ProtocolError(frames.POLICY, "closed")
                received = packets.split(body)
                posts.count(len(received), len(body))
                for packet in received:
                    self.receive(packet)
                self._inbox.wait_for_room()
        except ProtocolError as error:
            self.fail(error)
            raise

    # WebSocket

    def open_websocket(self, websocket: WebSocket) -> None:
        """The session lives on this WebSocket from now on: what waits goes out on it."""
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
        """The probe was answered: a poll that waits ends, so that the client can stop polling."""
        if self._polling is not None:
            self._polling.wake(NOOP)

    def probe_failed(self) -> None:
        """The session stays on polling."""
        self._probe = None

    def lost(self, code: int) -> None:
        """The WebSocket is gone."""
        reasons = self.server.reason
        if code not in (frames.NORMAL, frames.GOING_AWAY, frames.NO_CODE, frames.ABNORMAL):
            self._inbox.forget()
            self.close(abort=True, reason=reasons.TRANSPORT_ERROR, code=code)
        else:
            self.close(abort=True, reason=reasons.TRANSPORT_CLOSE)

    # Time

    def joined(self, has_namespace: bool, seconds: float | None = None) -> None:
        """A namespace was joined (or is being joined), or the last one was left: then the client has to join again.

        It has `seconds` for that, at most `connect_timeout`.
        """
        if self.closed:
            return
        timeout = self.server.connect_timeout
        if seconds is not None:
            timeout = min(timeout, seconds)
        self._ends_at = monotonic() + timeout if timeout and not has_namespace else 0.0
        if self._ends_at:
            timer_wheel.current().at(self._ends_at, self)

    def tick(self, now: float) -> float:
        """Pings and time-outs."""
        if self.closing and now < self._ends_at:
            return self._ends_at
        if self.closing:
            self.server.forget(self)
        if self.closed:
            return 0
        reasons = self.server.reason
        if self._heartbeat.is_late(now):
            self.close(reason=reasons.PING_TIMEOUT)
        elif self._ends_at and now >= self._ends_at:
            self.close(reason=reasons.TRANSPORT_ERROR, code=frames.POLICY, text="no CONNECT in time")
        elif self._polling is not None and self._polling.lagging and now >= self._polling.lag_deadline:
            self.close(abort=True, reason=reasons.TRANSPORT_ERROR)
        else:
            if self._heartbeat.is_due(now):
                self._ping(now)
            return self._next_due(now)
        return 0

    def _ping(self, now: float) -> None:
        self._heartbeat.pinged(now)
        if self._websocket is not None:
            self._websocket.send_urgently(_PING.frame)
        elif self._polling is not None:
            self._polling.send_urgently(_PING)

    def _next_due(self, now: float) -> float:
        due = self._heartbeat.next_due(now)
        if self._ends_at and self._ends_at < due:
            due = self._ends_at
        if self._polling is not None and self._polling.lagging:
            return min(due, self._polling.lag_deadline)
        return due

    def check(self) -> bool:
        """Return whether the session is alive at this very moment; the wheel may be a few milliseconds behind."""
        if not self.closed and self._heartbeat.is_late(monotonic()):
            self.close(reason=self.server.reason.PING_TIMEOUT)
        return not self.closed or self.closing

    # Ending

    def close(
        self,
        wait: bool = True,
        abort: bool = False,
        reason: str | None = None,
        ending: Outgoing | None = None,
        code: int = 0,
        text: str = "",
    ) -> None:
        """End the session. `abort` says no goodbye; `ending` is what a waiting poll gets, `code` the WebSocket.

        The disconnect handler follows what is still in the inbox. `wait` is the library's and means nothing here.
        """
        if self.closed:
            return
        self.closed = True
        reason = reason or self.server.reason.SERVER_DISCONNECT
        self._end_transport(abort, ending, code, text)
        if reason == self.server.reason.SERVER_DISCONNECT and not abort:
            self._wait_for_last_poll()
        if not self.closing:
            timer_wheel.cancel(self)
            self.server.forget(self)
        self.server.over.add(self.sid)
        self._inbox.end(reason)

    def _end_transport(self, abort: bool, ending: Outgoing | None, code: int, text: str) -> None:
        if self._probe is not None:
            self._probe.stop()
        if self._websocket is not None:
            if not abort:
                self._websocket.send_urgently(CLOSE.frame)
            self._websocket.close(code or (frames.GOING_AWAY if abort else frames.NORMAL), text)
        elif self._polling is not None:
            self._polling.end(ending, abort)

    def _wait_for_last_poll(self) -> None:
        """Keep the session until the next poll has fetched what waits for it."""
        if self._polling is not None and self._polling.has_waiting:
            self.closing = True
            self._ends_at = monotonic() + FAREWELL_SECONDS
            timer_wheel.current().at(self._ends_at, self)

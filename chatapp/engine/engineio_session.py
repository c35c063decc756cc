"""One Engine.IO session: what comes in and goes out, on long-polling or a WebSocket, and how it ends.

It stands in for `engineio.socket.Socket` (python-engineio 4.15.1), whose public methods and attributes it has, without
the three greenlets and the queue of one. What comes in is handled in order by one greenlet, which exists only while
there is something to handle.
"""

from collections.abc import Callable
from time import monotonic
from typing import Any

from chatapp.engine import frames, packets, timer_wheel
from chatapp.engine.frames import Message, ProtocolError
from chatapp.engine.heartbeat import Heartbeat
from chatapp.engine.inbox import Inbox
from chatapp.engine.packets import Outgoing
from chatapp.engine.polling import CLOSE, NOOP, Watch
from chatapp.engine.session_host import Host
from chatapp.engine.session_transport import Transport

FAREWELL_SECONDS = 10.0  # for a polling client to fetch what was sent to it before its session was closed
_PING = Outgoing(packets.PING)


class Session(Transport):
    """An Engine.IO session. `sid` is its id, `session` a dictionary for the application."""

    __slots__ = ("_ends_at", "_heartbeat", "_inbox", "_session", "address", "closing", "connected")

    def __init__(self, server: Host, sid: str, address: str = "") -> None:
        super().__init__(server, sid)
        self.address = address
        self.closing = False
        self.connected = True
        self._session: dict[str, Any] | None = None
        self._inbox = Inbox(self)
        now = monotonic()
        self._heartbeat = Heartbeat(server, now)
        # The time at which the session ends by itself: no CONNECT came, or nobody fetched the goodbye. 0: it does not.
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
        """End a polling session whose client hung up: what it received is unknown, so it has to connect again."""
        if not self.upgraded:
            self.close(abort=True, reason=self.server.reason.TRANSPORT_ERROR)

    def polled(self, delivered: bool) -> None:
        """Go on after a poll that was answered, or whose answer could not be written."""
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

    def lost(self, code: int) -> None:
        """End the session, its WebSocket being lost."""
        reasons = self.server.reason
        if code not in (frames.NORMAL, frames.GOING_AWAY, frames.NO_CODE, frames.ABNORMAL):
            self._inbox.forget()
            self.close(abort=True, reason=reasons.TRANSPORT_ERROR, code=code)
        else:
            self.close(abort=True, reason=reasons.TRANSPORT_CLOSE)

    # Time

    def joined(self, has_namespace: bool, seconds: float | None = None) -> None:
        """Take note that a namespace was joined (or is being joined), or that the last one was left.

        A client in no namespace has `seconds` to join again, at most `connect_timeout`.
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
        """Ping, or end the session that timed out; return the time of the next look, 0 for never."""
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

    def _wait_for_last_poll(self) -> None:
        """Keep the session until the next poll has fetched what waits for it."""
        if self._polling is not None and self._polling.has_waiting:
            self.closing = True
            self._ends_at = monotonic() + FAREWELL_SECONDS
            timer_wheel.current().at(self._ends_at, self)

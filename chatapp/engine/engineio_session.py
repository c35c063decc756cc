"""One Engine.IO session: long-polling first or a WebSocket, the upgrade between them, heartbeats, what waits.

It stands in for `engineio.socket.Socket` (python-engineio 4.15.1), whose public methods and attributes it has, without
the three greenlets and the queue of one. What comes in is handled in order by one greenlet, which exists only while
there is something to handle.
"""

from collections.abc import Callable
from logging import Logger
from time import monotonic
from typing import Any, Protocol

import gevent
from gevent.event import Event

from chatapp.engine import frames, packets, timer_wheel
from chatapp.engine.frames import Message, ProtocolError
from chatapp.engine.inbox import Inbox
from chatapp.engine.packets import Outgoing
from chatapp.engine.upgrade import Probe
from chatapp.engine.websocket import Limits, WebSocket

LATE_SECONDS = 0.1  # a ping this late counts as sent in time
UNREAD_PAUSE_SECONDS = 0.001  # before looking again whether much is unread; twice that the next time
UNREAD_PAUSE_MOST_SECONDS = 0.5
FAREWELL_SECONDS = 10.0  # for a polling client to fetch what was sent to it before its session was closed
_PING = Outgoing(packets.PING)
_CLOSE = Outgoing(packets.CLOSE)
_NOOP = Outgoing(packets.NOOP)


class Host(Protocol):
    """The server that a session belongs to, as far as the session knows it."""

    limits: Limits
    logger: Logger
    ping_timeout: float
    connect_timeout: float
    upgrade_timeout: float
    over: set[str]
    reason: Any  # python-engineio's names for why a session ends

    def ping_time(self, last: float) -> float:
        """Return when to ping next."""

    def handle_message(self, sid: str, message: Message) -> None:
        """Hand a message to the application; raises ProtocolError."""

    def say_disconnected(self, sid: str, reason: str) -> None:
        """Tell the application that a session is over."""

    def forget(self, session: "Session") -> None:
        """Take a session out."""

    def caught_up(self, sid: str) -> None:
        """A client has missed something, and can take it now."""

    def count(self, what: str) -> None:
        """Count something for the metrics."""


class Poll:
    """A GET that waits for something to send. `ending` is the packet that ends it where nothing else does."""

    __slots__ = ("_event", "ending", "gone")

    def __init__(self) -> None:
        self._event = Event()
        self.ending: Outgoing | None = None
        self.gone = False  # the session was closed without a goodbye

    def wake(self, ending: Outgoing | None = None) -> None:
        """Answer it now."""
        self.ending = self.ending or ending
        self._event.set()

    def wait(self) -> None:
        """Until there is something to answer with."""
        self._event.wait()


class Session:
    """An Engine.IO session. `sid` is its id, `session` a dictionary for the application."""

    __slots__ = (
        "_answering",
        "_connect_by",
        "_heard",
        "_inbox",
        "_lag_deadline",
        "_ping_at",
        "_poll",
        "_pong_by",
        "_posted_bytes",
        "_posted_packets",
        "_posting",
        "_probe",
        "_queue",
        "_queued_bytes",
        "_session",
        "_websocket",
        "_window_end",
        "address",
        "closed",
        "closing",
        "connected",
        "entry",
        "lagging",
        "server",
        "sid",
        "upgraded",
    )

    def __init__(self, server: Host, sid: str, address: str = "") -> None:
        self.server = server
        self.sid = sid
        self.address = address
        self.closed = self.closing = self.upgraded = self.lagging = False
        self.connected = True
        self.entry: timer_wheel.Entry | None = None
        self._session: dict[str, Any] | None = None
        self._websocket: WebSocket | None = None
        self._probe: Probe | None = None
        self._queue: list[Outgoing] = []
        self._queued_bytes = 0
        self._answering = 0  # bytes of the answer to a poll that is being written
        self._poll: Poll | None = None
        self._posting = False
        self._inbox = Inbox(self)
        self._heard = False
        self._posted_packets = self._posted_bytes = 0
        self._window_end = 0.0
        now = monotonic()
        self._ping_at: float = server.ping_time(now)
        self._pong_by: float = 0.0
        self._lag_deadline = 0.0
        self._connect_by: float = now + server.connect_timeout if server.connect_timeout else 0.0
        timer_wheel.current().at(self._next_due(now), self)

    @property
    def session(self) -> dict[str, Any]:
        """The application's own data; most sessions have none."""
        if self._session is None:
            self._session = {}
        return self._session

    @session.setter
    def session(self, value: dict[str, Any]) -> None:
        self._session = value

    @property
    def upgrading(self) -> bool:
        """Has a probe been answered, and the upgrade not been finished?"""
        return self._probe is not None and self._probe.answered

    # Sending

    def send(self, packet: Any) -> None:
        """Send an Engine.IO packet (Outgoing), or drop it while the client lags or when it is gone."""
        if self.closed:
            return
        if self._websocket is not None:
            self._websocket.send(packet.frame)
        elif not self.lagging:
            self._queue_within_bounds(packet)

    def _send_urgently(self, packet: Outgoing) -> None:
        if self._websocket is not None:
            self._websocket.send_urgently(packet.frame)
        else:
            self._queue_for_poll(packet)

    def _queue_within_bounds(self, packet: Outgoing) -> None:
        waiting, limits = self.unread_bytes, self.server.limits
        if waiting > limits.unread_bytes and waiting + len(packet.frame) > limits.buffer_bytes:
            self._overflow()  # (one large message behind little is no backlog)
        else:
            self._queue_for_poll(packet)

    def _queue_for_poll(self, packet: Outgoing) -> None:
        self._queue.append(packet)
        self._queued_bytes += len(packet.frame)
        if self._poll is not None:
            self._poll.wake()

    def _overflow(self) -> None:
        """Drop what waits, and take nothing until the client has polled."""
        self._queue.clear()
        self._queued_bytes = 0
        self.lagging = True
        self._lag_deadline = monotonic() + self.server.limits.slow_seconds
        timer_wheel.current().at(self._lag_deadline, self)
        self.server.count("dropped")

    @property
    def unread_bytes(self) -> int:
        """How much waits for the client to read it; what the kernel has is not known."""
        return self._queued_bytes + self._answering if self._websocket is None else self._websocket.waiting_bytes

    def wait_for_reader(self) -> None:
        """Return when the client has read most of what was sent to it, or is gone."""
        pause = UNREAD_PAUSE_SECONDS
        while self.unread_bytes > self.server.limits.unread_bytes and not self.closed:
            gevent.sleep(pause)
            pause = min(2 * pause, UNREAD_PAUSE_MOST_SECONDS)

    def caught_up(self) -> None:
        """The client has read what there was: it is told to fetch what it missed."""
        self.lagging = False
        self._lag_deadline = 0.0
        self.server.caught_up(self.sid)

    # Receiving

    def receive(self, packet: Message) -> None:
        """Take one packet from the client; raises ProtocolError. Runs in the event loop: it must not wait."""
        if self.closed:
            return
        self._heard = True
        if isinstance(packet, bytes):
            self._inbox.add(packet)
            return
        kind = packet[:1]
        if kind == packets.MESSAGE:
            self._inbox.add(packet[1:])
        elif kind == packets.PONG:
            self._pong_by = 0.0
        elif kind == packets.CLOSE:
            self.close(abort=True, reason=self.server.reason.CLIENT_DISCONNECT, ending=_NOOP)
        elif kind == packets.BINARY:
            self._inbox.add(packets.unpack(packet))
        elif kind not in (packets.UPGRADE, packets.NOOP) or not kind:
            raise ProtocolError(frames.POLICY, "unexpected Engine.IO packet")

    received = receive

    @property
    def is_lagging(self) -> bool:
        """Does the client not read what it is sent?"""
        return self.lagging if self._websocket is None else self._websocket.lagging

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
            ending=_CLOSE,
            code=error.code,
            text=error.reason,
        )

    # Polling

    def poll(self, watch: Callable[[Callable[[], object]], Any] | None) -> list[Outgoing] | None:
        """The packets that answer a GET, as soon as there are some; None when the session is gone.

        `watch(callback)` calls back when the client hangs up meanwhile, and gives something to `stop`.
        """
        if self._poll is not None:
            self.fail(ProtocolError(frames.POLICY, "one poll at a time"))
            return None
        self._poll = poll = Poll()
        if self.closing:
            poll.wake(_CLOSE)
        if self.lagging:
            self.caught_up()
        if not self._queue:
            self._wait(poll, watch)
        answer, self._queue, self._queued_bytes, self._answering = self._queue, [], 0, self._queued_bytes
        if poll.ending is not None and (poll.ending is not _NOOP or not answer):
            answer.append(poll.ending)
        return None if poll.gone and not answer else answer

    def _wait(self, poll: Poll, watch: Callable[[Callable[[], object]], Any] | None) -> None:
        if self.upgrading:
            poll.wake(_NOOP)
        hangup = watch(self.cancelled) if watch is not None else None
        try:
            poll.wait()
        finally:
            if hangup is not None:
                hangup.stop()

    def cancelled(self) -> None:
        """The client has hung up on a poll: nobody knows what it has received, so it has to connect again."""
        if not self.upgraded:
            self.close(abort=True, reason=self.server.reason.TRANSPORT_ERROR)

    def polled(self, delivered: bool) -> None:
        """A poll was answered, or the answer could not be written."""
        self._poll = None
        self._answering = 0
        if not delivered:
            self.cancelled()
        elif self.closing:
            self.server.forget(self)

    def post(self, read: Callable[[], bytes]) -> None:
        """Take the packets of a POST; raises ProtocolError. `read` gives the body."""
        if self._posting:
            error = ProtocolError(frames.POLICY, "one POST at a time")
            self.fail(error)
            raise error
        self._posting = True
        try:
            body = read()
            if self.closed:
                raise ProtocolError(frames.POLICY, "closed")
            received = packets.split(body)
            self._count(len(received), len(body))
            for packet in received:
                self.receive(packet)
            self._inbox.wait_for_room()
        except ProtocolError as error:
            self.fail(error)
            raise
        finally:
            self._posting = False

    def _count(self, count: int, size: int) -> None:
        """Take what a POST brings from what the client may send; raises ProtocolError when it sends too much."""
        limits, now = self.server.limits, monotonic()
        if now >= self._window_end:
            self._window_end = now + limits.window
            self._posted_packets = self._posted_bytes = 0
        self._posted_packets += count
        self._posted_bytes += size
        if self._posted_packets > limits.frames or self._posted_bytes > limits.received_bytes:
            raise ProtocolError(frames.POLICY, "too much data")

    # WebSocket

    def open_websocket(self, websocket: WebSocket) -> None:
        """The session lives on this WebSocket from now on: what waits goes out on it."""
        self._probe = None
        self._websocket = websocket
        self.upgraded = True
        websocket.owner = self
        queue, self._queue, self._queued_bytes = self._queue, [], 0
        for packet in queue:
            websocket.send(packet.frame)
        if self.lagging:
            self.caught_up()
        if self._poll is not None:
            self._poll.wake(_NOOP)

    def probe(self, websocket: WebSocket) -> Probe | None:
        """A WebSocket that the client would like to upgrade to; None when it may not."""
        if self.closed or self.upgraded or self._probe is not None:
            return None
        self._probe = Probe(self, websocket, self.server.upgrade_timeout)
        return self._probe

    def probed(self) -> None:
        """The probe was answered: a poll that waits ends, so that the client can stop polling."""
        if self._poll is not None:
            self._poll.wake(_NOOP)

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

    def joined(self, has_namespace: bool) -> None:
        """A namespace was joined (or is being joined), or the last one was left: then the client has to join again."""
        timeout = self.server.connect_timeout
        self._connect_by = monotonic() + timeout if timeout and not has_namespace else 0.0
        if self._connect_by:
            timer_wheel.current().at(self._connect_by, self)

    def tick(self, now: float) -> float:
        """Pings and time-outs."""
        if self.closing and now < self._ping_at:
            return self._ping_at
        if self.closing:
            self.server.forget(self)
        if self.closed:
            return 0
        if self._is_late(now):
            self.close(reason=self.server.reason.PING_TIMEOUT)
        elif self._connect_by and now >= self._connect_by:
            self.close(reason=self.server.reason.TRANSPORT_ERROR, code=frames.POLICY, text="no CONNECT in time")
        elif self._lag_deadline and now >= self._lag_deadline:
            self.close(abort=True, reason=self.server.reason.TRANSPORT_ERROR)
        else:
            if now >= self._ping_at and not self._pong_by:
                self._ping(now)
            return self._next_due(now)
        return 0

    def _ping(self, now: float) -> None:
        planned = self._ping_at
        sent = planned if now - planned <= LATE_SECONDS else now
        self._pong_by = sent + self.server.ping_timeout
        self._ping_at = self.server.ping_time(sent)
        self._heard = False
        self._send_urgently(_PING)

    def _is_late(self, now: float) -> bool:
        """Is the pong overdue, and nothing else has come since the ping?"""
        if not self._pong_by or now < self._pong_by:
            return False
        if self._heard:
            self._pong_by = now + self.server.ping_timeout
            self._heard = False
            return False
        return True

    def _next_due(self, now: float) -> float:
        """When to look again. A ping that is due while a pong is awaited waits for it, too."""
        ping = 0 if self._pong_by and self._ping_at <= now else self._ping_at
        dues: tuple[float, ...] = (ping, self._pong_by, self._connect_by, self._lag_deadline)
        return min(due for due in dues if due)

    def check(self) -> bool:
        """Is the session alive at this very moment? (The wheel may be a few milliseconds behind.)"""
        if not self.closed and self._is_late(monotonic()):
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
                self._websocket.send_urgently(_CLOSE.frame)
            self._websocket.close(code or (frames.GOING_AWAY if abort else frames.NORMAL), text)
            return
        if self._poll is not None:
            self._poll.gone = ending is None and abort
            self._poll.wake(ending if ending is not None or abort else _CLOSE)

    def _wait_for_last_poll(self) -> None:
        """Keep the session until the next poll has fetched what waits for it."""
        if self._websocket is None and self._poll is None and self._queue:
            self.closing = True
            self._ping_at = monotonic() + FAREWELL_SECONDS
            timer_wheel.current().at(self._ping_at, self)

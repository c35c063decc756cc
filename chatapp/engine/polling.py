"""Long-polling, a session's transport until it has a WebSocket: the packets that wait for a GET, and the POSTs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

from gevent.event import Event

from chatapp.engine import frames, packets
from chatapp.engine.frames import ProtocolError
from chatapp.engine.packets import Outgoing
from chatapp.engine.traffic_limits import Limits

CLOSE = Outgoing(packets.CLOSE)
NOOP = Outgoing(packets.NOOP)
Watch = Callable[[Callable[[], object]], Any]  # calls back when the client hangs up; returns something to `stop`


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
        """Return when there is something to answer with."""
        self._event.wait()


class Posts:
    """One POST at a time, and how much they may bring together."""

    __slots__ = ("_bytes", "_is_taken", "_limits", "_packets", "_window_end")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._is_taken = False
        self._packets = self._bytes = 0
        self._window_end = 0.0

    @contextmanager
    def take_one(self) -> Iterator[None]:
        """Take a POST; raises ProtocolError while another is being taken."""
        if self._is_taken:
            raise ProtocolError(frames.POLICY, "one POST at a time")
        self._is_taken = True
        try:
            yield
        finally:
            self._is_taken = False

    def count(self, packet_count: int, size: int) -> None:
        """Take what a POST brings from what the client may send; raises ProtocolError when it sends too much."""
        limits, now = self._limits, monotonic()
        if now >= self._window_end:
            self._window_end = now + limits.window
            self._packets = self._bytes = 0
        self._packets += packet_count
        self._bytes += size
        if self._packets > limits.frames or self._bytes > limits.received_bytes:
            raise ProtocolError(frames.POLICY, "too much data")


class Polling:
    """The packets that wait for a GET. A client that leaves too many waiting lags: it has to poll first."""

    __slots__ = ("_limits", "_poll", "_queue", "answering", "lag_deadline", "lagging", "posts", "queued_bytes")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._queue: list[Outgoing] = []
        self._poll: Poll | None = None
        self.queued_bytes = 0
        self.answering = 0  # bytes of the answer that is being written
        self.lagging = False
        self.lag_deadline = 0.0  # 0: it does not lag
        self.posts = Posts(limits)

    @property
    def is_polled(self) -> bool:
        """Return whether there is a GET, waiting or being answered."""
        return self._poll is not None

    @property
    def has_waiting(self) -> bool:
        """Return whether packets wait that no GET is going to fetch."""
        return self._poll is None and bool(self._queue)

    @property
    def unread_bytes(self) -> int:
        """Return how much waits for the client to read it; what the kernel has is not known."""
        return self.queued_bytes + self.answering

    def send(self, packet: Outgoing) -> bool:
        """Send a packet with the next answer; return False when the client begins to lag, and all is dropped."""
        if self.lagging:
            return True
        waiting, limits = self.unread_bytes, self._limits
        if waiting > limits.unread_bytes and waiting + len(packet.frame) > limits.buffer_bytes:
            self.drain()  # (one large message behind little is no backlog)
            self.lagging = True
            self.lag_deadline = monotonic() + limits.slow_seconds
            return False
        self.send_urgently(packet)
        return True

    def send_urgently(self, packet: Outgoing) -> None:
        """Send a packet with the next answer, also to a client that lags."""
        self._queue.append(packet)
        self.queued_bytes += len(packet.frame)
        self.wake()

    def wake(self, ending: Outgoing | None = None) -> None:
        """Answer the GET that waits, if there is one."""
        if self._poll is not None:
            self._poll.wake(ending)

    def drain(self) -> list[Outgoing]:
        """Return the packets that wait, which are somebody else's now."""
        queue, self._queue, self.queued_bytes = self._queue, [], 0
        return queue

    def caught_up(self) -> None:
        """Take packets again."""
        self.lagging = False
        self.lag_deadline = 0.0

    def begin_poll(self) -> None:
        """Take a GET, which `answer` then answers."""
        self._poll = Poll()

    def answer(self, watch: Watch | None, hung_up: Callable[[], object]) -> list[Outgoing] | None:
        """Return the packets for the GET, as soon as there are some; None when the session is gone."""
        poll = self._poll
        assert poll is not None
        if not self._queue:
            hangup = watch(hung_up) if watch is not None else None
            try:
                poll.wait()
            finally:
                if hangup is not None:
                    hangup.stop()
        self.answering = self.queued_bytes
        answer = self.drain()
        if poll.ending is not None and (poll.ending is not NOOP or not answer):
            answer.append(poll.ending)
        return None if poll.gone and not answer else answer

    def answered(self) -> None:
        """Take note that the answer was written, or could not be."""
        self._poll = None
        self.answering = 0

    def end(self, ending: Outgoing | None, abort: bool) -> None:
        """End the GET that waits: with `ending`, else with a goodbye unless `abort`."""
        if self._poll is not None:
            self._poll.gone = ending is None and abort
            self._poll.wake(ending if ending is not None or abort else CLOSE)

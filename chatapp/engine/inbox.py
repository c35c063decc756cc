"""The messages that a session has received and not handled yet.

One greenlet handles it in order, and exists only while there is something to handle. A full inbox makes the client
wait: a WebSocket is not read from, a POST is not answered.
"""

from dataclasses import dataclass
from typing import Protocol

import gevent
from gevent.event import Event

from chatapp.engine import fair_queue
from chatapp.engine.frames import Message

INBOX_PACKETS = 64  # that wait to be handled; the client is read from again below half of them
INBOX_BYTES = 262_144
LAGGING_PAUSE_SECONDS = 0.25  # before a message of a client that does not read its answers; twice that before the next
LAGGING_PAUSE_MOST_SECONDS = 4.0


class Receiver(Protocol):
    """The session that an inbox belongs to."""

    closed: bool

    @property
    def is_lagging(self) -> bool:
        """Return whether the client does not read what it is sent."""

    def handle(self, message: Message) -> None:
        """Handle one message; may wait, raises nothing that is the client's fault."""

    def handle_end(self, reason: str) -> None:
        """Handle the end of the session, after everything that came before it."""

    def pause_reading(self) -> bool:
        """Read nothing more from the client; False where it is not read from by itself (it polls)."""

    def resume_reading(self) -> None:
        """Read from the client again."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The last thing in an inbox: the session is over, for this reason."""

    reason: str


class Inbox:
    """Messages in the order in which they came, and at the end why the session ended."""

    __slots__ = ("_bytes", "_lagging_pause", "_paused", "_receiver", "_room", "_running", "_waiting")

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._waiting: list[Message | Ended] = []
        self._bytes = 0
        self._running = self._paused = False
        self._lagging_pause = LAGGING_PAUSE_SECONDS
        self._room: Event | None = None  # a POST waits until there is room

    def add(self, message: Message) -> None:
        """Take a message, and see that somebody handles it."""
        self._waiting.append(message)
        self._bytes += len(message)
        if self._is_full() and self._receiver.pause_reading():
            self._paused = True
        self._run()

    def end(self, reason: str) -> None:
        """Take the end of the session: it is handled after what is here."""
        self._waiting.append(Ended(reason))
        if self._room is not None:
            self._room.set()
        self._run()

    def forget(self) -> None:
        """Handle no more of what the client has sent. (That the session has ended, the application has to hear.)"""
        self._waiting = [row for row in self._waiting if isinstance(row, Ended)]
        self._bytes = 0

    def wait_for_room(self) -> None:
        """Return when there is room for more, or the session is over."""
        if self._is_full() and not self._receiver.closed:
            self._room = Event()
            self._room.wait()
            self._room = None

    def _is_full(self) -> bool:
        return len(self._waiting) >= INBOX_PACKETS or self._bytes >= INBOX_BYTES

    def _run(self) -> None:
        if not self._running:
            self._running = True
            gevent.spawn(self._handle_all)

    def _handle_all(self) -> None:
        """Handle everything in order; others get a turn between two messages.

        A client that asks and does not read the answers is handled slowly: those answers are dropped.
        """
        receiver = self._receiver
        try:
            while self._waiting:
                if not receiver.is_lagging:
                    self._lagging_pause = LAGGING_PAUSE_SECONDS
                elif not receiver.closed:
                    gevent.sleep(self._lagging_pause)
                    self._lagging_pause = min(2 * self._lagging_pause, LAGGING_PAUSE_MOST_SECONDS)
                message = self._waiting.pop(0)
                if isinstance(message, Ended):
                    receiver.handle_end(message.reason)
                    continue
                self._bytes -= len(message)
                self._make_room()
                receiver.handle(message)
                if self._waiting:
                    fair_queue.current().wait()
        finally:
            self._running = False
            if self._waiting:  # it ended in the middle; the message that it was at is out already
                self._run()

    def _make_room(self) -> None:
        if self._paused or self._room is not None:
            if len(self._waiting) <= INBOX_PACKETS // 2 and self._bytes <= INBOX_BYTES // 2:
                self._paused = False
                self._receiver.resume_reading()
                if self._room is not None:
                    self._room.set()

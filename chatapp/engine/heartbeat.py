"""The times at which a session is pinged and its client has to have answered (Engine.IO 4: the server pings)."""

from typing import Protocol

LATE_SECONDS = 0.1  # a ping this late counts as sent in time


class Pinging(Protocol):
    """The server, which pings many sessions together."""

    ping_timeout: float

    def ping_time(self, last: float) -> float:
        """Return when to ping next."""


class Heartbeat:
    """The heartbeat of one session; times are of `time.monotonic`."""

    __slots__ = ("_server", "heard", "ping_at", "pong_by")

    def __init__(self, server: Pinging, now: float) -> None:
        self._server = server
        self.heard = False  # since the last ping, whatever it was
        self.ping_at = server.ping_time(now)
        self.pong_by = 0.0  # 0: no pong is awaited

    def is_due(self, now: float) -> bool:
        """Return whether to ping now."""
        return now >= self.ping_at and not self.pong_by

    def pinged(self, now: float) -> None:
        """Await a pong, and plan the next ping."""
        planned = self.ping_at
        sent = planned if now - planned <= LATE_SECONDS else now
        self.pong_by = sent + self._server.ping_timeout
        self.ping_at = self._server.ping_time(sent)
        self.heard = False

    def is_late(self, now: float) -> bool:
        """Return whether the pong is overdue, and nothing else has come since the ping."""
        if not self.pong_by or now < self.pong_by:
            return False
        if self.heard:
            self.pong_by = now + self._server.ping_timeout
            self.heard = False
            return False
        return True

    def next_due(self, now: float) -> float:
        """Return when to look again. A ping that is due while a pong is awaited waits for it, too."""
        if not self.pong_by:
            return self.ping_at
        return self.pong_by if self.ping_at <= now else min(self.ping_at, self.pong_by)

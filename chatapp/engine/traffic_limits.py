"""Limits of the amount that one client may send, and leave unread."""

from dataclasses import dataclass

FRAGMENTS = 1_024


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one connection. `frames` and `received_bytes` are per `window` seconds.

    A frame counts once, and so does every read that the client makes necessary.
    """

    message_bytes: int = 1_000_000
    buffer_bytes: int = 1_000_000
    slow_seconds: float = 30
    frames: int = 3_000
    received_bytes: int = 10_000_000
    window: float = 10
    fragments: int = FRAGMENTS

    @property
    def unread_bytes(self) -> int:
        """Return how much may wait for the client when it is given more that it asked for, or one large message."""
        return self.buffer_bytes // 4

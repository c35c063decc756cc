"""The interface of a carrier, which moves the bytes of the bus: by Unix sockets, Redis, the database."""

from collections.abc import Callable
from typing import Protocol


class Carrier(Protocol):
    """Moves bytes to other processes. Sending never waits, and may lose them."""

    name: str
    dropped: int  # pieces that could not even wait to be sent

    def start(self, received: Callable[[bytes], None]) -> None:
        """Begin; `received` is called for everything that comes."""

    def send(self, data: bytes, to: str | None = None) -> None:
        """Send to one process, by its boot id, or to all others."""

    def stop(self) -> None:
        """End."""

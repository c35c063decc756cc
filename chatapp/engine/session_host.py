"""The Engine.IO server as its sessions know it."""

from logging import Logger
from typing import Any, Protocol

from chatapp.engine.frames import Message
from chatapp.engine.traffic_limits import Limits


class Guest(Protocol):
    """A session, as far as its server has to know it to let it go."""

    sid: str
    address: str
    closing: bool


class Host(Protocol):
    """The server that a session belongs to."""

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

    def forget(self, session: Guest) -> None:
        """Take a session out."""

    def caught_up(self, sid: str) -> None:
        """Tell the application that a client has missed something, and can take it now."""

    def count(self, what: str) -> None:
        """Count something for the metrics."""

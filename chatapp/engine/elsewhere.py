"""The sessions that other machines own, as the Engine.IO server knows them."""

from typing import Protocol
from wsgiref.types import WSGIEnvironment

from chatapp.engine.answers import Answer


class Elsewhere(Protocol):
    """The sessions of processes that this one can't pass a connection to. Both raise Refusal."""

    def answer(self, environ: WSGIEnvironment, method: str, sid: str) -> Answer | None:
        """Return the owner's answer to a request of polling; None when no such owner is there."""

    def upgrade(self, environ: WSGIEnvironment, switching: bytes, sid: str) -> bool:
        """Let the owner have the connection as a WebSocket, after this response; False when no such owner is there."""

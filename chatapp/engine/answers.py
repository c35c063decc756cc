"""HTTP answers of the Engine.IO server, its refusals among them, with the codes of the reference server."""

import zlib
from dataclasses import dataclass, field
from typing import Any, Protocol
from wsgiref.types import WSGIEnvironment

import orjson

UNKNOWN_TRANSPORT = (0, "Transport unknown")
UNKNOWN_SID = (1, "Session ID unknown")
BAD_METHOD = (2, "Bad handshake method")
BAD_REQUEST = (3, "Bad request")
FORBIDDEN = (4, "Forbidden")
UNSUPPORTED_VERSION = (5, "Unsupported protocol version")


class Polled(Protocol):
    """The session whose poll was answered."""

    def polled(self, delivered: bool) -> None:
        """Take note that the answer was written, or could not be."""

    def cancelled(self) -> None:
        """Take note that the client has not read the answer."""


@dataclass
class Answer:
    """An HTTP response."""

    status: str
    body: bytes
    content_type: str = "text/plain; charset=UTF-8"
    headers: list[tuple[str, str]] = field(default_factory=list)
    session: Polled | None = None  # whose poll it answers


class Refusal(Exception):
    """A request that is answered with an error: the code and message of the reference server."""

    def __init__(self, error: tuple[int, str], status: str = "400 Bad Request", retry_after: int = 0):
        super().__init__(error[1])
        code, message = error
        headers = [("Retry-After", str(retry_after))] if retry_after else []
        self.answer = Answer(status, orjson.dumps({"code": code, "message": message}), "application/json", headers)

    @classmethod
    def of(cls, answer: Answer) -> "Refusal":
        """Return a refusal that is answered with this."""
        refusal = cls(BAD_REQUEST)
        refusal.answer = answer
        return refusal


def compressed(environ: WSGIEnvironment, body: bytes, headers: list[tuple[str, str]]) -> bytes:
    """Return the body as gzip, and say so in `headers`, where the client takes it."""
    if "gzip" not in environ.get("HTTP_ACCEPT_ENCODING", ""):
        return body
    headers.append(("Content-Encoding", "gzip"))
    packer = zlib.compressobj(level=1, wbits=31)
    return packer.compress(body) + packer.flush()


class PollBody(list[bytes]):
    """The body that answers a poll; its `close`, which WSGI promises, says whether it was written."""

    def __init__(self, body: bytes, session: Polled, connection: Any) -> None:
        super().__init__([body])
        self._session = session
        self._connection = connection

    def close(self) -> None:
        """Take note that the response is out, or can't be written. Its being read shows when the connection ends."""
        failed = self._connection is not None and self._connection.write_failed
        self._session.polled(not failed)
        if self._connection is not None:
            self._connection.on_reset = self._session.cancelled


def without_credentials(headers: list[tuple[str, str]], allowed: Any) -> list[tuple[str, str]]:
    """Return the CORS headers, without those about credentials unless they name an origin out of a list."""
    names = {name for name, _ in headers}
    if "Access-Control-Allow-Origin" in names and allowed is not None and "*" not in allowed:
        return headers
    return [row for row in headers if row[0] != "Access-Control-Allow-Credentials"]

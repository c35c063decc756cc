"""The body of a POST of long-polling."""

from wsgiref.types import WSGIEnvironment

from chatapp.engine import fair_queue
from chatapp.engine.frames import POLICY, TOO_BIG, ProtocolError


def read(environ: WSGIEnvironment, limit: int) -> bytes:
    """Return the body, which may have `limit` bytes; raises ProtocolError, TOO_BIG when it has more, or OSError."""
    length = environ.get("CONTENT_LENGTH") or ""
    if environ.get("CONTENT_TYPE", "").startswith("application/octet-stream"):
        raise ProtocolError(POLICY, "payloads are text in this revision")
    if length and int(length) <= limit:
        return fair_queue.read_large(int(length), lambda: environ["wsgi.input"].read(int(length)))
    if not length and "HTTP_TRANSFER_ENCODING" in environ:
        body: bytes = environ["wsgi.input"].read(limit + 1)
        if len(body) <= limit:
            return fair_queue.read_large(len(body), lambda: body)
    elif not length:
        return b""
    raise ProtocolError(TOO_BIG, f"Payloads have at most {limit} bytes")

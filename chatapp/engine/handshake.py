"""RFC 6455's opening handshake, on a WSGI environ."""

import base64
import binascii
import hashlib
from wsgiref.types import WSGIEnvironment

_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
VERSION = "13"


class Refused(Exception):
    """The request can't be upgraded: the HTTP status line and headers to answer with."""

    def __init__(self, status: str, reason: str, headers: tuple[tuple[str, str], ...] = ()):
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.headers = headers


def is_upgrade(environ: WSGIEnvironment) -> bool:
    """Return whether the request asks for a WebSocket."""
    return "websocket" in _tokens(environ, "HTTP_UPGRADE") and "upgrade" in _tokens(environ, "HTTP_CONNECTION")


def _tokens(environ: WSGIEnvironment, name: str) -> list[str]:
    return [token.strip() for token in str(environ.get(name, "")).lower().split(",")]


def response(environ: WSGIEnvironment) -> bytes:
    """Return the 101 response to this request; raises Refused when the handshake is not valid."""
    if environ["REQUEST_METHOD"] != "GET" or environ.get("SERVER_PROTOCOL") != "HTTP/1.1":
        raise Refused("400 Bad Request", "WebSocket needs GET and HTTP/1.1")
    if environ.get("HTTP_SEC_WEBSOCKET_VERSION", "").strip() != VERSION:
        raise Refused("426 Upgrade Required", "WebSocket version 13 only", (("Sec-WebSocket-Version", VERSION),))
    if environ.get("CONTENT_LENGTH", "0") not in ("0", "") or "HTTP_TRANSFER_ENCODING" in environ:
        raise Refused("400 Bad Request", "A WebSocket request has no body")
    key = str(environ.get("HTTP_SEC_WEBSOCKET_KEY", "")).strip()
    if not _is_key(key):
        raise Refused("400 Bad Request", "Sec-WebSocket-Key has to be 16 bytes in base64")
    accept = base64.b64encode(hashlib.sha1((key + _GUID).encode()).digest()).decode()  # noqa: S324  # the protocol's
    return (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept}\r\n\r\n"
    ).encode("ascii")


def _is_key(key: str) -> bool:
    try:
        return len(base64.b64decode(key, validate=True)) == 16
    except (binascii.Error, ValueError):
        return False

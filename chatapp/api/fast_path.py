"""Answers that need no Flask, at a sixth of its cost or less: the health check, which load balancers and clients call
most of all, and requests that hostile clients send many of: bodies that are too large by their own length, hosts (the
client's, or a trusted proxy's word for it) that no address can be made of, and queries of raw bytes.

The answers are those that Flask would give (tests compare them).
"""

import time
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.types import WSGIEnvironment

import orjson
import structlog
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge

from chatapp import errors, logs, metrics
from chatapp.api import health
from chatapp.api.bodies import FORM_BYTES
from chatapp.engine.http_request import is_host
from chatapp.settings import config
from config import canonical_origin

StartResponse = Callable[..., Any]
Application = Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]

logger = structlog.get_logger("chatapp.requests")
_HEALTH = "/api/health"
_UPLOADS, _FORMS = "/api/uploads", "/api/upload"
_DIGITS = 18  # of a length; Python refuses to read very long numbers
_TOO_LARGE = errors.from_exception(RequestEntityTooLarge())
_NO_QUERY = errors.from_exception(BadRequest("The query has characters that are not percent-encoded"))
_NO_HOST = errors.from_exception(BadRequest("The Host header is no host"))


class EarlyAnswers:
    """WSGI middleware. Browsers' calls from elsewhere (they send an Origin) go on to Flask, which knows about CORS."""

    def __init__(self, inner: Application, headers: dict[str, str], strict_transport: str) -> None:
        self._inner = inner
        self._headers = list(headers.items())
        self._strict_transport = strict_transport

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if "HTTP_ORIGIN" in environ:
            environ["HTTP_ORIGIN"] = canonical_origin(environ["HTTP_ORIGIN"])
        else:
            if environ.get("PATH_INFO") == _HEALTH and environ["REQUEST_METHOD"] in ("GET", "HEAD"):
                return self._health(environ, start_response)
            if _is_too_large(environ):
                return self._refuse(_TOO_LARGE, "413 REQUEST ENTITY TOO LARGE", environ, start_response)
        if not is_host(environ.get("HTTP_HOST", "none")):
            return self._refuse(_NO_HOST, "400 BAD REQUEST", environ, start_response)
        if not environ.get("QUERY_STRING", "").isascii():  # Flask could not decode such bytes
            return self._refuse(_NO_QUERY, "400 BAD REQUEST", environ, start_response)
        return self._inner(environ, start_response)

    def _health(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        started = _begin(environ)
        body = orjson.dumps({"success": True, **health.status()})
        start_response("200 OK", self._answer_headers(environ, len(body)))
        logger.debug("request", **_counted(environ, _HEALTH, 200, started))
        return [b"" if environ["REQUEST_METHOD"] == "HEAD" else body]

    def _refuse(
        self, error: errors.ChatError, status: str, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Answer with an error, before the token or even the route is looked at."""
        started = _begin(environ)
        body = orjson.dumps(errors.envelope(error, logs.current_request_id()))
        start_response(status, self._answer_headers(environ, len(body)))
        metrics.error(error.code)
        fields = _counted(environ, "(unknown)", error.status, started)
        logger.info("request", **fields, code=str(error.code))
        return [body]

    def _answer_headers(self, environ: WSGIEnvironment, length: int) -> list[tuple[str, str]]:
        headers = [
            ("Content-Type", "application/json"),
            ("Content-Length", str(length)),
            ("X-Request-ID", logs.current_request_id()),
            *self._headers,
        ]
        if config().is_production and environ.get("wsgi.url_scheme") == "https":
            headers.append(("Strict-Transport-Security", self._strict_transport))
        return headers


def _is_too_large(environ: WSGIEnvironment) -> bool:
    length = environ.get("CONTENT_LENGTH") or "0"
    return length.isdecimal() and (len(length) > _DIGITS or int(length) > _most_bytes(environ.get("PATH_INFO", "")))


def _most_bytes(path: str) -> int:
    """Return how many bytes a request may have: those that bring files have limits of their own."""
    if path.startswith(_UPLOADS):
        return config().MAX_FILE_BYTES
    return FORM_BYTES if path.startswith(_FORMS) else config().MAX_BODY_BYTES


def _begin(environ: WSGIEnvironment) -> float:
    logs.begin(requestId=logs.request_id(environ.get("HTTP_X_REQUEST_ID")))
    return time.perf_counter()


def _counted(environ: WSGIEnvironment, route: str, status: int, started: float) -> dict[str, object]:
    """Count the request, and return the fields of its log line."""
    method, seconds = environ["REQUEST_METHOD"], time.perf_counter() - started
    metrics.request(method, route, status, seconds)
    return {"method": method, "route": route, "status": status, "ms": round(seconds * 1000, 2)}

"""What is answered before Flask is asked: the health check, which load balancers and clients call most of all.

The answer is the one that Flask would give (a test compares them), for a sixth of the time.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any

import orjson
import structlog

from chatapp import logs, metrics
from chatapp.api import health
from chatapp.extensions import config

Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

log = structlog.get_logger("chatapp.requests")
_PATH = "/api/health"


class EarlyHealth:
    """WSGI middleware. Browsers' calls from elsewhere (they send an Origin) go on to Flask, which knows about CORS."""

    def __init__(self, inner: Application, headers: dict[str, str], strict_transport: str) -> None:
        self._inner = inner
        self._headers = list(headers.items())
        self._strict_transport = strict_transport

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        method = environ["REQUEST_METHOD"]
        if environ.get("PATH_INFO") != _PATH or method not in ("GET", "HEAD") or "HTTP_ORIGIN" in environ:
            return self._inner(environ, start_response)
        started = time.perf_counter()
        logs.begin(requestId=logs.request_id(environ.get("HTTP_X_REQUEST_ID")))
        body = orjson.dumps({"success": True, **health.status()})
        start_response("200 OK", self._answer_headers(environ, len(body)))
        seconds = time.perf_counter() - started
        metrics.request(method, _PATH, 200, seconds)
        log.debug("request", method=method, route=_PATH, status=200, ms=round(seconds * 1000, 2))
        return [b"" if method == "HEAD" else body]

    def _answer_headers(self, environ: Environ, length: int) -> list[tuple[str, str]]:
        headers = [
            ("Content-Type", "application/json"),
            ("Content-Length", str(length)),
            ("X-Request-ID", logs.current_request_id()),
            *self._headers,
        ]
        if config().is_production and environ.get("wsgi.url_scheme") == "https":
            headers.append(("Strict-Transport-Security", self._strict_transport))
        return headers

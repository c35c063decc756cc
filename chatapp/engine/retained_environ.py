"""The part of a handshake's WSGI environ that is kept for as long as its session lives."""

from wsgiref.types import WSGIEnvironment

from chatapp.engine import http_handler

# Needed for the request's own work only.
_DROPPED = ("wsgi.input", "wsgi.errors", "wsgi.file_wrapper", http_handler.KEY, "HTTP_COOKIE")
_DROPPED_PREFIXES = ("HTTP_SEC_WEBSOCKET_", "HTTP_ACCEPT", "HTTP_SEC_FETCH_", "HTTP_SEC_CH_")


def of(environ: WSGIEnvironment) -> WSGIEnvironment:
    """Return the environ without what only the request's own work needs."""
    return {
        name: value
        for name, value in environ.items()
        if name not in _DROPPED and not name.startswith(_DROPPED_PREFIXES)
    }

"""The server of the sockets: the engine, or the libraries' own (ENGINE=stock)."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from wsgiref.types import WSGIEnvironment

import orjson
import structlog
from gevent.pywsgi import WSGIHandler
from geventwebsocket.handler import WebSocketHandler

from chatapp import errors, limits, logs, metrics
from chatapp.addresses import address_key
from chatapp.engine import stock_server
from chatapp.engine.answers import FORBIDDEN, Refusal
from chatapp.engine.http_handler import Handler
from chatapp.engine.http_request import Unacceptable
from chatapp.engine.socketio_server import SocketServer
from chatapp.engine.traffic_limits import Limits
from chatapp.settings import config as current_config
from config import Config

Resync = Callable[[str], None]
TOO_MANY = "429 Too Many Requests"
_PLENTY = 1 << 40
_CODES = {408: errors.Code.REQUEST_TIMEOUT, 414: errors.Code.URL_TOO_LONG, 431: errors.Code.HEADERS_TOO_LARGE}
_SENTENCES = {
    400: "The request is not valid HTTP",
    408: "The request did not come in time",
    414: "The URL is too long; where there is a POST that takes the same, use that",
    431: "The request has too many or too long headers",
}

logger = structlog.get_logger("chatapp.requests")


def is_engine(config: Config) -> bool:
    """Return whether the engine serves."""
    return config.ENGINE == "chatapp"


def handler_class(config: Config) -> type[WSGIHandler]:
    """Return the class that handles a connection to the HTTP server."""
    if not is_engine(config):
        stock_handler: type[WSGIHandler] = WebSocketHandler
        return stock_handler
    attributes = {
        "header_seconds": config.CONNECT_TIMEOUT,
        "body_seconds": config.SLOW_CLIENT_SECONDS,
        "refusal": staticmethod(_refusal),
        "most_connections": config.WORKER_CONNECTIONS,
        "is_clients_own": not config.TRUSTED_PROXIES,
        # A proxy's connections are shared by all clients.
        "most_waiting": 0 if config.TRUSTED_PROXIES else config.MAX_IDLE_PER_ADDRESS,
        "group_of": staticmethod(address_key),
    }
    return type("ChatHandler", (Handler,), attributes)


def _refusal(status: int, seconds: float) -> tuple[list[tuple[str, str]], bytes]:
    """Return headers and body for a malformed request: the envelope, counted and logged like any other answer."""
    error = _unacceptable(status)
    logs.begin(requestId=logs.request_id())
    metrics.request("(unreadable)", "(unreadable)", status, seconds)
    metrics.error(error.code)
    fields = {"status": status, "ms": round(seconds * 1000, 2), "code": str(error.code)}
    logger.info("request", method="(unreadable)", route="(unreadable)", **fields)
    headers = [
        ("Content-Type", "application/json"),
        ("X-Request-ID", logs.current_request_id()),
        ("X-Content-Type-Options", "nosniff"),
        ("Cache-Control", "no-store"),
    ]
    return headers, orjson.dumps(errors.envelope(error, logs.current_request_id()))


def _unacceptable(status: int) -> errors.ChatError:
    return errors.ChatError(_CODES.get(status, errors.Code.BAD_REQUEST), _SENTENCES[status], status=status)


@errors.translate(Unacceptable)
def _from_unacceptable(error: Unacceptable) -> errors.ChatError:
    return _unacceptable(error.status)


def install(extension: Any, config: Config, on_resync: Resync) -> None:
    """Let a Flask-SocketIO extension, after its `init_app`, use the server that the setting names.

    Seam, checked against Flask-SocketIO 5.7.0: `init_app` keeps its options in `server_options`, the server in
    `server`, and the WSGI middleware in `sockio_mw`, whose `engineio_app` gets the requests.
    """
    make = _engine if is_engine(config) else _stock
    server = make(config, on_resync, extension.server_options)
    server.handlers, server.namespace_handlers = extension.server.handlers, extension.server.namespace_handlers
    extension.server = extension.sockio_mw.engineio_app = server


def _admit(environ: WSGIEnvironment, open_sockets: int) -> None:
    """Raise Refusal when the address has too many sockets open, or makes too many handshakes."""
    if open_sockets >= current_config().MAX_SOCKETS_PER_ADDRESS:
        raise Refusal((FORBIDDEN[0], "Too many connections from this address"), TOO_MANY, 60)
    try:
        address = address_key(environ.get("REMOTE_ADDR"))
        limits.spend("handshakes", address, current_config().RATE_HANDSHAKES_ADDRESS)
    except errors.RateLimited as error:
        raise Refusal((FORBIDDEN[0], error.message), TOO_MANY, error.retry_after or 60) from None


def _engine(config: Config, on_resync: Resync, options: dict[str, Any]) -> SocketServer:
    return SocketServer(
        limits=_socket_limits(config),
        admit=_admit,
        connect_timeout=config.CONNECT_TIMEOUT,
        max_sessions=config.WORKER_CONNECTIONS,
        on_resync=on_resync,
        **options,
    )


def _socket_limits(config: Config) -> Limits:
    limits = Limits(
        message_bytes=config.MAX_FRAME_BYTES,
        buffer_bytes=config.MAX_SOCKET_BUFFER_BYTES,
        slow_seconds=config.SLOW_CLIENT_SECONDS,
    )
    if not config.RATE_LIMITS_ENABLED:
        return replace(limits, frames=_PLENTY, received_bytes=_PLENTY)
    return replace(limits, frames=int(config.MAX_FRAMES_PER_SECOND * limits.window))


def _stock(config: Config, on_resync: Resync, options: dict[str, Any]) -> stock_server.StockServer:
    stock_server.prepare()
    return stock_server.StockServer(
        connect_timeout=config.CONNECT_TIMEOUT,
        buffer_bytes=config.MAX_SOCKET_BUFFER_BYTES,
        slow_seconds=config.SLOW_CLIENT_SECONDS,
        admit=_admit,
        on_resync=on_resync,
        **options,
    )

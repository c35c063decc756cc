"""A bare app on the engine, for protocol test suites: `python tests/protocol_app.py --port 3000`.

/socket.io/ echoes Socket.IO events in the namespaces / and /custom, /engine.io/ echoes Engine.IO messages, /echo
echoes WebSocket messages. Pings every 300 ms, with 200 ms to answer. `--engine stock` serves the first two by the
libraries' own server.
"""

from gevent import monkey

monkey.patch_all()

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from gevent.pywsgi import WSGIServer
from geventwebsocket.handler import WebSocketHandler

from chatapp.engine import handshake, http_handler, stock_server
from chatapp.engine.engineio_server import EngineServer
from chatapp.engine.frames import build_message
from chatapp.engine.socketio_server import SocketServer
from chatapp.engine.traffic_limits import Limits
from chatapp.engine.websocket import WebSocket

OPTIONS = {
    "async_mode": "gevent",
    "ping_interval": 0.3,
    "ping_timeout": 0.2,
    "max_http_buffer_size": 1_000_000,
    "cors_allowed_origins": "*",
}
ON_WORKERS = {"ping_interval": 0.8, "ping_timeout": 0.8}  # a busy machine delays what passes through several processes
STOCK = {"buffer_bytes": 1_000_000, "slow_seconds": 30, "connect_timeout": 10}
PLENTY = 1 << 30
ECHO_LIMITS = Limits(PLENTY, PLENTY, frames=PLENTY, received_bytes=PLENTY, fragments=PLENTY)


class Echo:
    """The owner of a WebSocket that gets every message back."""

    def __init__(self, sock, early, switching):
        self.websocket = WebSocket(sock, self, ECHO_LIMITS)
        self.websocket.send(switching)
        self.websocket.start(early)

    def received(self, message):
        self.websocket.send(build_message(message))

    def lost(self, code): ...
    def caught_up(self): ...


def echo(environ, start_response):
    """Return the application at /echo."""
    try:
        switching = handshake.response(environ)
    except handshake.Refused as refused:
        start_response(refused.status, [("Content-Type", "text/plain"), *refused.headers])
        return [refused.reason.encode()]
    Echo(*environ[http_handler.KEY].take_over(), switching)
    return []


def engine_io(kind, **options):
    """Return the server at /engine.io/."""
    if kind == "stock":
        waiting = {name: STOCK[name] for name in ("buffer_bytes", "slow_seconds")}
        server = stock_server.StockEngine(on_caught_up=lambda sid: None, **waiting | OPTIONS | options)
    else:
        server = EngineServer(**OPTIONS | options)
    server.on("message", server.send)
    return server


def socket_io(kind, **options):
    """Return the server at /socket.io/."""
    if kind == "stock":
        server = stock_server.StockServer(**STOCK | OPTIONS | {"connect_timeout": 10} | options)
    else:
        server = SocketServer(**OPTIONS | {"binary": True, "connect_timeout": 10} | options)
    for namespace in ("/", "/custom"):
        server.on("connect", connected(server, namespace), namespace=namespace)
        server.on("message", said(server, namespace), namespace=namespace)
        server.on("message-with-ack", lambda sid, *arguments: arguments, namespace=namespace)
        server.on("disconnect-me", disconnected(server, namespace), namespace=namespace)
    return server


def connected(server, namespace):
    def connect(sid, environ, auth):
        server.emit("auth", auth or {}, to=sid, namespace=namespace)

    return connect


def said(server, namespace):
    def message(sid, *arguments):
        server.emit("message-back", arguments, to=sid, namespace=namespace)

    return message


def disconnected(server, namespace):
    return lambda sid: server.disconnect(sid, namespace=namespace)


def application(**apps):
    """WSGI applications by the beginning of their path."""

    def route(environ, start_response):
        for path, app in apps.items():
            if environ["PATH_INFO"].startswith(f"/{path}"):
                return app(environ, start_response)
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"Not Found"]

    return route


def serve(kind, address=("127.0.0.1", 0), **options):
    """Start to serve all three; `options` are those of both Socket.IO and Engine.IO servers."""
    stock_server.prepare()
    apps = {"socket.io": socket_io(kind, **options), "engine.io": engine_io(kind, **options)}
    routes = {f"{name}/": app.handle_request for name, app in apps.items()}
    handler = WebSocketHandler if kind == "stock" else http_handler.Handler
    server = WSGIServer(address, application(**routes, echo=echo), log=None, error_log=None, handler_class=handler)
    server.apps = apps
    server.start()
    return server


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=3000)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--engine", choices=["chatapp", "stock"], default="chatapp")
    arguments = parser.parse_args()
    server = serve(arguments.engine, (arguments.host, arguments.port))
    print(f"listening on http://{arguments.host}:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()

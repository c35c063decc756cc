"""A bare app on the engine, for protocol test suites: `python tests/protocol_app.py --port 3000`.

/socket.io/ echoes Socket.IO events in the namespaces / and /custom, /engine.io/ echoes Engine.IO messages, /echo
echoes WebSocket messages. Pings every 300 ms, with 200 ms to answer.
"""

from gevent import monkey

monkey.patch_all()

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from gevent.pywsgi import WSGIServer

from chatapp.realtime.engine import handshake, http
from chatapp.realtime.engine.frames import build_message
from chatapp.realtime.engine.server import EngineServer
from chatapp.realtime.engine.socketio_server import SocketServer
from chatapp.realtime.engine.websocket import Limits, WebSocket

OPTIONS = {
    "async_mode": "gevent",
    "ping_interval": 0.3,
    "ping_timeout": 0.2,
    "max_http_buffer_size": 1_000_000,
    "cors_allowed_origins": "*",
}
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
    """The application at /echo."""
    try:
        switching = handshake.response(environ)
    except handshake.Refused as refused:
        start_response(refused.status, [("Content-Type", "text/plain"), *refused.headers])
        return [refused.reason.encode()]
    Echo(*environ[http.KEY].take_over(), switching)
    return []


def engine_io():
    """The application at /engine.io/."""
    server = EngineServer(**OPTIONS)
    server.on("message", server.send)
    return server.handle_request


def socket_io():
    """The application at /socket.io/."""
    server = SocketServer(binary=True, connect_timeout=10, **OPTIONS)
    for namespace in ("/", "/custom"):
        server.on("connect", connected(server, namespace), namespace=namespace)
        server.on("message", said(server, namespace), namespace=namespace)
        server.on("message-with-ack", lambda sid, *arguments: arguments, namespace=namespace)
    return server.handle_request


def connected(server, namespace):
    def connect(sid, environ, auth):
        server.emit("auth", auth or {}, to=sid, namespace=namespace)

    return connect


def said(server, namespace):
    def message(sid, *arguments):
        server.emit("message-back", arguments, to=sid, namespace=namespace)

    return message


def application():
    """All three, by path."""
    apps = {"/socket.io/": socket_io(), "/engine.io/": engine_io(), "/echo": echo}

    def route(environ, start_response):
        for path, app in apps.items():
            if environ["PATH_INFO"].startswith(path):
                return app(environ, start_response)
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"Not Found"]

    return route


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=3000)
    parser.add_argument("--host", default="127.0.0.1")
    arguments = parser.parse_args()
    address = (arguments.host, arguments.port)
    server = WSGIServer(address, application(), log=None, error_log=None, handler_class=http.Handler)
    server.start()
    print(f"listening on http://{arguments.host}:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()

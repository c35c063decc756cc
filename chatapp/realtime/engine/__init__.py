"""The real-time engine: Socket.IO 5 over Engine.IO 4 over RFC 6455, on gevent's event loop. docs/engine.md explains it.

http       one connection's requests (gevent's WSGI handler, with limits), and taking a connection over
handshake, frames, websocket    RFC 6455: the opening, the frames, the connection
session, server                 Engine.IO: one session, and the server that answers the requests
packets, manager, socketio_server   Socket.IO: its packets, who is in which room, the server
wheel      one timer for all deadlines
"""

from typing import Any

from chatapp.realtime.engine.socketio_server import SocketServer


def install(extension: Any, **options: Any) -> SocketServer:
    """Let a Flask-SocketIO extension, after its `init_app`, use the engine. `options` are SocketServer's.

    Seam, checked against Flask-SocketIO 5.7.0: `init_app` keeps its options in `server_options`, the server in
    `server`, and the WSGI middleware in `sockio_mw`, whose `engineio_app` gets the requests.
    """
    stock = extension.server
    engine = SocketServer(**extension.server_options, **options)
    engine.handlers, engine.namespace_handlers = stock.handlers, stock.namespace_handlers
    extension.server = extension.sockio_mw.engineio_app = engine
    return engine

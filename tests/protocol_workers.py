"""tests/protocol_app.py on all workers of a machine (`gunicorn tests.protocol_workers:app`), with the product's
settings.

The workers, the mesh between them and the connections that move are the product's; only who is behind /socket.io/ and
/engine.io/ are the echoing servers. /look tells whose a connection is, and what its session waits for.
"""

from gevent import monkey

monkey.patch_all()

import json

from chatapp import create_app
from chatapp.engine.http_handler import Handler
from chatapp.extensions import socketio
from chatapp.server import processes
from tests import protocol_app

LOOK = "look"

app = create_app()
socket_io = protocol_app.socket_io("chatapp", **protocol_app.ON_WORKERS)
engine_io = protocol_app.engine_io("chatapp", **protocol_app.ON_WORKERS)
engine_io.sockets = socket_io.eio.sockets  # the number of sessions, by which handshakes are shared out, is of both
socketio.server = socketio.sockio_mw.engineio_app = socket_io
Handler.relayed_path = ("/socket.io/", "/engine.io/", f"/{LOOK}/")


def look(environ, start_response):
    """Tell the name of the worker that has the connection now, and the state of the session."""
    sid = environ["QUERY_STRING"].rpartition("sid=")[2]
    session = engine_io.sockets.get(sid)
    polled = session is not None and session._polling is not None and session._polling.is_polled
    found = {"worker": processes.name(), "known": session is not None, "polled": polled}
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(found).encode()]


def named_engine_io(environ, start_response):
    """Answer as the server at /engine.io/, which nobody but this gives the worker's name to."""
    engine_io.name = processes.name()
    return engine_io.handle_request(environ, start_response)


whole = app.wsgi_app
app.wsgi_app = protocol_app.application(**{f"{LOOK}/": look, "engine.io/": named_engine_io, "": whole})

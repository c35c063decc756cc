"""The engine's seams with its libraries: an upgrade that changes one of these places fails here, by name."""

import inspect
from importlib.metadata import version

import engineio
import engineio.payload
import engineio.server
import engineio.socket
import flask_socketio
import gevent.pywsgi
import pymongo.synchronous.pool
import pytest
import socketio
import socketio.packet
import socketio.server
from geventwebsocket.handler import WebSocketHandler
from gunicorn.workers import ggevent

from chatapp.database import pool
from chatapp.engine import (
    client_manager,
    engineio_server,
    engineio_session,
    http_answer,
    http_handler,
    http_request,
    live_sessions,
    packets,
    socketio_server,
    stock_server,
)
from chatapp.extensions import socketio as extension
from chatapp.server import worker

CHECKED = {
    "Flask-SocketIO": "5.7.",
    "python-socketio": "5.18.",
    "python-engineio": "4.15.",
    "gevent": "26.9.",
    "gevent-websocket": "0.10.",
    "gunicorn": "27.0.",
    "pymongo": "4.20.",
}
OVERRIDDEN = [
    (http_handler.Handler, gevent.pywsgi.WSGIHandler),
    (http_answer.Answering, gevent.pywsgi.WSGIHandler),
    (http_request.Body, gevent.pywsgi.Input),
    (engineio_server.EngineServer, engineio.Server),
    (live_sessions.LiveSessions, engineio.Server),
    (socketio_server.SocketServer, socketio.Server),
    (client_manager.Manager, socketio.Manager),
    (packets.Packet, socketio.packet.Packet),
    (stock_server.StockSocket, engineio.socket.Socket),
    (stock_server.StockEngine, engineio.Server),
    (stock_server.StockServer, socketio.Server),
    (worker.ChatServer, ggevent.PyWSGIServer),
    (worker.ChatWorker, ggevent.GeventPyWSGIWorker),
    (pool.TimedPool, pymongo.synchronous.pool.Pool),
    (pool.TimedConnection, pymongo.synchronous.pool.Connection),
]
METHODS = [
    (ours, theirs, name)
    for ours, theirs in OVERRIDDEN
    for name, value in vars(ours).items()
    if inspect.isfunction(value) and hasattr(theirs, name) and name != "__init__"
]


@pytest.mark.parametrize("name", CHECKED)
def test_the_versions_are_those_that_the_seams_were_checked_against(name):
    assert version(name).startswith(CHECKED[name]), "look at every seam again, then move this line"


@pytest.mark.parametrize(("ours", "theirs", "name"), METHODS, ids=lambda value: getattr(value, "__name__", value))
def test_what_is_overridden_is_called_as_before(ours, theirs, name):
    """Arguments that the library passes by position have a place, and those that it passes by name keep it."""
    wanted = list(inspect.signature(getattr(theirs, name)).parameters.values())
    given = inspect.signature(getattr(ours, name)).parameters.values()
    takes_any = any(parameter.kind is parameter.VAR_POSITIONAL for parameter in given)
    takes_names = any(parameter.kind is parameter.VAR_KEYWORD for parameter in given)
    places = [parameter for parameter in given if parameter.kind is parameter.POSITIONAL_OR_KEYWORD]
    required = [row for row in wanted if row.default is row.empty and row.kind is row.POSITIONAL_OR_KEYWORD]
    assert takes_any or len(places) >= len(required)
    optional = {row.name for row in wanted if row.default is not row.empty}
    assert takes_names or optional <= {parameter.name for parameter in given}


@pytest.mark.parametrize(
    ("where", "text"),
    [
        (gevent.pywsgi.WSGIHandler, "result = self.handle_one_request()"),
        (gevent.pywsgi.WSGIHandler, "self.environ = self.get_environ()"),
        (gevent.pywsgi.WSGIHandler, "self.handle_one_response()"),
        (gevent.pywsgi.WSGIHandler, "self.wsgi_input = Input(self.rfile, self.content_length"),
        (gevent.pywsgi.Input, "return self._chunked_read(length)"),
        (gevent.pywsgi.WSGIHandler, "self._headers()"),
        (gevent.pywsgi.WSGIHandler, "self.finalize_headers()"),
        (gevent.pywsgi.WSGIHandler, "self._write_with_headers(data)"),
        (gevent.pywsgi.WSGIHandler, "self.wsgi_input._discard()"),
        (gevent.pywsgi.WSGIHandler, "while self.socket is not None:"),
        (gevent.pywsgi.WSGIHandler, "self.handle_error(*sys.exc_info())"),
        (socketio.server.Server, "self._engineio_server_class()"),
        (socketio.server.Server, "self.eio.on('message', self._handle_eio_message)"),
        (socketio.server.Server, "self._handle_event_internal(self, sid, eio_sid, data, namespace,"),
        (socketio.server.Server, "self._handle_disconnect(eio_sid, n, reason)"),
        (engineio.server.Server, "s = socket.Socket(self, sid)"),
        (engineio.server.Server, "self._handle_connect(environ, start_response,"),
        (engineio.socket.Socket, "packets = self.poll()"),
        (engineio.socket.Socket, "self._websocket_handler, self.server)"),
        (flask_socketio.SocketIO, "self.server = socketio.Server(**self.server_options)"),
        (flask_socketio.SocketIO, "self.sockio_mw = _SocketIOMiddleware(self.server, app,"),
        (ggevent.GeventWorker, "handler_class=self.wsgi_handler, environ=environ,"),
        (WebSocketHandler, "self.websocket = WebSocket(self.environ, Stream(self), self)"),
    ],
)
def test_the_library_still_does_this(where, text):
    source = "".join(inspect.getsource(row) for row in inspect.getmro(where) if row is not object)
    assert text in source


def test_the_manager_has_every_public_method_of_the_library():
    public = {
        name for name, value in vars(socketio.manager.base_manager.BaseManager).items() if inspect.isfunction(value)
    }
    used_as_they_are = {"__init__", "set_server", "initialize", "_generate_ack_id", "_get_logger"}
    assert public - used_as_they_are <= set(vars(client_manager.Manager))


def test_a_session_has_what_the_library_and_others_use_of_a_socket(app):
    wanted = {"sid", "server", "session", "connected", "upgraded", "upgrading", "closing", "closed"}
    assert wanted <= {name for name in dir(engineio_session.Session) if not name.startswith("_")}
    for name in ("send", "receive", "poll", "close"):
        assert callable(getattr(engineio_session.Session, name)) and callable(getattr(engineio.socket.Socket, name))


def test_flask_socketio_is_the_public_face(app):
    assert extension.server is extension.sockio_mw.engineio_app
    assert isinstance(extension.server, socketio.Server) and isinstance(extension.server.eio, engineio.Server)
    assert extension.server.handlers["/"]["connect"]
    assert engineio.payload.Payload.max_decode_packets >= 16

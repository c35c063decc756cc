"""The gunicorn worker: WebSocket support, and a stop that loses nothing and does not wait for idle sockets."""

import signal
import socket
import sys
from typing import Any

import gevent
import structlog
from geventwebsocket.gunicorn.workers import GeventWebSocketWorker
from gunicorn.workers.ggevent import PyWSGIServer

from chatapp import banner, errors, lifecycle, realtime
from chatapp.extensions import config, socketio

log = structlog.get_logger("chatapp.worker")


class ChatServer(PyWSGIServer):  # type: ignore[misc]
    """gunicorn's pywsgi server; closing it also ends connections that only wait for another request."""

    def close(self) -> None:
        """Stop accepting, and end what the drain has left: idle keep-alive connections."""
        super().close()
        if self.pool is not None:
            self.pool.kill(timeout=1)


class ChatWorker(GeventWebSocketWorker):  # type: ignore[misc]
    """GeventWebSocketWorker with a drain: gunicorn's own stop waits its whole graceful time for open sockets."""

    server_class = ChatServer
    _draining = False

    def init_signals(self) -> None:
        """SIGINT is a graceful stop too: Ctrl-C in a terminal reaches the worker as well as the master."""
        super().init_signals()
        signal.signal(signal.SIGINT, self.handle_exit)

    def handle_exit(self, sig: int, frame: Any) -> None:
        """SIGTERM: drain, then stop as gunicorn does. Runs in a signal handler, so the work is spawned."""
        if not self._draining:
            self._draining = True
            gevent.spawn(self._drain_and_exit, sig, frame)

    def _drain_and_exit(self, sig: int, frame: Any) -> None:
        log.info("draining")
        try:
            finished = lifecycle.drain(max(1, config().DRAIN_SECONDS - 3))
            closed = realtime.close_all(errors.Code.SHUTTING_DOWN, "The server is restarting")
            gevent.sleep(0.2)  # the writers of the sockets send what was just put into their queues
            _close_transports()
            log.info("drained", sockets=closed, everything_answered=finished)
        finally:
            super().handle_exit(sig, frame)


def _close_transports() -> None:
    """Close every Engine.IO session: also those that never connected, and polls that wait."""
    eio = socketio.server.eio
    sessions = list(eio.sockets.values())
    waiting = [gevent.spawn(session.close, wait=False) for session in sessions]
    gevent.joinall(waiting, timeout=1)


def begin_to_serve(worker: Any) -> None:
    """Called once in the process that serves, before its first request."""
    app = worker.wsgi
    app.extensions["chatapp_background"]()
    if config().APP_ENV == "development":
        print(banner.text(config(), _network_address()), file=sys.stdout, flush=True)
    else:
        log.info("SERVER STARTED SUCCESSFULLY", host=config().HOST, port=config().PORT)


def _network_address() -> str | None:
    """This machine's address in its network, where it has one; nothing is sent to find out."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # an address reserved for documentation (RFC 5737)
            return str(probe.getsockname()[0])
        except OSError:
            return None

"""The gunicorn worker: WebSocket support, and a stop that loses nothing and does not wait for idle sockets."""

import fcntl
import os
import resource
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

import gevent
import structlog
from gevent.pywsgi import WSGIHandler
from gunicorn.arbiter import Arbiter
from gunicorn.workers.ggevent import GeventPyWSGIWorker, PyWSGIServer

from chatapp import errors, lifecycle
from chatapp.database import STORE_ERRORS, is_embedded
from chatapp.engine import fair_queue
from chatapp.extensions import socketio
from chatapp.realtime import closing
from chatapp.realtime.socket_server import handler_class, is_engine
from chatapp.server import background, banner, processes
from chatapp.server.collector import Collector
from chatapp.settings import config

logger = structlog.get_logger("chatapp.worker")
_OTHER_FILES = 100
_ACCEPTED_SECONDS = 0.3  # in which a connection that was accepted brings its request


class ChatServer(PyWSGIServer):  # type: ignore[misc]
    """gunicorn's pywsgi server; closing it also ends connections that only wait for another request."""

    started: ClassVar[list["ChatServer"]] = []  # in this process
    max_accept = 1  # connection in one turn of the line: a crowd that connects must not hold up connected clients

    def start(self) -> None:
        """Begin to serve, also connections that other workers pass on."""
        super().start()
        self.started.append(self)
        processes.serve(self)

    def _do_read(self) -> None:
        """Accept a connection when its turn has come."""
        if not fair_queue.current().call_or_add(self._accept) and self._watcher is not None:
            self._watcher.stop()

    def _accept(self) -> None:
        """Accept a connection, unless no more are to be accepted."""
        if self._watcher is not None:
            super()._do_read()
        if self._watcher is not None:  # still
            self._watcher.start(self._do_read)

    def take(self, sock: Any, address: Any, file: Any) -> None:
        """Handle a connection that another worker has begun to read."""
        self.pool.spawn(self._handle_taken, sock, address, file)

    def _handle_taken(self, sock: Any, address: Any, file: Any) -> None:
        try:
            self.handler_class(sock, address, self, file).handle()
        finally:
            self.do_close(sock, address)

    def close(self) -> None:
        """Stop accepting, and end what the drain has left: idle keep-alive connections."""
        super().close()
        if self.pool is not None:
            self.pool.kill(timeout=1)


class ChatWorker(GeventPyWSGIWorker):  # type: ignore[misc]
    """gunicorn's gevent worker with WebSocket, and a drain: its own stop waits its whole graceful time for sockets."""

    server_class = ChatServer

    @property
    def wsgi_handler(self) -> type[WSGIHandler]:
        """Return the class that handles a connection: the engine's, or gevent-websocket's for the stock server."""
        return handler_class(config())

    _draining = False

    def handle_exit(self, sig: int, frame: Any) -> None:
        """Handle SIGTERM: drain, then stop as gunicorn does. Runs in a signal handler, so the work is spawned."""
        if not self._draining:
            self._draining = True
            gevent.spawn(self._drain_and_exit, sig, frame)

    def handle_quit(self, sig: int, frame: Any) -> None:
        """Handle SIGINT, or SIGQUIT from a master that got one: Ctrl-C in a terminal is a graceful stop too."""
        self.handle_exit(sig, frame)

    def _drain_and_exit(self, sig: int, frame: Any) -> None:
        is_replaced = processes.await_successors()
        logger.info("draining")
        try:
            if is_replaced:
                self._let_successors_accept()
            finished = lifecycle.drain(max(1, config().DRAIN_SECONDS - 3))
            with gevent.Timeout(1, False):
                background.finish()
            processes.leave()
            closed = closing.announce_shutdown(errors.Code.SHUTTING_DOWN, "The server is restarting")
            gevent.sleep(0.2)  # the writers of the sockets send what was just put into their queues
            _close_transports()
            logger.info("drained", sockets=closed, everything_answered=finished)
        finally:
            super().handle_exit(sig, frame)

    def _let_successors_accept(self) -> None:
        """Accept no more connections, and answer those that were accepted just now."""
        for server in ChatServer.started:
            server.stop_accepting()
        gevent.sleep(_ACCEPTED_SECONDS)


def _close_transports() -> None:
    """Close every Engine.IO session: also those that never connected, and polls that wait.

    Without a CLOSE packet, so that every client takes it for a broken connection and connects again.
    """
    eio = socketio.server.eio
    sessions = list(eio.sockets.values())
    waiting = [gevent.spawn(session.close, wait=False, abort=True) for session in sessions]
    gevent.joinall(waiting, timeout=1)


def begin_to_serve(worker: Any) -> None:
    """Start the background work of a process that serves, before its first request."""
    _refuse_tls(worker.cfg)
    _allow_open_files()
    _own_store(worker.ppid)
    _refuse_foreign_database()
    app = worker.wsgi
    if worker.age == 1:  # later it may be away for a while, which only metrics and latency notice
        processes.refuse_unusable_redis()
    processes.join()
    app.extensions["chatapp_background"]()
    if worker.age > 1:  # one of several, or the successor of one that has ended
        logger.info("worker started", worker=processes.name())
    elif config().APP_ENV == "development":
        print(banner.text(config(), _network_address()), file=sys.stdout, flush=True)
    else:
        logger.info("SERVER STARTED SUCCESSFULLY", host=config().HOST, port=config().PORT)
    Collector().start()


def _refuse_tls(settings: Any) -> None:
    """Refuse settings for TLS: the engine takes over plain connections only, and TLS ends in the proxy in front."""
    if settings.is_ssl and is_engine(config()):
        print(
            "gunicorn's own TLS (--certfile) needs the stock server: let a proxy end TLS, or set ENGINE=stock.",
            file=sys.stderr,
        )
        sys.exit(Arbiter.WORKER_BOOT_ERROR)


def _refuse_foreign_database() -> None:
    """Refuse the database of another application. While it is away the server starts, and looks later."""
    with suppress(*STORE_ERRORS):
        background.refuse_foreign_database()


def _allow_open_files() -> None:
    """Raise the limit of open files as far as connections need it, and as the system lets this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = config().WORKER_CONNECTIONS + _OTHER_FILES
    possible = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, possible), hard))
    if possible < wanted:
        logger.warning("too few open files are allowed for WORKER_CONNECTIONS", allowed=possible, wanted=wanted)


def _own_store(master: int) -> None:
    """Let no second server use this embedded store: each would overwrite what the other remembers.

    The operator's commands don't ask for the lock. A restarted worker waits for its predecessor's drain.
    """
    if not is_embedded():
        return
    store = Path(config().store_uri.removeprefix("litemongo://"))
    lock = os.open(store.with_name(store.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)  # held until the process ends
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if os.pread(lock, 20, 0) != str(master).encode():
                print(
                    f"Another server uses the store {store}: stop it, or set INSTANCE_DIR to another.", file=sys.stderr
                )
                sys.exit(Arbiter.WORKER_BOOT_ERROR)
            gevent.sleep(0.1)
    os.ftruncate(lock, 0)
    os.pwrite(lock, str(master).encode(), 0)


def _network_address() -> str | None:
    """Return this machine's address in its network, if it has one; nothing is sent to find out."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # an address reserved for documentation (RFC 5737)
            return str(probe.getsockname()[0])
        except OSError:
            return None

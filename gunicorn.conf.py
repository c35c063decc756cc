"""gunicorn's settings for chatapp, so that `gunicorn wsgi:app` is the whole command."""

import os

for _descriptor in range(3):  # one that is closed would be given to the next connection, and get log lines
    try:
        os.fstat(_descriptor)
    except OSError:
        os.open(os.devnull, os.O_RDWR)

from gevent import monkey

monkey.patch_all()  # before the worker class pulls in what has to be cooperative

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from config import ConfigError, load

try:
    _config = load()
except ConfigError as error:
    sys.exit(str(error))

# The folder in which the workers of this machine find each other, and add up what they count.
# It stays the same when the master reads this file again (SIGHUP).
_owner, _, _path = os.environ.get("CHATAPP_WORKERS_FOLDER", "").partition(":")
_folder: Path | None = Path(_path) if _owner == str(os.getpid()) else None
if _folder is None and _config.WEB_CONCURRENCY > 1:
    _folder = Path(tempfile.mkdtemp(prefix="chatapp-"))
    os.environ["CHATAPP_WORKERS_FOLDER"] = f"{os.getpid()}:{_folder}"
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(_folder)  # prometheus_client reads it when it is imported

from chatapp import metrics, output
from chatapp.server import processes

output.install()
processes.use_folder(_folder)
if _folder is not None:
    metrics.share(_folder)

bind = f"{_config.HOST}:{_config.PORT}"
workers = _config.WEB_CONCURRENCY
worker_class = "chatapp.server.worker.ChatWorker"
worker_connections = _config.WORKER_CONNECTIONS
max_requests = 0
umask = 0o077
# A worker that is silent for so long is killed: only that closes its connections, and lets its clients go elsewhere.
# gunicorn does not count before the worker has served for the first time, so a slow start is no silence.
timeout = 60 if _config.WEB_CONCURRENCY == 1 else 10
graceful_timeout = _config.DRAIN_SECONDS + 1
keepalive = 75
preload_app = False  # PyMongo's client has to be made after the fork
accesslog = None  # the application writes one structured line per request
loglevel = "warning"
proc_name = "chatapp"
control_socket_disable = True  # nobody uses it, and it wants a home folder that can be written to


def child_exit(_: Any, worker: Any) -> None:
    """Forget a worker that has ended: what it counted stays counted, what it had open is no more."""
    metrics.forget_worker(worker.pid)


def on_reload(server: Any) -> None:
    """Tell the workers that run that others take their place (SIGHUP): they go on until those serve."""
    if _folder is not None:
        processes.note_replaced(list(server.WORKERS))


def on_exit(_: Any) -> None:
    """Remove the workers' folder."""
    if _folder is not None:
        shutil.rmtree(_folder, ignore_errors=True)


def post_worker_init(worker: Any) -> None:
    """Start what runs beside the requests, and say where the server is."""
    from chatapp.server.worker import begin_to_serve

    begin_to_serve(worker)

"""How gunicorn serves chatapp, so that `gunicorn wsgi:app` is the whole command."""

import os

for _descriptor in range(3):  # one that is closed would be given to the next connection, and get log lines
    try:
        os.fstat(_descriptor)
    except OSError:
        os.open(os.devnull, os.O_RDWR)

from gevent import monkey

monkey.patch_all()  # before the worker class pulls in what has to be cooperative

import sys
from typing import Any

from config import ConfigError, load

try:
    _config = load()
except ConfigError as error:
    sys.exit(str(error))

from chatapp import output

output.install()

bind = f"{_config.HOST}:{_config.PORT}"
workers = 1  # sockets need one process, whatever WEB_CONCURRENCY says
worker_class = "chatapp.server.worker.ChatWorker"
worker_connections = _config.WORKER_CONNECTIONS
max_requests = 0
umask = 0o077
timeout = 60
graceful_timeout = _config.DRAIN_SECONDS + 1
keepalive = 75
preload_app = False  # PyMongo's client has to be made after the fork
accesslog = None  # the application writes one structured line per request
loglevel = "warning"
proc_name = "chatapp"


def post_worker_init(worker: Any) -> None:
    """Start what runs beside the requests, and say where the server is."""
    from chatapp.server.worker import begin_to_serve

    begin_to_serve(worker)

"""chatapp: the chat server that a mobile team runs itself. `create_app` puts it together."""

import atexit
import secrets
import shutil
import tempfile
from dataclasses import replace

from flask import Flask

from chatapp import api, cli, database, extensions, logs, sockets
from chatapp.realtime import resync, socket_server
from chatapp.server import background
from config import Config, ConfigError, load


def create_app(config: Config | None = None) -> Flask:
    """Return the application. Without a config it is read from the environment; raises ConfigError."""
    config = config or load()
    logs.configure(config)
    database.start(config)
    app = Flask(__name__, static_folder=None)
    app.config.update(
        MAX_CONTENT_LENGTH=config.MAX_BODY_BYTES,
        TESTING=config.APP_ENV == "testing",
        PROPAGATE_EXCEPTIONS=False,
        RATELIMIT_STORAGE_URI="chatapp://",  # chatapp.counts.Counts
    )
    extensions.jwt.init_app(app)
    _init_socketio(app, config)
    api.register(app)
    cli.register(app)
    background.prepare(app)
    return app


def create_app_to_examine(error: ConfigError) -> Flask:
    """Return the application for `flask doctor` where the settings allow no other: defaults replace what is wrong, and
    an empty store where they name no database that can be used."""
    settings = replace(Config(**error.values), JWT_SECRET=error.values.get("JWT_SECRET") or secrets.token_urlsafe(48))
    if any(problem.startswith("MONGO_URI:") for problem in error.problems):
        folder = tempfile.mkdtemp(prefix="chatapp-doctor-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        settings = replace(settings, MONGO_URI=f"litemongo://{folder}/store", INSTANCE_DIR=folder)
    app = create_app(settings)
    app.extensions["chatapp_problems"] = error.problems
    return app


def _init_socketio(app: Flask, config: Config) -> None:
    origins = list(config.CORS_ORIGINS)
    extensions.socketio.init_app(
        app,
        async_mode="gevent",
        async_handlers=False,  # True would reorder one client's messages
        manage_session=False,
        transports=["polling", "websocket"],
        cors_allowed_origins="*" if "*" in origins else origins or None,  # [] would check nothing
        ping_interval=config.PING_INTERVAL,
        ping_timeout=config.PING_TIMEOUT,
        max_http_buffer_size=config.MAX_FRAME_BYTES,
    )
    socket_server.install(extensions.socketio, config, resync.resync)
    sockets.register(extensions.socketio.server)

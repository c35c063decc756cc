"""The shared parts: Flask extensions, the database, the settings. The only module with state.

`start(config)` opens the store that the settings name; `db()` and `config()` give them to stores and
services, which know no Flask.
"""

import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import litemongo
import structlog
from bson import ObjectId
from flask import Flask
from flask_jwt_extended import JWTManager, decode_token
from flask_jwt_extended.exceptions import JWTExtendedException
from flask_limiter import Limiter
from flask_socketio import SocketIO
from gevent.pool import Group
from jwt import PyJWTError
from pymongo import MongoClient, WriteConcern
from pymongo.database import Database
from pymongo.errors import ConfigurationError, PyMongoError

from chatapp import errors, metrics
from chatapp.database import monitoring
from config import Config, keep_private

Document = dict[str, Any]
STORE_ERRORS = (PyMongoError, sqlite3.OperationalError)  # what a store raises when it can't do what it was asked

log = structlog.get_logger("chatapp.database")
TOKEN_ALGORITHM = "HS256"  # noqa: S105  # no password


class Tokens(JWTManager):
    """The extension, used by both transports: sockets have no application context of their own."""

    def init_app(self, app: Flask, *arguments: Any) -> None:
        app.config.update(
            JWT_ALGORITHM=TOKEN_ALGORITHM,
            JWT_DECODE_ALGORITHMS=[TOKEN_ALGORITHM],
            JWT_DECODE_LEEWAY=10 * 365 * 86_400,  # a clock set back refuses no token; services.tokens checks the times
        )
        super().init_app(app, *arguments)
        self.decode_key_loader(lambda *_: config().JWT_SECRET)
        self._app = app

    def claims(self, token: str) -> dict[str, Any] | None:
        """The claims of a token that this server has signed, expired or not; None for any other text."""
        try:
            with self._app.app_context():
                return decode_token(token, allow_expired=True)
        except (PyJWTError, JWTExtendedException, ValueError, RecursionError):
            return None


socketio = SocketIO()
jwt = Tokens()
limiter = Limiter(key_func=lambda: "")  # counts for both transports: chatapp.limits says what, whose and by which rule


@dataclass
class _Runtime:
    config: Config
    client: Any
    database: Database[Document]
    embedded: bool


_COLLECTIONS = ("users", "sessions", "conversations", "memberships", "entries", "receipts", "meta")
_runtime: _Runtime | None = None
_cache_resets: list[Callable[[], None]] = []


def start(config: Config) -> None:
    """Open the store that the settings name; connections are made when first used."""
    global _runtime
    stop()
    uri = config.store_uri
    embedded = uri.startswith("litemongo:")
    client = _open_embedded(config) if embedded else _connect(config)
    name = config.MONGO_DATABASE if embedded else _database_name(client, config)
    _runtime = _Runtime(config, client, _open(client, name, embedded), embedded)
    metrics.database_up.set_function(is_reachable)
    reset_caches()


def stop() -> None:
    """Close the store."""
    global _runtime
    if _runtime is not None:
        _runtime.client.close()
    _runtime = None


def _open_embedded(config: Config) -> Any:
    """The embedded store, in files that only this user can read; SQLite makes the later ones by the umask."""
    os.umask(0o077)
    keep_private(config.instance_path, ["*.lock", "jwt_secret"])
    files = [f"*/{name}{part}" for name in _COLLECTIONS for part in ("", "-wal", "-shm")]
    keep_private(Path(config.store_uri.removeprefix("litemongo://")), files)
    return litemongo.connect(config.store_uri)


def _connect(config: Config) -> MongoClient[Document]:
    return MongoClient(
        config.MONGO_URI,
        appname="chatapp",
        maxPoolSize=config.MONGO_MAX_POOL_SIZE,
        minPoolSize=config.MONGO_MIN_POOL_SIZE,
        serverSelectionTimeoutMS=config.MONGO_SERVER_SELECTION_MS,
        connectTimeoutMS=config.MONGO_CONNECT_TIMEOUT_MS,
        socketTimeoutMS=config.MONGO_SOCKET_TIMEOUT_MS,
        waitQueueTimeoutMS=config.MONGO_WAIT_QUEUE_MS,
        event_listeners=monitoring.listeners(config.SLOW_COMMAND_MS),
    )


def _database_name(client: MongoClient[Document], config: Config) -> str:
    """The database in the URI's path, or MONGO_DATABASE where it names none."""
    try:
        return client.get_default_database().name
    except ConfigurationError:
        return config.MONGO_DATABASE


def _open(client: Any, name: str, embedded: bool) -> Database[Document]:
    if embedded:
        return cast(Database[Document], client[name])
    database = client.get_database(name, write_concern=WriteConcern(w="majority", wtimeout=30_000))
    for collection in _COLLECTIONS:
        setattr(database, collection, database[collection])  # PyMongo makes one at each access, a tenth of a command
    return cast(Database[Document], database)


def warm_pool() -> None:
    """Open the smallest pool now; PyMongo opens two connections at a time, too slow for a restart storm."""
    if is_embedded():
        return
    group = Group()
    for _ in range(config().MONGO_MIN_POOL_SIZE):
        group.spawn(_ping_quietly)
    group.join(timeout=config().MONGO_SERVER_SELECTION_MS / 1000)


def _ping_quietly() -> None:
    try:
        ping()
    except PyMongoError:
        pass  # monitoring has logged it; requests answer DATABASE_UNAVAILABLE until it is back


def is_reachable() -> bool:
    """Could the driver reach a server when it last looked? Asks the database nothing; the embedded store always is."""
    if _runtime is None:
        return False
    return _runtime.embedded or bool(_runtime.client.topology_description.has_writable_server())


def ping() -> None:
    """One round trip to the database; raises what the driver raises."""
    db().client.admin.command("ping") if not is_embedded() else db().list_collection_names()


def config() -> Config:
    """The settings of this process."""
    return _current().config


def db() -> Database[Document]:
    """The database. The embedded store has the same interface."""
    return _current().database


def is_embedded() -> bool:
    """Is this the embedded store?"""
    return _current().embedded


def store_name() -> str:
    """Which store this is, for people: a path or hosts, never a password."""
    uri = config().store_uri
    if is_embedded():
        return f"embedded, {uri.removeprefix('litemongo://')}"
    return f"MongoDB at {urlsplit(uri).netloc.rpartition('@')[2]}, database {db().name}"


def _current() -> _Runtime:
    if _runtime is None:
        raise RuntimeError("extensions.start(config) has to run first")
    return _runtime


def on_reset(reset: Callable[[], None]) -> Callable[[], None]:
    """Decorator: empty this in-process cache whenever another store is opened."""
    _cache_resets.append(reset)
    return reset


def reset_caches() -> None:
    """Forget everything that this process remembers of the database."""
    for reset in _cache_resets:
        reset()


@contextmanager
def exclusive(name: str) -> Iterator[None]:
    """Hold a lock between processes of this machine (the embedded store has none of its own)."""
    folder = config().instance_path
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def object_id(text: object) -> ObjectId | None:
    """The ObjectId that a client's text stands for, or None."""
    return ObjectId(text) if isinstance(text, str) and ObjectId.is_valid(text) else None


@errors.translate(PyMongoError)
def _database_unavailable(error: PyMongoError) -> errors.ChatError:
    if monitoring.is_outage(error):
        metrics.database_errors.inc()
        return errors.Unavailable(errors.Code.DATABASE_UNAVAILABLE, "The database can't be reached. Try again soon.", 5)
    return errors.ChatError(errors.Code.INTERNAL_ERROR, "Something went wrong on the server")


@errors.translate(sqlite3.OperationalError)
def _embedded_store_unavailable(error: sqlite3.OperationalError) -> errors.ChatError:
    """The disk is full, or fails: what lies beneath the embedded store says so in its own words."""
    metrics.database_errors.inc()
    log.error("the embedded store fails", error=str(error))
    return errors.Unavailable(errors.Code.DATABASE_UNAVAILABLE, "The database can't be written. Try again soon.", 5)

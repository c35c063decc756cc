"""The client for a MongoDB server."""

from collections.abc import Iterable
from typing import Any

from pymongo import MongoClient, WriteConcern
from pymongo.database import Database
from pymongo.errors import ConfigurationError

from chatapp.database import monitoring
from chatapp.database.pool import TimedPool
from config import Config


def connect(config: Config) -> MongoClient[Any]:
    """Return a client with the pool, time limits and monitoring that the settings name."""
    return MongoClient(
        config.MONGO_URI,
        appname="chatapp",
        maxPoolSize=config.MONGO_MAX_POOL_SIZE,
        minPoolSize=config.MONGO_MIN_POOL_SIZE,
        serverSelectionTimeoutMS=config.MONGO_SERVER_SELECTION_MS,
        connectTimeoutMS=config.MONGO_CONNECT_TIMEOUT_MS,
        socketTimeoutMS=config.MONGO_SOCKET_TIMEOUT_MS,
        waitQueueTimeoutMS=config.MONGO_WAIT_QUEUE_MS,
        event_listeners=monitoring.listeners(),
        _pool_class=TimedPool,
    )


def open_database(client: MongoClient[Any], config: Config, collections: Iterable[str]) -> Database[Any]:
    """Return the database in the URI's path, or MONGO_DATABASE where it names none."""
    try:
        name = client.get_default_database().name
    except ConfigurationError:
        name = config.MONGO_DATABASE
    database = client.get_database(name, write_concern=WriteConcern(w="majority", wtimeout=30_000))
    for collection in collections:
        setattr(database, collection, database[collection])  # PyMongo makes one at each access, a tenth of a command
    return database

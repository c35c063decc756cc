"""Open the database, hand it out, and say whether it can be reached."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from gevent.pool import Group
from pymongo.database import Database
from pymongo.errors import PyMongoError

from chatapp import metrics, settings, state
from chatapp.database import embedded, mongodb
from config import Config

Document = dict[str, Any]
COLLECTIONS = (
    "users",
    "sessions",
    "conversations",
    "older_conversations",
    "memberships",
    "entries",
    "receipts",
    "departures",
    "media",
    "media_uses",
    "meta",
)
OF_MONGODB = ("search", "search_marks")  # the embedded store has a file for them
WITH_TEXTS = ("entries", "conversations", "departures", "media")  # collections that have texts of messages


@dataclass
class OpenDatabase:
    """The client, the database that it opened, and whether that is the embedded store."""

    client: Any
    database: Database[Any]  # each store function says what its documents are
    is_embedded: bool


_current: OpenDatabase | None = None


def start(config: Config) -> None:
    """Open the database that the settings name, and use these settings; connections are made when first used."""
    global _current
    stop()
    settings.use(config)
    uri = config.store_uri
    if uri.startswith("litemongo:"):
        client = embedded.open_store(config, COLLECTIONS)
        database = client[config.MONGO_DATABASE]
        embedded.overwrite_freed(database, COLLECTIONS)
        _current = OpenDatabase(client, database, is_embedded=True)
    else:
        client = mongodb.connect(config)
        names = (*COLLECTIONS, *OF_MONGODB)
        _current = OpenDatabase(client, mongodb.open_database(client, config, names), is_embedded=False)
    metrics.database_up.set_function(is_reachable)
    state.reset_caches()


def stop() -> None:
    """Close the database."""
    global _current
    if _current is not None:
        _current.client.close()
    _current = None


def current() -> OpenDatabase:
    """Return what is open. Raises RuntimeError before `start`."""
    if _current is None:
        raise RuntimeError("database.start(config) has to run first")
    return _current


def db() -> Database[Any]:
    """Return the database. The embedded store has the same interface."""
    return current().database


def is_embedded() -> bool:
    """Return whether this is the embedded store."""
    return current().is_embedded


def forget_traces() -> None:
    """Let nothing that was erased be left in a file of the embedded store; a database's files are its own."""
    if is_embedded():
        embedded.forget_traces(db(), WITH_TEXTS)


def is_reachable() -> bool:
    """Return whether the driver last reached a server. Sends no command; the embedded store always answers True."""
    if _current is None:
        return False
    return _current.is_embedded or bool(_current.client.topology_description.has_writable_server())


def ping() -> None:
    """Make one round trip to the database; raises what the driver raises."""
    db().client.admin.command("ping") if not is_embedded() else db().list_collection_names()


def warm_pool() -> None:
    """Open the smallest pool now; PyMongo opens two connections at a time, too slow for a restart storm."""
    if is_embedded():
        return
    config, group = settings.config(), Group()
    for _ in range(config.MONGO_MIN_POOL_SIZE):
        group.spawn(_ping_quietly)
    group.join(timeout=config.MONGO_SERVER_SELECTION_MS / 1000)


def _ping_quietly() -> None:
    try:
        ping()
    except PyMongoError:
        pass  # monitoring has logged it; requests answer DATABASE_UNAVAILABLE until it is back


def store_name() -> str:
    """Return which store this is, for people: a path or hosts, never a password."""
    uri = settings.config().store_uri
    if is_embedded():
        return f"embedded, {uri.removeprefix('litemongo://')}"
    return f"MongoDB at {urlsplit(uri).netloc.rpartition('@')[2]}, database {db().name}"

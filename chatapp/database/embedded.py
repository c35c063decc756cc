"""The embedded store: litemongo's files in the instance folder."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import litemongo

from chatapp.database.process_lock import exclusive
from config import Config, keep_private


def open_store(config: Config, collections: Iterable[str]) -> Any:
    """Return a client of the store, in files that only this user can read; SQLite makes the later ones by the umask."""
    os.umask(0o077)
    keep_private(config.instance_path, ["*.lock", "jwt_secret"])
    files = [f"*/{name}{part}" for name in collections for part in ("", "-wal", "-shm")]
    keep_private(Path(config.store_uri.removeprefix("litemongo://")), files)
    return litemongo.connect(config.store_uri)


def overwrite_freed(database: Any, collections: Iterable[str]) -> None:
    """Let SQLite overwrite what is deleted or replaced in the files of these collections, from now on.

    Missing files are made by it, by one process at a time: two at once would fail over the same new file.
    """
    with exclusive("open"):
        for name in collections:
            database[name]._store._connection.execute("PRAGMA secure_delete = ON")


def forget_traces(database: Any, collections: Iterable[str]) -> None:
    """Let nothing be left of what was replaced: move what the write-ahead logs hold into the files, and empty them."""
    for name in collections:
        database[name]._store._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def rewrite(database: Any, collections: Iterable[str]) -> None:
    """Write the files of these collections anew, without what was once replaced in them."""
    for name in collections:
        database[name]._store._connection.execute("VACUUM")


def rows(cursor: Any) -> Iterator[Any]:
    """Return the rows of a cursor of the store, each read when it is asked for.

    The cursor itself reads all before it gives the first, 10 ms for 256 memberships. Where neither fields nor rows are
    chosen among what is found, a row is not copied either: it was made of the file for this call.
    """
    if cursor._sort or cursor._skip or cursor._limit:
        return iter(list(cursor))
    if cursor._projection:
        return iter(cursor._factory())
    return iter(cursor.collection._iter_documents(cursor._spec))

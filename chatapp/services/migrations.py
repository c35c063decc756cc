"""Numbered forward migrations: each runs once per database, in order, by one process at a time."""

import importlib
import os
import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import gevent

import migrations_seed
from chatapp import clock, errors
from chatapp.database import db, is_embedded
from chatapp.database.process_lock import exclusive
from chatapp.stores import meta as meta_store

_NUMBERED = re.compile(r"\d{4}_\w+")
_STALE = timedelta(minutes=10)
_PATIENCE_SECONDS = 120


def names() -> list[str]:
    """Return all migrations there are, in order."""
    folder = Path(migrations_seed.__path__[0])
    return sorted(path.stem for path in folder.glob("*.py") if _NUMBERED.fullmatch(path.stem))


def pending() -> list[str]:
    """Return the migrations that have not run on this database."""
    done = meta_store.find_migrations()
    return [name for name in names() if name not in done]


class ForeignDatabase(errors.Unavailable):
    """The database belongs to another program."""


def refuse_foreign() -> None:
    """Raise ForeignDatabase when the database belongs to another program, like the old backend. Changes nothing.

    The first and the oldest document of a collection tell; a look at all of them would cost every start a scan.
    """
    for name in meta_store.find_foreign():
        raise ForeignDatabase(
            errors.Code.DATABASE_UNAVAILABLE,
            f"The database {db().name} belongs to another program ({name} that chatapp has not made); "
            "use another MONGO_DATABASE.",
        )


class Postponed(errors.Unavailable):
    """A migration has to wait, and has changed nothing: something still needs what it takes away."""


def require_no_older_process(migration: str) -> None:
    """Raise Postponed while a process from before migration 0008 may live, which needs what later ones do without.

    Such a process keeps the row `clock` of `meta` ahead of the time, and no later one does. (Not every earlier one
    stores heartbeats in `processes`.) The embedded store has one process, which is this one.
    """
    until = None if is_embedded() else meta_store.find_older_clock()
    if until is not None and until > clock.now():
        raise Postponed(
            errors.Code.SERVER_BUSY,
            f"Migration {migration} waits until no process of an earlier version has been alive for a minute: "
            f"one may be until {clock.iso(until)}.",
            60,
        )


def run(told: Callable[[str], None]) -> int:
    """Run what is pending, telling each name; return how many ran. Safe to run twice and by two at once.

    Raises ForeignDatabase when the database is another program's, Postponed, after all others, when one has to wait.
    """
    refuse_foreign()
    ran, postponed = 0, None
    with _alone():
        for name in pending():
            try:
                importlib.import_module(f"migrations_seed.{name}").up(db())
            except Postponed as reason:  # those behind it need nothing that it takes away
                postponed = reason
                continue
            meta_store.insert_migration(name, clock.now())
            told(name)
            ran += 1
    if postponed is not None:
        raise postponed
    return ran


@contextmanager
def _alone() -> Iterator[None]:
    """Be the only process that migrates: a file lock for the embedded store, a lock document for MongoDB."""
    if is_embedded():
        with exclusive("migrate"):
            yield
        return
    owner = f"{os.getpid()}-{uuid.uuid4().hex}"
    deadline = clock.monotonic() + _PATIENCE_SECONDS
    while not meta_store.take_migration_lock(owner, clock.now(), clock.now() - _STALE):
        if clock.monotonic() > deadline:
            raise errors.Unavailable(errors.Code.SERVER_BUSY, "Another process has been migrating for too long.")
        gevent.sleep(0.2)
    try:
        yield
    finally:
        meta_store.release_migration_lock(owner)

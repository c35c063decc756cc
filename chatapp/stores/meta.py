"""The `meta` collection: what is known of the database itself, and which migrations ran."""

import secrets
import uuid
from datetime import datetime

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from chatapp.database import db
from chatapp.database.write_conflicts import again


def find_or_make_epoch() -> str:
    """Return the random id that was stored with this database when it was first used."""
    row = db().meta.find_one({"_id": "epoch"})
    if row is None:
        try:
            db().meta.insert_one({"_id": "epoch", "value": uuid.uuid4().hex})
        except DuplicateKeyError:
            pass
        row = db().meta.find_one({"_id": "epoch"})
    assert row is not None
    return str(row["value"])


def replace_epoch() -> str:
    """Store a new random id for this database, and return it."""
    value = uuid.uuid4().hex
    db().meta.update_one({"_id": "epoch"}, {"$set": {"value": value}}, upsert=True)
    return value


_CLOCK, _OLDER_CLOCK = "clock of changes", "clock"


def find_clock() -> tuple[datetime, datetime] | None:
    """Return when changes were last known to be stamped, and a time that no stamp exceeds; see `set_clock`."""
    rows = [(row["at"], row["until"]) for row in db().meta.find({"_id": {"$in": [_CLOCK, _OLDER_CLOCK]}})]
    return max(rows, key=lambda row: row[1]) if rows else None


def set_clock(at: datetime, until: datetime) -> None:
    """Note that it is `at`, and that no change is going to be stamped beyond `until` before this is called again."""
    db().meta.update_one({"_id": _CLOCK}, {"$set": {"at": at, "until": until}}, upsert=True)


def find_older_clock() -> datetime | None:
    """Return the time that no stamp of a process before migration 0008 exceeds: while one lives, it is ahead.

    Those processes keep their clock under another name than this version does, which nothing else tells apart: every
    half minute they reserve the next one, as `set_clock` does.
    """
    row = db().meta.find_one({"_id": _OLDER_CLOCK})
    return row["until"] if row else None


@again
def find_or_make_id_key() -> tuple[bytes, bool | None]:
    """Return the key of conversations' ids, made when it is first asked for, and what `set_older_known` has noted.

    A write, also where it changes nothing: it returns when a majority of the database has the key, which no failover
    loses then. A process that went on with a lost key would make other ids than the rest.
    """
    key = {"_id": "conversation ids"}
    try:
        made = {"$setOnInsert": {"key": secrets.token_bytes(32)}}
        row = db().meta.find_one_and_update(key, made, upsert=True, return_document=ReturnDocument.AFTER)
    except DuplicateKeyError:  # another process has made it in this moment
        row = db().meta.find_one(key)
    assert row is not None
    return bytes(row["key"]), row.get("has_older")


def set_older_known(has_older: bool) -> None:
    """Note that no more conversations are made with other ids, and whether there are any."""
    db().meta.update_one({"_id": "conversation ids"}, {"$set": {"has_older": has_older}})


def find_migrations() -> set[str]:
    """Return names of the migrations that ran."""
    return {row["name"] for row in db().meta.find({"kind": "migration"})}


def insert_migration(name: str, moment: datetime) -> None:
    """Note that a migration ran."""
    db().meta.update_one(
        {"_id": f"migration:{name}"},
        {"$setOnInsert": {"kind": "migration", "name": name, "at": moment}},
        upsert=True,
    )


def take_migration_lock(owner: str, now: datetime, stale_before: datetime) -> bool:
    """Become the one process that migrates; a lock older than `stale_before` was left by a crash."""
    db().meta.delete_one({"_id": "migration-lock", "at": {"$lt": stale_before}})
    try:
        db().meta.insert_one({"_id": "migration-lock", "owner": owner, "at": now})
    except DuplicateKeyError:
        return False
    return True


def release_migration_lock(owner: str) -> None:
    """Let the next process migrate."""
    db().meta.delete_one({"_id": "migration-lock", "owner": owner})


_OWN_FIELDS = {"users": "password_hash", "conversations": "head"}


def find_foreign() -> list[str]:
    """Return names of collections with documents that are not chatapp's, as far as their first and oldest ones tell."""
    found = [name for name, field in _OWN_FIELDS.items() if _has_foreign(name, field)]
    return found if db().messages.find_one({}) is None else [*found, "messages"]


def _has_foreign(name: str, field: str) -> bool:
    collection = db()[name]
    samples = [collection.find_one({}), collection.find_one({}, sort=[("_id", 1)])]
    return any(row is not None and field not in row for row in samples)


def index_names() -> dict[str, set[str]]:
    """Return names of the indexes that exist, by collection that needs one beside its primary key."""
    names = ("users", "sessions", "memberships", "entries")
    return {name: set(db()[name].index_information()) for name in names}

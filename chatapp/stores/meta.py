"""The `meta` collection: what is known of the database itself, and which migrations ran."""

import uuid
from datetime import datetime

from pymongo.errors import DuplicateKeyError

from chatapp.database import db


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


def find_clock() -> tuple[datetime, datetime] | None:
    """Return when changes were last known to be stamped, and a time that no stamp exceeds; see `set_clock`."""
    row = db().meta.find_one({"_id": "clock"})
    return (row["at"], row["until"]) if row else None


def set_clock(at: datetime, until: datetime) -> None:
    """Note that it is `at`, and that no change is going to be stamped beyond `until` before this is called again."""
    db().meta.update_one({"_id": "clock"}, {"$set": {"at": at, "until": until}}, upsert=True)


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
    """Return names of the indexes that exist, by collection."""
    names = ("users", "sessions", "conversations", "memberships", "entries")
    return {name: set(db()[name].index_information()) for name in names}

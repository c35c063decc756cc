"""The indexes of what passes between machines by the database, and of the list of processes: rows end by themselves."""

from typing import Any

from pymongo.database import Database

from chatapp.database import is_embedded

_SECONDS = 60


def up(db: Database[dict[str, Any]]) -> None:
    """Make the indexes; harmless where they are there already, and nothing to do for the one process of a store."""
    if is_embedded():
        return
    db.bus.create_index([("sender", 1), ("counter", 1)], name="of_sender")
    db.bus.create_index([("at", 1)], expireAfterSeconds=_SECONDS, name="expiry")
    db.processes.create_index([("at", 1)], expireAfterSeconds=_SECONDS, name="expiry")

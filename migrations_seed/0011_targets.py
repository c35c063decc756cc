"""An index of the entries that concern a message, for former members: a message as it was at their last entry."""

from typing import Any

from pymongo.database import Database


def up(db: Database[dict[str, Any]]) -> None:
    """Make the index; harmless where it is there already. Messages are not in it."""
    db.entries.create_index([("target_id", 1)], sparse=True, name="of_target")

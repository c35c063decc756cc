"""The indexes of files: by owner for quotas, by state for tidying."""

from typing import Any

from pymongo.database import Database


def up(db: Database[dict[str, Any]]) -> None:
    """Make the indexes; harmless where they are there already."""
    db.media.create_index([("owner", 1), ("created_at", 1)], name="of_owner")
    db.media.create_index([("state", 1), ("changed_at", 1)], name="by_state")

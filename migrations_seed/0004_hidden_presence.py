"""Copies of profiles say who hides when they are online: deliveries to those people are not shown."""

from typing import Any

from pymongo.database import Database


def up(db: Database[dict[str, Any]]) -> None:
    """Mark the memberships of the users who hide it; harmless when run again."""
    for user in list(db.users.find({"privacy.hide_last_seen": True}, {"_id": 1})):
        db.memberships.update_many({"user_id": user["_id"]}, {"$set": {"profile.hide_seen": True}})

"""The marks of change on conversations and memberships that sync, receipts and groups need, and their indexes."""

from datetime import datetime
from typing import Any

from pymongo.database import Database

_LONG_AGO = datetime(1970, 1, 1)


def up(db: Database[dict[str, Any]]) -> None:
    """Add the fields where they are missing, and the indexes; harmless when run again."""
    db.conversations.update_many({"touched_at": {"$exists": False}}, {"$set": {"touched_at": _LONG_AGO}})
    for row in list(db.conversations.find({"founded": {"$exists": False}}, {"name": 1, "avatar": 1, "history": 1})):
        founded = {key: row[key] for key in ("name", "avatar", "history")}
        db.conversations.update_one({"_id": row["_id"]}, {"$set": {"founded": founded}})
    missing = {"changed_seq": {"$exists": False}}
    db.memberships.update_many(missing, {"$set": {"changed_seq": 0, "changed_at": _LONG_AGO}})
    db.conversations.create_index([("creation_key", 1)], unique=True, sparse=True, name="creation")
    db.receipts.create_index([("conversation_id", 1)], name="of_conversation")
    db.users.create_index([("privacy.hide_last_seen", 1)], sparse=True, name="hiding")

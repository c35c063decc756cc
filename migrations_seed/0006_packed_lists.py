"""On the embedded store conversations keep their founders and participants packed."""

from typing import Any

from pymongo.database import Database

from chatapp.database import is_embedded
from chatapp.stores.packed import pack


def up(db: Database[dict[str, Any]]) -> None:
    """Pack them where they are lists; harmless when run again, and nothing to do on MongoDB."""
    if not is_embedded():
        return
    for row in list(db.conversations.find({}, {"_id": 1})):
        lists = db.conversations.find_one({"_id": row["_id"]}, {"_id": 0, "founders": 1, "participants": 1})
        if lists:
            db.conversations.update_one({"_id": row["_id"]}, {"$set": pack(lists)})

"""The unhashed part of the messages of `entries`: their present state beside the body, and erased texts."""

from bson import ObjectId

from chatapp.database import Document, db
from chatapp.database.write_conflicts import again
from chatapp.stores.batches import batches
from chatapp.stores.documents.entries import Now


@again
def set_now(conversation_id: ObjectId, message_id: ObjectId, before: Now | None, now: Now) -> bool:
    """Store what a message is now, where it was this before; False when somebody else has changed it meanwhile."""
    key: Document = {"_id": message_id, "conversation_id": conversation_id}
    key |= {"now": {"$exists": False}} if before is None else {"now.seq": before["seq"]}
    return db().entries.update_one(key, {"$set": {"now": now}}).matched_count == 1


def replace_now(conversation_id: ObjectId, message_id: ObjectId, now: Now | None) -> None:
    """Store what a message is now, whatever was stored; None: as it was sent.

    In two steps: the embedded store takes reactions in another order for the same, and would leave them.
    """
    key = {"_id": message_id, "conversation_id": conversation_id}
    db().entries.update_one(key, {"$unset": {"now": ""}})
    if now is not None:
        db().entries.update_one(key, {"$set": {"now": now}})


def erase(conversation_id: ObjectId, seqs: list[int]) -> None:
    """Take the texts of these entries away; their hashes stay."""
    for step in batches(seqs):
        db().entries.update_many(
            {"conversation_id": conversation_id, "seq": {"$in": list(step)}}, {"$set": {"body": None, "salt": None}}
        )


def erase_media(conversation_id: ObjectId, message_id: ObjectId) -> None:
    """Take away what a message says of its files."""
    db().entries.update_one({"_id": message_id, "conversation_id": conversation_id}, {"$unset": {"media": ""}})

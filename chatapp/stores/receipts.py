"""The `receipts` collection: when the newest marks of a member moved.

A row: `{_id: "<conversation id>:<user id>", conversation_id, user_id, delivered_seq, delivered: [{seq, at}], read_seq,
read: [{seq, at}]}`, each list ascending and its last KEPT only. The marks themselves stand in the memberships.
"""

from datetime import datetime

from bson import ObjectId
from pymongo import UpdateOne

from chatapp.database import Document, db
from chatapp.stores.batches import batches
from chatapp.stores.documents.receipts import ReceiptTimes

KEPT = 100
_MOST_ROWS = 100_000


def add(rows: list[tuple[ObjectId, ObjectId, int, int]], moment: datetime) -> None:
    """Note (conversation, user, delivered seq, read seq) for each row, where it is more than what was noted."""
    changes = []
    for conversation_id, user_id, delivered, read in rows:
        key: Document = {"_id": f"{conversation_id}:{user_id}", "conversation_id": conversation_id}
        place: Document = {"user_id": user_id, "delivered_seq": 0, "delivered": [], "read_seq": 0, "read": []}
        changes.append(UpdateOne(key, {"$setOnInsert": place}, upsert=True))
        for name, seq in (("delivered", delivered), ("read", read)):
            if not seq:
                continue  # a mark of 0 never advances
            newer = key | {f"{name}_seq": {"$lt": seq}}
            mark = {"$each": [{"seq": seq, "at": moment}], "$slice": -KEPT}
            changes.append(UpdateOne(newer, {"$push": {name: mark}, "$set": {f"{name}_seq": seq}}))
    for step in batches(changes):
        db().receipts.bulk_write(step)


def find_of_conversation(conversation_id: ObjectId) -> list[ReceiptTimes]:
    """Return the rows of all its members."""
    return list(db().receipts.find({"conversation_id": conversation_id}).batch_size(_MOST_ROWS))

"""The `departures` collection: what a former member goes on seeing of a conversation.

A departure: `{_id: "<conversation id>:<user id>", seq, state}`. `seq` is the entry that took the user out; `state` is
the conversation at that entry (`chatapp.services.departures`). Somebody who is taken out again has the newest only.
"""

from bson import ObjectId
from pymongo import UpdateOne

from chatapp.database import db
from chatapp.database.write_conflicts import upsert
from chatapp.stores.batches import batches
from chatapp.stores.documents.departures import DepartureState
from chatapp.stores.key_locks import turn


def keep(conversation_id: ObjectId, user_id: ObjectId, seq: int, state: DepartureState) -> None:
    """Store a departure, unless the one of a later entry is there."""
    key, row = {"_id": _id(conversation_id, user_id)}, {"seq": seq, "state": state}
    with turn(f"departure {key['_id']}"):
        upsert(
            db().departures,
            [
                UpdateOne(key, {"$setOnInsert": row}, upsert=True),
                UpdateOne(key | {"seq": {"$lt": seq}}, {"$set": row}),
            ],
        )


def find(conversation_id: ObjectId, user_id: ObjectId, seq: int) -> DepartureState | None:
    """Return the state that was kept when the entry `seq` took the user out."""
    row = db().departures.find_one({"_id": _id(conversation_id, user_id), "seq": seq})
    return row["state"] if row else None


def erase_last_message(conversation_id: ObjectId, user_ids: list[ObjectId], message_id: ObjectId) -> None:
    """Take the text away that these former members see as the last message, where it is this one."""
    erased = {"state.last_message.body": {"content": "", "attachment": None}, "state.last_message.deleted": True}
    for step in batches([_id(conversation_id, user_id) for user_id in user_ids]):
        db().departures.update_many(
            {"_id": {"$in": list(step)}, "state.last_message._id": message_id},
            {"$set": erased, "$unset": {"state.last_message.media": ""}},
        )


def _id(conversation_id: ObjectId, user_id: ObjectId) -> str:
    return f"{conversation_id}:{user_id}"

"""The `media_uses` collection: which message has which file.

A use: `{_id, media_id, conversation_id, sender_id, client_msg_id, kind, created_at, is_checked}`. It is written before
its message, so a file that a message has always has a use; one without a message goes within days (`is_checked`).
"""

from datetime import datetime

from bson import ObjectId
from pymongo import UpdateOne

from chatapp.database import Document, db
from chatapp.database.write_conflicts import upsert
from chatapp.ids import new_id
from chatapp.stores.documents.media import MediaUse
from chatapp.stores.rows import all_of


def add(uses: list[MediaUse]) -> None:
    """Store uses; those that are there already stay as they are."""
    upsert(
        db().media_uses,
        [UpdateOne(_key(use), {"$setOnInsert": {**use, "_id": new_id()}}, upsert=True) for use in uses],
    )


def _key(use: MediaUse) -> Document:
    names = ("media_id", "conversation_id", "sender_id", "client_msg_id")
    return {name: use[name] for name in names}  # type: ignore[literal-required]


def delete_of_message(
    conversation_id: ObjectId, sender_id: ObjectId, client_msg_id: str, media_ids: list[ObjectId]
) -> None:
    """Delete the uses of these files in one message."""
    db().media_uses.delete_many(
        {
            "client_msg_id": client_msg_id,
            "sender_id": sender_id,
            "conversation_id": conversation_id,
            "media_id": {"$in": media_ids},
        }
    )


def find_used(media_ids: list[ObjectId]) -> set[ObjectId]:
    """Return those of these files that any message has."""
    return {row["media_id"] for row in db().media_uses.find({"media_id": {"$in": media_ids}}, {"media_id": 1})}


def is_in(media_id: ObjectId, conversation_id: ObjectId) -> bool:
    """Return whether a message of this conversation has this file."""
    key = {"media_id": media_id, "conversation_id": conversation_id}
    return db().media_uses.find_one(key, {"_id": 1}) is not None


def find_in_conversation(media_id: ObjectId, conversation_id: ObjectId, limit: int) -> list[MediaUse]:
    """Return some uses of a file in a conversation."""
    return all_of(db().media_uses.find({"media_id": media_id, "conversation_id": conversation_id}).limit(limit))


def find_page(conversation_id: ObjectId, kind: str | None, before: ObjectId | None, limit: int) -> list[MediaUse]:
    """Return uses in a conversation, of files of this kind, made before this one; newest first."""
    wanted: Document = {"conversation_id": conversation_id}
    wanted |= {"kind": kind} if kind else {}
    wanted |= {"_id": {"$lt": before}} if before else {}
    return all_of(db().media_uses.find(wanted).sort("_id", -1).limit(limit))


def find_unchecked(before: datetime, limit: int) -> list[MediaUse]:
    """Return some uses from before this time whose message nobody has looked for."""
    return all_of(db().media_uses.find({"is_checked": False, "created_at": {"$lt": before}}).limit(limit))


def set_checked(use: MediaUse) -> None:
    """Note that the message of a use is there."""
    db().media_uses.update_one({"_id": use["_id"]}, {"$set": {"is_checked": True}})

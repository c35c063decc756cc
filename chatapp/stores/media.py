"""The `media` collection: what was uploaded (`chatapp.stores.documents.media`).

A change of state names the state before it, so that of two processes one does it.
"""

from collections.abc import Iterator
from datetime import datetime

from bson import ObjectId
from pymongo import ReturnDocument

from chatapp.database import Document, db
from chatapp.database.write_conflicts import again
from chatapp.stores.documents.media import MediaDocument
from chatapp.stores.rows import all_of

_PAGE = 500


@again
def insert(media: MediaDocument) -> None:
    """Store a new upload."""
    db().media.insert_one(media)


def find(media_id: ObjectId) -> MediaDocument | None:
    """Return one."""
    found: MediaDocument | None = db().media.find_one({"_id": media_id})
    return found


def find_sizes(owner: ObjectId) -> list[MediaDocument]:
    """Return length, time and state of everything that a user has, or had lately."""
    wanted = {"length": 1, "created_at": 1, "state": 1}
    return all_of(db().media.find({"owner": owner}, wanted))


@again
def advance(media_id: ObjectId, offset: int, new_offset: int, part: str, state: str, moment: datetime) -> bool:
    """Note that a part has come; False when somebody else has written there meanwhile."""
    changes: Document = {
        "$set": {"offset": new_offset, "state": state, "changed_at": moment},
        "$push": {"parts": part},
    }
    key = {"_id": media_id, "state": "uploading", "offset": offset}
    return db().media.update_one(key, changes).matched_count == 1


@again
def change_state(media_id: ObjectId, before: list[str], changes: Document) -> MediaDocument | None:
    """Set fields, the state among them, where the state is one of these; return the media as it was before."""
    key = {"_id": media_id, "state": {"$in": before}}
    found: MediaDocument | None = db().media.find_one_and_update(
        key, {"$set": changes}, return_document=ReturnDocument.BEFORE
    )
    return found


@again
def delete(media_id: ObjectId) -> None:
    """Forget one."""
    db().media.delete_one({"_id": media_id})


def find_in_state(state: str, before: datetime, limit: int) -> list[MediaDocument]:
    """Return some that have been in this state since before this time."""
    return all_of(db().media.find({"state": state, "changed_at": {"$lt": before}}).limit(limit))


def find_many(media_ids: list[ObjectId]) -> dict[ObjectId, MediaDocument]:
    """Return these, as far as they are there."""
    return {row["_id"]: row for row in all_of(db().media.find({"_id": {"$in": media_ids}}))}


def set_used(media_ids: list[ObjectId], used: bool) -> int:
    """Note that messages have these files, or that none may have them; return how many of them are ready."""
    key = {"_id": {"$in": media_ids}, "state": "ready"}
    return int(db().media.update_many(key, {"$set": {"used": used}}).matched_count)


@again
def claim(media_id: ObjectId, owner: ObjectId) -> bool:
    """Give a file that has no owner to this one; False when somebody else has it by now."""
    return db().media.update_one({"_id": media_id, "owner": None}, {"$set": {"owner": owner}}).matched_count == 1


def find_unused(before: datetime, limit: int) -> list[MediaDocument]:
    """Return some that have been ready since before this time, and that no message may have."""
    return all_of(db().media.find({"used": False, "state": "ready", "changed_at": {"$lt": before}}).limit(limit))


def iterate_all() -> Iterator[MediaDocument]:
    """Yield everything that is known of files, gone ones too, a page at a time."""
    last: ObjectId | None = None
    while True:
        wanted = {"_id": {"$gt": last}} if last else {}
        page: list[MediaDocument] = all_of(db().media.find(wanted).sort("_id", 1).limit(_PAGE))
        yield from page
        if len(page) < _PAGE:
            return
        last = page[-1]["_id"]

"""The `conversations` collection.

A conversation: `{_id, type: "direct" | "group", direct_key?, name, avatar, history: "all" | "since_join",
created_by, created_at, founders: [{user_id, role}], participants: [user_id of current members],
head: {seq, mseq, hash, at}, last_message | None, last_activity, sent: {user id: {seq, mseq}}}`.

`founders` never changes; everything after `created_at` is derived from the log (the `entries` collection)
and brought forward together with `head`, in one update.
"""

from bson import ObjectId
from pymongo.errors import DuplicateKeyError

from chatapp.extensions import Document, db


def insert(conversation: Document) -> bool:
    """Store a new conversation; False when the two people have a direct one already."""
    try:
        db().conversations.insert_one(conversation)
    except DuplicateKeyError:
        return False
    return True


def find_direct(direct_key: str) -> Document | None:
    """The one direct conversation of two people."""
    return db().conversations.find_one({"direct_key": direct_key})


def find_with_members(conversation_id: ObjectId) -> Document | None:
    """The conversation with all its memberships, former ones too, under `members`."""
    rows = db().conversations.aggregate(
        [
            {"$match": {"_id": conversation_id}},
            {
                "$lookup": {
                    "from": "memberships",
                    "localField": "_id",
                    "foreignField": "conversation_id",
                    "as": "members",
                }
            },
        ]
    )
    return next(iter(rows), None)


def find_page_of_user(user_id: ObjectId, skip: int, limit: int) -> list[Document]:
    """The user's current conversations, last active first."""
    cursor = db().conversations.find({"participants": user_id})
    return list(cursor.sort([("last_activity", -1), ("_id", -1)]).skip(skip).limit(limit))


def find_partner_ids(user_id: ObjectId) -> set[ObjectId]:
    """Everybody who shares a conversation with the user, without the user."""
    rows = db().conversations.find({"participants": user_id}, {"participants": 1})
    return {partner for row in rows for partner in row["participants"]} - {user_id}


def find_ids_of_user(user_id: ObjectId) -> list[ObjectId]:
    """Ids of the user's current conversations."""
    return [row["_id"] for row in db().conversations.find({"participants": user_id}, {"_id": 1})]


def advance_head(conversation_id: ObjectId, from_seq: int, changes: Document) -> bool:
    """Bring what is derived from the log forward; False when another process has moved the head meanwhile."""
    result = db().conversations.update_one({"_id": conversation_id, "head.seq": from_seq}, {"$set": changes})
    return result.matched_count == 1

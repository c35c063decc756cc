"""The `memberships` collection: one user in one conversation, for ever; leaving only marks it.

A membership: `{_id, conversation_id, user_id, role, profile: {name, email, avatar}, joined_seq,
left_seq | None, visible_from, delivered_seq, read_seq, read_mseq, cleared_seq, cleared_mseq}`.
Entries below `visible_from` and up to `cleared_seq` are not shown to this member.
"""

from bson import ObjectId
from pymongo import UpdateOne

from chatapp.extensions import Document, db


def insert_missing(memberships: list[Document]) -> None:
    """Store those memberships that are not there yet; leaves the others as they are."""
    db().memberships.bulk_write(
        [
            UpdateOne(
                {"conversation_id": row["conversation_id"], "user_id": row["user_id"]},
                {"$setOnInsert": row},
                upsert=True,
            )
            for row in memberships
        ]
    )


def find_in_conversations(conversation_ids: list[ObjectId]) -> list[Document]:
    """All memberships, former ones too, of these conversations."""
    return list(db().memberships.find({"conversation_id": {"$in": conversation_ids}}))


def find_of_user(user_id: ObjectId) -> list[Document]:
    """All memberships of one user, former ones too."""
    return list(db().memberships.find({"user_id": user_id}))


def raise_marks(conversation_id: ObjectId, user_id: ObjectId, marks: Document) -> None:
    """Move watermarks (delivered_seq, read_seq, cleared_seq …) up, never down."""
    db().memberships.update_one({"conversation_id": conversation_id, "user_id": user_id}, {"$max": marks})


def set_profile(user_id: ObjectId, profile: Document) -> None:
    """Renew the copy of the user's profile on all their memberships."""
    db().memberships.update_many({"user_id": user_id}, {"$set": {"profile": profile}})

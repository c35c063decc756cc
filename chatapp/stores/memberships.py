"""The `memberships` collection: one user in one conversation, for ever; leaving only marks it.

A membership: `{_id, conversation_id, user_id, role, profile: {name, email, avatar, hide_reads}, joined_seq,
left_seq | None, visible_from, delivered_seq, read_seq, read_mseq, cleared_seq, cleared_mseq, changed_seq,
changed_at, delivered_at?, profile_at?, own?, own_at?}`.

Entries below `visible_from` and up to `cleared_seq` are not shown to this member.
`changed_seq` is the last entry that changed the membership; `changed_at`, `delivered_at` and `profile_at` say when
anything else (by the user themselves, by a delivery, of the profile) changed last. `own` is the user's private state
(`OwnState`), and `own_at` when that changed last.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from bson import ObjectId
from pymongo import ReturnDocument, UpdateOne

from chatapp.database import Document, db, is_embedded
from chatapp.database.write_conflicts import again, upsert
from chatapp.stores.batches import batches
from chatapp.stores.documents.memberships import Cleared, Mark, MembershipDocument, OwnMembership, OwnState, Starred
from chatapp.stores.documents.users import MemberProfile
from chatapp.stores.key_locks import turn
from chatapp.stores.rows import all_of

_ByTheLog = Literal["role", "left_seq", "joined_seq", "visible_from", "changed_seq", "changed_at"]
_BY_THE_LOG: tuple[_ByTheLog, ...] = ("role", "left_seq", "joined_seq", "visible_from", "changed_seq", "changed_at")
MARKS: tuple[Mark, ...] = ("delivered_seq", "read_seq", "read_mseq", "cleared_seq", "cleared_mseq")
_OWN = {"_id": 0} | dict.fromkeys(("conversation_id", "left_seq", "visible_from", "changed_at", "own_at", *MARKS), 1)
_MOST_ROWS = 100_000


def insert_missing(conversation_id: ObjectId, rows: list[MembershipDocument]) -> None:
    """Store those memberships of a conversation that are not there yet; leaves the others as they are."""
    _upsert(
        conversation_id,
        [
            UpdateOne(
                {"conversation_id": conversation_id, "user_id": row["user_id"]}, {"$setOnInsert": row}, upsert=True
            )
            for row in rows
        ],
    )


def apply(conversation_id: ObjectId, rows: list[MembershipDocument]) -> None:
    """Store memberships as an entry has changed them, unless a later entry has; marks only grow."""
    changes = []
    for row in rows:
        key = {"conversation_id": conversation_id, "user_id": row["user_id"]}
        changes.append(UpdateOne(key, {"$setOnInsert": row}, upsert=True))
        by_the_log = {name: row[name] for name in _BY_THE_LOG}
        marks = {name: row[name] for name in MARKS}
        older = key | {"changed_seq": {"$lt": row["changed_seq"]}}
        changes.append(UpdateOne(older, {"$set": by_the_log, "$max": marks}))
    _upsert(conversation_id, changes)


def _upsert(conversation_id: ObjectId, changes: list[UpdateOne]) -> None:
    with turn(f"memberships of {conversation_id}"):
        for step in batches(changes):
            upsert(db().memberships, list(step))


def set_by_the_log(conversation_id: ObjectId, rows: list[MembershipDocument]) -> None:
    """Set what the log decides of memberships that are there, whatever it was."""
    for step in batches(rows):
        db().memberships.bulk_write(
            [
                UpdateOne(
                    {"conversation_id": conversation_id, "user_id": row["user_id"]},
                    {"$set": {name: row[name] for name in _BY_THE_LOG}},
                )
                for row in step
            ]
        )


def find_conversation_ids() -> set[ObjectId]:
    """Return ids of the conversations that have memberships."""
    return {row["_id"] for row in db().memberships.aggregate([{"$group": {"_id": "$conversation_id"}}])}


def find_in_conversations(conversation_ids: list[ObjectId]) -> list[MembershipDocument]:
    """Return all memberships, former ones too, of these conversations."""
    cursor = db().memberships.find({"conversation_id": {"$in": conversation_ids}})
    return all_of(cursor.batch_size(_MOST_ROWS))


def find_changed(conversation_ids: list[ObjectId], since: datetime, user_id: ObjectId) -> list[MembershipDocument]:
    """Return memberships in these conversations that changed other than by the log, and this user's own in any case."""
    changed = [{name: {"$gt": since}} for name in ("changed_at", "delivered_at")]
    rules = [{"user_id": user_id}, *changed, {"profile_at": {"$gt": since}}]
    wanted = {"conversation_id": {"$in": conversation_ids}, "$or": rules}
    return all_of(db().memberships.find(wanted).batch_size(_MOST_ROWS))


def find_own(user_id: ObjectId, conversation_ids: list[ObjectId] | None = None) -> list[OwnMembership]:
    """Return the marks of one user's memberships, former ones too: of all, or in these conversations."""
    wanted: Document = {"user_id": user_id}
    if conversation_ids is not None:
        wanted["conversation_id"] = {"$in": conversation_ids}
    return all_of(db().memberships.find(wanted, dict(_OWN)).batch_size(_MOST_ROWS))


def find_cleared(user_id: ObjectId) -> list[Cleared]:
    """Return `{conversation_id, cleared_seq, cleared_mseq}` of the user's conversations that they have once deleted."""
    wanted = {"user_id": user_id, "left_seq": None, "cleared_seq": {"$gte": 0}}
    fields = {"_id": 0, "conversation_id": 1, "cleared_seq": 1, "cleared_mseq": 1}
    return all_of(db().memberships.find(wanted, fields).batch_size(_MOST_ROWS))


def raise_marks(conversation_id: ObjectId, user_id: ObjectId, marks: Document, moment: datetime) -> None:
    """Move watermarks (delivered_seq, read_seq, cleared_seq …) up, never down."""
    stamps = {"changed_at": moment} | ({"delivered_at": moment} if "delivered_seq" in marks else {})
    db().memberships.update_one({"conversation_id": conversation_id, "user_id": user_id}, {"$max": marks | stamps})


def raise_delivered(user_id: ObjectId, seqs: Iterable[tuple[ObjectId, int]], moment: datetime) -> None:
    """Move the user's delivery marks up in several conversations, in one command."""
    changes = [
        UpdateOne(
            {"conversation_id": conversation_id, "user_id": user_id},
            {"$max": {"delivered_seq": seq, "delivered_at": moment}},
        )
        for conversation_id, seq in seqs
    ]
    for step in batches(changes):
        db().memberships.bulk_write(step, ordered=False)


@again
def change_own(
    conversation_id: ObjectId,
    user_id: ObjectId,
    moment: datetime,
    *,
    fields: OwnState | None = None,
    add: Document | None = None,
    remove: Document | None = None,
) -> OwnState | None:
    """Change the user's private state, and return it as it is then; None where there is no membership.

    `add` and `remove` name a list, and what to add to it, or which of its rows to take out.
    """
    operators: dict[str, Document | None] = {"$set": {**fields} if fields else None, "$addToSet": add, "$pull": remove}
    changes = {
        operator: {f"own.{name}": value for name, value in change.items()}
        for operator, change in operators.items()
        if change
    }
    row = db().memberships.find_one_and_update(
        {"conversation_id": conversation_id, "user_id": user_id},
        {**changes, "$inc": {"own.version": 1}, "$max": {"own_at": moment}},
        return_document=ReturnDocument.AFTER,
    )
    return row["own"] if row else None


def find_starred(user_id: ObjectId) -> list[Starred]:
    """Return the messages that the user has starred, in conversations that they have left, too."""
    wanted = {"user_id": user_id, "own.starred.0": {"$exists": True}}
    rows = all_of(db().memberships.find(wanted, {"conversation_id": 1, "own.starred": 1}).batch_size(_MOST_ROWS))
    return [{"conversation_id": row["conversation_id"], "starred": row["own"]["starred"]} for row in rows]


def count_pinned(user_id: ObjectId) -> int:
    """Return how many conversations the user has pinned, those that they have left not counted."""
    return db().memberships.count_documents({"user_id": user_id, "left_seq": None, "own.pinned_at": {"$ne": None}})


def set_profile(user_id: ObjectId, profile: MemberProfile, moment: datetime) -> int:
    """Renew the copy of the user's profile on all their memberships; return how many these are."""
    change = {"$set": {"profile": profile, "profile_at": moment}}
    if not is_embedded():
        return db().memberships.update_many({"user_id": user_id}, change).matched_count
    ids = [row["_id"] for row in all_of(db().memberships.find({"user_id": user_id}, {"_id": 1}))]
    for step in batches(ids):
        db().memberships.update_many({"_id": {"$in": step}}, change)
    return len(ids)

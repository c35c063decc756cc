"""The `conversations` collection.

A conversation: `{_id, type: "direct" | "group", direct_key?, creation_key?, name, avatar,
history: "all" | "since_join", created_by, created_at, founded: {name, avatar, history},
founders: [{user_id, role, profile}], participants: [user_id of current members],
head: {seq, mseq, hash}, last_message | None, last_activity, touched_at, sent: {user id: {seq, mseq}}}`.

`created_by`, `created_at`, `founded` and `founders` never change; the rest is derived from the log (the `entries`
collection) and brought forward together with `head`, in one update; but for `touched_at`: when something beside the
log changed last (receipts, profiles of members). The embedded store keeps the two lists packed (`packed.py`). Heads are
written behind the log: what reads them here settles them first.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo.errors import DuplicateKeyError

from chatapp.database import Document, db, is_embedded
from chatapp.database.write_conflicts import again
from chatapp.stores import heads as head_store
from chatapp.stores.batches import batches, giving_way, in_steps
from chatapp.stores.documents import ConversationDocument, ConversationHead, ConversationPlace, LoadedConversation
from chatapp.stores.gathered import Gathered
from chatapp.stores.packed import binary_ids, pack, unpack
from chatapp.stores.rows import all_of

_LOADED_AT_ONCE = 64  # with all their members


@again
def insert(conversation: ConversationDocument) -> bool:
    """Store a new conversation; False when the one with its direct_key or creation_key is there already."""
    try:
        db().conversations.insert_one(pack(conversation))
    except DuplicateKeyError:
        return False
    return True


def find_by_key(document: ConversationDocument) -> ConversationDocument | None:
    """Return the conversation that has the same direct_key or creation_key."""
    head_store.settle()
    keys: Document = {name: document.get(name) for name in ("direct_key", "creation_key") if name in document}
    found = db().conversations.find_one(keys)
    return unpack(found) if found else None


def find_direct(direct_key: str) -> ConversationDocument | None:
    """Return the one direct conversation of two people."""
    head_store.settle()
    found = db().conversations.find_one({"direct_key": direct_key})
    return unpack(found) if found else None


def find_with_members(conversation_ids: list[ObjectId]) -> Iterable[LoadedConversation]:
    """Return these conversations, in no order, each with all its memberships, former ones too, under `members`."""
    head_store.settle(conversation_ids)
    if is_embedded():
        return _read_with_members(conversation_ids)
    members = {"from": "memberships", "localField": "_id", "foreignField": "conversation_id", "as": "members"}
    found: list[LoadedConversation] = []
    for step in in_steps(conversation_ids, _LOADED_AT_ONCE):
        stages: list[Document] = [{"$match": {"_id": {"$in": step}}}, {"$lookup": members}]
        found += db().conversations.aggregate(stages, batchSize=len(step) + 1)
    return found


def _read_with_members(conversation_ids: list[ObjectId]) -> Iterator[LoadedConversation]:
    """Yield the same, one after the other: the conversation first, for a state may be behind its members, not ahead."""
    for conversation_id in giving_way(conversation_ids):
        document = db().conversations.find_one({"_id": conversation_id}, {"participants": 0})
        if document is not None:
            members = all_of(db().memberships.find({"conversation_id": conversation_id}))
            yield unpack(document) | {"members": members}


def find_page_of_user(user_id: ObjectId, skip: int, limit: int, without: list[ObjectId]) -> list[ConversationPlace]:
    """Return `{_id, head, touched_at}` of the user's current conversations except these, last active first."""
    head_store.settle()
    fields = {"head": 1, "touched_at": 1}
    if is_embedded():
        wanted_ids = set(find_ids_of_user(user_id)) - set(without)
        rows = _find_in_turns(list(wanted_ids), fields | {"last_activity": 1})
        return sorted(rows, key=_last_active, reverse=True)[skip : skip + limit]
    wanted: Document = {"participants": user_id} | ({"_id": {"$nin": without}} if without else {})
    cursor = db().conversations.find(wanted, fields)
    return all_of(cursor.sort([("last_activity", -1), ("_id", -1)]).skip(skip).limit(limit).batch_size(limit))


def find_heads(conversation_ids: list[ObjectId], user_id: ObjectId) -> list[ConversationHead]:
    """Return `{_id, head, last_activity, touched_at, sent}` of these conversations, `sent` of this user only."""
    head_store.settle(conversation_ids)
    return _find_in_turns(conversation_ids, _head_fields(user_id))


def _find_in_turns(conversation_ids: list[ObjectId], fields: Document) -> list[Any]:
    """Return these conversations, in no order. A few of them at a time: they may be large, and others have to wait."""
    found: list[Any] = []
    for step in batches(conversation_ids):
        found += all_of(db().conversations.find({"_id": {"$in": step}}, dict(fields)).batch_size(len(step) + 1))
    return found


def _last_active(row: ConversationHead) -> tuple[datetime, ObjectId]:
    return row["last_activity"], row["_id"]


def find_heads_before(user_id: ObjectId, before: tuple[datetime, ObjectId], limit: int) -> list[ConversationHead]:
    """Return the same of the user's current conversations after `before` (last active, id), last active first."""
    head_store.settle()
    if is_embedded():
        rows = _find_in_turns(find_ids_of_user(user_id), _head_fields(user_id))
        return sorted((row for row in rows if _last_active(row) < before), key=_last_active, reverse=True)[:limit]
    moment, conversation_id = before
    wanted = {
        "participants": user_id,
        "last_activity": {"$lte": moment},
        "$or": [{"last_activity": {"$lt": moment}}, {"_id": {"$lt": conversation_id}}],
    }
    cursor = db().conversations.find(wanted, _head_fields(user_id))
    return all_of(cursor.sort([("last_activity", -1), ("_id", -1)]).limit(limit).batch_size(limit))


def _head_fields(user_id: ObjectId) -> Document:
    return {"head": 1, "last_activity": 1, "touched_at": 1, f"sent.{user_id}": 1}


def find_many(conversation_ids: list[ObjectId]) -> list[ConversationDocument]:
    """Return these conversations, in no order."""
    head_store.settle(conversation_ids)
    cursor = db().conversations.find({"_id": {"$in": conversation_ids}})
    return [unpack(row) for row in all_of(cursor.batch_size(len(conversation_ids) + 1))]


def touch(conversation_ids: list[ObjectId], moment: datetime) -> None:
    """Note that receipts or profiles in these conversations have changed."""
    for step in batches(conversation_ids):
        db().conversations.update_many({"_id": {"$in": step}}, {"$max": {"touched_at": moment}})


def touch_all_of_user(user_id: ObjectId, moment: datetime) -> None:
    """Note that a member's profile has changed."""
    if is_embedded():
        touch(find_ids_of_user(user_id), moment)
    else:
        db().conversations.update_many({"participants": user_id}, {"$max": {"touched_at": moment}})


def find_partner_ids(user_id: ObjectId) -> set[ObjectId]:
    """Return everybody who shares a conversation with the user, without the user."""
    if not is_embedded():
        return set(_partners.find(user_id) or ()) - {user_id}
    partners: set[bytes] = set()
    for conversation_id in giving_way(find_ids_of_user(user_id)):
        partners.update(_read_participants(conversation_id))
    return {ObjectId(row) for row in giving_way(partners)} - {user_id}


def _read_participants(conversation_id: ObjectId) -> list[bytes]:
    """Return the ids of a conversation's members, in bytes; of the embedded store."""
    row = db().conversations.find_one({"_id": conversation_id}, {"participants": 1})
    return binary_ids(row["participants"]) if row else []


def _find_partners_of(user_ids: list[ObjectId]) -> dict[ObjectId, list[ObjectId]]:
    """Return everybody who shares a conversation with each of these users, themselves among them."""
    if len(user_ids) == 1:
        return {user_ids[0]: db().conversations.distinct("participants", {"participants": user_ids[0]})}
    members: Document = {"of": {"$setIntersection": ["$participants", user_ids]}, "participants": 1}
    stages: list[Document] = [
        {"$match": {"participants": {"$in": user_ids}}},
        {"$project": members},
        {"$unwind": "$of"},
        {"$unwind": "$participants"},
        {"$group": {"_id": "$of", "partners": {"$addToSet": "$participants"}}},
    ]
    return {row["_id"]: row["partners"] for row in db().conversations.aggregate(stages, batchSize=len(user_ids) + 1)}


_partners = Gathered(_find_partners_of, most=8)  # each may have thousands


def find_partners_among(user_id: ObjectId, people: list[ObjectId]) -> set[ObjectId]:
    """Return the `people` who share a conversation with the user, in one command.

    Asked of the store, which knows who has left, whichever process took them out.
    """
    head_store.settle()
    if not people:
        return set()
    if is_embedded():
        return _find_partners_in_turns(user_id, set(people))
    shared = {"$setIntersection": ["$participants", people]}
    stages: list[Document] = [
        {"$match": {"participants": user_id}},
        {"$project": {"shared": shared}},
        {"$unwind": "$shared"},
        {"$group": {"_id": None, "shared": {"$addToSet": "$shared"}}},
    ]
    return {person for row in db().conversations.aggregate(stages) for person in row["shared"]}


def _find_partners_in_turns(user_id: ObjectId, people: set[ObjectId]) -> set[ObjectId]:
    """Return the same, one conversation after the other until all are found: a large group has many of them."""
    missing = {row.binary for row in people}
    for conversation_id in giving_way(find_ids_of_user(user_id)):
        missing.difference_update(_read_participants(conversation_id))
        if not missing:
            break
    return {row for row in people if row.binary not in missing}


def find_ids_of_user(user_id: ObjectId) -> list[ObjectId]:
    """Return ids of the user's current conversations."""
    if is_embedded():  # conversations hold all their members, and are decoded in this process
        own = db().memberships.find({"user_id": user_id, "left_seq": None}, {"conversation_id": 1})
        return [row["conversation_id"] for row in all_of(own)]
    return [row["_id"] for row in db().conversations.find({"participants": user_id}, {"_id": 1})]


def advance_head(conversation_id: ObjectId, from_seq: int, changes: Document) -> bool:
    """Bring what is derived from the log forward; False when another process has moved the head meanwhile."""
    head_store.settle([conversation_id])
    result = db().conversations.update_one({"_id": conversation_id, "head.seq": from_seq}, {"$set": pack(changes)})
    return result.matched_count == 1


def count_active_since(moment: datetime | None) -> int:
    """Return the number of conversations that have been active since then."""
    head_store.settle()
    return db().conversations.count_documents(_active_since(moment))


def iterate_active_since(moment: datetime | None) -> Iterator[ConversationDocument]:
    """Yield all conversations that have been active since then, oldest first, without holding them all in memory."""
    head_store.settle()
    for row in db().conversations.find(_active_since(moment)).sort("_id", 1):
        yield unpack(row)


def _active_since(moment: datetime | None) -> Document:
    return {} if moment is None else {"last_activity": {"$gte": moment}}


def find_all_ids() -> set[ObjectId]:
    """Return ids of all conversations."""
    return {row["_id"] for row in db().conversations.find({}, {"_id": 1})}

"""The `conversations` collection.

A conversation: `{_id, type: "direct" | "group", direct_key?, creation_key?, name, avatar,
history: "all" | "since_join", created_by, created_at, founded: {name, avatar, history},
founders: [{user_id, role, profile}], participants: [user_id of current members],
head: {seq, mseq, hash}, last_message | None, last_activity, touched_at, sent: {user id: {seq, mseq}},
last_change_seq, deleted: [(mseq, seq of the deletion)], pins: [{message_seq, seq, until | None}],
who_may_pin: "everyone" | "admins"}`.

Where there is a `direct_key` or `creation_key`, `_id` is made of it (`chatapp.services.conversation_ids`).
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
from chatapp.stores.documents.conversations import (
    ConversationDocument,
    ConversationHead,
    ConversationKey,
    ConversationPlace,
    LoadedConversation,
)
from chatapp.stores.gathered import Gathered
from chatapp.stores.head import change_of
from chatapp.stores.packed import binary_ids, pack, unpack
from chatapp.stores.rows import all_of

_LOADED_AT_ONCE = 64  # with all their members
_MOST_ROWS = 100_000
_LAST_ACTIVE_FIRST = {"$sort": {"last_activity": -1, "_id": -1}}


@again
def insert(conversation: ConversationDocument) -> bool:
    """Store a new conversation; False when the one with its id, direct_key or creation_key is there already."""
    try:
        db().conversations.insert_one(pack(conversation))
    except DuplicateKeyError:
        return False
    return True


def find_by_id(conversation_id: ObjectId) -> ConversationDocument | None:
    """Return the conversation."""
    return next(iter(find_many([conversation_id])), None)


def find_by_key(key: ConversationKey) -> ConversationDocument | None:
    """Return the conversation that has this direct_key or creation_key, whatever its id."""
    head_store.settle()
    found = db().conversations.find_one({**key})
    return unpack(found) if found else None


def find_older(conversation_id: ObjectId) -> ConversationDocument | None:
    """Return the conversation that an earlier version made under another id than this one."""
    row = db().older_conversations.find_one({"_id": conversation_id})
    return find_by_id(row["conversation_id"]) if row else None


def find_with_members(conversation_ids: list[ObjectId]) -> Iterable[LoadedConversation]:
    """Return these conversations, in no order, each with all its memberships, former ones too, under `members`."""
    head_store.settle(conversation_ids)
    return find_behind_with_members(conversation_ids)


def find_behind_with_members(conversation_ids: list[ObjectId]) -> Iterable[LoadedConversation]:
    """Return the same, without what is about to be stored."""
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
    others: Document = {"conversation_id": {"$nin": without}} if without else {}
    stages = [*_of_user(user_id, fields | {"last_activity": 1}, **others), _LAST_ACTIVE_FIRST, {"$skip": skip}]
    return all_of(db().memberships.aggregate([*stages, {"$limit": limit}], batchSize=limit))


def _of_user(user_id: ObjectId, fields: Document, **more: Any) -> list[Document]:
    """Return the stages, for memberships, that find these fields of the user's current conversations."""
    own: Document = {"user_id": user_id, "left_seq": None, **more}
    return [{"$match": own}, *_its_conversation(fields), {"$replaceRoot": {"newRoot": "$conversation"}}]


def _its_conversation(fields: Document) -> list[Document]:
    """Return the stages that give each membership these fields of its conversation, as `conversation`."""
    lookup = {
        "from": "conversations",
        "localField": "conversation_id",
        "foreignField": "_id",
        "pipeline": [{"$project": fields}],
        "as": "conversation",
    }
    return [{"$lookup": lookup}, {"$unwind": "$conversation"}]


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
        "last_activity": {"$lte": moment},
        "$or": [{"last_activity": {"$lt": moment}}, {"_id": {"$lt": conversation_id}}],
    }
    stages = [*_of_user(user_id, _head_fields(user_id)), {"$match": wanted}, _LAST_ACTIVE_FIRST, {"$limit": limit}]
    return all_of(db().memberships.aggregate(stages, batchSize=limit))


def _head_fields(user_id: ObjectId) -> Document:
    return {"head": 1, "last_activity": 1, "touched_at": 1, "last_change_seq": 1, f"sent.{user_id}": 1}


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
    touch(find_ids_of_user(user_id), moment)


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
    stages: list[Document] = [
        {"$match": {"user_id": {"$in": user_ids}, "left_seq": None}},
        *_its_conversation({"participants": 1}),
        {"$unwind": "$conversation.participants"},
        {"$group": {"_id": "$user_id", "partners": {"$addToSet": "$conversation.participants"}}},
    ]
    return {row["_id"]: row["partners"] for row in db().memberships.aggregate(stages, batchSize=len(user_ids) + 1)}


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
    rows = db().memberships.aggregate(partners_among(user_id, people))
    return {person for row in rows for person in row["shared"]}


def partners_among(user_id: ObjectId, people: list[ObjectId] | str) -> list[Document]:
    """Return the stages, for memberships, that give `[{shared}]`: those of the `people` (a list, or the name of a
    variable that is one) who share a conversation with the user."""
    return [
        *_of_user(user_id, {"participants": 1}),
        {"$project": {"shared": {"$setIntersection": ["$participants", people]}}},
        {"$unwind": "$shared"},
        {"$group": {"_id": None, "shared": {"$addToSet": "$shared"}}},
    ]


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
    own = db().memberships.find({"user_id": user_id, "left_seq": None}, {"_id": 0, "conversation_id": 1})
    return [row["conversation_id"] for row in all_of(own.batch_size(_MOST_ROWS))]


def advance_head(conversation_id: ObjectId, from_seq: int, changes: Document) -> bool:
    """Bring what is derived from the log forward; False when another process has moved the head meanwhile."""
    head_store.settle([conversation_id])
    change = change_of(changes)
    result = db().conversations.update_one({"_id": conversation_id, "head.seq": from_seq}, change)
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
    return {row["_id"] for row in all_of(db().conversations.find({}, {"_id": 1}))}

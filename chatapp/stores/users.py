"""The `users` collection.

A user: `{_id, email (as it is shown, unique), email_key? (as it is compared, unique), name, avatar | None,
password_hash, name_key (as it is sorted), name_keys? (as it is searched), created_at, updated_at, last_seen_at?,
privacy?: {hide_last_seen, hide_read_receipts}}`. Users stored by an older version of the server have neither
`email_key` nor `name_keys`.
"""

import re
from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError, OperationFailure

from chatapp.database import Document, db, is_embedded
from chatapp.database.write_conflicts import again
from chatapp.stores import conversations as conversation_store
from chatapp.stores import heads as head_store
from chatapp.stores.batches import batches
from chatapp.stores.documents.users import MemberProfile, UserDocument, UserProfile
from chatapp.stores.rows import all_of

_PROFILE = {"email": 1, "name": 1, "avatar": 1, "name_key": 1, "created_at": 1, "privacy": 1}
_BY_NAME = {"name_key": 1, "_id": 1}
_MOST_ROWS = 100_000

PlaceByName = tuple[str, ObjectId]


@again
def insert(user: UserDocument) -> bool:
    """Store a new user; False when the e-mail is taken."""
    try:
        db().users.insert_one(user)
    except DuplicateKeyError:
        return False
    return True


def find_by_email(email: str, email_key: str) -> UserDocument | None:
    """Return the whole user whose e-mail is spelled like this, else the one whose e-mail is another spelling of it."""
    return db().users.find_one({"email": email}) or db().users.find_one({"email_key": email_key})


def find_by_id(user_id: ObjectId) -> UserDocument | None:
    """Return the whole user."""
    return db().users.find_one({"_id": user_id})


def find_profiles(user_ids: list[ObjectId]) -> list[UserProfile]:
    """Return the profiles of these users, as far as they exist, in no order."""
    return _find_in_turns(user_ids, _PROFILE)


def _find_in_turns(user_ids: list[ObjectId], fields: Document) -> list[Any]:
    found: list[Any] = []
    for step in batches(user_ids):
        found += all_of(db().users.find({"_id": {"$in": step}}, dict(fields)).batch_size(_MOST_ROWS))
    return found


def find_page(
    *,
    excluding: ObjectId,
    among: list[ObjectId] | None,
    prefix: str,
    after: PlaceByName | None,
    limit: int,
) -> list[UserProfile]:
    """Return profiles by name, at most `limit`.

    `among`: only these users (None: everybody). `prefix`: the start of one of their name keys.
    `after`: name key and id of the last one of the page before.
    """
    wanted = _rules(excluding, among, prefix, after)
    if is_embedded():
        return _find_page_in_turns(wanted, limit)
    cursor = db().users.find(wanted, dict(_PROFILE))
    return all_of(cursor.sort(list(_BY_NAME.items())).limit(limit).batch_size(limit))


def _rules(excluding: ObjectId, among: list[ObjectId] | None, prefix: str, after: PlaceByName | None) -> Document:
    rules: list[Document] = [{"_id": {"$ne": excluding}}]
    if among is not None:
        rules.append({"_id": {"$in": among}})
    if prefix:
        rules.append({"name_keys": {"$regex": "^" + re.escape(prefix)}})
    if after is not None:
        name_key, user_id = after
        rules.append({"$or": [{"name_key": {"$gt": name_key}}, {"name_key": name_key, "_id": {"$gt": user_id}}]})
    return {"$and": rules}


def find_page_and_partners(
    user_id: ObjectId, *, prefix: str, after: PlaceByName | None, limit: int
) -> tuple[list[UserProfile], set[ObjectId]]:
    """Return the same of all others, and those on the page who share a conversation with the user: in one command.

    Asked of the store, which knows who has left, whichever process took them out.
    """
    if is_embedded():
        page = find_page(excluding=user_id, among=None, prefix=prefix, after=after, limit=limit)
        return page, conversation_store.find_partners_among(user_id, [row["_id"] for row in page])
    head_store.settle()
    stages: list[Document] = [{"$match": _rules(user_id, None, prefix, after)}, {"$sort": _BY_NAME}, {"$limit": limit}]
    partners = [*stages, {"$group": {"_id": None, "ids": {"$push": "$_id"}}}, _partners_lookup(user_id)]
    union = {"$unionWith": {"coll": "users", "pipeline": [*partners, {"$project": {"_id": 0, "partners": 1}}]}}
    stages = [*stages, {"$project": _PROFILE}, union, {"$sort": _BY_NAME}]
    rows = all_of(db().users.aggregate(stages, batchSize=limit + 2))
    if not rows:
        return [], set()
    found, *page = rows  # what has no name is first
    return page, {person for row in found["partners"] for person in row["shared"]}


def _partners_lookup(user_id: ObjectId) -> Document:
    """Return a stage that sets `partners`: `[{shared}]`, those of the `ids` who share a conversation with the user."""
    stages = conversation_store.partners_among(user_id, "$$ids")
    return {"$lookup": {"from": "memberships", "let": {"ids": "$ids"}, "pipeline": stages, "as": "partners"}}


def _find_page_in_turns(wanted: Document, limit: int) -> list[UserProfile]:
    """Return the same from the embedded store, which would sort whole users."""
    keys = [(row["name_key"], row["_id"].binary) for row in all_of(db().users.find(wanted, {"name_key": 1}))]
    page = [ObjectId(user_id) for _, user_id in sorted(keys)[:limit]]
    found = {row["_id"]: row for row in find_profiles(page)}
    return [found[user_id] for user_id in page if user_id in found]


def update(user_id: ObjectId, changes: Document, *, password_hash: str | None = None) -> UserDocument | None:
    """Set fields and return the user as it is then; None when the e-mail is taken by another.

    `password_hash`: unless it is still the user's, nothing is set, and None is returned.
    """
    wanted: Document = {"_id": user_id} if password_hash is None else {"_id": user_id, "password_hash": password_hash}
    try:
        user: UserDocument | None = db().users.find_one_and_update(
            wanted, {"$set": changes}, return_document=ReturnDocument.AFTER
        )
    except OperationFailure:  # stores do not agree on how a taken key looks in an update: look for it
        taken = [{name: changes[name]} for name in ("email", "email_key") if name in changes]
        if not taken or db().users.find_one({"_id": {"$ne": user_id}, "$or": taken}, {"_id": 1}) is None:
            raise
        return None
    return user


def exchange_password(user_id: ObjectId, old_hash: str, new_hash: str, moment: datetime) -> bool:
    """Put the new hash in place of the old one; False when the old one is not there any more."""
    result = db().users.update_one(
        {"_id": user_id, "password_hash": old_hash}, {"$set": {"password_hash": new_hash, "updated_at": moment}}
    )
    return result.matched_count == 1


def has_password(user_id: ObjectId, password_hash: str) -> bool:
    """Return whether this is the user's hash now."""
    return db().users.find_one({"_id": user_id, "password_hash": password_hash}, {"_id": 1}) is not None


def set_last_seen(user_ids: list[ObjectId], moment: datetime) -> None:
    """Note when these users were last connected."""
    for step in batches(user_ids):
        db().users.update_many({"_id": {"$in": step}}, {"$max": {"last_seen_at": moment}})


def find_last_seen(user_ids: list[ObjectId]) -> list[tuple[ObjectId, datetime | None]]:
    """Return the times at which these users were last connected, in no order."""
    rows = _find_in_turns(user_ids, {"last_seen_at": 1})
    return [(row["_id"], row.get("last_seen_at")) for row in rows]


def find_hiding_last_seen() -> list[ObjectId]:
    """Return ids of the users who hide when they were online."""
    rows = db().users.find({"privacy.hide_last_seen": True}, {"_id": 1}).batch_size(_MOST_ROWS)
    return [row["_id"] for row in all_of(rows)]


def count() -> int:
    """Return the number of users."""
    return db().users.count_documents({})


def find_oldest(limit: int) -> list[UserProfile]:
    """Return the first users that were made, with their profiles."""
    return list(db().users.find({}, dict(_PROFILE)).sort("_id", 1).limit(limit))


def profile_fields(user: UserProfile) -> MemberProfile:
    """Return the part of a user that is copied onto memberships."""
    return {
        "name": user["name"],
        "email": user["email"],
        "avatar": user.get("avatar"),
        "hide_reads": bool(user.get("privacy", {}).get("hide_read_receipts")),
        "hide_seen": bool(user.get("privacy", {}).get("hide_last_seen")),
    }

"""The `sessions` collection: one log-in on one device.

A session: `{_id, user_id, protocol, device_name, device_hash?, client, address,
address_key?, created_at, last_seen_at, expires_at, revoked_at | None,
ended_by?, refresh: the state of its token pairs (services.accounts.rotation) | None}`.
"""

from collections.abc import Mapping
from datetime import datetime

from bson import ObjectId

from chatapp.database import Document, db, is_embedded
from chatapp.stores.documents.sessions import RefreshState, SessionDocument, SessionUse
from chatapp.stores.gathered import Gathered
from chatapp.stores.rows import all_of

SessionKey = tuple[ObjectId, ObjectId]  # its id, and its user's


def insert(session: SessionDocument) -> None:
    """Store a new session."""
    db().sessions.insert_one(session)


def find(session_id: ObjectId, user_id: ObjectId) -> SessionDocument | None:
    """Return the user's session, revoked or not."""
    return db().sessions.find_one({"_id": session_id, "user_id": user_id})


def find_of_anybody(session_id: ObjectId) -> SessionDocument | None:
    """Return the session, revoked or not: for refresh tokens of earlier versions, which do not say whose they are."""
    return db().sessions.find_one({"_id": session_id})


def find_live(session_id: ObjectId, user_id: ObjectId, now: datetime) -> SessionDocument | None:
    """Return the user's session when it is neither revoked nor over. Calls at the same time share a command."""
    if is_embedded():  # there are no commands to save
        return db().sessions.find_one({"_id": session_id, "user_id": user_id, **_live(now)})
    session = _not_revoked.find((session_id, user_id))
    return session if session is not None and session["expires_at"] > now else None


def _find_not_revoked(keys: list[SessionKey]) -> dict[SessionKey, SessionDocument]:
    cursor = db().sessions.find({**_these(dict(keys)), "revoked_at": None})
    return {(row["_id"], row["user_id"]): row for row in all_of(cursor.batch_size(len(keys) + 1))}


def _these(owners: Mapping[ObjectId, ObjectId]) -> Document:
    """Return the filter for these sessions of these users."""
    return {"_id": {"$in": list(owners)}, "user_id": {"$in": list(set(owners.values()))}}


_not_revoked = Gathered(_find_not_revoked)


def find_ends(owners: Mapping[ObjectId, ObjectId], now: datetime) -> dict[ObjectId, datetime]:
    """Return the ends of those of these sessions (session: user) that are neither revoked nor over."""
    rows = db().sessions.find({**_these(owners), **_live(now)}, {"expires_at": 1})
    return {row["_id"]: row["expires_at"] for row in rows.batch_size(len(owners) + 1)}


def touch(owners: Mapping[ObjectId, ObjectId], now: datetime) -> None:
    """Note that the sessions (session: user) were seen."""
    db().sessions.update_many(_these(owners), {"$max": {"last_seen_at": now}})


def _live(now: datetime) -> Document:
    return {"revoked_at": None, "expires_at": {"$gt": now}}


def find_live_of_user(user_id: ObjectId, now: datetime) -> list[SessionDocument]:
    """Return all sessions of the user that work, last seen first."""
    cursor = db().sessions.find({"user_id": user_id, **_live(now)})
    return list(cursor.sort("last_seen_at", -1))


def find_last_uses(user_id: ObjectId, now: datetime) -> list[SessionUse]:
    """Return `{_id, last_seen_at}` of the user's sessions that work, in no order."""
    return all_of(db().sessions.find({"user_id": user_id, **_live(now)}, {"last_seen_at": 1}))


def was_at(user_id: ObjectId, address: str | None, address_key: str) -> bool:
    """Return whether the user has had a session at this address. (Older sessions have no `address_key`.)"""
    ways: list[Document] = [{"address": address}, {"address_key": address_key}]
    return db().sessions.find_one({"user_id": user_id, "$or": ways}, {"_id": 1}) is not None


def was_on(user_id: ObjectId, device_hash: str) -> bool:
    """Return whether the user has had a session on this device."""
    return db().sessions.find_one({"user_id": user_id, "device_hash": device_hash}, {"_id": 1}) is not None


def exchange_refresh(session: SessionDocument, before: RefreshState, after: RefreshState, expires: datetime) -> bool:
    """Put one refresh state in the place of another; False when that is not there any more."""
    unchanged = {"refresh.hash": before["hash"], "refresh.confirmed_at": before.get("confirmed_at")}
    result = db().sessions.update_one(
        {**_key(session), "revoked_at": None, **unchanged}, {"$set": {"refresh": after, "expires_at": expires}}
    )
    return result.matched_count == 1


def _key(session: SessionDocument) -> Document:
    return {"_id": session["_id"], "user_id": session["user_id"]}


def confirm_refresh(
    session: SessionDocument, previous_hash: str | None, generation: int, refresh_hash: str, moment: datetime
) -> bool:
    """Note which pair of those after `previous_hash` was used first; False when another was, or others came."""
    unused = {**_key(session), "refresh.previous_hash": previous_hash, "refresh.confirmed_at": None}
    used = {
        "refresh.generation": generation,
        "refresh.hash": refresh_hash,
        "refresh.confirmed_at": moment,
    }
    return db().sessions.update_one(unused, {"$set": used}).matched_count == 1


def revoke(session_id: ObjectId, user_id: ObjectId, now: datetime) -> bool:
    """End one session of the user; False when there is none to end."""
    result = db().sessions.update_one(
        {"_id": session_id, "user_id": user_id, "revoked_at": None}, {"$set": {"revoked_at": now}}
    )
    return result.matched_count == 1


def revoke_these(session_ids: list[ObjectId], user_id: ObjectId, now: datetime, *, ended_by: str | None) -> None:
    """End these sessions of the user. `ended_by`: what is to be said of them later."""
    live = {"_id": {"$in": session_ids}, "user_id": user_id, "revoked_at": None}
    db().sessions.update_many(live, {"$set": {"revoked_at": now, "ended_by": ended_by}})


def revoke_all(user_id: ObjectId, now: datetime, *, keep: ObjectId | None = None) -> list[ObjectId]:
    """End the user's sessions but `keep`; return those that were ended."""
    live = {"user_id": user_id, "revoked_at": None}
    ids = [row["_id"] for row in db().sessions.find(live, {"_id": 1}) if row["_id"] != keep]
    if ids:
        db().sessions.update_many({"_id": {"$in": ids}, "user_id": user_id}, {"$set": {"revoked_at": now}})
    return ids


def has_more_than(user_id: ObjectId, most: int) -> bool:
    """Return whether the user has more sessions than that, including ended ones."""
    return db().sessions.find_one({"user_id": user_id}, {"_id": 1}, skip=most) is not None


def delete_ended(user_id: ObjectId, now: datetime) -> None:
    """Remove the user's sessions that are revoked or over."""
    ended = [{"revoked_at": {"$ne": None}}, {"expires_at": {"$lte": now}}]
    db().sessions.delete_many({"user_id": user_id, "$or": ended})


def delete_over(before: datetime) -> int:
    """Remove sessions that ended before that time; return how many."""
    return db().sessions.delete_many({"expires_at": {"$lt": before}}).deleted_count

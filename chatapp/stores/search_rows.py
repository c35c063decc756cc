"""The index of messages in MongoDB: the collections `search`, a document a message, and `search_marks`.

A document: `{_id: the message's, conversation_id, seq, at, kind, sender_id, terms}`.
A mark: `{_id: conversation id, seq}`.
"""

import re

from bson import ObjectId
from pymongo import UpdateOne

from chatapp.database import Document, db
from chatapp.database.write_conflicts import upsert
from chatapp.stores.documents.search import FoundRow, SearchRow, Wanted
from chatapp.stores.rows import all_of


def put(rows: list[SearchRow]) -> None:
    """Store these messages; terms are added to those that are stored."""
    upsert(db().search, [_put(row) for row in rows])


def _put(row: SearchRow) -> UpdateOne:
    fields = {name: value for name, value in row.items() if name not in ("_id", "conversation_id", "terms")}
    key = {"_id": row["_id"], "conversation_id": row["conversation_id"]}
    return UpdateOne(key, {"$set": fields, "$addToSet": {"terms": {"$each": row["terms"]}}}, upsert=True)


def remove(conversation_id: ObjectId, message_ids: list[ObjectId]) -> None:
    """Remove these messages."""
    db().search.delete_many({"_id": {"$in": message_ids}, "conversation_id": conversation_id})


def find_page(wanted: Wanted, limit: int) -> list[FoundRow]:
    """Return at most so many messages, newest first."""
    rules: list[Document] = [{"terms": term} for term in wanted.terms]
    if wanted.prefix is not None:
        rules.append({"terms": {"$regex": f"^{re.escape(wanted.prefix)}"}})  # $elemMatch ends FerretDB's PostgreSQL
    for name, value in (("sender_id", wanted.sender_id), ("kind", wanted.kind)):
        if value is not None:
            rules.append({name: value})
    for operator, moment in (("$gt", wanted.after), ("$lt", wanted.before)):
        if moment is not None:
            rules.append({"at": {operator: moment}})
    if wanted.place is not None:
        at, message_id = wanted.place
        rules.append({"$or": [{"at": {"$lt": at}}, {"at": at, "_id": {"$lt": message_id}}]})
    query = {"conversation_id": {"$in": wanted.conversation_ids}, "$and": rules}
    cursor = db().search.find(query, {"conversation_id": 1, "seq": 1, "at": 1})
    found: list[FoundRow] = all_of(cursor.sort([("at", -1), ("_id", -1)]).limit(limit).batch_size(limit + 1))
    return found


def find_watermarks(conversation_ids: list[ObjectId]) -> dict[ObjectId, int]:
    """Return the seqs up to which these conversations are in the index."""
    found = db().search_marks.find({"_id": {"$in": conversation_ids}}).batch_size(len(conversation_ids) + 1)
    return {row["_id"]: row["seq"] for row in all_of(found)}


def set_watermarks(seqs: dict[ObjectId, int]) -> None:
    """Store the seqs up to which these conversations are in the index."""
    marks = sorted(seqs.items())  # in one order, so that two processes wait for each other
    upsert(db().search_marks, [UpdateOne({"_id": key}, {"$set": {"seq": seq}}, upsert=True) for key, seq in marks])


def clear() -> None:
    """Remove everything."""
    db().search_marks.delete_many({})
    db().search.delete_many({})

"""The `entries` collection: one append-only log per conversation.

An entry: `{_id, conversation_id, seq, mseq, type, sender_id, client_msg_id, body, created_at, request_id,
salt, body_hash, hash, profiles?: {user id: profile}}`. (conversation_id, seq) and (sender_id, client_msg_id) are
unique; `seq` has no holes, so a page of the log is a list of exact keys. It is asked for as such (`$in`) because that
is exact on every store and needs no scan on the embedded one, whose indexes know equality only.
"""

from collections.abc import Iterable, Iterator
from itertools import islice

from bson import ObjectId
from pymongo.errors import BulkWriteError, DuplicateKeyError, OperationFailure

from chatapp.database import Document, db, is_embedded
from chatapp.database.write_conflicts import DUPLICATE_KEY, is_aborted
from chatapp.stores import heads as head_store
from chatapp.stores.batches import in_steps
from chatapp.stores.documents import Entry, EntryPlace, ShownEntry
from chatapp.stores.key_locks import turn
from chatapp.stores.rows import all_of

WINDOW = 64
_MOST_ROWS = 100_000
_STEP = 8
_UNSEEN = {"salt": 0, "body_hash": 0, "request_id": 0}


def insert(entry: Entry) -> bool:
    """Append: True when the number was free. False: the number or the client's id is taken, or being taken just now."""
    if is_embedded() and find_by_client_msg_id(entry["sender_id"], entry["client_msg_id"]) is not None:
        return False  # it writes first and compares then: a kill in between would leave the message twice
    try:
        db().entries.insert_one(entry)
    except DuplicateKeyError:
        return False
    except OperationFailure as error:
        if not is_aborted(error):
            raise
        return _count_stored([entry]) == 1
    return True


def insert_run(run: list[Entry]) -> int:
    """Append several in this order, until one's number or client's id is taken; return how many were stored.

    One command. Those after a failure are not tried, so that no conversation among them gets a hole. Where the database
    gave the command up in favour of another one's, it is looked up how many it has stored.
    """
    if is_embedded() or len(run) == 1:
        return next((number for number, entry in enumerate(run) if not insert(entry)), len(run))
    try:
        db().entries.insert_many(run, ordered=True)
    except OperationFailure as error:
        if is_aborted(error):
            return _count_stored(run)
        failures = error.details["writeErrors"] if isinstance(error, BulkWriteError) and error.details else []
        if not failures or failures[0]["code"] != DUPLICATE_KEY:
            raise
        return int(failures[0]["index"])
    return len(run)


def _count_stored(run: list[Entry]) -> int:
    """Return how many of these entries, from the first on, are stored."""
    stored = {row["_id"] for row in db().entries.find({"_id": {"$in": [entry["_id"] for entry in run]}}, {"_id": 1})}
    return next((number for number, entry in enumerate(run) if entry["_id"] not in stored), len(run))


def find_by_client_msg_id(sender_id: ObjectId, client_msg_id: str) -> Entry | None:
    """Return the entry that this sender made under this id."""
    return db().entries.find_one({"sender_id": sender_id, "client_msg_id": client_msg_id})


def find_by_id(entry_id: ObjectId) -> Entry | None:
    """Return the entry with this id."""
    return db().entries.find_one({"_id": entry_id})


def find_run_after(conversation_id: ObjectId, seq: int) -> list[Entry]:
    """Return up to WINDOW entries that follow `seq`, ascending."""
    return find_range(conversation_id, seq + 1, seq + WINDOW)


def find_range(conversation_id: ObjectId, first: int, last: int) -> list[Entry]:
    """Return entries first … last (both included), ascending."""
    if last < first:
        return []
    cursor = db().entries.find({"conversation_id": conversation_id, "seq": _keys(first, last)})
    return all_of(cursor.sort("seq", 1).batch_size(_MOST_ROWS))


def find_messages_in_range(
    conversation_id: ObjectId, first: int, last: int, *, limit: int, descending: bool
) -> list[ShownEntry]:
    """Return at most `limit` message entries within first … last, without what only the chain and the trace need."""
    if is_embedded():
        return _find_messages_in_steps(conversation_id, first, last, limit=limit, descending=descending)
    if last < first:
        return []
    wanted = {"conversation_id": conversation_id, "seq": _keys(first, last), "type": "message"}
    cursor = db().entries.find(wanted, dict(_UNSEEN))
    return all_of(cursor.sort("seq", -1 if descending else 1).limit(limit).batch_size(limit))


def _find_messages_in_steps(
    conversation_id: ObjectId, first: int, last: int, *, limit: int, descending: bool
) -> list[ShownEntry]:
    """Return the same from the embedded store, 0.05 ms for an entry. (Leaving fields out would only be more work.)

    One page after the other: the steps of ten at once would be a long turn again, and ten halves would be in memory.
    """
    found: list[ShownEntry] = []
    seqs = range(first, last + 1)
    with turn("page"):
        for step in in_steps(seqs[::-1] if descending else seqs, _STEP):
            rows = find_range(conversation_id, min(step), max(step))
            found += [row for row in (reversed(rows) if descending else rows) if row["type"] == "message"]
            if len(found) >= limit:
                break
    return found[:limit]


def find_ranges(ranges: Iterable[tuple[ObjectId, int, int]]) -> list[ShownEntry]:
    """Return entries of several logs: (conversation_id, first, last) each; in one command (on MongoDB), in no order.

    Without what only the chain and the trace need.
    """
    wanted = [row for row in ranges if row[1] <= row[2]]
    if is_embedded():  # there are no commands to save, and would try each entry against each range
        return [entry for row in wanted for entry in find_range(*row)]
    if not wanted:
        return []
    rules = [
        {"conversation_id": conversation_id, "seq": {"$gte": first, "$lte": last}}
        for conversation_id, first, last in wanted
    ]
    return all_of(db().entries.find({"$or": rules}, dict(_UNSEEN)).batch_size(_MOST_ROWS))


def iterate_log(conversation_id: ObjectId) -> Iterator[Entry]:
    """Yield all entries of a conversation, ascending, without holding them all in memory."""
    yield from db().entries.find({"conversation_id": conversation_id}).sort("seq", 1)


def find_conversation_ids() -> set[ObjectId]:
    """Return ids of the conversations that have entries."""
    if is_embedded():  # its cursors copy all that is left at each step
        return set(db().entries.find({}, {"conversation_id": 1}).distinct("conversation_id"))
    return {row["_id"] for row in db().entries.aggregate([{"$group": {"_id": "$conversation_id"}}])}


def find_newest(limit: int) -> list[EntryPlace]:
    """Return the entries made last, of all conversations, newest first: ids and numbers only.

    The embedded store would have to read and sort all: it returns only those that follow a stored head.
    """
    fields = {"conversation_id": 1, "seq": 1}
    if is_embedded():
        head_store.settle()
        stored = ((row["_id"], row["head"]["seq"]) for row in db().conversations.find({}, {"head": 1}))
        found = (db().entries.find_one({"conversation_id": key, "seq": seq + 1}, fields) for key, seq in stored)
        return list(islice((entry for entry in found if entry is not None), limit))
    cursor = db().entries.find({}, fields)
    return list(cursor.sort("_id", -1).limit(limit))


def _keys(first: int, last: int) -> Document:
    return {"$in": list(range(first, last + 1))}

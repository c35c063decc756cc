"""The `entries` collection: one append-only log per conversation.

An entry: `{_id, conversation_id, seq, mseq, type, sender_id, client_msg_id, body, created_at, request_id,
salt, body_hash, hash, profiles?: {user id: profile}}`. (conversation_id, seq) and (conversation_id, sender_id,
client_msg_id) are unique; `seq` has no holes, so a page of the log is a list of exact keys. It is asked for as such
(`$in`) because that is exact on every store and needs no scan on the embedded one, whose indexes know equality only.

Earlier versions had (sender_id, client_msg_id) unique, over all conversations. As long as one of their processes may
live that index stays (migration 0008 drops it), and so does its rule.
"""

from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from bson import ObjectId
from pymongo.errors import BulkWriteError, DuplicateKeyError, OperationFailure

from chatapp.database import Document, db, is_embedded
from chatapp.database.write_conflicts import DUPLICATE_KEY, is_aborted
from chatapp.state import on_reset
from chatapp.stores import heads as head_store
from chatapp.stores.batches import in_steps
from chatapp.stores.documents.entries import Entry, EntryPlace, ShownEntry
from chatapp.stores.key_locks import turn
from chatapp.stores.rows import all_of

WINDOW = 64
OLD_INDEX = "idempotency"
_MOST_ROWS = 100_000
_STEP = 8
_MOST_OTHERS, _WIDEST = 400, 2_000  # entries among which a page's messages are looked for: at first, and later on
_UNSEEN = {"salt": 0, "body_hash": 0, "request_id": 0}


class Range(NamedTuple):
    """Entries first … last of a log, both included, as far as their mseq is greater than `above_mseq`."""

    conversation_id: ObjectId
    first: int
    last: int
    above_mseq: int = 0


def insert(entry: Entry) -> bool:
    """Append: True when the number was free. False: the number or the client's id is taken, or being taken just now."""
    if is_embedded() and _is_stored_already(entry):
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
    wanted = {
        "_id": {"$in": [entry["_id"] for entry in run]},
        "conversation_id": {"$in": list({entry["conversation_id"] for entry in run})},
    }
    stored = {row["_id"] for row in db().entries.find(wanted, {"_id": 1})}
    return next((number for number, entry in enumerate(run) if entry["_id"] not in stored), len(run))


def _is_stored_already(entry: Entry) -> bool:
    own = find_by_client_msg_id(entry["conversation_id"], entry["sender_id"], entry["client_msg_id"])
    return own is not None


def find_by_client_msg_id(conversation_id: ObjectId, sender_id: ObjectId, client_msg_id: str) -> Entry | None:
    """Return the entry that this sender made in this conversation under this id."""
    key = {"client_msg_id": client_msg_id, "sender_id": sender_id, "conversation_id": conversation_id}
    return db().entries.find_one(key)  # the embedded store ends at the first field that nothing has


class _Old:
    index_is_gone = False


@on_reset
def reset() -> None:
    """Look again which indexes there are."""
    _Old.index_is_gone = False


def is_used_elsewhere(sender_id: ObjectId, client_msg_id: str) -> bool:
    """Return whether the index of earlier versions refuses this id: it has it already, in whatever conversation."""
    _Old.index_is_gone = _Old.index_is_gone or OLD_INDEX not in db().entries.index_information()
    if _Old.index_is_gone:
        return False
    return db().entries.find_one({"sender_id": sender_id, "client_msg_id": client_msg_id}, {"_id": 1}) is not None


def find_in_conversation(conversation_id: ObjectId, entry_id: ObjectId) -> Entry | None:
    """Return this entry of a conversation."""
    return db().entries.find_one({"_id": entry_id, "conversation_id": conversation_id})


def _find_by_id(entry_id: ObjectId) -> Entry | None:
    return db().entries.find_one({"_id": entry_id})


def find_of_member(user_id: ObjectId, entry_id: ObjectId) -> Entry | None:
    """Return the entry with this id, looked for in the conversations that the user is or was in.

    The embedded store, which has no shards, looks in all: whether the user may see it is for the caller to ask.
    """
    if is_embedded():
        return _find_by_id(entry_id)
    own = db().memberships.find({"user_id": user_id}, {"_id": 0, "conversation_id": 1})
    conversation_ids = [row["conversation_id"] for row in all_of(own.batch_size(_MOST_ROWS))]
    return db().entries.find_one({"_id": entry_id, "conversation_id": {"$in": conversation_ids}})


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
    conversation_id: ObjectId,
    first: int,
    last: int,
    *,
    limit: int,
    descending: bool,
    others: int,
    without: Collection[int] = (),
) -> list[ShownEntry]:
    """Return at most `limit` message entries within first … last, without what only the chain and the trace need.

    Nor are there those `without`, which are seqs.

    `others` is how many entries of the log are no messages: where there are few, one command finds enough. Where
    hundreds of them stand together it takes more.
    """
    if is_embedded():
        return _find_messages_in_steps(
            conversation_id, first, last, limit=limit, descending=descending, without=without
        )
    found: list[ShownEntry] = []
    width = limit + min(others + len(without), _MOST_OTHERS)
    while first <= last and len(found) < limit:
        low, high = (max(first, last - width + 1), last) if descending else (first, min(last, first + width - 1))
        seqs = [seq for seq in range(low, high + 1) if seq not in without]
        wanted = {"conversation_id": conversation_id, "seq": {"$in": seqs}, "type": "message"}
        cursor = db().entries.find(wanted, dict(_UNSEEN)).sort("seq", -1 if descending else 1)
        found += all_of(cursor.limit(limit - len(found)).batch_size(limit))
        first, last = (first, low - 1) if descending else (high + 1, last)
        width = _WIDEST
    return found


def _find_messages_in_steps(
    conversation_id: ObjectId, first: int, last: int, *, limit: int, descending: bool, without: Collection[int]
) -> list[ShownEntry]:
    """Return the same from the embedded store, 0.05 ms for an entry. (Leaving fields out would only be more work.)

    One page after the other: the steps of ten at once would be a long turn again, and ten halves would be in memory.
    """
    found: list[ShownEntry] = []
    seqs = range(first, last + 1)
    with turn("page"):
        for step in in_steps(seqs[::-1] if descending else seqs, _STEP):
            rows = find_range(conversation_id, min(step), max(step))
            rows = [row for row in rows if row["type"] == "message" and row["seq"] not in without]
            found += reversed(rows) if descending else rows
            if len(found) >= limit:
                break
    return found[:limit]


def find_ranges(ranges: Iterable[Range]) -> list[ShownEntry]:
    """Return entries of several logs in one command (on MongoDB), in no order.

    Without what only the chain and the trace need.
    """
    wanted = [row for row in ranges if row.first <= row.last]
    if is_embedded():  # there are no commands to save, and would try each entry against each range
        return [entry for row in wanted for entry in _read_backwards(row)]
    if not wanted:
        return []
    rules = [
        {"conversation_id": row.conversation_id, "seq": {"$gte": row.first, "$lte": row.last}}
        | ({"mseq": {"$gt": row.above_mseq}} if row.above_mseq > 0 else {})
        for row in wanted
    ]
    return all_of(db().entries.find({"$or": rules}, dict(_UNSEEN)).batch_size(_MOST_ROWS))


def _read_backwards(wanted: Range) -> Iterator[ShownEntry]:
    """Yield the entries of a range of the embedded store, the last ones first where only some of it are wanted."""
    if wanted.above_mseq <= 0:
        yield from find_range(wanted.conversation_id, wanted.first, wanted.last)
        return
    for step in in_steps(range(wanted.last, wanted.first - 1, -1), WINDOW):
        rows = find_range(wanted.conversation_id, step[-1], step[0])
        yield from (row for row in rows if row["mseq"] > wanted.above_mseq)
        if not rows or rows[0]["mseq"] <= wanted.above_mseq:
            return


def find_by_seqs(conversation_id: ObjectId, seqs: list[int]) -> list[ShownEntry]:
    """Return these entries of a log, ascending."""
    if not seqs:
        return []
    wanted = {"conversation_id": conversation_id, "seq": {"$in": seqs}}
    return all_of(db().entries.find(wanted, dict(_UNSEEN)).sort("seq", 1).batch_size(len(seqs) + 1))


def find_sent(conversation_id: ObjectId, keys: list[tuple[ObjectId, str]]) -> list[Entry]:
    """Return the entries that these senders made in this conversation under these ids, in no order."""
    if not keys:
        return []
    senders, named = ({key[place] for key in keys} for place in (0, 1))
    wanted = {
        "client_msg_id": {"$in": list(named)},
        "sender_id": {"$in": list(senders)},
        "conversation_id": conversation_id,
    }
    found: list[Entry] = all_of(db().entries.find(wanted).batch_size(_MOST_ROWS))
    return [entry for entry in found if (entry["sender_id"], entry["client_msg_id"]) in keys]


def find_changes(conversation_id: ObjectId, message_ids: list[ObjectId], last: int) -> list[ShownEntry]:
    """Return the entries up to `last` that concern these messages, ascending."""
    wanted = {"conversation_id": conversation_id, "target_id": {"$in": message_ids}, "seq": {"$lte": last}}
    return all_of(db().entries.find(wanted, dict(_UNSEEN)).sort("seq", 1).batch_size(_MOST_ROWS))


def find_at(places: dict[ObjectId, list[int]]) -> list[ShownEntry]:
    """Return the entries of several logs at these seqs, in one command (on MongoDB), in no order."""
    if is_embedded():
        return [entry for key, seqs in places.items() for entry in find_by_seqs(key, seqs)]
    if not places:
        return []
    rules = [{"conversation_id": key, "seq": {"$in": seqs}} for key, seqs in places.items()]
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

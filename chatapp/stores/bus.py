"""The `bus` collection: what passes between processes of several machines while nothing faster carries it.

Rows are `{sender, counter, batch: [{to, data}], at}`. `at` is the database's own time, and they end a minute after it.
"""

from pymongo import WriteConcern

from chatapp.database import Document, db

_MOST_ROWS = 200


def insert_batch(sender: str, counter: int, batch: list[Document]) -> None:
    """Store what a process sends; its counter grows by 1 with each."""
    bus = db().bus.with_options(write_concern=WriteConcern(w=1))  # lost is asked for again: no need to wait for more
    row = {"sender": sender, "counter": counter}
    bus.update_one(row, {"$set": {"batch": batch}, "$currentDate": {"at": True}}, upsert=True)


def find_batches(read: dict[str, int]) -> list[Document]:
    """Return `{sender, counter, batch}` that follow the counters that were read of these senders, each's in order."""
    wanted = [{"sender": sender, "counter": {"$gt": counter}} for sender, counter in read.items()]
    if not wanted:
        return []
    rows = db().bus.find({"$or": wanted}, {"_id": 0, "at": 0}).sort([("sender", 1), ("counter", 1)])
    return list(rows.limit(_MOST_ROWS))


def find_newest_counter(sender: str) -> int:
    """Return the counter of a sender's newest row, 0 where there is none."""
    row = db().bus.find_one({"sender": sender}, {"counter": 1}, sort=[("counter", -1)])
    return row["counter"] if row is not None else 0

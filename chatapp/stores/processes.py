"""The `processes` collection: the processes that serve this chat, on all machines, as each of them says it of itself.

A row is `{_id: boot id, machine, worker, version, sockets, cpu, bus, bus_lag, round_trip, hears, silence, gaps,
strangers, beats, clock, at}`: `worker` is a process id, `cpu` seconds, `bus` is "ok", "degraded" or "alone", `bus_lag`
seconds that Redis took to answer, `round_trip` the longest to a peer and back, `hears` the names of its peers,
`silence` seconds since the one that was not heard for the longest time, `strangers` sentences about whoever shares the
Redis and can't be heard, `clock` the process's time, and `at` the database's. `beats` grows with each heartbeat: where
it does not, the process has ended without a goodbye. Rows end by themselves a minute after their last heartbeat.
"""

from datetime import UTC, datetime

from chatapp.database import Document, db


def put(name: str, row: Document) -> None:
    """Store a heartbeat."""
    changes = {"$set": row, "$inc": {"beats": 1}, "$currentDate": {"at": True}}
    db().processes.update_one({"_id": name}, changes, upsert=True)


def delete(name: str) -> None:
    """Forget a process that has ended."""
    db().processes.delete_one({"_id": name})


def find_all() -> list[Document]:
    """Return all rows, the oldest process first."""
    return list(db().processes.find({}).sort("_id", 1))


def database_time() -> datetime:
    """Return the database's own time, in UTC without a zone."""
    moment: datetime = db().client.admin.command("hello")["localTime"]
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment

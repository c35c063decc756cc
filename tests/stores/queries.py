"""The database commands that stores send, and whether each names the shard key of its collection."""

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import gevent
from pymongo import monitoring

from chatapp.database import db, is_embedded

SHARD_KEYS = {
    "entries": "conversation_id",
    "conversations": "_id",
    "memberships": "conversation_id",
    "receipts": "conversation_id",
    "search": "conversation_id",
    "search_marks": "_id",
    "departures": "_id",
    "older_conversations": "_id",
    "sessions": "user_id",
}
_HELPERS = {"batches.py", "gathered.py", "rows.py", "key_locks.py", "packed.py"}
_METHODS = (
    "find", "find_one", "aggregate", "distinct", "count_documents", "insert_one", "insert_many", "update_one",
    "update_many", "delete_one", "delete_many", "bulk_write", "find_one_and_update",
)  # fmt: skip

Filter = Mapping[str, Any]


class Listener(monitoring.CommandListener):
    """PyMongo's own account of the commands that are sent, for tests: the server itself does without."""

    def __init__(self) -> None:
        self.on_start: Callable[[monitoring.CommandStartedEvent], object] = lambda _: None
        self.on_end: Callable[[str, int | None], object] = lambda *_: None  # name, and code where it has failed

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        self.on_start(event)

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        self.on_end(event.command_name, None)

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        self.on_end(event.command_name, event.failure.get("code", 0))


LISTENER = Listener()
monitoring.register(LISTENER)  # with every client that is made from now on: before the first test


class Query(NamedTuple):
    """A part of a command: the store function that sent it, its collection, the fields of its filter."""

    where: str
    collection: str
    fields: str
    names_shard: bool


def record(monkeypatch: Any) -> set[Query]:
    """Return the set of the queries that stores send from now on, filled as they do."""
    found: set[Query] = set()

    def note(parts: Iterator[tuple[str, Filter]]) -> None:
        where = _sender()
        for collection, query in parts:
            if where and collection in SHARD_KEYS:
                found.add(Query(where, collection, ", ".join(query), names_shard(collection, query)))

    if is_embedded():
        _listen_to_methods(monkeypatch, note)
    else:
        monkeypatch.setattr(LISTENER, "on_start", lambda event: note(_of_command(event.command)))
    return found


def names_shard(collection: str, query: Filter) -> bool:
    """Return whether a filter goes to the shards of certain keys, not to all."""
    if any(names_shard(collection, part) for part in query.get("$and", ())):
        return True
    if "$or" in query and all(names_shard(collection, part) for part in query["$or"]):
        return True
    wanted = query.get(SHARD_KEYS[collection])
    return wanted is not None and (not isinstance(wanted, Mapping) or bool({"$in", "$eq"} & wanted.keys()))


def _sender() -> str:
    """Return the store function on whose behalf the running command is sent: "entries.find_range"; "" for others'."""
    frame = sys._getframe(1)
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        if path.parent.name == "stores" and path.parent.parent.name == "chatapp" and path.name not in _HELPERS:
            names = frame.f_code.co_qualname if hasattr(frame.f_code, "co_qualname") else frame.f_code.co_name
            return f"{path.stem}.{names.partition('.')[0]}"
        frame = frame.f_back
    return ""


def _of_command(command: Mapping[str, Any]) -> Iterator[tuple[str, Filter]]:
    """Yield collection and filter of each part of a command on the wire."""
    name = next(iter(command))
    collection = command[name]
    if name == "aggregate":
        yield from _of_pipeline(collection, command["pipeline"])
    elif name == "insert":
        yield from ((collection, document) for document in command["documents"])
    elif name == "update":
        yield from ((collection, update["q"]) for update in command["updates"])
    elif name == "delete":
        yield from ((collection, delete["q"]) for delete in command["deletes"])
    elif name == "find":
        yield collection, command["filter"]
    elif name in ("distinct", "count", "findAndModify"):
        yield collection, command["query"]


def _of_pipeline(collection: str, stages: list[Any]) -> Iterator[tuple[str, Filter]]:
    first = stages[0] if stages else {}
    yield collection, first.get("$match", {})
    for stage in stages:
        if "$lookup" in stage:
            lookup = stage["$lookup"]
            inner = list(_of_pipeline(lookup["from"], lookup.get("pipeline", [])))
            if "foreignField" in lookup:  # equality with what the stage before has found
                inner[0] = (lookup["from"], {**inner[0][1], lookup["foreignField"]: "found before"})
            yield from inner
        if "$unionWith" in stage:
            yield from _of_pipeline(stage["$unionWith"]["coll"], stage["$unionWith"]["pipeline"])


def _listen_to_methods(monkeypatch: Any, note: Callable[[Iterator[tuple[str, Filter]]], None]) -> None:
    """Listen to the embedded store's own interface; its methods call each other, which are no queries of ours."""
    inside: set[gevent.Greenlet] = set()

    def listening(method: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(self: Any, *arguments: Any, **named: Any) -> Any:
            me = gevent.getcurrent()
            if me in inside:
                return real(self, *arguments, **named)
            note(_of_call(self.name, method, *arguments))
            inside.add(me)
            try:
                return real(self, *arguments, **named)
            finally:
                inside.discard(me)

        return call

    kind = type(db().entries)
    for method in _METHODS:
        monkeypatch.setattr(kind, method, listening(method, getattr(kind, method)))


def _of_call(collection: str, method: str, *arguments: Any) -> Iterator[tuple[str, Filter]]:
    if method == "aggregate":
        yield from _of_pipeline(collection, arguments[0])
    elif method == "insert_many":
        yield from ((collection, document) for document in arguments[0])
    elif method == "bulk_write":
        yield from ((collection, request._filter) for request in arguments[0])
    elif method == "distinct":
        yield collection, arguments[1] if len(arguments) > 1 else {}
    else:
        yield collection, arguments[0] if arguments else {}

"""The index of messages beside the embedded store: a SQLite file of its own, used in threads.

What is deleted is overwritten (`secure_delete`), and the write-ahead log emptied. Plain tables do both on every SQLite;
its own full-text search can so only from 3.42 on. A row of `terms` is a message's place by conversation, term and time,
so the newest ones of a conversation are read first. `text` of a message is its terms, each between line ends.
"""

import heapq
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from bson import ObjectId
from gevent.lock import BoundedSemaphore

from chatapp.settings import config
from chatapp.state import on_reset
from chatapp.stores.documents.search import FoundRow, SearchRow, Wanted
from chatapp.threads import in_thread

R = TypeVar("R")
_BEYOND = "\U0010ffff"  # follows every character of a term
_EPOCH = datetime(1970, 1, 1)
_MILLISECOND = timedelta(milliseconds=1)
_TABLES = """
CREATE TABLE IF NOT EXISTS conversations (number INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, seq INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS messages (
    conversation INTEGER NOT NULL, seq INTEGER NOT NULL, id TEXT NOT NULL, at INTEGER NOT NULL, kind TEXT NOT NULL,
    sender TEXT NOT NULL, text TEXT NOT NULL, PRIMARY KEY (conversation, seq)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_id ON messages (id);
CREATE TABLE IF NOT EXISTS terms (
    conversation INTEGER NOT NULL, term TEXT NOT NULL, at INTEGER NOT NULL, seq INTEGER NOT NULL,
    PRIMARY KEY (conversation, term, at, seq)
) WITHOUT ROWID;
"""


class _File:
    """The open file. One works with it at a time."""

    def __init__(self) -> None:
        self.turn = BoundedSemaphore()
        self.path: Path | None = None
        self.connection: sqlite3.Connection | None = None

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
        self.connection = self.path = None


_file = _File()


@on_reset
def reset() -> None:
    """Close the file of another store."""
    with _file.turn:
        if _file.path != _path():
            _file.close()


def _path() -> Path:
    return Path(config().store_uri.removeprefix("litemongo://")) / "search"


def _work(work: Callable[..., R], *arguments: Any) -> R:
    """Return what `work(connection, …)` returns, done in a thread, in one transaction."""
    with _file.turn:
        return in_thread(_in_transaction, _path(), work, *arguments)


def _in_transaction(path: Path, work: Callable[..., R], *arguments: Any) -> R:
    if _file.path != path or _file.connection is None:
        _file.close()
        _file.connection, _file.path = _open(path), path
    with _file.connection:
        return work(_file.connection, *arguments)


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=10, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA secure_delete = ON")
    connection.executescript(_TABLES)
    return connection


def put(rows: list[SearchRow]) -> None:
    """Store these messages; terms are added to those that are stored."""
    _work(_put, rows)


def _put(connection: sqlite3.Connection, rows: list[SearchRow]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    for row in rows:
        number, at = _number(connection, str(row["conversation_id"])), _milliseconds(row["at"])
        place = {"conversation": number, "seq": row["seq"]}
        known = connection.execute("SELECT text FROM messages WHERE conversation = :conversation AND seq = :seq", place)
        before = _terms(*(known.fetchone() or ("",)))
        new = [term for term in row["terms"] if term not in before]
        message = {"id": str(row["_id"]), "at": at, "kind": row["kind"], "sender": str(row["sender_id"])}
        message["text"] = _text([*before, *new])
        connection.execute(
            "INSERT INTO messages VALUES (:conversation, :seq, :id, :at, :kind, :sender, :text)"
            " ON CONFLICT DO UPDATE SET id = :id, at = :at, kind = :kind, sender = :sender, text = :text",
            place | message,
        )
        connection.executemany(
            "INSERT OR IGNORE INTO terms VALUES (?, ?, ?, ?)", [(number, term, at, row["seq"]) for term in new]
        )


def _number(connection: sqlite3.Connection, conversation_id: str) -> int:
    connection.execute("INSERT OR IGNORE INTO conversations (id, seq) VALUES (?, 0)", (conversation_id,))
    found = connection.execute("SELECT number FROM conversations WHERE id = ?", (conversation_id,)).fetchone()
    return int(found[0])


def _text(terms: list[str]) -> str:
    return "\n".join(["", *terms, ""]) if terms else ""


def _terms(text: str) -> list[str]:
    return text.split("\n")[1:-1]


def remove(conversation_id: ObjectId, message_ids: list[ObjectId]) -> None:
    """Remove these messages, from the write-ahead log too."""
    _work(_remove, [str(message_id) for message_id in message_ids])
    _work(_forget_traces)


def _remove(connection: sqlite3.Connection, message_ids: list[str]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    for message_id in message_ids:
        found = connection.execute("SELECT conversation, seq, at, text FROM messages WHERE id = ?", (message_id,))
        for conversation, seq, at, text in found.fetchall():
            connection.executemany(
                "DELETE FROM terms WHERE conversation = ? AND term = ? AND at = ? AND seq = ?",
                [(conversation, term, at, seq) for term in _terms(text)],
            )
            connection.execute("DELETE FROM messages WHERE conversation = ? AND seq = ?", (conversation, seq))


def _forget_traces(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def find_page(wanted: Wanted, limit: int) -> list[FoundRow]:
    """Return at most so many messages, newest first."""
    return _work(_find_page, wanted, limit)


def _find_page(connection: sqlite3.Connection, wanted: Wanted, limit: int) -> list[FoundRow]:
    """Take the newest of all, from the conversations with the newest messages on, as long as they may have some."""
    query, values = _query(wanted)
    found: list[tuple[int, str, int, str]] = []
    for newest, number, conversation_id in _conversations(connection, wanted.conversation_ids):
        oldest = found[-1][0] if len(found) == limit else 0
        if newest < oldest:
            break
        rows = connection.execute(query, values | {"conversation": number, "oldest": oldest})
        more = [(at, message_id, seq, conversation_id) for at, message_id, seq in _first(rows, limit)]
        found = heapq.nlargest(limit, found + more)
    return [
        {
            "_id": ObjectId(message_id),
            "conversation_id": ObjectId(conversation_id),
            "seq": seq,
            "at": datetime.fromtimestamp(at // 1000, UTC).replace(tzinfo=None) + at % 1000 * _MILLISECOND,
        }
        for at, message_id, seq, conversation_id in found
    ]


def _first(rows: Iterable[tuple[int, str, int]], most: int) -> Iterator[tuple[int, str, int]]:
    """Yield so many of these rows, which are ordered by their times alone, and those of the last one's time."""
    last = 0
    for number, row in enumerate(rows):
        if number >= most and row[0] != last:
            return
        last = row[0]
        yield row


def _conversations(connection: sqlite3.Connection, conversation_ids: list[ObjectId]) -> list[tuple[int, int, str]]:
    """Return those of these conversations that have any messages, as (time of the newest one, number, id)."""
    listed = json.dumps([str(conversation_id) for conversation_id in conversation_ids])
    newest = "SELECT at FROM messages WHERE conversation = number ORDER BY seq DESC LIMIT 1"
    query = f"SELECT ({newest}), number, id FROM conversations WHERE id IN (SELECT value FROM json_each(?))"  # noqa: S608
    return sorted((row for row in connection.execute(query, (listed,)) if row[0] is not None), reverse=True)


def _query(wanted: Wanted) -> tuple[str, dict[str, Any]]:
    """Return the query for one conversation: it looks its longest term up, and reads the messages' others."""
    terms, prefix = sorted(wanted.terms, key=len), wanted.prefix
    values: dict[str, Any] = {"prefix": prefix}
    places, messages = ["conversation = :conversation", "at >= :oldest"], ["TRUE"]
    if terms:
        places.append("term = :term")
        values["term"] = terms.pop()
        if prefix is not None:
            messages.append("instr(text, :prefix) > 0")
            values["prefix"] = f"\n{prefix}"
    else:
        places.append("term >= :prefix AND term < :beyond")
        values["beyond"] = f"{prefix}{_BEYOND}"
    for number, term in enumerate(terms):
        places.append(f"EXISTS (SELECT 1 FROM terms WHERE conversation = :conversation AND term = :term{number})")  # noqa: S608
        messages.append(f"instr(text, :other{number}) > 0")
        values |= {f"term{number}": term, f"other{number}": f"\n{term}\n"}
    _narrow(wanted, places, messages, values)
    # The limit is none, and keeps the order of the inner query; the outer one reads it as it comes.
    return (
        "SELECT t.at, id, t.seq FROM"  # noqa: S608
        " (SELECT DISTINCT conversation, at, seq FROM terms"
        f" WHERE {' AND '.join(places)} ORDER BY at DESC LIMIT -1) AS t"
        " CROSS JOIN messages AS m ON m.conversation = t.conversation AND m.seq = t.seq"
        f" WHERE {' AND '.join(messages)}"
    ), values


def _narrow(wanted: Wanted, places: list[str], messages: list[str], values: dict[str, Any]) -> None:
    """Add the rules of sender, kind, times and place."""
    if wanted.sender_id is not None:
        messages.append("sender = :sender")
        values["sender"] = str(wanted.sender_id)
    if wanted.kind is not None:
        messages.append("kind = :kind")
        values["kind"] = wanted.kind
    if wanted.after is not None:
        places.append("at > :after")
        values["after"] = _milliseconds(wanted.after)
    if wanted.before is not None:
        places.append("at < :before")
        values["before"] = _milliseconds(wanted.before)
    if wanted.place is not None:
        places.append("at <= :at")
        messages.append("(t.at < :at OR id < :id)")
        values |= {"at": _milliseconds(wanted.place[0]), "id": str(wanted.place[1])}


def find_watermarks(conversation_ids: list[ObjectId]) -> dict[ObjectId, int]:
    """Return the seqs up to which these conversations are in the index."""
    return _work(_find_watermarks, conversation_ids)


def _find_watermarks(connection: sqlite3.Connection, conversation_ids: list[ObjectId]) -> dict[ObjectId, int]:
    listed = json.dumps([str(conversation_id) for conversation_id in conversation_ids])
    query = "SELECT id, seq FROM conversations WHERE id IN (SELECT value FROM json_each(?))"
    return {ObjectId(key): seq for key, seq in connection.execute(query, (listed,))}


def set_watermarks(seqs: dict[ObjectId, int]) -> None:
    """Store the seqs up to which these conversations are in the index."""
    _work(_set_watermarks, [(str(key), seq) for key, seq in seqs.items()])


def _set_watermarks(connection: sqlite3.Connection, seqs: list[tuple[str, int]]) -> None:
    change = "INSERT INTO conversations (id, seq) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET seq = excluded.seq"
    connection.executemany(change, seqs)


def clear() -> None:
    """Remove everything."""
    _work(_clear)
    _work(_forget_traces)


def _clear(connection: sqlite3.Connection) -> None:
    for table in ("terms", "messages", "conversations"):
        connection.execute(f"DELETE FROM {table}")  # noqa: S608 - a name of ours


def _milliseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _MILLISECOND

"""The index of messages by their terms, and how far it has come in each conversation's log.

It is derived from the log, and can be made anew. MongoDB has it in collections, the embedded store in a file of its
own; both find the same: at least the messages wanted, as the terms say, so whoever asks compares with the text.
"""

from collections.abc import Iterable
from typing import Protocol

from bson import ObjectId

from chatapp.database import is_embedded
from chatapp.stores import search_file, search_rows
from chatapp.stores.documents.search import FoundRow, SearchRow, Wanted


class _Store(Protocol):
    def put(self, rows: list[SearchRow]) -> None: ...
    def remove(self, conversation_id: ObjectId, message_ids: list[ObjectId]) -> None: ...
    def find_page(self, wanted: Wanted, limit: int) -> list[FoundRow]: ...
    def find_watermarks(self, conversation_ids: list[ObjectId]) -> dict[ObjectId, int]: ...
    def set_watermarks(self, seqs: dict[ObjectId, int]) -> None: ...
    def clear(self) -> None: ...


def _store() -> _Store:
    return search_file if is_embedded() else search_rows


def put(rows: list[SearchRow]) -> None:
    """Store these messages; terms are added to those that are stored. Done twice it stays the same."""
    if rows:
        _store().put(rows)


def remove(conversation_id: ObjectId, message_ids: list[ObjectId]) -> None:
    """Remove these messages: nothing of their terms is left."""
    if message_ids:
        _store().remove(conversation_id, message_ids)


def find_page(wanted: Wanted, limit: int) -> list[FoundRow]:
    """Return at most so many messages, newest first, by id where several are of one time."""
    return _store().find_page(wanted, limit)


def find_watermarks(conversation_ids: Iterable[ObjectId]) -> dict[ObjectId, int]:
    """Return the seq up to which each of these conversations is in the index; those that are not are left out."""
    return _store().find_watermarks(list(conversation_ids))


def set_watermarks(seqs: dict[ObjectId, int]) -> None:
    """Store the seq up to which each of these conversations is in the index."""
    if seqs:
        _store().set_watermarks(seqs)


def clear() -> None:
    """Remove everything."""
    _store().clear()

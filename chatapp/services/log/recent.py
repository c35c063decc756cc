"""Entries that were stored lately, by conversation, sender and client_msg_id.

Repeats come in crowds, when something is slow.
"""

from contextlib import suppress

from bson import ObjectId
from cachetools import FIFOCache

from chatapp.state import on_reset
from chatapp.stores.documents.entries import Entry, content_of

_REMEMBERED_BYTES = 2_000_000
_BYTES_OF_A_PROFILE = 4_000  # with the longest avatar


def _size(entry: Entry) -> int:
    """Return about how many bytes an entry takes in memory."""
    texts = 4 * len(content_of(entry)) + len((entry["body"] or {}).get("attachment") or "")
    return 2_000 + 1_000 * len(entry.get("media", ())) + texts + _BYTES_OF_A_PROFILE * len(entry.get("profiles", ()))


_Key = tuple[ObjectId, ObjectId, str]


class _Remembered(FIFOCache[_Key, Entry]):
    """Entries by their key, which is found by their id too: with each reaction one is forgotten."""

    def __init__(self) -> None:
        super().__init__(_REMEMBERED_BYTES, getsizeof=_size)
        self.key_of: dict[ObjectId, _Key] = {}

    def __setitem__(self, key: _Key, entry: Entry) -> None:
        super().__setitem__(key, entry)
        self.key_of[entry["_id"]] = key

    def __delitem__(self, key: _Key) -> None:
        self.key_of.pop(self[key]["_id"], None)
        super().__delitem__(key)

    def clear(self) -> None:
        super().clear()
        self.key_of.clear()


_entries = _Remembered()


@on_reset
def clear() -> None:
    """Forget all."""
    _entries.clear()


def get(conversation_id: ObjectId, sender_id: ObjectId, client_msg_id: str | None) -> Entry | None:
    """Return the entry, if it is remembered."""
    return _entries.get((conversation_id, sender_id, client_msg_id)) if client_msg_id else None


def forget(entry_id: ObjectId) -> None:
    """Forget an entry whose text has changed, or was erased."""
    key = _entries.key_of.get(entry_id)
    if key is not None:
        del _entries[key]


def add(entry: Entry) -> None:
    """Remember the entry, and forget the oldest ones for which there is no room any more."""
    with suppress(ValueError):  # larger than all that is remembered
        _entries.setdefault((entry["conversation_id"], entry["sender_id"], entry["client_msg_id"]), entry)

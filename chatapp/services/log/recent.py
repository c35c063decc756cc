"""Entries that were stored lately, by sender and client_msg_id: repeats come in crowds, when something is slow."""

from contextlib import suppress

from bson import ObjectId
from cachetools import FIFOCache

from chatapp.state import on_reset
from chatapp.stores.documents import Entry

_REMEMBERED_BYTES = 2_000_000
_BYTES_OF_A_PROFILE = 4_000  # with the longest avatar


def _size(entry: Entry) -> int:
    """Return about how many bytes an entry takes in memory."""
    body = entry["body"]
    texts = 4 * len(body.get("content") or "") + len(body.get("attachment") or "")
    return 2_000 + texts + _BYTES_OF_A_PROFILE * len(entry.get("profiles", ()))


_entries: FIFOCache[tuple[ObjectId, str], Entry] = FIFOCache(_REMEMBERED_BYTES, getsizeof=_size)


@on_reset
def clear() -> None:
    """Forget all."""
    _entries.clear()


def get(sender_id: ObjectId, client_msg_id: str | None) -> Entry | None:
    """Return the entry, if it is remembered."""
    return _entries.get((sender_id, client_msg_id)) if client_msg_id else None


def add(entry: Entry) -> None:
    """Remember the entry, and forget the oldest ones for which there is no room any more."""
    with suppress(ValueError):  # larger than all that is remembered
        _entries.setdefault((entry["sender_id"], entry["client_msg_id"]), entry)

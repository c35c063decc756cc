"""Entries that were stored lately, by sender and client_msg_id: repeats come in crowds, when something is slow."""

from collections import OrderedDict

from bson import ObjectId

from chatapp.state import on_reset
from chatapp.stores.documents import Entry

_REMEMBERED_BYTES = 2_000_000
_BYTES_OF_A_PROFILE = 4_000  # with the longest avatar

_entries: OrderedDict[tuple[ObjectId, str], Entry] = OrderedDict()
_bytes = 0


def get(sender_id: ObjectId, client_msg_id: str | None) -> Entry | None:
    """Return the entry, if it is remembered."""
    return _entries.get((sender_id, client_msg_id)) if client_msg_id else None


def add(entry: Entry) -> None:
    """Remember the entry, and forget the oldest ones for which there is no room any more."""
    global _bytes
    key = entry["sender_id"], entry["client_msg_id"]
    if key in _entries:
        return
    _entries[key] = entry
    _bytes += _size(entry)
    while _bytes > _REMEMBERED_BYTES:
        _bytes -= _size(_entries.popitem(last=False)[1])


@on_reset
def clear() -> None:
    """Forget all."""
    global _bytes
    _entries.clear()
    _bytes = 0


def _size(entry: Entry) -> int:
    """Return about how many bytes an entry takes in memory."""
    body = entry["body"]
    texts = 4 * len(body.get("content") or "") + len(body.get("attachment") or "")
    return 2_000 + texts + _BYTES_OF_A_PROFILE * len(entry.get("profiles", ()))

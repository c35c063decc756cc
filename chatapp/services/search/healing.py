"""Index what a crash, or an earlier version, has left out: compare the index's marks with the heads of the logs."""

from collections.abc import Iterable, Iterator
from itertools import islice

from bson import ObjectId

from chatapp.idle_turns import give_way
from chatapp.services.search import indexing, waiting
from chatapp.stores import conversations as conversation_store
from chatapp.stores import entries as entry_store
from chatapp.stores import heads as head_store
from chatapp.stores import search as search_store

_BATCH = 200  # conversations


def heal_all() -> None:
    """Index whatever is behind, of all conversations, by and by."""
    for behind, _ in _batches():
        indexing.index(behind)


def heal_newest(limit: int) -> None:
    """Let those conversations be indexed that are behind, among those of the newest `limit` entries."""
    waiting.note_all(_behind({row["conversation_id"] for row in entry_store.find_newest(limit)}))


def reindex(*, anew: bool) -> Iterator[tuple[int, int, int]]:
    """Index what is behind, or with `anew` everything, from a process of its own.

    Yield, again and again, how many conversations are done, of how many, and how many entries were indexed just now.
    Ended in the middle, it goes on where it was when it is called without `anew`.
    """
    if anew:
        search_store.clear()
    total = len(conversation_store.find_all_ids())
    done = 0
    for behind, size in _batches():
        entries = indexing.index(behind, beside_server=True)
        done += size
        yield done, max(done, total), entries


def _batches() -> Iterator[tuple[list[ObjectId], int]]:
    """Yield the conversations that are behind, batch by batch, and the size of the batch that they are from."""
    ids = iter(sorted(conversation_store.find_all_ids()))
    while batch := list(islice(ids, _BATCH)):
        give_way()
        yield _behind(batch), len(batch)


def _behind(conversation_ids: Iterable[ObjectId]) -> list[ObjectId]:
    ids = list(conversation_ids)
    if not ids:
        return []
    heads, marks = head_store.find_seqs(ids), search_store.find_watermarks(ids)
    return [key for key, seq in heads.items() if marks.get(key, 0) < seq]

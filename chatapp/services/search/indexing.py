"""Index conversations: bring the index forward from its mark in a log to the log's head.

Work beside the requests, in turns. Each step may be done twice, and by several processes at once: rows only gain terms,
of texts that the log has; what is erased is taken out (`erasing`), and comes back only with what is left of the texts.
So a mark that a crash has left behind does no harm.
"""

from bson import ObjectId
from gevent.lock import BoundedSemaphore

from chatapp.database import is_embedded
from chatapp.idle_turns import give_way
from chatapp.search import analyser
from chatapp.services.log.kinds import kind_with
from chatapp.services.log.state import ERASED
from chatapp.services.search import erasing, waiting
from chatapp.stores import entries as entry_store
from chatapp.stores import heads as head_store
from chatapp.stores import search as search_store
from chatapp.stores.documents.entries import Entry, MessageBody, ShownEntry, content_of
from chatapp.stores.documents.search import SearchRow

_MOST = 50  # conversations at a time
_turn = BoundedSemaphore()


def index_waiting() -> None:
    """Index what has moved; called twice a second."""
    while conversation_ids := waiting.take(_MOST):
        try:
            index(conversation_ids)
        except BaseException:  # also of a greenlet that is killed: it goes on waiting
            waiting.note_all(conversation_ids)
            raise


def index(conversation_ids: list[ObjectId], *, beside_server: bool = False) -> int:
    """Index these conversations up to the heads of their logs; return how many entries that were.

    `beside_server`: in a process of its own, on whatever store. Raises what the store raises.
    """
    total = 0
    with _turn:
        while conversation_ids:
            erasing.begin()
            heads = head_store.find_seqs(conversation_ids)
            marks = search_store.find_watermarks(conversation_ids)
            reached = {}
            for conversation_id in conversation_ids:
                after, last = marks.get(conversation_id, 0), heads.get(conversation_id, 0)
                if after < last:
                    last = min(last, after + entry_store.WINDOW)
                    _index_run(conversation_id, after + 1, last, is_alone=is_embedded() and not beside_server)
                    reached[conversation_id] = last
                    total += last - after
            search_store.set_watermarks(reached)
            conversation_ids = [key for key, seq in reached.items() if seq < heads[key]]
    return total


def _index_run(conversation_id: ObjectId, first: int, last: int, *, is_alone: bool) -> None:
    """Index the entries first … last, all of them behind the head: what they erase is erased."""
    give_way()
    entries = entry_store.find_range(conversation_id, first, last)
    deleted = [entry["target_id"] for entry in entries if entry["type"] == "message_deleted"]
    if deleted:
        erasing.erase(conversation_id, deleted)
    with_texts = [entry for entry in entries if _has_text(entry)]
    rows = _rows(conversation_id, with_texts)
    if not rows:
        return
    erasing.put(rows)
    if not is_alone:
        _look_again(conversation_id, with_texts)


def _has_text(entry: ShownEntry) -> bool:
    return entry["type"] in ("message", "message_edited") and bool(content_of(entry))


def _rows(conversation_id: ObjectId, entries: list[Entry]) -> list[SearchRow]:
    """Return the rows of these messages, and of those that these edits concern."""
    messages: dict[int, ShownEntry] = {entry["seq"]: entry for entry in entries if entry["type"] == "message"}
    targets = {entry["target_seq"] for entry in entries if entry["type"] == "message_edited"}
    for message in entry_store.find_by_seqs(conversation_id, sorted(targets - messages.keys())):
        messages[message["seq"]] = message
    rows: dict[int, SearchRow] = {}
    for entry in entries:
        give_way()  # a long text takes some milliseconds
        found = messages.get(entry.get("target_seq", entry["seq"]))
        if found is None or ("now" in found and found["now"]["deleted"]):
            continue
        row = rows.setdefault(found["seq"], _row(found))
        row["terms"] = sorted({*row["terms"], *analyser.terms(content_of(entry))})
    return list(rows.values())


def _row(message: ShownEntry) -> SearchRow:
    body: MessageBody = message["body"] or ERASED
    attachment = message["now"]["attachment"] if "now" in message else body["attachment"]
    return {
        "_id": message["_id"],
        "conversation_id": message["conversation_id"],
        "seq": message["seq"],
        "at": message["created_at"],
        "kind": kind_with(message.get("media"), attachment),
        "sender_id": message["sender_id"],
        "terms": [],
    }


def _look_again(conversation_id: ObjectId, entries: list[Entry]) -> None:
    """Take out again what another process has erased since these entries were read.

    What is left of a message comes back with the entry that erases, which follows.
    """
    found = entry_store.find_by_seqs(conversation_id, [entry["seq"] for entry in entries])
    kept = {entry["seq"] for entry in found if _has_text(entry)}
    gone = [entry.get("target_id", entry["_id"]) for entry in entries if entry["seq"] not in kept]
    if gone:
        erasing.erase(conversation_id, gone)

"""Take messages out of the index whose texts are erased.

A text is erased from the log first, and then taken out here, before the head passes the entry that erases it. So
whoever has read it before may be about to put it into the index: in this process that is refused (`put`), beside
others `indexing` looks at the log again.
"""

from bson import ObjectId
from gevent.lock import BoundedSemaphore

from chatapp.state import on_reset
from chatapp.stores import search as search_store
from chatapp.stores.documents.search import SearchRow

_turn = BoundedSemaphore()
_gone: set[ObjectId] = set()  # messages that were taken out since `begin`


@on_reset
def begin() -> None:
    """Begin to read what is to be put: what is taken out from now on is not put."""
    _gone.clear()


def erase(conversation_id: ObjectId, message_ids: list[ObjectId]) -> None:
    """Take these messages out of the index. Raises what the store raises."""
    _gone.update(message_ids)
    with _turn:
        search_store.remove(conversation_id, message_ids)


def put(rows: list[SearchRow]) -> None:
    """Put messages into the index, as they were read since `begin`."""
    with _turn:
        search_store.put([row for row in rows if row["_id"] not in _gone])

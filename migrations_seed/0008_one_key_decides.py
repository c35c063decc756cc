"""Drop indexes that only processes of earlier versions need: a sharded collection can't have them, or they only cost.

From here on a client's message id is unique in its conversation, not among all of its sender's; the primary key alone
decides about direct conversations and foundings; a user's conversations come from their memberships.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from bson import ObjectId
from pymongo import UpdateOne
from pymongo.database import Database

from chatapp.database import is_embedded
from chatapp.database.write_conflicts import upsert
from chatapp.services import conversation_ids
from chatapp.services.migrations import require_no_older_process
from chatapp.stores import meta as meta_store
from chatapp.stores.entries import OLD_INDEX
from chatapp.stores.rows import all_of

_STEP = 1_000
_KEYS = ("direct_key", "creation_key")
_GONE = (
    ("entries", OLD_INDEX),
    ("conversations", "direct"),
    ("conversations", "creation"),
    ("conversations", "of_participant"),
)


def up(db: Database[dict[str, Any]]) -> None:
    """Note which conversations have other ids than they would get now, then drop the indexes; harmless when run again.

    Raises Postponed, having changed nothing, while a process of an earlier version may live.
    """
    require_no_older_process("0008")
    meta_store.find_or_make_id_key()
    older = _older(db)
    while step := list(islice(older, _STEP)):
        upsert(db.older_conversations, step)
    meta_store.set_older_known(db.older_conversations.find_one({}) is not None)
    for collection, name in _GONE:
        if name in db[collection].index_information():
            db[collection].drop_index(name)


def _older(db: Database[dict[str, Any]]) -> Iterator[UpdateOne]:
    """Yield what is to be stored for each conversation that has a key, and an id that is not made of it."""
    rows = db.conversations.find({}, dict.fromkeys(_KEYS, 1))
    for row in all_of(rows) if is_embedded() else rows:
        for name in _KEYS:
            if name in row and (would_be := _made_of(name, row[name])) != row["_id"]:
                change = {"$setOnInsert": {"conversation_id": row["_id"]}}
                yield UpdateOne({"_id": would_be}, change, upsert=True)


def _made_of(name: str, text: str) -> ObjectId:
    return conversation_ids.made_of({"direct_key": text} if name == "direct_key" else {"creation_key": text})

"""Bulk writes with upserts, which somebody else may be doing at the same time."""

from typing import Any

from pymongo import UpdateOne
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError

from chatapp.stores.aborted import again

_DUPLICATE_KEY = 11000


@again
def write(collection: Collection[Any], changes: list[UpdateOne]) -> None:
    """Carry the changes out, in any order; each may be carried out twice.

    An upsert looks and then inserts: where another one's row has come in between, it fails, and finds the row when it
    is done again (MongoDB does that by itself only for the simplest filters).
    """
    if not changes:
        return
    try:
        collection.bulk_write(changes, ordered=False)
    except BulkWriteError as error:
        if any(failure["code"] != _DUPLICATE_KEY for failure in error.details["writeErrors"]):
            raise
        collection.bulk_write(changes, ordered=False)

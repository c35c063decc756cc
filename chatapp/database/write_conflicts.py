"""Writes that come into each other's way: given up by the database, or two upserts of the same row at once."""

import random
import time
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from pymongo import UpdateOne
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError, OperationFailure

DUPLICATE_KEY = 11000
# WriteConflict (MongoDB's code), and PostgreSQL's deadlock (40P01) as DocumentDB numbers it: two inserts into one
# unique index at once are enough for it.
_ABORTED = frozenset({112, 16908292})
_ATTEMPTS = 5

P = ParamSpec("P")
R = TypeVar("R")


def is_aborted(error: Exception) -> bool:
    """Return whether the database gave up the write in favour of another: nothing is stored, and it can be repeated."""
    if isinstance(error, BulkWriteError):
        return any(failure["code"] in _ABORTED for failure in error.details["writeErrors"])
    return isinstance(error, OperationFailure) and error.code in _ABORTED


def again(write: Callable[P, R]) -> Callable[P, R]:
    """Decorate a write: do it again when the database gave it up. Only for writes that may be done twice."""

    @wraps(write)
    def until_done(*arguments: P.args, **named: P.kwargs) -> R:
        for attempt in range(1, _ATTEMPTS):
            try:
                return write(*arguments, **named)
            except OperationFailure as error:
                if not is_aborted(error):
                    raise
                time.sleep(random.uniform(0, 0.02 * attempt))  # noqa: S311 - no secret
        return write(*arguments, **named)

    return until_done


@again
def upsert(collection: Collection[Any], changes: list[UpdateOne]) -> None:
    """Carry the changes out, in any order; each may be carried out twice.

    An upsert looks and then inserts: where another one's row has come in between, it fails, and finds the row when it
    is done again (MongoDB does that by itself only for the simplest filters).
    """
    if not changes:
        return
    try:
        collection.bulk_write(changes, ordered=False)
    except BulkWriteError as error:
        if any(failure["code"] != DUPLICATE_KEY for failure in error.details["writeErrors"]):
            raise
        collection.bulk_write(changes, ordered=False)

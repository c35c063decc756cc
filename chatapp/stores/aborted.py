"""Writes that the database gave up for the sake of another: nothing of them is stored, and they can be done again."""

import random
import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from pymongo.errors import BulkWriteError, OperationFailure

# WriteConflict (MongoDB's code), and PostgreSQL's deadlock (40P01) as DocumentDB numbers it: two inserts into one
# unique index at once are enough for it.
_CODES = frozenset({112, 16908292})
_ATTEMPTS = 5


def is_aborted(error: Exception) -> bool:
    """Did the database give the write up, so that it can be done again?"""
    if isinstance(error, BulkWriteError):
        return any(failure["code"] in _CODES for failure in error.details["writeErrors"])
    return isinstance(error, OperationFailure) and error.code in _CODES


P = ParamSpec("P")
R = TypeVar("R")


def again(write: Callable[P, R]) -> Callable[P, R]:
    """Decorator: do a write again that was given up. Only for writes that may be done twice."""

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

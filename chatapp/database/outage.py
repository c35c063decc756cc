"""The meaning of a store's failures for clients: the database is out of reach, or the command was at fault."""

import sqlite3

import structlog
from pymongo import errors as mongo

from chatapp import errors, metrics
from chatapp.database.write_conflicts import is_aborted

STORE_ERRORS = (mongo.PyMongoError, sqlite3.OperationalError)  # raised by a store that can't carry out a command
# The errors of a database whose own database (FerretDB's PostgreSQL) is out of reach.
_NO_PARTICULAR_CODE = 1
# Interrupted, shutting down, no primary, host unreachable, network time-out (MongoDB's error codes).
_OUTAGE_CODES = frozenset({6, 7, 89, 91, 189, 10107, 11600, 11602, 13435, 13436})

logger = structlog.get_logger("chatapp.database")


def is_outage(error: mongo.PyMongoError) -> bool:
    """Return whether the database is out of reach or too busy, rather than the command at fault."""
    if is_aborted(error):
        return True
    if isinstance(error, mongo.ConnectionFailure | mongo.WaitQueueTimeoutError | mongo.WTimeoutError):
        return True
    return isinstance(error, mongo.OperationFailure) and bool(
        error.has_error_label("TransientTransactionError")
        or (error.code in _OUTAGE_CODES)
        or (error.code == _NO_PARTICULAR_CODE and "connect" in str(error).lower())
    )


@errors.translate(mongo.PyMongoError)
def _database_unavailable(error: mongo.PyMongoError) -> errors.ChatError:
    if is_outage(error):
        metrics.database_errors.inc()
        return errors.Unavailable(errors.Code.DATABASE_UNAVAILABLE, "The database can't be reached. Try again soon.", 5)
    return errors.ChatError(errors.Code.INTERNAL_ERROR, "Something went wrong on the server")


@errors.translate(sqlite3.OperationalError)
def _embedded_store_unavailable(error: sqlite3.OperationalError) -> errors.ChatError:
    """Translate an error of the disk, full or failing, which reaches us through the embedded store."""
    metrics.database_errors.inc()
    logger.error("the embedded store fails", error=str(error))
    return errors.Unavailable(errors.Code.DATABASE_UNAVAILABLE, "The database can't be written. Try again soon.", 5)

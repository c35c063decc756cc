"""Work on files: a failure of the disk or the bucket is an outage like any other."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from chatapp import errors

logger = structlog.get_logger("chatapp.media")


@contextmanager
def storage() -> Iterator[None]:
    """Raise Unavailable STORAGE_UNAVAILABLE for an OSError in the block."""
    try:
        yield
    except OSError as error:
        logger.error("the store of files fails", error=str(error), full=error.errno == errno.ENOSPC)
        raise errors.Unavailable(
            errors.Code.STORAGE_UNAVAILABLE, "Files can't be stored or read now. Try again soon.", 5
        ) from error

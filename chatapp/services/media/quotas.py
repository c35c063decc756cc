"""Limits of what a user may upload, in bytes."""

from datetime import timedelta

from bson import ObjectId

from chatapp import clock, errors
from chatapp.settings import config
from chatapp.stores import media as media_store

_DAY = timedelta(days=1)
_NOT_KEPT = ("refused", "going", "gone")


def check_size(size: int) -> None:
    """Check the size of one file. Raises BadRequest for an empty one, TooLarge FILE_TOO_LARGE."""
    if size <= 0:
        raise errors.invalid("file", "Send a file that is not empty.")
    if size > config().MAX_FILE_BYTES:
        raise errors.TooLarge(errors.Code.FILE_TOO_LARGE, f"A file has at most {config().MAX_FILE_BYTES} bytes")


def check_user(owner: ObjectId) -> None:
    """Check what a user has, a new upload of full length included. Raises Conflict QUOTA_EXCEEDED."""
    begun, today, kept = clock.now() - _DAY, 0, 0
    for row in media_store.find_sizes(owner):
        if row["created_at"] > begun:
            today += row["length"]
        if row["state"] not in _NOT_KEPT:
            kept += row["length"]
    if today > config().MEDIA_BYTES_PER_DAY:
        raise _exceeded(f"You may upload {config().MEDIA_BYTES_PER_DAY} bytes in 24 hours")
    if kept > config().MEDIA_BYTES_PER_USER:
        raise _exceeded(f"Your files may have {config().MEDIA_BYTES_PER_USER} bytes. Delete some first.")


def _exceeded(sentence: str) -> errors.Conflict:
    return errors.Conflict(errors.Code.QUOTA_EXCEEDED, sentence)

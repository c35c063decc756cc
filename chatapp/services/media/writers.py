"""One writer at a time for each upload. A client that has lost its connection comes back before the server notices:
who has been silent for some seconds loses the upload to the next one.

Between processes the condition on the offset decides, when a part is stored.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from bson import ObjectId

from chatapp import clock, errors
from chatapp.state import on_reset

SILENT_SECONDS = 5


class Writer:
    """The one who sends parts of an upload now."""

    def __init__(self, media_id: ObjectId) -> None:
        self._media_id = media_id
        self.heard_at = clock.monotonic()

    def heard(self) -> None:
        """Note that something has come. Raises ChatError UPLOAD_LOCKED when another one writes by now."""
        if _writers.get(self._media_id) is not self:
            raise locked()
        self.heard_at = clock.monotonic()


_writers: dict[ObjectId, Writer] = {}


@on_reset
def reset() -> None:
    """Forget all writers."""
    _writers.clear()


@contextmanager
def only(media_id: ObjectId) -> Iterator[Writer]:
    """Be the upload's writer. Raises ChatError UPLOAD_LOCKED while another one writes."""
    other = _writers.get(media_id)
    if other is not None and clock.monotonic() - other.heard_at < SILENT_SECONDS:
        raise locked()
    writer = _writers[media_id] = Writer(media_id)
    try:
        yield writer
    finally:
        if _writers.get(media_id) is writer:
            del _writers[media_id]


def locked() -> errors.ChatError:
    """Return the error of a second writer."""
    return errors.ChatError(errors.Code.UPLOAD_LOCKED, "Another request writes to this upload now. Try again.")

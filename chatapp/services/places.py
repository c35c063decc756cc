"""Places in lists of messages of several conversations, as clients send them back: a time, and which message."""

from datetime import UTC, datetime, timedelta

from chatapp import errors
from chatapp.ids import object_id
from chatapp.stores.documents.search import Place

_EPOCH = datetime(1970, 1, 1)


def to_text(place: Place) -> str:
    """Return the text that clients get."""
    moment, message_id = place
    return f"{round(moment.replace(tzinfo=UTC).timestamp() * 1000)}-{message_id}"


def from_text(text: str | None, name: str, sentence: str) -> Place | None:
    """Return the place that the client's field `name` says. Raises BadRequest with the sentence."""
    if text is None:
        return None
    milliseconds, _, last = text.partition("-")
    message_id = object_id(last)
    try:
        moment = _EPOCH + timedelta(milliseconds=int(milliseconds))
    except (ValueError, OverflowError):
        message_id = None
    if message_id is None:
        raise errors.invalid(name, sentence)
    return moment, message_id

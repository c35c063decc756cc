"""Sync, entries and receipts."""

from typing import Any

import orjson
from marshmallow import ValidationError, fields, validate

from chatapp.schemas.conversations import ConversationIdIn
from chatapp.schemas.fields import MAX_SEQ, ById, Cursor, In, Text, cursor, identifier, sequence
from chatapp.settings import config

_PAGE = validate.Range(min=1, max=500)
_SEQ = validate.Range(min=0, max=MAX_SEQ)
_TIMEOUT = validate.Range(min=0, max=60)
_OTHER_COLONS = 1_000  # in a sync's JSON: of its other fields, and of fields that this version does not know
_CURSOR_SHAPE = {
    "additionalProperties": {
        "oneOf": [
            {"type": "integer", "minimum": 0},
            {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "minItems": 2, "maxItems": 2},
        ]
    },
    "description": "Conversation id → seq, or [seq, hash] of the entry up to which the client has the log",
}


class Cursors(ById):
    """Conversation id → cursor, SYNC_MAX_CURSORS at most. There may be thousands: no field is asked about each."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(Cursor(), read=cursor, most=None, metadata=_CURSOR_SHAPE, **kwargs)

    def most(self) -> int | None:
        return config().SYNC_MAX_CURSORS


class SyncIn(In):
    """The state that a client has."""

    epoch = identifier(allow_none=True)
    since = Text(validate=validate.Length(max=200), allow_none=True)
    cursors: fields.Field[Any] = Cursors(allow_none=True)

    def refuse_unparsed(self, data: bytes) -> None:
        """Refuse more cursors than are taken by the colons between ids and cursors."""
        most = config().SYNC_MAX_CURSORS
        if data.count(b":") > most + _OTHER_COLONS:
            raise ValidationError({"cursors": [f"Longer than maximum length {most}."]})


class WaitIn(In):
    """The time that a sync may wait for something to report, in seconds."""

    timeout = fields.Integer(validate=_TIMEOUT)


class JsonCursors(fields.Field[dict[str, tuple[int, str | None]]]):
    """Cursors as JSON text in a query string."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        try:
            given = orjson.loads(value)
        except orjson.JSONDecodeError:
            given = None
        if not isinstance(given, dict):
            raise ValidationError("Is not a JSON object.")
        return Cursors(allow_none=True).deserialize(given)


class SyncQuery(SyncIn, WaitIn):
    """The same for a sync by GET, with cursors as JSON."""

    cursors = JsonCursors(metadata={"type": "string", "description": "JSON: conversation id → seq or [seq, hash]"})


class EntriesIn(ConversationIdIn):
    """A page of a log; `after` and `before` are seqs, exclusive."""

    after = sequence(allow_none=True)
    before = sequence(allow_none=True)
    limit = fields.Integer(strict=True, validate=_PAGE)


class DeliveredIn(In):
    """Up to which seq a device has each conversation's log."""

    cursors = ById(sequence(), required=True, least=1, most=1000)


class ProofIn(ConversationIdIn):
    """A place in the log; the head without it."""

    at = sequence(allow_none=True)


class MessageIdIn(In):
    """Names a message."""

    message_id = identifier(required=True)

"""The newest message of a conversation, as lists show it."""

from marshmallow import Schema, fields

from chatapp.schemas.answers.entries import KINDS
from chatapp.schemas.answers.fields import date_time, identifier, maybe_text, number, text


class LastMessage(Schema):
    id = identifier()
    _id = fields.String(required=True)
    seq = number()
    content = text()
    senderId = identifier()
    attachment = maybe_text()
    kind = text(metadata={"enum": list(KINDS)})
    type = text()
    createdAt = date_time()
    deleted = fields.Boolean()

"""Messages that were found."""

from marshmallow import Schema, fields

from chatapp.schemas.answers.entries import Message
from chatapp.schemas.answers.envelope import Out
from chatapp.schemas.answers.fields import maybe_text, number


class Found(Schema):
    """A message, and the places in its content that match: [offset, length] in UTF-16 units, ascending."""

    message = fields.Nested(Message, required=True)
    highlights = fields.List(fields.List(fields.Integer()), required=True)


class SearchPagination(Schema):
    limit = number()
    hasMore = fields.Boolean(required=True)
    next = maybe_text()


class SearchOut(Out):
    data = fields.List(fields.Nested(Found), required=True)
    pagination = fields.Nested(SearchPagination, required=True)

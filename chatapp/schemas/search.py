"""Searches for messages."""

from marshmallow import fields, validate

from chatapp.schemas.fields import In, Moment, Text, identifier

LONGEST_QUERY = 256
_KINDS = validate.OneOf(["text", "image", "video", "voice", "document"])


class SearchIn(In):
    """A page of the messages that match; `next` is that of the page before."""

    text = Text(data_key="q", required=True, validate=validate.Length(min=1, max=LONGEST_QUERY))
    within = identifier(data_key="in", allow_none=True)
    sender = identifier(data_key="from", allow_none=True)
    kind = Text(validate=_KINDS, allow_none=True)
    before = Moment(allow_none=True)
    after = Moment(allow_none=True)
    limit = fields.Integer(strict=True, validate=validate.Range(min=1, max=100))
    following = identifier(data_key="next", allow_none=True)

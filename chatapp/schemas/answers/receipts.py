"""Receipts of messages, and a message's steps through the server."""

from marshmallow import Schema, fields

from chatapp.schemas.answers.conversations import ConversationRef
from chatapp.schemas.answers.envelope import Out
from chatapp.schemas.answers.fields import date_time, identifier, number, text
from chatapp.schemas.answers.users import Sender


class Read(ConversationRef):
    readSeq = number()
    readMseq = number()
    unreadCount = number()


class ReadOut(Out):
    data = fields.Nested(Read, required=True)


class Receipt(Schema):
    """A member's marks; readSeq is 0 where it is hidden."""

    userId = identifier()
    deliveredSeq = number()
    readSeq = number()


class MemberReceipt(Sender):
    status = text(metadata={"enum": ["sent", "delivered", "read"]})
    deliveredAt = fields.String(required=True, allow_none=True)
    readAt = fields.String(required=True, allow_none=True)


class MessageReceipts(Schema):
    messageId = identifier()
    conversationId = identifier()
    seq = number()
    members = fields.List(fields.Nested(MemberReceipt), required=True)


class MessageReceiptsOut(Out):
    data = fields.Nested(MessageReceipts, required=True)


class Accepted(Schema):
    at = date_time()
    requestId = text()


class Stored(Schema):
    seq = number()
    hash = text()
    at = fields.String(required=True, allow_none=True)


class Announced(Schema):
    at = date_time()


class Trace(MessageReceipts):
    """The steps of a message so far; `announced` is null when the process that announced it is gone."""

    accepted = fields.Nested(Accepted, required=True)
    stored = fields.Nested(Stored, required=True)
    announced = fields.Nested(Announced, required=True, allow_none=True)


class TraceOut(Out):
    data = fields.Nested(Trace, required=True)

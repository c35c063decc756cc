"""The entries of a conversation's log, messages among them."""

from marshmallow import Schema, fields

from chatapp.schemas.answers.envelope import ErrorBody, Out
from chatapp.schemas.answers.fields import date_time, identifier, maybe_text, number, text
from chatapp.schemas.answers.media import Attachment
from chatapp.schemas.answers.users import Sender

KINDS = ("text", "image", "video", "voice", "document")


class Head(Schema):
    """A place in a log."""

    seq = number()
    mseq = number()
    hash = text(metadata={"description": "The first 16 digits of the hash chain's value there"})


class Place(Schema):
    """The fields that every entry has."""

    id = identifier()
    _id = fields.String(required=True)
    conversationId = identifier()
    seq = number()
    mseq = number()
    hash = text()
    clientMsgId = text()
    type = text(metadata={"description": "message, member_added …; more may come"})
    createdAt = date_time()


class Reaction(Schema):
    """An emoji, and the users who have reacted with it."""

    emoji = text()
    count = number()
    users = fields.List(fields.String(), required=True)


class Quote(Schema):
    """The message that a reply refers to; `unavailable` where it is deleted, or not for the reader to see."""

    id = identifier()
    unavailable = fields.Boolean()
    seq = fields.Integer()
    sender = fields.Nested(Sender)
    kind = fields.String(metadata={"enum": list(KINDS)})
    preview = fields.String(metadata={"description": "Its text now, 200 characters of it at most"})
    changedSeq = fields.Integer(metadata={"description": "The last entry that has changed it, where one has"})


class Mention(Schema):
    """Somebody named at a place in the text, which is counted in UTF-16 units; `everyone` for all."""

    userId = fields.String(required=True)
    offset = number()
    length = number()


class Forwarded(Schema):
    """A copy of another message; `hops` is how often it was forwarded until it came here."""

    hops = number()


class Message(Place):
    """A message. `status` is told to its sender; counts are given in groups."""

    content = text()
    attachment = maybe_text()
    kind = text(metadata={"enum": list(KINDS)})
    sender = fields.Nested(Sender, required=True)
    status = text(metadata={"enum": ["sent", "delivered", "read"]})
    deliveredTo = fields.Integer()
    readBy = fields.Integer()
    changedSeq = fields.Integer(metadata={"description": "The last entry that has changed it, where one has"})
    editedAt = fields.String(metadata={"format": "date-time"})
    edits = fields.Integer(metadata={"description": "How often it was edited"})
    deleted = fields.Boolean(metadata={"description": "Deleted for everyone: its content is empty"})
    reactions = fields.List(fields.Nested(Reaction), metadata={"description": "In the order in which they came"})
    replyTo = fields.Nested(Quote)
    hidden = fields.Boolean(metadata={"description": "Deleted for the caller alone: its content is left out"})
    pinned = fields.Boolean(metadata={"description": "While it is pinned"})
    pinnedUntil = fields.String(metadata={"format": "date-time", "description": "When the pin ends, where it does"})
    mentions = fields.List(fields.Nested(Mention), metadata={"description": "Where it has any"})
    starred = fields.Boolean(metadata={"description": "Starred by the caller"})
    forwarded = fields.Nested(Forwarded)
    attachments = fields.List(fields.Nested(Attachment), metadata={"description": "Its files, where it has any"})
    audioUrl = fields.String(metadata={"description": "Of a voice note, to apps of the first protocol"})
    audioDuration = fields.Float(allow_none=True)


class Entry(Place):
    """An entry of a log: a message with its fields, or a change with `actor` and `change`."""

    content = fields.String()
    attachment = fields.String(allow_none=True)
    kind = fields.String(metadata={"enum": list(KINDS)})
    sender = fields.Nested(Sender)
    status = fields.String(metadata={"enum": ["sent", "delivered", "read"]})
    deliveredTo = fields.Integer()
    readBy = fields.Integer()
    changedSeq = fields.Integer(metadata={"description": "The last entry that has changed it, where one has"})
    editedAt = fields.String(metadata={"format": "date-time"})
    edits = fields.Integer(metadata={"description": "How often it was edited"})
    deleted = fields.Boolean(metadata={"description": "Deleted for everyone: its content is empty"})
    reactions = fields.List(fields.Nested(Reaction), metadata={"description": "In the order in which they came"})
    replyTo = fields.Nested(Quote)
    hidden = fields.Boolean(metadata={"description": "Deleted for the caller alone: its content is left out"})
    pinned = fields.Boolean(metadata={"description": "While it is pinned"})
    pinnedUntil = fields.String(metadata={"format": "date-time", "description": "When the pin ends, where it does"})
    mentions = fields.List(fields.Nested(Mention), metadata={"description": "Where it has any"})
    starred = fields.Boolean(metadata={"description": "Starred by the caller"})
    forwarded = fields.Nested(Forwarded)
    attachments = fields.List(fields.Nested(Attachment), metadata={"description": "Its files, where it has any"})
    audioUrl = fields.String(metadata={"description": "Of a voice note, to apps of the first protocol"})
    audioDuration = fields.Float(allow_none=True)
    actor = fields.Nested(Sender)
    change = fields.Dict(metadata={"description": "By type; see docs/protocol.md, section 5"})


class MessageOut(Out):
    data = fields.Nested(Message, required=True)
    duplicate = fields.Boolean()


class FailedForward(Schema):
    """A conversation that the message could not be forwarded to."""

    conversationId = fields.String(required=True)
    error = fields.Nested(ErrorBody, required=True)


class ForwardedOut(Out):
    """The new messages, and the conversations that did not get one; with none at all the call fails."""

    data = fields.List(fields.Nested(Message), required=True)
    failed = fields.List(fields.Nested(FailedForward), required=True)
    duplicate = fields.Boolean()


class MessageChangedOut(MessageOut):
    """The message after the act, and the entry; without one when it was so already."""

    entry = fields.Nested(Entry)


class Version(Schema):
    """A text that a message has or had; `seq` is the entry that brought it."""

    seq = number()
    content = text()
    createdAt = date_time()


class VersionsOut(Out):
    data = fields.List(fields.Nested(Version), required=True)


class PinsOut(Out):
    data = fields.List(fields.Nested(Message), required=True)


class SeqPagination(Schema):
    limit = number()
    hasMore = fields.Boolean(required=True)
    nextBefore = fields.Integer(required=True, allow_none=True)
    nextAfter = fields.Integer(required=True, allow_none=True)


class HistoryOut(Out):
    data = fields.List(fields.Nested(Message), required=True)
    pagination = fields.Nested(SeqPagination, required=True)


class StarsPagination(Schema):
    limit = number()
    hasMore = fields.Boolean(required=True)
    nextAfter = fields.String(required=True, allow_none=True)


class StarsOut(Out):
    data = fields.List(fields.Nested(Message), required=True)
    pagination = fields.Nested(StarsPagination, required=True)


class EntriesMeta(Schema):
    firstSeq = number()
    headSeq = number()
    hasMore = fields.Boolean(required=True)


class EntriesOut(Out):
    data = fields.List(fields.Nested(Entry), required=True)
    meta = fields.Nested(EntriesMeta, required=True)

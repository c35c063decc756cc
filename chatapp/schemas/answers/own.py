"""A member's private state in a conversation."""

from marshmallow import Schema, fields

from chatapp.schemas.answers.envelope import Out
from chatapp.schemas.answers.fields import date_time, identifier, number, text
from chatapp.schemas.answers.last_message import LastMessage


class Settings(Schema):
    """A member's settings of a conversation."""

    mutedUntil = fields.String(required=True, allow_none=True, metadata={"format": "date-time"})
    muteMentions = fields.Boolean(required=True)
    archived = fields.Boolean(required=True)
    archivedMseq = fields.Integer(
        required=True,
        allow_none=True,
        metadata={"description": "It is archived while head.mseq is not above, or while it is muted"},
    )
    pinned = fields.Boolean(required=True)
    pinnedAt = fields.String(required=True, allow_none=True, metadata={"format": "date-time"})
    markedUnread = fields.Boolean(required=True)
    markedUnreadSeq = fields.Integer(
        required=True, allow_none=True, metadata={"description": "It is marked unread while readSeq is not above"}
    )


class Draft(Schema):
    """A text that is not sent yet."""

    draftId = identifier()
    text = text()
    updatedAt = date_time()


class Own(Schema):
    """All private state of a member in a conversation."""

    version = number(metadata={"description": "Grows with each change; 0 before the first"})
    settings = fields.Nested(Settings, required=True)
    hidden = fields.List(
        fields.String(), required=True, metadata={"description": "Messages that the caller has deleted for themselves"}
    )
    hiddenSeqs = fields.List(fields.Integer(), required=True)
    stars = fields.List(
        fields.String(), required=True, metadata={"description": "Messages that the caller has starred"}
    )
    draft = fields.Nested(Draft, required=True, allow_none=True)
    lastMessage = fields.Nested(
        LastMessage, allow_none=True, metadata={"description": "Where the newest message is hidden: the one before it"}
    )


class OwnChanged(Schema):
    """The part of the private state that was changed."""

    conversationId = identifier()
    version = number()
    settings = fields.Nested(Settings)
    hidden = fields.List(fields.String())
    hiddenSeqs = fields.List(fields.Integer())
    stars = fields.List(fields.String(), metadata={"description": "All that are starred in the conversation now"})
    deletedMseqs = fields.List(fields.Integer(), metadata={"description": "The mseqs of those that are hidden now"})
    draft = fields.Nested(Draft, allow_none=True)
    lastMessage = fields.Nested(LastMessage, allow_none=True)


class OwnChangedOut(Out):
    data = fields.Nested(OwnChanged, required=True)

"""The events that the server emits by itself."""

from marshmallow import Schema, fields

from chatapp.schemas.answers.conversations import Conversation, ConversationRef
from chatapp.schemas.answers.entries import Entry, Message, MessageChangedOut, Reaction
from chatapp.schemas.answers.envelope import Out
from chatapp.schemas.answers.media import Media
from chatapp.schemas.answers.own import OwnChanged
from chatapp.schemas.answers.receipts import Receipt


class Limits(Schema):
    """The limits that a client should know."""

    maxTextLength = fields.Integer(required=True)
    maxTextBytes = fields.Integer(required=True)
    maxFrameBytes = fields.Integer(required=True)
    maxGroupSize = fields.Integer(required=True)
    maxFileBytes = fields.Integer(required=True)
    editWindowSeconds = fields.Integer(required=True, metadata={"description": "0: a message may be edited for ever."})
    deleteWindowSeconds = fields.Integer(required=True, metadata={"description": "0: it may be deleted for ever."})


class ReadyPushed(Schema):
    """The socket is authenticated and hears everything that is the user's."""

    sessionId = fields.String(required=True)
    userId = fields.String(required=True)
    epoch = fields.String(required=True)
    serverTime = fields.String(required=True)
    expiresAt = fields.Integer(required=True)
    limits = fields.Nested(Limits, required=True)
    processes = fields.Integer(
        required=True, metadata={"description": "How many processes serve this chat, on all machines."}
    )


class OnlineUsersPushed(Out):
    data = fields.List(fields.String(), required=True)


class NewMessagePushed(Out):
    data = fields.Nested(Message, required=True)


class EntryPushed(Out):
    data = fields.Nested(Entry, required=True)


class MediaReadyPushed(Out):
    data = fields.Nested(Media, required=True)


class MarksPushed(Receipt):
    conversationId = fields.String(required=True)
    timestamp = fields.String(required=True)


class ResyncPushed(Schema):
    """Something was dropped: sync now."""

    reason = fields.String(required=True, metadata={"enum": ["overflow"]})
    heads = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)


class NewConversationPushed(Out):
    data = fields.Nested(Conversation, required=True)


class MessageQueuedPushed(Schema):
    tempId = fields.String(required=True)
    seq = fields.Integer(required=True)
    timestamp = fields.String(required=True)


class MessageNamed(Schema):
    messageId = fields.String(required=True)
    conversationId = fields.String(required=True)


class EditedPushed(MessageNamed):
    """A message has another text."""

    success = fields.Boolean(required=True, metadata={"enum": [True]})
    newContent = fields.String(required=True)
    editedAt = fields.String(required=True)


class DeletedPushed(MessageNamed):
    """A message was deleted."""

    success = fields.Boolean(required=True, metadata={"enum": [True]})
    deleteFor = fields.String(required=True, metadata={"enum": ["everyone", "me"]})


class ReactedPushed(MessageNamed):
    """The reactions to a message have changed."""

    success = fields.Boolean(required=True, metadata={"enum": [True]})
    reactions = fields.List(fields.Nested(Reaction), required=True)


class PinnedPushed(MessageNamed):
    """A message is pinned."""

    success = fields.Boolean(required=True, metadata={"enum": [True]})
    message = fields.Nested(Message, required=True)


class UnpinnedPushed(MessageNamed):
    """A message is not pinned any more."""

    success = fields.Boolean(required=True, metadata={"enum": [True]})


class EditedOut(EditedPushed, MessageChangedOut):
    """The same as an answer, with the message."""


class DeletedOut(DeletedPushed, MessageChangedOut):
    """The same as an answer, with the message."""


class ReactedOut(ReactedPushed, MessageChangedOut):
    """The same as an answer, with the message."""


class PinnedOut(PinnedPushed, MessageChangedOut):
    """The same as an answer, with the message."""


class UnpinnedOut(UnpinnedPushed, MessageChangedOut):
    """The same as an answer, with the message."""


class ReceiptPushed(Schema):
    messageId = fields.String(required=True)
    conversationId = fields.String(required=True)
    readBy = fields.String(required=True)
    timestamp = fields.String(required=True)


class TypingPushed(Schema):
    userId = fields.String(required=True)
    userEmail = fields.String(required=True)
    userName = fields.String(required=True)
    conversationId = fields.String(required=True)
    isTyping = fields.Boolean(required=True)
    expiresIn = fields.Integer(required=True, metadata={"description": "Seconds"})


class StatusPushed(Schema):
    userId = fields.String(required=True)
    status = fields.String(required=True, metadata={"enum": ["online", "offline"]})
    timestamp = fields.String(required=True)


class UserIdPushed(Schema):
    userId = fields.String(required=True)


class ProfilePushed(UserIdPushed):
    name = fields.String(required=True)
    avatar = fields.String(required=True, allow_none=True)


class EmailPushed(Schema):
    """Somebody with the password has changed the address: a device whose user has not can warn them."""

    before = fields.String(required=True)
    email = fields.String(required=True)
    timestamp = fields.String(required=True)


class HiddenPushed(Out):
    data = fields.Nested(ConversationRef, required=True)


class OwnPushed(Out):
    data = fields.Nested(OwnChanged, required=True)


class ClosingPushed(Schema):
    """The reason why the socket is about to be closed."""

    code = fields.String(required=True)
    message = fields.String(required=True)
    reason = fields.String(required=True)


class ExpiringPushed(Schema):
    expiresIn = fields.Integer(required=True, metadata={"description": "Seconds"})


class JoinedPushed(Out):
    conversationId = fields.String(required=True)


class CountPushed(Out):
    count = fields.Integer(required=True)


class TextPushed(Out):
    msg = fields.String(required=True)


class DoneOut(Out):
    """Done; there is nothing to add."""


class ExpiryData(Schema):
    expiresAt = fields.Integer(required=True)


class ExpiryOut(Out):
    data = fields.Nested(ExpiryData, required=True)


class ReceiptOut(Out):
    data = fields.Nested(ReceiptPushed, required=True)


class TypingOut(Out):
    data = fields.Nested(TypingPushed, required=True)

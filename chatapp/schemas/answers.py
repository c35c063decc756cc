"""What comes out. These shapes are documented and tested; hot answers are built as plain dicts of the same
shape by the services (dumping a page of messages through marshmallow costs more than everything else)."""

from typing import Any

from marshmallow import Schema, fields


def _identifier() -> fields.String:
    return fields.String(required=True, metadata={"description": "Opaque id"})


def _time() -> fields.String:
    return fields.String(required=True, metadata={"format": "date-time"})


def _text(**kwargs: Any) -> fields.String:
    return fields.String(required=True, **kwargs)


def _maybe_text() -> fields.String:
    return fields.String(required=True, allow_none=True)


def _number() -> fields.Integer:
    return fields.Integer(required=True)


class Out(Schema):
    """A success."""

    success = fields.Boolean(required=True, metadata={"enum": [True]})
    requestId = fields.String(metadata={"description": "On socket acks that were asked with a requestId"})


class ErrorBody(Schema):
    """What went wrong."""

    code = _text()
    message = _text()
    statusCode = _number()
    requestId = _text()
    details = fields.Dict(metadata={"description": "Field → messages, or retryAfter in seconds"})


class ErrorOut(Schema):
    """The one envelope of every failure."""

    success = fields.Boolean(required=True, metadata={"enum": [False]})
    error = fields.Nested(ErrorBody, required=True)
    msg = _text(metadata={"description": "The message again, for old clients"})


class HealthOut(Out):
    status = _text()
    timestamp = _time()


class ReadyOut(HealthOut):
    checks = fields.Dict(required=True)


class SuccessOut(Out):
    message = _text()
    timestamp = fields.String()
    url = fields.String()


class DiscoverOut(Out):
    ip = _text()
    port = _number()
    url = _text()


class MessageOnlyOut(Out):
    msg = _text()


class User(Schema):
    """A user as others see them."""

    id = _identifier()
    _id = fields.String(required=True)
    name = _text()
    email = _text()
    avatar = _maybe_text()
    created = _time()


class TokensOut(Out):
    token = _text(metadata={"description": "Access token (JWT)"})
    accessToken = fields.String(metadata={"description": "The same, for protocol 2"})
    refreshToken = fields.String(metadata={"description": "For protocol 2; each works once"})
    expiresIn = _number()


class SignedInOut(TokensOut):
    msg = _text()
    data = fields.Nested(User, required=True)


class Session(Schema):
    """One log-in on one device."""

    id = _identifier()
    deviceName = _maybe_text()
    client = _maybe_text()
    address = _maybe_text()
    createdAt = _time()
    lastSeenAt = _time()
    expiresAt = _time()
    current = fields.Boolean(required=True)


class SessionsOut(Out):
    data = fields.List(fields.Nested(Session), required=True)


class Ended(Schema):
    sessionsEnded = _number()


class EndedOut(Out):
    data = fields.Nested(Ended, required=True)


class ProfileOut(Out):
    data = fields.Nested(User, required=True)


class UserWithToken(User):
    token = _text()


class ProfileChangedOut(Out):
    msg = _text()
    data = fields.Nested(UserWithToken, required=True)


class WhyEmpty(Schema):
    """The next page's cursor, or why there is nothing."""

    next = fields.String()
    code = fields.String()
    message = fields.String()


class ContactsOut(Out):
    data = fields.List(fields.Nested(User), required=True)
    meta = fields.Nested(WhyEmpty)


class StreamUser(Schema):
    userId = _text()
    success = fields.Boolean(required=True)


class StreamUsersOut(Out):
    data = fields.List(fields.Nested(StreamUser), required=True)


class Participant(Schema):
    """A current member of a conversation."""

    id = _identifier()
    _id = fields.String(required=True)
    name = _text()
    email = _text()
    avatar = _maybe_text()
    role = _text(metadata={"enum": ["owner", "admin", "member"]})


class LastMessage(Schema):
    id = _identifier()
    _id = fields.String(required=True)
    seq = _number()
    content = _text()
    senderId = _identifier()
    attachment = _maybe_text()
    type = _text()
    createdAt = _time()


class Head(Schema):
    seq = _number()
    mseq = _number()


class Conversation(Schema):
    """A conversation as one of its members sees it."""

    id = _identifier()
    _id = fields.String(required=True)
    type = _text(metadata={"enum": ["direct", "group"]})
    name = _maybe_text()
    avatar = _maybe_text()
    history = _text(metadata={"enum": ["all", "since_join"]})
    participants = fields.List(fields.Nested(Participant), required=True)
    lastMessage = fields.Nested(LastMessage, required=True, allow_none=True)
    unreadCount = _number()
    head = fields.Nested(Head, required=True)
    readSeq = _number()
    createdBy = _identifier()
    createdAt = _time()
    updatedAt = _time()
    isNew = fields.Boolean()


class ConversationOut(Out):
    data = fields.Nested(Conversation, required=True)


class SkipPagination(Schema):
    skip = _number()
    limit = _number()
    hasMore = fields.Boolean(required=True)


class ConversationsOut(Out):
    data = fields.List(fields.Nested(Conversation), required=True)
    pagination = fields.Nested(SkipPagination, required=True)
    meta = fields.Nested(WhyEmpty)


class ConversationRef(Schema):
    conversationId = _identifier()


class HiddenOut(Out):
    msg = _text()
    data = fields.Nested(ConversationRef, required=True)


class Sender(Schema):
    id = _identifier()
    _id = fields.String(required=True)
    name = _text()
    avatar = _maybe_text()


class Message(Schema):
    """A message. `status` is told to its sender; counts are given in groups."""

    id = _identifier()
    _id = fields.String(required=True)
    conversationId = _identifier()
    seq = _number()
    mseq = _number()
    clientMsgId = _text()
    type = _text()
    content = _text()
    attachment = _maybe_text()
    sender = fields.Nested(Sender, required=True)
    createdAt = _time()
    status = _text(metadata={"enum": ["sent", "delivered", "read"]})
    deliveredTo = fields.Integer()
    readBy = fields.Integer()


class MessageOut(Out):
    data = fields.Nested(Message, required=True)
    duplicate = fields.Boolean()


class SeqPagination(Schema):
    limit = _number()
    hasMore = fields.Boolean(required=True)
    nextBefore = fields.Integer(required=True, allow_none=True)
    nextAfter = fields.Integer(required=True, allow_none=True)


class HistoryOut(Out):
    data = fields.List(fields.Nested(Message), required=True)
    pagination = fields.Nested(SeqPagination, required=True)


class Read(ConversationRef):
    readSeq = _number()
    unreadCount = _number()


class ReadOut(Out):
    data = fields.Nested(Read, required=True)

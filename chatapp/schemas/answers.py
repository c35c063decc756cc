"""The shapes of answers, for the API's documents. Services build plain dicts of these shapes, typed by `views`:
dumping a page of messages through marshmallow costs more than everything else."""

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


def _number(**kwargs: Any) -> fields.Integer:
    return fields.Integer(required=True, **kwargs)


class Out(Schema):
    """A success."""

    success = fields.Boolean(required=True, metadata={"enum": [True]})
    requestId = fields.String(metadata={"description": "On socket acks that were asked with a requestId"})


class ErrorBody(Schema):
    """The error."""

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


class DemoUser(Schema):
    """Somebody to try the app as."""

    name = _text()
    email = _text()
    password = _text()


class WebData(Schema):
    demoUsers = fields.List(fields.Nested(DemoUser), required=True, metadata={"description": "In development only"})


class WebOut(Out):
    """The facts that the web app's log-in page needs."""

    data = fields.Nested(WebData, required=True)


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
    """A place in a log."""

    seq = _number()
    mseq = _number()
    hash = _text(metadata={"description": "The first 16 digits of the hash chain's value there"})


class Conversation(Schema):
    """A conversation as one of its members sees it."""

    id = _identifier()
    _id = fields.String(required=True)
    type = _text(metadata={"enum": ["direct", "group"]})
    name = _maybe_text()
    avatar = _maybe_text()
    history = _text(metadata={"enum": ["all", "since_join"]})
    participants = fields.List(
        fields.Nested(Participant),
        required=True,
        metadata={
            "description": "All members when one conversation is asked for; in lists, sync and newConversation some of "
            "them: the caller, who wrote last, and those who joined first"
        },
    )
    participantCount = _number(metadata={"description": "How many members there are"})
    lastMessage = fields.Nested(LastMessage, required=True, allow_none=True)
    unreadCount = _number()
    head = fields.Nested(Head, required=True)
    firstSeq = _number(metadata={"description": "The first entry that the caller may see"})
    readSeq = _number()
    readMseq = _number(metadata={"description": "unreadCount is head.mseq - readMseq"})
    createdBy = _identifier()
    createdAt = _time()
    updatedAt = _time()
    isNew = fields.Boolean()


class ConversationOut(Out):
    data = fields.Nested(Conversation, required=True)


class MembersPagination(Schema):
    limit = _number()
    hasMore = fields.Boolean(required=True)
    nextAfter = fields.String(required=True, allow_none=True)


class MembersOut(Out):
    data = fields.List(fields.Nested(Participant), required=True)
    participantCount = _number(metadata={"description": "How many members there are"})
    head = fields.Nested(Head, required=True, metadata={"description": "Where in the log these are the members"})
    pagination = fields.Nested(MembersPagination, required=True)


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


class Place(Schema):
    """The fields that every entry has."""

    id = _identifier()
    _id = fields.String(required=True)
    conversationId = _identifier()
    seq = _number()
    mseq = _number()
    hash = _text()
    clientMsgId = _text()
    type = _text(metadata={"description": "message, member_added …; more may come"})
    createdAt = _time()


class Message(Place):
    """A message. `status` is told to its sender; counts are given in groups."""

    content = _text()
    attachment = _maybe_text()
    sender = fields.Nested(Sender, required=True)
    status = _text(metadata={"enum": ["sent", "delivered", "read"]})
    deliveredTo = fields.Integer()
    readBy = fields.Integer()


class Entry(Place):
    """An entry of a log: a message with its fields, or a change with `actor` and `change`."""

    content = fields.String()
    attachment = fields.String(allow_none=True)
    sender = fields.Nested(Sender)
    status = fields.String(metadata={"enum": ["sent", "delivered", "read"]})
    deliveredTo = fields.Integer()
    readBy = fields.Integer()
    actor = fields.Nested(Sender)
    change = fields.Dict(metadata={"description": "By type; see docs/protocol.md, section 5"})


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
    readMseq = _number()
    unreadCount = _number()


class ReadOut(Out):
    data = fields.Nested(Read, required=True)


class GroupChangedOut(Out):
    """The group as it is now, and the entry; without one when it was so already."""

    data = fields.Nested(Conversation, required=True)
    entry = fields.Nested(Entry)


class EntriesMeta(Schema):
    firstSeq = _number()
    headSeq = _number()
    hasMore = fields.Boolean(required=True)


class EntriesOut(Out):
    data = fields.List(fields.Nested(Entry), required=True)
    meta = fields.Nested(EntriesMeta, required=True)


class Gap(Schema):
    """Entries that are left out: after < seq < before."""

    after = _number()
    before = _number()


class Receipt(Schema):
    """A member's marks; readSeq is 0 where it is hidden."""

    userId = _identifier()
    deliveredSeq = _number()
    readSeq = _number()


class SyncedConversation(Schema):
    """One conversation of a sync."""

    id = _identifier()
    head = fields.Nested(Head, required=True)
    firstSeq = _number()
    entries = fields.List(fields.Nested(Entry), required=True)
    limited = fields.Boolean(required=True)
    gap = fields.Nested(Gap, required=True, allow_none=True)
    reset = fields.Boolean(required=True)
    hidden = fields.Boolean(required=True)
    readSeq = _number()
    readMseq = _number()
    unreadCount = _number()
    receipts = fields.List(fields.Nested(Receipt), required=True)
    conversation = fields.Nested(Conversation)


class Profile(Schema):
    """A user's profile."""

    id = _identifier()
    _id = fields.String(required=True)
    name = _text()
    email = _text()
    avatar = _maybe_text()


class Synced(Schema):
    epoch = _text()
    reset = fields.Boolean(required=True)
    conversations = fields.List(fields.Nested(SyncedConversation), required=True)
    left = fields.List(fields.String(), required=True)
    users = fields.List(fields.Nested(Profile), required=True)
    next = _text()
    more = fields.Boolean(required=True)
    serverTime = _time()


class SyncOut(Out):
    data = fields.Nested(Synced, required=True)


class Proof(ConversationRef):
    """The log up to a place: its last entry's whole hash, and how many entries there are."""

    seq = _number()
    mseq = _number()
    hash = _text()
    count = _number()
    head = fields.Nested(Head, required=True)


class ProofOut(Out):
    data = fields.Nested(Proof, required=True)


class MemberReceipt(Sender):
    status = _text(metadata={"enum": ["sent", "delivered", "read"]})
    deliveredAt = fields.String(required=True, allow_none=True)
    readAt = fields.String(required=True, allow_none=True)


class MessageReceipts(Schema):
    messageId = _identifier()
    conversationId = _identifier()
    seq = _number()
    members = fields.List(fields.Nested(MemberReceipt), required=True)


class MessageReceiptsOut(Out):
    data = fields.Nested(MessageReceipts, required=True)


class Accepted(Schema):
    at = _time()
    requestId = _text()


class Stored(Schema):
    seq = _number()
    hash = _text()
    at = fields.String(required=True, allow_none=True)


class Announced(Schema):
    at = _time()


class Trace(MessageReceipts):
    """How far a message has come; `announced` is null when the process that announced it is gone."""

    accepted = fields.Nested(Accepted, required=True)
    stored = fields.Nested(Stored, required=True)
    announced = fields.Nested(Announced, required=True, allow_none=True)


class TraceOut(Out):
    data = fields.Nested(Trace, required=True)


class Presence(Schema):
    userId = _identifier()
    status = _text(metadata={"enum": ["online", "offline"]})
    lastSeen = fields.String(required=True, allow_none=True)


class PresenceOut(Out):
    data = fields.List(fields.Nested(Presence), required=True)


class Privacy(Schema):
    hideLastSeen = fields.Boolean(required=True)
    hideReadReceipts = fields.Boolean(required=True)


class PrivacyOut(Out):
    data = fields.Nested(Privacy, required=True)

"""Conversations and messages."""

from marshmallow import fields, validate

from chatapp.schemas.fields import In, Name, Query, Several, Text, identifier, person, picture, sequence

_PAGE = validate.Range(min=1, max=200)
_LIST_PAGE = validate.Range(min=1, max=1000)
_HISTORY = validate.OneOf(["all", "since_join"])
_SKIPPED_MESSAGES = validate.Range(min=0, max=1000)
_SKIP = validate.Range(min=0, max=1_000_000)


class EmptyIn(In):
    """An event without a payload of its own."""


class ConversationIn(In):
    """A conversation to open or found."""

    type = Text(required=True, validate=validate.OneOf(["direct", "group"]))
    participants = Several(person(), required=True, least=1, most=2000)
    name = Name(allow_none=True)
    avatar = picture()
    history = Text(validate=_HISTORY)
    clientMsgId = identifier(allow_none=True, metadata={"description": "A group with one is founded once"})


class ListIn(In):
    """Paging of the conversation list over a socket."""

    skip = fields.Integer(strict=True, validate=_SKIP)
    limit = fields.Integer(strict=True, validate=_LIST_PAGE)


class ListQuery(Query):
    """Paging of the conversation list over REST."""

    skip = fields.Integer(validate=_SKIP)
    limit = fields.Integer(validate=_LIST_PAGE)


class ConversationIdIn(In):
    """Names a conversation. Old clients send the bare id instead of an object."""

    conversationId = identifier(required=True)


class MembersIn(ConversationIdIn):
    """A page of members over a socket; `after` is the id of the last one of the page before."""

    after = identifier(allow_none=True)
    limit = fields.Integer(strict=True, validate=_PAGE)


class MembersQuery(Query):
    """A page of members over REST."""

    after = identifier()
    limit = fields.Integer(validate=_PAGE)


class HistoryIn(ConversationIdIn):
    """A page of messages over a socket; `before` and `after` are seqs."""

    before = sequence(allow_none=True)
    after = sequence(allow_none=True)
    limit = fields.Integer(strict=True, validate=_PAGE)
    skip = fields.Integer(strict=True, validate=_SKIPPED_MESSAGES)


class HistoryQuery(Query):
    """A page of messages over REST."""

    before = fields.Integer(validate=validate.Range(min=0, max=2**53 - 1))
    after = fields.Integer(validate=validate.Range(min=0, max=2**53 - 1))
    limit = fields.Integer(validate=_PAGE)


class MessageIn(In):
    """A message over REST. At least one of content and attachment says something."""

    content = Text(allow_none=True)
    attachment = Text(validate=validate.Length(max=2048), allow_none=True)
    clientMsgId = identifier(allow_none=True)


class NewMessageIn(MessageIn):
    """A message over a socket; `tempId` is the older name of clientMsgId."""

    conversationId = identifier(required=True)
    tempId = identifier(allow_none=True)


class LegacyRelayIn(In):
    """The oldest apps' `sendMessage`."""

    conversationId = identifier(required=True)
    message = fields.Raw(required=True)
    tempId = identifier(allow_none=True)


class ReadIn(In):
    """How far the caller has read; without `seq`, to the end."""

    seq = sequence(allow_none=True)


class MarkAsReadIn(ReadIn):
    """How far the caller has read in a conversation."""

    conversationId = identifier(required=True)


class MessageReadIn(In):
    """The message up to which the caller has read."""

    conversationId = identifier(required=True)
    messageId = identifier(required=True)


class TypingIn(In):
    """Whether the caller types just now."""

    conversationId = identifier(required=True)
    isTyping = fields.Boolean(load_default=True, truthy={True}, falsy={False})

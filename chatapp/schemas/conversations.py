"""Conversations and messages."""

from marshmallow import fields, validate

from chatapp.schemas.fields import Few, In, Name, Several, Text, identifier, person, picture, sequence

_MOST_FILES = 10
_PAGE = validate.Range(min=1, max=200)
_LIST_PAGE = validate.Range(min=1, max=1000)
_HISTORY = validate.OneOf(["all", "since_join"])
_SKIPPED_MESSAGES = validate.Range(min=0, max=1000)
_MOST_MENTIONS, _MOST_UNITS = 50, 1_000_000
_UNITS = validate.Range(min=0, max=_MOST_UNITS)
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
    client_msg_id = identifier(allow_none=True, metadata={"description": "A group with one is founded once"})


class ListIn(In):
    """Paging of the conversation list."""

    skip = fields.Integer(strict=True, validate=_SKIP)
    limit = fields.Integer(strict=True, validate=_LIST_PAGE)


class ConversationIdIn(In):
    """Names a conversation. Old clients send the bare id instead of an object."""

    conversation_id = identifier(required=True)


class MembersIn(ConversationIdIn):
    """A page of members; `after` is the id of the last one of the page before."""

    after = identifier(allow_none=True)
    limit = fields.Integer(strict=True, validate=_PAGE)


class HistoryIn(ConversationIdIn):
    """A page of messages; `before` and `after` are seqs. `skip` is for old apps."""

    before = sequence(allow_none=True)
    after = sequence(allow_none=True)
    limit = fields.Integer(strict=True, validate=_PAGE)
    skip = fields.Integer(strict=True, validate=_SKIPPED_MESSAGES)


class MentionIn(In):
    """Somebody named at a place in the text, in UTF-16 units; `everyone` is for a group's owner and admins."""

    user_id = identifier(required=True)
    offset = fields.Integer(strict=True, required=True, validate=_UNITS)
    length = fields.Integer(strict=True, required=True, validate=validate.Range(min=1, max=_MOST_UNITS))


def mentions() -> Few:
    """Return a field for the mentions in a text."""
    return Few(fields.Nested(MentionIn), most=_MOST_MENTIONS, allow_none=True)


class MessageIn(ConversationIdIn):
    """A message. At least one of content and attachment says something; `tempId` is an older name of clientMsgId."""

    content = Text(allow_none=True)
    attachment = Text(validate=validate.Length(max=2048), allow_none=True)
    reply_to = identifier(allow_none=True, metadata={"description": "The id of a message of the same conversation"})
    mentions = mentions()
    attachments = Several(
        identifier(), most=_MOST_FILES, allow_none=True, metadata={"description": "Ids of the caller's own files"}
    )
    forward_of = identifier(allow_none=True, metadata={"description": "The id of a message to copy, instead of a text"})
    client_msg_id = identifier(allow_none=True)
    temp_id = identifier(allow_none=True)


class LegacyRelayIn(ConversationIdIn):
    """The oldest apps' `sendMessage`."""

    message = fields.Raw(required=True)
    temp_id = identifier(allow_none=True)


class ReadIn(ConversationIdIn):
    """The seq up to which the caller has read in a conversation; without it, to the end."""

    seq = sequence(allow_none=True)


class MessageReadIn(ConversationIdIn):
    """The message up to which the caller has read."""

    message_id = identifier(required=True)


class TypingIn(ConversationIdIn):
    """A notice that the caller types, or has stopped."""

    is_typing = fields.Boolean(load_default=True, truthy={True}, falsy={False})

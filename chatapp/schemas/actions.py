"""Acts on a message. Each may be repeated with the same clientMsgId."""

from marshmallow import fields, validate

from chatapp.schemas.conversations import mentions
from chatapp.schemas.fields import Moment, Several, Text, identifier
from chatapp.schemas.sync import MessageIdIn

_MOST_TARGETS = 5
_WHOM = validate.OneOf(["everyone", "me"])


class ActIn(MessageIdIn):
    """A message to act on. With its conversation it is found faster; it has to be that conversation's."""

    conversation_id = identifier(allow_none=True)
    client_msg_id = identifier(allow_none=True)


class ForwardIn(MessageIdIn):
    """The conversations to which a message is to be forwarded; one clientMsgId is for all of them."""

    conversation_ids = Several(identifier(), required=True, least=1, most=_MOST_TARGETS)
    client_msg_id = identifier(allow_none=True)


class EditIn(ActIn):
    """The new text of a message; `newContent` is the older name of content."""

    content = Text(allow_none=True)
    new_content = Text(allow_none=True)
    mentions = mentions()


class ReactIn(ActIn):
    """A reaction to a message: with `on` it is set or taken back, without it is set the other way."""

    emoji = identifier(required=True)
    on = fields.Boolean(truthy={True}, falsy={False}, allow_none=True)


class PinIn(ActIn):
    """A message to pin, until a time, or until it is unpinned."""

    until = Moment(allow_none=True)


class DeleteIn(ActIn):
    """A message to delete, for everyone or for oneself."""

    whom = Text(data_key="deleteFor", validate=_WHOM)


class DeleteQuery(ActIn):
    """The same in a query."""

    whom = Text(data_key="for", validate=_WHOM)

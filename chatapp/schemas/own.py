"""A member's private state in a conversation."""

from marshmallow import fields, validate

from chatapp.schemas.conversations import ConversationIdIn
from chatapp.schemas.fields import In, Moment, Text, identifier
from chatapp.schemas.sync import MessageIdIn


class StarIn(MessageIdIn):
    """A message to star, or to star no more."""

    conversation_id = identifier(allow_none=True)
    on = fields.Boolean(load_default=True, truthy={True}, falsy={False})


class StarsIn(In):
    """A page of starred messages; `after` is `nextAfter` of the page before."""

    after = identifier(allow_none=True)
    limit = fields.Integer(strict=True, validate=validate.Range(min=1, max=100))


class DraftIn(ConversationIdIn):
    """The caller's unsent text; an empty one removes it. `draftId` will be the clientMsgId of the message."""

    text = Text(required=True)
    draft_id = identifier(allow_none=True)


class SettingsIn(ConversationIdIn):
    """The caller's settings of a conversation; what is not sent stays. Muted for ever: 9999-12-31T00:00:00.000Z."""

    muted_until = Moment(allow_none=True)
    mute_mentions = fields.Boolean(truthy={True}, falsy={False})
    archived = fields.Boolean(truthy={True}, falsy={False})
    pinned = fields.Boolean(truthy={True}, falsy={False})
    marked_unread = fields.Boolean(truthy={True}, falsy={False})

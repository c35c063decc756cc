"""Questions about files, and files under the old apps' names."""

from marshmallow import fields, validate

from chatapp.schemas.conversations import ConversationIdIn
from chatapp.schemas.fields import In, Text, identifier

_ADDRESS = validate.Length(min=1, max=2_048)
_KINDS = validate.OneOf(["image", "video", "voice", "audio", "document"])


class SignIn(ConversationIdIn):
    """The conversation in which somebody sees a file."""


class GalleryIn(In):
    """A page of the files of a conversation: those before `before`, which is the `nextBefore` of the page before."""

    kind = Text(validate=_KINDS, allow_none=True)
    before = identifier(allow_none=True)
    limit = fields.Integer(load_default=50, validate=validate.Range(min=1, max=100))


class VoiceIn(ConversationIdIn):
    """A voice note that was uploaded. Its duration is known from the file."""

    audio_url = Text(required=True, validate=_ADDRESS)
    duration = fields.Float(allow_none=True)
    client_msg_id = identifier(allow_none=True)


class UploadedIn(In):
    """A document that was uploaded. Its name, size and type are known from the file."""

    url = Text(required=True, validate=_ADDRESS)


class DocumentIn(ConversationIdIn):
    """A document to send."""

    document = fields.Nested(UploadedIn, required=True)
    client_msg_id = identifier(allow_none=True)

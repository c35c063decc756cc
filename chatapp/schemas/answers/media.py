"""Answers about files."""

from marshmallow import Schema, fields

from chatapp.schemas.answers.envelope import Out
from chatapp.schemas.answers.fields import date_time, identifier, maybe_text, number, text

MEDIA_KINDS = ("image", "video", "voice", "audio", "document")


class Media(Schema):
    """A file as its owner sees it; null is what is not known of it, before it is ready or at all."""

    id = identifier()
    state = text(metadata={"enum": ["uploading", "checking", "ready", "refused"]})
    name = text()
    size = number()
    offset = number(metadata={"description": "Bytes that have come"})
    kind = fields.String(required=True, allow_none=True, metadata={"enum": [*MEDIA_KINDS, None]})
    mime = maybe_text()
    sha256 = maybe_text()
    width = number(allow_none=True)
    height = number(allow_none=True)
    duration = fields.Float(required=True, allow_none=True)
    thumbhash = maybe_text()
    waveform = fields.List(fields.Integer(), required=True, allow_none=True)
    reason = fields.String()


class Attachment(Schema):
    """A file of a message. The addresses run out, as said in docs/protocol.md, section 16."""

    id = identifier()
    kind = text(metadata={"enum": list(MEDIA_KINDS)})
    mime = text()
    name = text()
    size = number()
    width = number(allow_none=True)
    height = number(allow_none=True)
    duration = fields.Float(required=True, allow_none=True)
    thumbhash = maybe_text()
    waveform = fields.List(fields.Integer(), required=True, allow_none=True)
    url = text()
    thumbUrl = maybe_text()
    previewUrl = maybe_text()


class AttachmentOut(Out):
    data = fields.Nested(Attachment, required=True)


class MediaOut(Out):
    data = fields.Nested(Media, required=True)


class VoiceUploadedOut(Out):
    audioUrl = text()
    duration = fields.Float(required=True)


class GalleryRow(Schema):
    """A file of a conversation, and the message that has it."""

    file = fields.Nested(Attachment, required=True)
    messageId = identifier()
    seq = number()
    senderId = identifier()
    createdAt = date_time()


class GalleryPagination(Schema):
    limit = number()
    hasMore = fields.Boolean(required=True)
    nextBefore = maybe_text()


class GalleryOut(Out):
    data = fields.List(fields.Nested(GalleryRow), required=True)
    pagination = fields.Nested(GalleryPagination, required=True)

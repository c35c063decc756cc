"""Previews of links."""

from marshmallow import Schema, fields

from chatapp.schemas.answers.envelope import Out
from chatapp.schemas.answers.fields import text


class LinkPreview(Schema):
    """The words of a page about itself, each in one line, empty where it has none."""

    url = text(metadata={"description": "As it was asked for"})
    title = text()
    description = text()
    siteName = text()
    image = fields.String(
        required=True, allow_none=True, metadata={"description": "The id of a picture; null in this version"}
    )


class LinkPreviewOut(Out):
    data = fields.Nested(LinkPreview, required=True)

"""Previews of links."""

from chatapp.schemas.fields import In, Text


class LinkPreviewIn(In):
    """The address of a page."""

    url = Text(required=True)

"""Previews of links."""

from typing import TypedDict


class LinkPreviewView(TypedDict):
    """The words of a page about itself, each in one line, empty where it has none."""

    url: str
    title: str
    description: str
    siteName: str
    image: str | None


class LinkPreviewAnswer(TypedDict):
    """The answer to a question for a preview."""

    data: LinkPreviewView

"""Messages that were found."""

from typing import TypedDict

from chatapp.schemas.views.entries import MessageView
from chatapp.schemas.views.envelope import Data


class FoundMessage(TypedDict):
    """A message, and the places in its content that match: [offset, length] in UTF-16 units."""

    message: MessageView
    highlights: list[list[int]]


class SearchPagination(TypedDict):
    """The start of the next page."""

    limit: int
    hasMore: bool
    next: str | None


class SearchPage(Data[list[FoundMessage]]):
    """A page of messages that were found."""

    pagination: SearchPagination

"""The newest message of a conversation, as lists show it."""

from typing import NotRequired, TypedDict


class LastMessageView(TypedDict):
    """The newest message of a conversation."""

    _id: str
    id: str
    seq: int
    content: str
    senderId: str
    attachment: str | None
    kind: str
    type: str
    createdAt: str
    deleted: NotRequired[bool]

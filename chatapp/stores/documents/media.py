"""The documents of `media` and `media_uses`."""

from datetime import datetime
from typing import NotRequired, TypedDict

from bson import ObjectId


class MediaDocument(TypedDict):
    """A file that somebody has uploaded, or uploads.

    `state`: uploading, checking, ready, refused, going (it is being erased) or gone. `length` are the bytes that are
    announced, `offset` those that have come, in `parts`, which are the keys of files. `used`: messages may have it.
    `blob` is the key of the file that people get, `thumbs` has the bytes of its pictures by their widths; `kind` and
    what follows describe it.
    """

    _id: ObjectId
    owner: ObjectId | None
    state: str
    name: str
    claimed_mime: str
    as_document: bool
    length: int
    offset: int
    parts: list[str]
    created_at: datetime
    changed_at: datetime
    used: NotRequired[bool | None]
    blob: NotRequired[str]
    thumbs: NotRequired[dict[str, int]]
    kind: NotRequired[str]
    mime: NotRequired[str]
    size: NotRequired[int]
    sha256: NotRequired[str]
    width: NotRequired[int | None]
    height: NotRequired[int | None]
    duration: NotRequired[float | None]
    thumbhash: NotRequired[str | None]
    waveform: NotRequired[list[int] | None]
    reason: NotRequired[str]


class MediaUse(TypedDict):
    """A message that has a file, or is about to be sent with it."""

    _id: NotRequired[ObjectId]
    media_id: ObjectId
    conversation_id: ObjectId
    sender_id: ObjectId
    client_msg_id: str
    kind: str
    created_at: datetime
    is_checked: bool

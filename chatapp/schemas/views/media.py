"""Views of files."""

from typing import NotRequired, TypedDict


class MediaView(TypedDict):
    """A file as its owner sees it. What is not known of it, before it is ready or at all, is None."""

    id: str
    state: str
    name: str
    size: int
    offset: int
    kind: str | None
    mime: str | None
    sha256: str | None
    width: int | None
    height: int | None
    duration: float | None
    thumbhash: str | None
    waveform: list[int] | None
    reason: NotRequired[str]


class VoiceUploaded(TypedDict):
    """The answer to an old app's upload of a voice note."""

    audioUrl: str
    duration: float


class AttachmentView(TypedDict):
    """A file of a message as readers see it. `thumbUrl` and `previewUrl` are of pictures 320 and 1,280 px wide."""

    id: str
    kind: str
    mime: str
    name: str
    size: int
    width: int | None
    height: int | None
    duration: float | None
    thumbhash: str | None
    waveform: list[int] | None
    url: str
    thumbUrl: str | None
    previewUrl: str | None


class GalleryRow(TypedDict):
    """A file of a conversation, and the message that has it."""

    file: AttachmentView
    messageId: str
    seq: int
    senderId: str
    createdAt: str


class GalleryPagination(TypedDict):
    """The place of a page."""

    limit: int
    hasMore: bool
    nextBefore: str | None


class GalleryPage(TypedDict):
    """A page of files, newest first."""

    data: list[GalleryRow]
    pagination: GalleryPagination

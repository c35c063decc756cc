"""Kinds of messages, by the ending of the attachment's path; apps show each in another way."""

from typing import Final
from urllib.parse import urlsplit

from chatapp.stores.documents.entries import MediaShown

TEXT: Final = "text"
VOICE: Final = "voice"
_DOCUMENT: Final = "document"
_ENDINGS = {
    "image": "avif bmp gif heic heif jpeg jpg png svg webp",
    "video": "3gp avi m4v mkv mov mp4 mpeg mpg webm",
    "voice": "aac amr caf flac m4a mp3 oga ogg opus wav",
}
_OF_FILES = {kind: kind for kind in _ENDINGS}
_KINDS = {ending: kind for kind, endings in _ENDINGS.items() for ending in endings.split()}


def kind_with(media: list[MediaShown] | None, attachment: str | None) -> str:
    """Return the kind of a message with these files, or this address: that of the first one."""
    if media:
        return _OF_FILES.get(media[0]["kind"], _DOCUMENT)
    return kind_of(attachment)


def kind_of(attachment: str | None) -> str:
    """Return text, image, video or voice; document for any other attachment."""
    if not attachment:
        return TEXT
    try:
        name = urlsplit(attachment).path.rpartition("/")[2]
    except ValueError:  # an earlier version has taken it
        return _DOCUMENT
    return _KINDS.get(name.rpartition(".")[2].lower(), _DOCUMENT) if "." in name else _DOCUMENT

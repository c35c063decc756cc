"""Give a file to whoever has its address; and addresses to members."""

import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

from bson import ObjectId

from chatapp import blobs, clock, errors
from chatapp.ids import object_id
from chatapp.schemas.views.envelope import Data
from chatapp.schemas.views.media import AttachmentView
from chatapp.services import access
from chatapp.services.media import addresses
from chatapp.services.media.storage import storage
from chatapp.stores import entries as entry_store
from chatapp.stores import media as media_store
from chatapp.stores import media_uses
from chatapp.stores.documents.media import MediaDocument

_INLINE = frozenset(  # all of them decode as what they say, and none of them can run anything
    {
        "image/jpeg",
        "image/png",
        "image/webp",
        "image/gif",
        "image/avif",
        *("video/mp4", "video/webm", "video/ogg"),
        *("audio/mp4", "audio/ogg", "audio/webm", "audio/mpeg", "audio/wav"),
    }
)
_PLAIN = "application/octet-stream"
_WEBP = "image/webp"
_MOST_USES = 20  # messages of a conversation that are looked at for one file


@dataclass(frozen=True, slots=True)
class Served:
    """A file as it is given. `etag` names its content; `address`: where else it is to be read, for five minutes."""

    key: str
    size: int
    etag: str
    headers: dict[str, str]
    address: str | None

    def read(self, start: int, length: int) -> Iterator[bytes]:
        """Return so many of its bytes, in pieces. Raises Unavailable."""
        with storage():
            return blobs.current().read(self.key, start, length)


def find(media_text: str, name: str, conversation: str, ends: str, width: str, signature: str) -> Served:
    """Return the file of a signed address. Raises Forbidden MEDIA_FORBIDDEN, Gone MEDIA_EXPIRED, NotFound
    MEDIA_NOT_FOUND, Unavailable.
    """
    moment, wide = _number(ends), _number(width or "0")
    wanted = addresses.signature(media_text, name, conversation, moment, wide)
    if not hmac.compare_digest(wanted.encode(), signature.encode()):
        raise errors.Forbidden(errors.Code.MEDIA_FORBIDDEN, "This address is not one that the server gave")
    if moment < clock.timestamp():
        raise errors.Gone(errors.Code.MEDIA_EXPIRED, "This address has run out. Ask for a new one.")
    media_id, conversation_id = object_id(media_text), object_id(conversation)
    media = media_store.find(media_id) if media_id else None
    if media is None or conversation_id is None or media["state"] != "ready":
        raise _not_found()
    if not media_uses.is_in(media["_id"], conversation_id):
        raise _not_found()
    return _serve(media, wide, moment)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else -1


def _serve(media: MediaDocument, width: int, ends: int) -> Served:
    key, size, mime = media["blob"], media["size"], media["mime"]
    if width:
        key, size, mime = f"{key}-{width}", media["thumbs"].get(str(width), -1), _WEBP
        if size < 0:
            raise _not_found()
    headers = _headers(mime, media["name"], ends)
    with storage():
        address = blobs.current().address(key, headers)
    etag = media["sha256"][:32] + (f"-{width}" if width else "")
    return Served(key, size, etag, headers, address)


def _headers(mime: str, name: str, ends: int) -> dict[str, str]:
    """Return the headers of a file: none of them lets it run, or be taken for another type."""
    inline = mime in _INLINE
    kept = max(0, ends - clock.timestamp())
    return {
        "Content-Type": mime if inline else _PLAIN,
        "Content-Disposition": f"{'inline' if inline else 'attachment'}; filename*=UTF-8''{quote(name, safe='')}",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Cache-Control": f"private, max-age={kept}, immutable",
    }


def sign(user_id: ObjectId, media_text: str, conversation_text: str) -> Data[AttachmentView]:
    """Return a file of a conversation with new addresses, for somebody who may see a message that has it.

    Raises NotFound CONVERSATION_NOT_FOUND or MEDIA_NOT_FOUND.
    """
    conversation, member = access.load_for_reader(user_id, conversation_text)
    media_id = object_id(media_text)
    for use in media_uses.find_in_conversation(media_id, conversation.id, _MOST_USES) if media_id else ():
        entry = entry_store.find_by_client_msg_id(conversation.id, use["sender_id"], use["client_msg_id"])
        if entry is not None and access.is_visible(conversation, member, entry):
            for media in entry.get("media", ()):
                if media["id"] == media_id:
                    return {"data": addresses.view(media, str(conversation.id))}
    raise _not_found()


def _not_found() -> errors.NotFound:
    return errors.NotFound(errors.Code.MEDIA_NOT_FOUND, "File not found")

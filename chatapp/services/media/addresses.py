"""Addresses of files. Whoever has one may read the file until it runs out, like somebody whom a picture was shown.

An address names file, name, conversation, width of a thumbnail and end, and is signed over all of it. The end is
rounded up to a day, so that all members get the same one, and a frame for all of them has one.
"""

import hashlib
import hmac
from functools import lru_cache
from urllib.parse import quote, urlencode, urlsplit

from chatapp import clock
from chatapp.schemas.views.media import AttachmentView
from chatapp.settings import config
from chatapp.stores.documents.entries import MediaShown
from config import canonical_origin

_DAY = 86_400
THUMB, POSTER = 320, 1_280


def plain_path(media_id: str, name: str) -> str:
    """Return the path of a file without a signature: it names the file to this server, and opens nothing."""
    return f"/media/{media_id}/{quote(name, safe='')}"


def view(media: MediaShown, conversation_id: str) -> AttachmentView:
    """Return a file as readers of a conversation see it."""
    return {
        "id": str(media["id"]),
        "kind": media["kind"],
        "mime": media["mime"],
        "name": media["name"],
        "size": media["size"],
        "width": media["width"],
        "height": media["height"],
        "duration": media["duration"],
        "thumbhash": media["thumbhash"],
        "waveform": media["waveform"],
        "url": address(media, conversation_id),
        "thumbUrl": address(media, conversation_id, THUMB) if THUMB in media["thumbs"] else None,
        "previewUrl": address(media, conversation_id, POSTER) if POSTER in media["thumbs"] else None,
    }


def address(media: MediaShown, conversation_id: str, width: int = 0) -> str:
    """Return the signed address of a file, or of its picture of this width."""
    base = (config().MEDIA_ORIGIN or config().PUBLIC_URL).rstrip("/")
    media_id, name, ends = str(media["id"]), media["name"], _end()
    query = {"c": conversation_id, "e": ends} | ({"w": width} if width else {})
    query["s"] = signature(media_id, name, conversation_id, ends, width)
    return f"{base}{plain_path(media_id, name)}?{urlencode(query)}"


def origins() -> list[str]:
    """Return the origins besides this server's own that browsers get files from."""
    bucket, region = config().MEDIA_S3_BUCKET, config().MEDIA_S3_REGION
    found = [config().MEDIA_ORIGIN] if config().MEDIA_ORIGIN else []
    if bucket and config().MEDIA_S3_ENDPOINT:
        found.append("{0.scheme}://{0.netloc}".format(urlsplit(config().MEDIA_S3_ENDPOINT)))
    elif bucket:
        found += [f"https://{bucket}.s3.amazonaws.com", f"https://{bucket}.s3.{region}.amazonaws.com"]
    return [canonical_origin(origin.rstrip("/")) for origin in found]


def _end() -> int:
    """Return the second at which addresses that are made now run out: MEDIA_URL_SECONDS from now, or later that day."""
    return -(-(clock.timestamp() + config().MEDIA_URL_SECONDS) // _DAY) * _DAY


def signature(media_id: str, name: str, conversation_id: str, ends: int, width: int) -> str:
    """Return the signature of an address."""
    signed = "\n".join((media_id, name, conversation_id, str(ends), str(width)))
    return hmac.new(_key(config().JWT_SECRET), signed.encode(), hashlib.sha256).hexdigest()[:32]


@lru_cache(4)
def _key(secret: str) -> bytes:
    """Return the key of signatures: of the secret, and of no use for anything else."""
    return hmac.new(secret.encode(), b"addresses of files", hashlib.sha256).digest()

"""Delete files: first it is said that one is going, then its bytes are deleted, then it is gone.

Whatever ends in between is done again by `tidying`. Of a file that is gone only its id, owner and length are known.
"""

from bson import ObjectId

from chatapp import blobs, clock
from chatapp.services.media.storage import storage
from chatapp.stores import media as media_store
from chatapp.stores.documents.media import MediaDocument

_BLANK: dict[str, object] = {
    "name": "",
    "claimed_mime": "",
    "parts": [],
    "blob": "",
    "thumbs": {},
    "thumbhash": None,
    "waveform": None,
    "sha256": "",
}


def keys_of(media: MediaDocument) -> list[str]:
    """Return the keys of everything that is stored of a file."""
    blob = media.get("blob")
    return [*media["parts"], *([blob, *(f"{blob}-{width}" for width in media.get("thumbs", ()))] if blob else [])]


def drop(media_id: ObjectId, states: list[str]) -> bool:
    """Delete a file that no message has; False if it is in none of these states. Raises Unavailable."""
    before = media_store.change_state(media_id, states, {"state": "going", "changed_at": clock.now()})
    if before is not None:
        delete_bytes(before)
    return before is not None


def delete_bytes(media: MediaDocument) -> None:
    """Delete the bytes of a file that is going. Raises Unavailable."""
    with storage():
        blobs.current().delete(keys_of(media))
    media_store.change_state(media["_id"], ["going"], {"state": "gone", "changed_at": clock.now(), **_BLANK})

"""Delete files: first it is said that one is going, then its bytes are deleted, then it is gone.

Whatever ends in between is done again by `tidying`. Of a file that is gone only its id, owner and length are known.
"""

import structlog
from bson import ObjectId
from gevent.pool import Group

from chatapp import blobs, clock, database, errors
from chatapp.services.media.storage import storage
from chatapp.stores import media as media_store
from chatapp.stores import media_uses
from chatapp.stores.documents.entries import Entry
from chatapp.stores.documents.media import MediaDocument

logger = structlog.get_logger("chatapp.media")
running = Group()  # deletions beside the requests
_PATIENCE_SECONDS = 5
_BLANK: dict[str, object] = {
    "name": "",
    "claimed_mime": "",
    "parts": [],
    "blob": "",
    "thumbs": {},
    "thumbhash": None,
    "waveform": None,
    "used": None,
    "sha256": "",
}


def keys_of(media: MediaDocument) -> list[str]:
    """Return the keys of everything that is stored of a file."""
    blob = media.get("blob")
    return [*media["parts"], *([blob, *(f"{blob}-{width}" for width in media.get("thumbs", ()))] if blob else [])]


def erase_from_message(message: Entry) -> None:
    """Take its files from a message that is deleted: of those that no other message has nothing is left.

    When this returns it is stored that they go; their bytes are deleted beside the log, which waits for no bucket
    (`wait` waits for that), and again until it has succeeded (`tidying`).
    """
    ids = [row["id"] for row in message["media"]]
    media_uses.delete_of_message(message["conversation_id"], message["sender_id"], message["client_msg_id"], ids)
    for media_id in ids:
        _let_go(media_id, ["ready", "going"])


def _let_go(media_id: ObjectId, states: list[str]) -> None:
    """Delete a file beside the caller, unless a message has it."""
    media = media_store.change_state(media_id, states, {"state": "going", "changed_at": clock.now()})
    if media is None:
        return
    if media_uses.find_used([media_id]):
        media_store.change_state(media_id, ["going"], {"state": "ready", "changed_at": clock.now()})
    else:
        running.spawn(_delete_quietly, media)


def _delete_quietly(media: MediaDocument) -> None:
    try:
        delete_bytes(media)
    except Exception as error:  # nobody waits for the result; `tidying` tries again
        logger.warning("a file could not be deleted yet", code=str(errors.from_exception(error).code))


def drop_unused(media_id: ObjectId) -> None:
    """Delete a file that no message has; one that a message has stays."""
    _let_go(media_id, ["ready"])


def wait() -> None:
    """Wait for bytes that are being deleted, some seconds at most: an answer says then that they are gone."""
    if len(running):
        running.join(_PATIENCE_SECONDS)


def drop(media_id: ObjectId, states: list[str]) -> bool:
    """Delete a file that no message has; False if it is in none of these states. Raises Unavailable."""
    before = media_store.change_state(media_id, states, {"state": "going", "changed_at": clock.now()})
    if before is not None:
        delete_bytes(before)
    return before is not None


def delete_unless_used(media: MediaDocument) -> None:
    """Finish a deletion that was begun. Raises Unavailable."""
    if media_uses.find_used([media["_id"]]):
        media_store.change_state(media["_id"], ["going"], {"state": "ready", "changed_at": clock.now()})
    else:
        delete_bytes(media)


def delete_bytes(media: MediaDocument) -> None:
    """Delete the bytes of a file that is going. Raises Unavailable."""
    with storage():
        blobs.current().delete(keys_of(media))
    media_store.change_state(media["_id"], ["going"], {"state": "gone", "changed_at": clock.now(), **_BLANK})
    database.forget_traces()

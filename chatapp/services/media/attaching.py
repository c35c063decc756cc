"""Files in messages: what a message may have, and what it says of them.

A use is written before its message. A file goes only while nobody uses it: whoever deletes one says first that it is
going and looks for uses then, and whoever uses one writes the use first and looks then whether it is ready.
"""

from dataclasses import dataclass, field
from datetime import timedelta

from bson import ObjectId

from chatapp import clock, errors
from chatapp.ids import object_id
from chatapp.services.media import links
from chatapp.stores import media as media_store
from chatapp.stores import media_uses
from chatapp.stores.documents.entries import MediaReference, MediaShown
from chatapp.stores.documents.media import MediaDocument, MediaUse

_UNCLAIMED = timedelta(minutes=10)  # for which a file without an owner waits for one
_SHOWN = ("sha256", "kind", "mime", "name", "size", "width", "height", "duration", "thumbhash", "waveform")


@dataclass(slots=True)
class Files:
    """The files of a message that is being sent: what its body says of them, and what stands beside it."""

    references: list[MediaReference] = field(default_factory=list)
    shown: list[MediaShown] = field(default_factory=list)


def find(user_id: ObjectId, media_texts: list[str]) -> Files:
    """Return files of one's own that are ready. Raises NotFound MEDIA_NOT_FOUND, Gone MEDIA_GONE, Conflict
    MEDIA_NOT_READY, ChatError MEDIA_REFUSED, BadRequest.
    """
    ids = [object_id(text) for text in media_texts]
    if len(set(ids)) < len(ids):
        raise errors.invalid("attachments", "Name each file once.")
    stored = media_store.find_many([media_id for media_id in ids if media_id is not None])
    found = [_ready(user_id, stored.get(media_id) if media_id else None) for media_id in ids]
    return of_shown([_show(media) for media in found])


def of_shown(shown: list[MediaShown]) -> Files:
    """Return the files that another message has, for a copy of it."""
    return Files([{"id": row["id"], "sha256": row["sha256"]} for row in shown], shown)


def _ready(user_id: ObjectId, media: MediaDocument | None) -> MediaDocument:
    if media is not None and media["owner"] is None and media["created_at"] > clock.now() - _UNCLAIMED:
        media["owner"] = user_id if media_store.claim(media["_id"], user_id) else None
    if media is None or media["owner"] != user_id:
        raise errors.NotFound(errors.Code.MEDIA_NOT_FOUND, "File not found")
    if media["state"] in ("going", "gone"):
        raise gone()
    if media["state"] == "refused":
        raise errors.ChatError(errors.Code.MEDIA_REFUSED, f"This file is not taken: {media.get('reason', '')}")
    if media["state"] != "ready":
        raise errors.Conflict(errors.Code.MEDIA_NOT_READY, "This file is not ready yet. Wait for mediaReady.")
    return media


def gone() -> errors.Gone:
    """Return the error for a file that is there no more."""
    return errors.Gone(errors.Code.MEDIA_GONE, "This file was deleted. Upload it anew.")


def _show(media: MediaDocument) -> MediaShown:
    shown: MediaShown = {"id": media["_id"], "thumbs": sorted(map(int, media.get("thumbs", ())))}  # type: ignore[typeddict-item]
    for name in _SHOWN:
        shown[name] = media.get(name)  # type: ignore[literal-required]
    return shown


def use(conversation_id: ObjectId, sender_id: ObjectId, client_msg_id: str, files: Files) -> None:
    """Let a message that is about to be stored have these files. Raises Gone MEDIA_GONE."""
    now = clock.now()
    uses: list[MediaUse] = [
        {
            "media_id": row["id"],
            "conversation_id": conversation_id,
            "sender_id": sender_id,
            "client_msg_id": client_msg_id,
            "kind": row["kind"],
            "created_at": now,
            "is_checked": False,
        }
        for row in files.shown
    ]
    media_uses.add(uses)
    if media_store.set_used([row["id"] for row in files.shown], True) < len(files.shown):
        withdraw(conversation_id, sender_id, client_msg_id, files)
        raise gone()


def withdraw(conversation_id: ObjectId, sender_id: ObjectId, client_msg_id: str, files: Files) -> None:
    """Undo `use`: the message was not stored. The files stay, for another attempt."""
    ids = [row["id"] for row in files.shown]
    media_uses.delete_of_message(conversation_id, sender_id, client_msg_id, ids)
    free = [media_id for media_id in ids if media_id not in media_uses.find_used(ids)]
    if free:
        media_store.set_used(free, False)


def own_address(user_id: ObjectId, address: str | None) -> str | None:
    """Return the id of the file that one of this server's own addresses names; None for any other address."""
    named = links.media_of(address) if address else None
    if named is None:
        return None
    media_text, is_certain = named
    if is_certain:
        return media_text
    media = media_store.find(ObjectId(media_text))
    return media_text if media is not None and media["owner"] in (user_id, None) else None

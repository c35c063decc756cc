"""The files of a conversation, newest first."""

from bson import ObjectId

from chatapp import clock, limits
from chatapp.ids import object_id
from chatapp.schemas.views.media import GalleryPage, GalleryRow
from chatapp.services import access
from chatapp.services.media import addresses
from chatapp.stores import entries as entry_store
from chatapp.stores import media_uses
from chatapp.stores.documents.entries import Entry
from chatapp.stores.documents.media import MediaUse


def page(
    user_id: ObjectId, conversation_text: str, *, kind: str | None = None, before: str | None = None, limit: int = 50
) -> GalleryPage:
    """Return a page of the files that the caller may see: `{data, pagination: {limit, hasMore, nextBefore}}`.

    Where some of them are not for the caller it has fewer than `limit`. Raises NotFound CONVERSATION_NOT_FOUND.
    """
    conversation, member = access.load_for_reader(user_id, conversation_text)
    uses = media_uses.find_page(conversation.id, kind, object_id(before), limit + 1)
    shown, more = uses[:limit], len(uses) > limit
    found = entry_store.find_sent(conversation.id, [(use["sender_id"], use["client_msg_id"]) for use in shown])
    entries = {
        (entry["sender_id"], entry["client_msg_id"]): entry
        for entry in found
        if access.is_visible(conversation, member, entry)
    }
    limits.charge(user_id, rows=len(shown))
    rows = [_row(use, entries.get((use["sender_id"], use["client_msg_id"]))) for use in shown]
    return {
        "data": [row for row in rows if row is not None],
        "pagination": {"limit": limit, "hasMore": more, "nextBefore": str(shown[-1]["_id"]) if more else None},
    }


def _row(use: MediaUse, entry: Entry | None) -> GalleryRow | None:
    for media in entry.get("media", ()) if entry is not None else ():
        if entry is not None and media["id"] == use["media_id"]:
            return {
                "file": addresses.view(media, str(entry["conversation_id"])),
                "messageId": str(entry["_id"]),
                "seq": entry["seq"],
                "senderId": str(entry["sender_id"]),
                "createdAt": clock.iso(entry["created_at"]),
            }
    return None

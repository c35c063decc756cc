"""Send a message with files: they are found before it, it has them before it is stored, and they are free again where
it is not.
"""

from uuid import uuid4

from bson import ObjectId

from chatapp import errors
from chatapp.services import access
from chatapp.services.log import foreign
from chatapp.services.log.append import append_entry
from chatapp.services.log.draft import Appended, Draft
from chatapp.services.media import attaching
from chatapp.services.media.attaching import Files
from chatapp.stores import entries as entry_store
from chatapp.stores.documents.entries import MessageBody

_UNKNOWN_OUTCOME = 500


def find(
    user_id: ObjectId, conversation_id: ObjectId, media_texts: list[str], client_msg_id: str | None
) -> Files | None:
    """Return the sender's files; for a repeat of a message whose files have gone since, what it was stored with.

    Raises what `attaching.find` raises.
    """
    try:
        return attaching.find(user_id, media_texts)
    except errors.ChatError:
        earlier = entry_store.find_by_client_msg_id(conversation_id, user_id, client_msg_id) if client_msg_id else None
        if earlier is None or earlier["type"] != "message" or "media" in earlier:
            raise
        return Files()


def append(conversation_id: ObjectId, draft: Draft, files: Files | None) -> Appended:
    """Append a message, with these files if it has any. Raises what `append_entry` raises, Gone MEDIA_GONE."""
    if files is None:
        return append_entry(conversation_id, draft)
    foreign.require_understood(foreign.FILES)
    access.known_for_member(draft.sender_id, str(conversation_id))
    draft.client_msg_id = draft.client_msg_id or uuid4().hex
    key = conversation_id, draft.sender_id, draft.client_msg_id
    if files.shown:
        body: MessageBody = draft.body  # type: ignore[assignment]  # it is a message
        body["attachments"], draft.media = files.references, files.shown
        attaching.use(*key, files)
    try:
        appended = append_entry(conversation_id, draft)
    except errors.ChatError as error:
        if error.status < _UNKNOWN_OUTCOME:
            attaching.withdraw(*key, files)
        raise
    kept = {row["id"] for row in appended.entry.get("media", ())}
    lost = [row for row in files.shown if row["id"] not in kept]
    if appended.duplicate and lost:  # the message was sent with others, or deleted since
        attaching.withdraw(*key, Files(shown=lost))
    return appended

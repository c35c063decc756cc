"""Messages that somebody deletes for themselves alone: others go on seeing them, and they count as read."""

from bson import ObjectId

from chatapp import errors
from chatapp.realtime import publish
from chatapp.schemas.views.entries import MessageChanged
from chatapp.schemas.views.own import OwnChanged
from chatapp.services import access, own
from chatapp.services.log import cache, last_messages, own_views
from chatapp.services.log.entry_views import Views
from chatapp.services.log.member import Member
from chatapp.services.log.state import Conversation
from chatapp.stores.documents.entries import Entry
from chatapp.stores.documents.memberships import HiddenMessage
from chatapp.stores.key_locks import turn

MOST_HIDDEN = 500


def hide(user_id: ObjectId, message_text: str, conversation_text: str | None) -> MessageChanged:
    """Delete a message for the caller alone, on all their devices: `{data: message}`, without its text.

    Raises NotFound MESSAGE_NOT_FOUND, Forbidden NOT_ALLOWED, Conflict TOO_MANY_HIDDEN.
    """
    message = access.find_message(user_id, message_text, conversation_text, may_be_hidden=True)
    with turn(f"hidden from {user_id} in {message['conversation_id']}"):
        conversation, _ = access.find_member(user_id, cache.load(message["conversation_id"]))
        member = access.current_member(user_id, conversation)
        if message["mseq"] not in member.hidden:
            _hide(conversation, member, message)
    publish.deleted_for_me(user_id, message["_id"], conversation.id)
    return {"data": Views(conversation, user_id).of_message(message)}


def _hide(conversation: Conversation, member: Member, message: Entry) -> None:
    """Store it, and tell the user's devices. Messages before the first visible one need not be known any more."""
    if len(member.hidden) >= MOST_HIDDEN:
        own.store(conversation, member, remove={"hidden": {"seq": {"$lt": member.first_visible}}})
    if len(member.hidden) >= MOST_HIDDEN:
        raise errors.Conflict(
            errors.Code.TOO_MANY_HIDDEN,
            f"At most {MOST_HIDDEN} messages of a conversation can be deleted for oneself. Delete the conversation.",
        )
    row: HiddenMessage = {"mseq": message["mseq"], "seq": message["seq"], "id": message["_id"]}
    stored = own.store(conversation, member, add={"hidden": row})
    told: OwnChanged = {
        "conversationId": str(conversation.id),
        "version": stored["version"],
        "hidden": [str(row["id"])],
        "hiddenSeqs": [row["seq"]],
        "deletedMseqs": [row["mseq"]],
    }
    if own_views.hides_last_message(conversation, member):
        told["lastMessage"] = last_messages.find(conversation, member)
    publish.own_hidden(member.user_id, told)

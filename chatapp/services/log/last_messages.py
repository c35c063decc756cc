"""The last message of a conversation for somebody who has deleted the newest one for themselves: the one before it."""

from chatapp.schemas.views.last_message import LastMessageView
from chatapp.services.log.entry_views import Views
from chatapp.services.log.member import Member
from chatapp.services.log.own_views import hides_last_message
from chatapp.services.log.state import Conversation
from chatapp.stores import entries as entry_store


def find(conversation: Conversation, member: Member) -> LastMessageView | None:
    """Return the newest message that is not hidden, in one database command; None where the newest one is not, either:
    it is known."""
    last = conversation.last_message
    if last is None or not hides_last_message(conversation, member):
        return None
    mseq, before = last["mseq"], last["seq"]
    while mseq in member.hidden:
        mseq, before = mseq - 1, member.hidden[mseq]["seq"]
    wanted = entry_store.Range(conversation.id, member.first_visible, before - 1, above_mseq=mseq - 1)
    found = [entry for entry in entry_store.find_ranges([wanted]) if entry["type"] == "message"]
    if mseq < 1 or not found:
        return None
    (shown,) = Views(conversation, member.user_id).of_messages(found)
    view: LastMessageView = {
        "_id": shown["id"],
        "id": shown["id"],
        "seq": shown["seq"],
        "content": shown["content"],
        "senderId": shown["sender"]["id"],
        "attachment": shown["attachment"],
        "kind": shown["kind"],
        "type": "message",
        "createdAt": shown["createdAt"],
    }
    if shown.get("deleted"):
        view["deleted"] = True
    return view

"""A conversation as its members see it (contract: Conversation)."""

from chatapp import clock
from chatapp.schemas.views.conversations import ConversationView
from chatapp.schemas.views.entries import HeadView
from chatapp.schemas.views.last_message import LastMessageView
from chatapp.services.log import own_views
from chatapp.services.log.kinds import kind_with
from chatapp.services.log.member import Member
from chatapp.services.log.own_views import hides_last_message
from chatapp.services.log.state import Conversation
from chatapp.services.media.addresses import address
from chatapp.stores.documents.conversations import LogHead

LISTED, LISTED_FOR_OLD_APPS = 12, 50  # most members of a conversation where it is one of several
SHOWN_HASH = 16


def head_view(head: LogHead) -> HeadView:
    """Return a place in the log as clients see it: `{seq, mseq, hash}`, the hash by its first digits."""
    return {"seq": head["seq"], "mseq": head["mseq"], "hash": head["hash"][:SHOWN_HASH]}


def view(
    conversation: Conversation,
    member: Member,
    *,
    is_new: bool | None = None,
    most: int | None = None,
    instead: LastMessageView | None = None,
) -> ConversationView:
    """Return the conversation as one of its members sees it, with at most `most` of its members.

    `instead`: the last message for somebody who has deleted the newest one for themselves (`last_messages.find`).
    """
    conversation.require_seen_by(member)
    conversation_id = str(conversation.id)
    read_seq, read_mseq = conversation.read_marks(member)
    read_mseq = max(read_mseq, member.cleared_mseq)
    mentioning = conversation.mentions_of(member)
    answer: ConversationView = {
        "_id": conversation_id,
        "id": conversation_id,
        "type": conversation.type,
        "name": conversation.name,
        "avatar": conversation.avatar,
        "history": conversation.history,
        "whoMayPin": conversation.who_may_pin,
        "participants": [row.view(member) for row in _shown_members(conversation, member, most)],
        "participantCount": len(conversation.member_ids),
        "lastMessage": instead
        if hides_last_message(conversation, member)
        else _last_message_view(conversation, member),
        "unreadCount": conversation.unread(member),
        "mentionCount": len(mentioning),
        "mentionMseqs": mentioning,
        "head": {"seq": conversation.seq, "mseq": conversation.mseq, "hash": conversation.hash[:SHOWN_HASH]},
        "firstSeq": member.first_visible,
        "readSeq": read_seq,
        "readMseq": read_mseq,
        "deletedMseqs": conversation.gone_after(member, read_mseq),
        "createdBy": str(conversation.created_by),
        "createdAt": clock.iso(conversation.created_at),
        "updatedAt": clock.iso(conversation.last_activity),
        "own": own_views.view(conversation, member, instead),
    }
    if is_new is not None:
        answer["isNew"] = is_new
    return answer


def _shown_members(conversation: Conversation, viewer: Member, most: int | None) -> list[Member]:
    """Return the current members; if they are too many, the viewer, the last writer and those who joined first."""
    if most is None or len(conversation.member_ids) <= most:
        return conversation.current_members
    last = conversation.last_message
    writer = conversation.members.get(last["sender_id"]) if last else None
    first = (row for row in conversation.members.values() if row.is_current)
    named = {row.user_id: row for row in (viewer, writer) if row is not None and row.is_current}
    for row in first:
        if len(named) >= most:
            break
        named[row.user_id] = row
    return list(named.values())


def _last_message_view(conversation: Conversation, member: Member) -> LastMessageView | None:
    last = conversation.last_message
    if last is None or last["seq"] < member.first_visible:
        return None
    message_id = str(last["_id"])
    media, attachment = last.get("media"), last["body"]["attachment"]
    shown: LastMessageView = {
        "_id": message_id,
        "id": message_id,
        "seq": last["seq"],
        "content": last["body"]["content"],
        "senderId": str(last["sender_id"]),
        "attachment": address(media, str(conversation.id)) if media else attachment,
        "kind": kind_with([media] if media else None, attachment),
        "type": "message",
        "createdAt": clock.iso(last["created_at"]),
    }
    if last.get("deleted"):
        shown["deleted"] = True
    return shown

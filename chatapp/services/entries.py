"""Entries as clients see them, how they are announced, and pages of the log."""

from typing import Any

from bson import ObjectId

from chatapp import clock, realtime
from chatapp.extensions import Document
from chatapp.services import access, tracing
from chatapp.services.conversation import SHOWN_HASH, Conversation, shows_reads
from chatapp.services.conversation import view as conversation_view
from chatapp.stores import entries as store

PAGE, LARGEST_PAGE = 200, 500


def view(entry: Document, conversation: Conversation, for_user: ObjectId | None) -> dict[str, Any]:
    """Any entry as the API shows it; a message's status is for its sender."""
    if entry["type"] == "message":
        return message_view(entry, conversation, for_user)
    return {
        **_place(entry),
        "actor": conversation.members[entry["sender_id"]].person(),
        "change": _CHANGES[entry["type"]](entry, conversation),
    }


def _place(entry: Document) -> dict[str, Any]:
    """What every entry says: where it stands, and when it was made."""
    entry_id = str(entry["_id"])
    return {
        "id": entry_id,
        "_id": entry_id,
        "conversationId": str(entry["conversation_id"]),
        "seq": entry["seq"],
        "mseq": entry["mseq"],
        "hash": entry["hash"][:SHOWN_HASH],
        "clientMsgId": entry["client_msg_id"],
        "type": entry["type"],
        "createdAt": clock.iso(entry["created_at"]),
    }


def message_view(entry: Document, conversation: Conversation, for_user: ObjectId | None) -> dict[str, Any]:
    """The message as the API shows it (contract: Message); its status is for its sender."""
    answer = {
        **_place(entry),
        "content": entry["body"]["content"],
        "attachment": entry["body"]["attachment"],
        "sender": conversation.members[entry["sender_id"]].person(),
        "status": "sent",
    }
    if for_user == entry["sender_id"]:
        answer |= _status(entry, conversation)
    return answer


def _status(entry: Document, conversation: Conversation) -> dict[str, Any]:
    """How far a message has come: `{status, deliveredTo?, readBy?}`, the counts in groups only."""
    sender, seq = conversation.members[entry["sender_id"]], entry["seq"]
    others = conversation.audience_of(entry)
    delivered = sum(conversation.delivered_mark(row) >= seq for row in others)
    read = sum(conversation.read_marks(row)[0] >= seq for row in others if shows_reads(row, sender))
    status = "sent"
    if others and delivered == len(others):
        status = "read" if read == len(others) else "delivered"
    if conversation.type == "direct":
        return {"status": status}
    return {"status": status, "deliveredTo": delivered, "readBy": read}


def _added(entry: Document, conversation: Conversation) -> dict[str, Any]:
    users = [(str(user_id), entry["profiles"][str(user_id)]) for user_id in entry["body"]["user_ids"]]
    keys = ("name", "email", "avatar")
    members = [
        {"id": user_id, "_id": user_id, "role": "member", **{key: profile[key] for key in keys}}
        for user_id, profile in users
    ]
    return {"members": members}


def _gone(entry: Document, conversation: Conversation) -> dict[str, Any]:
    user_id = entry["body"]["user_id"]
    return {"userId": str(user_id), "user": conversation.members[user_id].person()}


def _roles(entry: Document, conversation: Conversation) -> dict[str, Any]:
    return {"roles": [{"userId": str(row["user_id"]), "role": row["role"]} for row in entry["body"]["roles"]]}


def _changed(entry: Document, conversation: Conversation) -> dict[str, Any]:
    return dict(entry["body"])


_CHANGES = {
    "member_added": _added,
    "member_removed": _gone,
    "member_left": _gone,
    "role_changed": _roles,
    "conversation_changed": _changed,
}


def announce(conversation: Conversation, entry: Document) -> None:
    """Tell every device of every current member, and of the one whom the entry takes out."""
    data = view(entry, conversation, None)
    if entry["type"] == "message":
        sockets = realtime.publish_message(conversation.member_ids, data)
    else:
        sockets = _announce_change(conversation, entry, data)
    tracing.announced(entry, sockets)


def _announce_change(conversation: Conversation, entry: Document, data: dict[str, Any]) -> int:
    if entry["type"] == "member_added":
        for user_id in entry["body"]["user_ids"]:
            member = conversation.members[user_id]
            realtime.publish_conversation([user_id], conversation_view(conversation, member, is_new=True))
    gone = [entry["body"]["user_id"]] if entry["type"] in ("member_removed", "member_left") else []
    return realtime.publish_entry([*conversation.member_ids, *gone], data)


def page(
    user_id: ObjectId, conversation_text: str, *, after: int | None = None, before: int | None = None, limit: int = PAGE
) -> dict[str, Any]:
    """Entries of every type, ascending: `{data, meta: {firstSeq, headSeq, hasMore}}`.

    `after` and `before` are seqs, both exclusive. With `after` alone those that follow it, else the last ones before
    `before`. Raises NotFound CONVERSATION_NOT_FOUND.
    """
    conversation, member = access.readable(user_id, conversation_text)
    first, last = member.first_visible, member.last_visible(conversation.seq)
    low = max(first, (after or 0) + 1)
    high = min(last, (last + 1 if before is None else before) - 1)
    window = (
        (low, min(high, low + limit - 1))
        if after is not None and before is None
        else (max(low, high - limit + 1), high)
    )
    found = store.find_range(conversation.id, *window)
    return {
        "data": [view(entry, conversation, user_id) for entry in found],
        "meta": {"firstSeq": first, "headSeq": last, "hasMore": bool(found) and window != (low, high)},
    }

"""Messages: send, read the history, mark as read."""

from typing import Any

from bson import ObjectId

from chatapp import clock, errors, limits, metrics, realtime
from chatapp.extensions import Document, config, object_id
from chatapp.services import access, log
from chatapp.services.conversation import Conversation, Member
from chatapp.stores import entries, memberships

PAGE, LARGEST_PAGE = 100, 200
_UNSAFE_SCHEMES = ("javascript:", "vbscript:", "data:text")
_OTHER_ENTRIES_IN_A_PAGE = 400


def send(
    user_id: ObjectId,
    conversation_text: str,
    content: str | None,
    attachment: str | None = None,
    client_msg_id: str | None = None,
) -> dict[str, Any]:
    """Append a message and deliver it to every member: `{data: message, duplicate?: true}`.

    A repeat with the same client_msg_id gives the original. Raises NotFound CONVERSATION_NOT_FOUND,
    BadRequest, TooLarge CONTENT_TOO_LARGE, Conflict IDEMPOTENCY_MISMATCH, RateLimited.
    """
    conversation_id = access.conversation_id(conversation_text)
    body = _body(content, attachment)
    limits.spend("messages", str(user_id), config().RATE_SENDS)
    draft = log.Draft(user_id, "message", body, lambda state: _may_write(user_id, state))
    if client_msg_id is not None:
        draft.client_msg_id = client_msg_id
    appended = log.append(conversation_id, draft, announce)
    if appended.duplicate and not _is_same(appended.entry, conversation_id, body):
        raise errors.Conflict(errors.Code.IDEMPOTENCY_MISMATCH, "This clientMsgId was used for another message")
    metrics.sends.labels("duplicate" if appended.duplicate else "stored").inc()
    answer: dict[str, Any] = {"data": view(appended.entry, appended.conversation, user_id)}
    return answer | {"duplicate": True} if appended.duplicate else answer


def _may_write(user_id: ObjectId, state: Conversation) -> None:
    access.writer(user_id, state)


def _is_same(entry: Document, conversation_id: ObjectId, body: Document) -> bool:
    return bool(entry["conversation_id"] == conversation_id and entry["body"] == body)


def _body(content: str | None, attachment: str | None) -> Document:
    """The stored body of a message. Raises BadRequest and TooLarge."""
    text = content or ""
    if len(text) > config().MAX_TEXT_LENGTH or len(text.encode()) > config().MAX_TEXT_BYTES:
        raise errors.TooLarge(
            errors.Code.CONTENT_TOO_LARGE,
            f"A message has at most {config().MAX_TEXT_LENGTH} characters and {config().MAX_TEXT_BYTES} bytes",
        )
    if attachment is not None and attachment.strip().lower().startswith(_UNSAFE_SCHEMES):
        raise errors.invalid("attachment", "Is not an address that can be shown.")
    if not text.strip() and not attachment:
        raise errors.invalid("content", "Write something, or attach something.")
    return {"content": text, "attachment": attachment or None}


def announce(conversation: Conversation, entry: Document) -> None:
    """Tell every device of every current member."""
    realtime.publish_message(conversation.member_ids, view(entry, conversation, None))


def view(entry: Document, conversation: Conversation, for_user: ObjectId | None) -> dict[str, Any]:
    """The message as the API shows it (contract: Message); its status is for its sender."""
    message_id = str(entry["_id"])
    sender = conversation.members[entry["sender_id"]]
    answer = {
        "id": message_id,
        "_id": message_id,
        "conversationId": str(entry["conversation_id"]),
        "seq": entry["seq"],
        "mseq": entry["mseq"],
        "clientMsgId": entry["client_msg_id"],
        "type": entry["type"],
        "content": entry["body"]["content"],
        "attachment": entry["body"]["attachment"],
        "sender": sender.person(),
        "createdAt": clock.iso(entry["created_at"]),
        "status": "sent",
    }
    if for_user == entry["sender_id"]:
        answer |= _status(entry, conversation)
    return answer


def _status(entry: Document, conversation: Conversation) -> dict[str, Any]:
    """How far a message has come: `{status, deliveredTo?, readBy?}`, the counts in groups only."""
    others = [row for row in conversation.current_members if row.user_id != entry["sender_id"]]
    read = sum(conversation.read_marks(row)[0] >= entry["seq"] for row in others)
    delivered = sum(max(row.delivered_seq, conversation.read_marks(row)[0]) >= entry["seq"] for row in others)
    status = "sent"
    if others and delivered == len(others):
        status = "read" if read == len(others) else "delivered"
    if conversation.type == "direct":
        return {"status": status}
    return {"status": status, "deliveredTo": delivered, "readBy": read}


def history(
    user_id: ObjectId,
    conversation_text: str,
    *,
    before: int | None = None,
    after: int | None = None,
    limit: int = PAGE,
) -> dict[str, Any]:
    """A page of messages, newest first: `{data, pagination: {hasMore, nextBefore, limit}}`.

    `before` and `after` are seqs, both exclusive. With `after` alone the page is the one that follows it.
    """
    conversation, member = access.readable(user_id, conversation_text)
    first = max(member.first_visible, (after or 0) + 1)
    last = min(member.last_visible(conversation.seq), (before or conversation.seq + 1) - 1)
    forward = after is not None and before is None
    width = limit + 1 + min(conversation.seq - conversation.mseq, _OTHER_ENTRIES_IN_A_PAGE)
    window = (first, min(last, first + width - 1)) if forward else (max(first, last - width + 1), last)
    found = entries.find_messages_in_range(conversation.id, *window, limit=limit + 1, descending=not forward)
    page = found[:limit]
    cut = len(found) > limit or (window[1] < last if forward else window[0] > first)
    if forward:
        page.reverse()
    return {
        "data": [view(entry, conversation, user_id) for entry in page],
        "pagination": {
            "limit": limit,
            "hasMore": cut,
            "nextBefore": (page[-1]["seq"] if page else window[0]) if cut and not forward else None,
            "nextAfter": (page[0]["seq"] if page else window[1]) if cut and forward else None,
        },
    }


def mark_read(user_id: ObjectId, conversation_text: str, seq: int | None = None) -> dict[str, Any]:
    """Move the caller's read mark up to `seq` (default: the newest): `{data: {conversationId, …}}`."""
    conversation, member = access.current(user_id, conversation_text)
    _mark(conversation, member, conversation.seq if seq is None else min(seq, conversation.seq))
    unread = conversation.unread(member)
    data = {
        "conversationId": str(conversation.id),
        "readSeq": conversation.read_marks(member)[0],
        "unreadCount": unread,
    }
    return {"data": data}


def mark_message_read(user_id: ObjectId, conversation_text: str, message_text: str) -> dict[str, Any]:
    """Mark as read up to this message, and tell the members. Raises NotFound MESSAGE_NOT_FOUND."""
    conversation, member = access.current(user_id, conversation_text)
    entry = find(conversation, member, message_text)
    _mark(conversation, member, entry["seq"])
    data = {
        "messageId": str(entry["_id"]),
        "conversationId": str(conversation.id),
        "readBy": str(user_id),
        "timestamp": clock.iso(clock.now()),
    }
    realtime.publish_receipt(conversation.member_ids, data)
    return {"data": data}


def find(conversation: Conversation, member: Member, message_text: str) -> Document:
    """A message that this member may see. Raises NotFound MESSAGE_NOT_FOUND."""
    message_id = object_id(message_text)
    entry = entries.find_by_id(message_id) if message_id else None
    visible = range(member.first_visible, member.last_visible(conversation.seq) + 1)
    if (
        entry is None
        or entry["conversation_id"] != conversation.id
        or entry["seq"] not in visible
        or entry["type"] != "message"
    ):
        raise errors.NotFound(errors.Code.MESSAGE_NOT_FOUND, "Message not found")
    return entry


def _mark(conversation: Conversation, member: Member, seq: int) -> None:
    if seq <= conversation.read_marks(member)[0]:
        return
    mseq = conversation.mseq
    if seq < conversation.seq:
        mseq = entries.find_range(conversation.id, seq, seq)[0]["mseq"]
    marks = {"read_seq": seq, "read_mseq": mseq, "delivered_seq": seq}
    memberships.raise_marks(conversation.id, member.user_id, marks)
    member.read_seq, member.read_mseq = seq, mseq
    member.delivered_seq = max(member.delivered_seq, seq)

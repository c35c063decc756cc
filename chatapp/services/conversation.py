"""A conversation in memory: what the log amounts to up to its head.

It is loaded from the derived documents (`conversations`, `memberships`) and brought forward entry by entry;
`apply` is the one place that says what an entry means.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bson import ObjectId

from chatapp import clock
from chatapp.extensions import Document

OWNER, ADMIN, MEMBER = "owner", "admin", "member"


@dataclass(slots=True)
class Member:
    """One user in one conversation, former members included (`left_seq` set)."""

    user_id: ObjectId
    role: str
    profile: Document
    joined_seq: int = 0
    left_seq: int | None = None
    visible_from: int = 1
    delivered_seq: int = 0
    read_seq: int = 0
    read_mseq: int = 0
    cleared_seq: int = -1  # 0 when the conversation was deleted while it was empty
    cleared_mseq: int = 0

    @property
    def is_current(self) -> bool:
        return self.left_seq is None

    @property
    def first_visible(self) -> int:
        """The first entry that this member may see."""
        return max(self.visible_from, self.cleared_seq + 1)

    def last_visible(self, head_seq: int) -> int:
        """The last entry that this member may see."""
        return head_seq if self.left_seq is None else min(self.left_seq, head_seq)

    def view(self) -> dict[str, Any]:
        """The member among a conversation's `participants`."""
        return {**self.person(), "email": self.profile["email"], "role": self.role}

    def person(self) -> dict[str, Any]:
        """The member as the sender of a message."""
        user_id = str(self.user_id)
        return {"id": user_id, "_id": user_id, "name": self.profile["name"], "avatar": self.profile["avatar"]}


@dataclass(slots=True)
class Conversation:
    """The state at `seq`. `sent` holds the last own (seq, mseq) of everybody who ever wrote."""

    id: ObjectId
    type: str
    name: str | None
    avatar: str | None
    history: str
    created_by: ObjectId
    created_at: datetime
    last_activity: datetime
    seq: int
    mseq: int
    hash: str
    last_message: Document | None
    members: dict[ObjectId, Member]
    sent: dict[ObjectId, tuple[int, int]] = field(default_factory=dict)

    @property
    def current_members(self) -> list[Member]:
        return [member for member in self.members.values() if member.is_current]

    @property
    def member_ids(self) -> list[ObjectId]:
        return [member.user_id for member in self.members.values() if member.is_current]

    def read_marks(self, member: Member) -> tuple[int, int]:
        """(seq, mseq) up to which the member has read: what they marked, or wrote themselves."""
        seq, mseq = self.sent.get(member.user_id, (0, 0))
        return max(member.read_seq, seq), max(member.read_mseq, mseq)

    def unread(self, member: Member) -> int:
        """Messages after the member's read mark."""
        read = max(self.read_marks(member)[1], member.cleared_mseq)
        return max(0, self.mseq - read)


def from_documents(document: Document, member_rows: list[Document]) -> Conversation:
    """The state that the stored documents describe."""
    head = document["head"]
    members = {row["user_id"]: _member(row) for row in member_rows}
    for founder in document["founders"]:  # a crash may have come before their memberships were stored
        if founder["user_id"] not in members:
            members[founder["user_id"]] = Member(founder["user_id"], founder["role"], founder["profile"])
    return Conversation(
        id=document["_id"],
        type=document["type"],
        name=document["name"],
        avatar=document["avatar"],
        history=document["history"],
        created_by=document["created_by"],
        created_at=document["created_at"],
        last_activity=document["last_activity"],
        seq=head["seq"],
        mseq=head["mseq"],
        hash=head["hash"],
        last_message=document["last_message"],
        members=members,
        sent={ObjectId(key): (row["seq"], row["mseq"]) for key, row in document["sent"].items()},
    )


def _member(row: Document) -> Member:
    return Member(
        user_id=row["user_id"],
        role=row["role"],
        profile=row["profile"],
        joined_seq=row["joined_seq"],
        left_seq=row["left_seq"],
        visible_from=row["visible_from"],
        delivered_seq=row["delivered_seq"],
        read_seq=row["read_seq"],
        read_mseq=row["read_mseq"],
        cleared_seq=row["cleared_seq"],
        cleared_mseq=row["cleared_mseq"],
    )


def membership_document(conversation_id: ObjectId, member: Member) -> Document:
    """The membership as it is stored."""
    return {
        "conversation_id": conversation_id,
        "user_id": member.user_id,
        "role": member.role,
        "profile": member.profile,
        "joined_seq": member.joined_seq,
        "left_seq": member.left_seq,
        "visible_from": member.visible_from,
        "delivered_seq": member.delivered_seq,
        "read_seq": member.read_seq,
        "read_mseq": member.read_mseq,
        "cleared_seq": member.cleared_seq,
        "cleared_mseq": member.cleared_mseq,
    }


def apply(conversation: Conversation, entry: Document) -> None:
    """Bring the state forward by the next entry."""
    conversation.seq = entry["seq"]
    conversation.mseq = entry["mseq"]
    conversation.hash = entry["hash"]
    conversation.last_activity = max(conversation.last_activity, entry["created_at"])
    if entry["type"] == "message":
        conversation.sent[entry["sender_id"]] = (entry["seq"], entry["mseq"])
        conversation.last_message = {
            key: entry[key] for key in ("_id", "seq", "mseq", "sender_id", "body", "created_at")
        }


def head_document(conversation: Conversation) -> Document:
    """What `advance_head` stores of the state."""
    return {
        "head": {"seq": conversation.seq, "mseq": conversation.mseq, "hash": conversation.hash},
        "last_activity": conversation.last_activity,
        "last_message": conversation.last_message,
    }


def view(conversation: Conversation, member: Member, *, is_new: bool | None = None) -> dict[str, Any]:
    """The conversation as one of its members sees it (contract: Conversation)."""
    conversation_id = str(conversation.id)
    answer: dict[str, Any] = {
        "_id": conversation_id,
        "id": conversation_id,
        "type": conversation.type,
        "name": conversation.name,
        "avatar": conversation.avatar,
        "history": conversation.history,
        "participants": [row.view() for row in conversation.current_members],
        "lastMessage": _last_message_view(conversation, member),
        "unreadCount": conversation.unread(member),
        "head": {"seq": conversation.seq, "mseq": conversation.mseq},
        "readSeq": conversation.read_marks(member)[0],
        "createdBy": str(conversation.created_by),
        "createdAt": clock.iso(conversation.created_at),
        "updatedAt": clock.iso(conversation.last_activity),
    }
    if is_new is not None:
        answer["isNew"] = is_new
    return answer


def _last_message_view(conversation: Conversation, member: Member) -> dict[str, Any] | None:
    last = conversation.last_message
    if last is None or last["seq"] < member.first_visible:
        return None
    message_id = str(last["_id"])
    return {
        "_id": message_id,
        "id": message_id,
        "seq": last["seq"],
        "content": last["body"]["content"],
        "senderId": str(last["sender_id"]),
        "attachment": last["body"]["attachment"],
        "type": "message",
        "createdAt": clock.iso(last["created_at"]),
    }

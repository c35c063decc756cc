"""A conversation in memory: what the log amounts to up to its head.

It is loaded from the derived documents (`conversations`, `memberships`) and brought forward entry by entry;
`apply` is the one place that says what an entry means.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bson import ObjectId

from chatapp import clock, emails
from chatapp.audience import Audience
from chatapp.database import Document
from chatapp.services.log import hash_chain
from chatapp.state import on_reset

OWNER, ADMIN, MEMBER = "owner", "admin", "member"
LISTED, LISTED_FOR_OLD_APPS = 12, 50  # most members of a conversation where it is one of several
SHOWN_HASH = 16
_MOST_SHARED_BYTES = 10_000_000  # of the profiles that memberships share
_BYTES_OF_A_PROFILE = 1_000  # without its avatar


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
    changed_seq: int = 0  # the last entry that changed this membership

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

    @property
    def hides_reads(self) -> bool:
        """Does this user show nobody what they have read (and see nobody's)?"""
        return bool(self.profile.get("hide_reads"))

    @property
    def hides_presence(self) -> bool:
        """Does this user show nobody when they are there? A delivery, which tells it, is then not shown either."""
        return bool(self.profile.get("hide_seen"))

    def view(self, viewer: "Member") -> dict[str, Any]:
        """The member among a conversation's `participants`."""
        answer = profile_view(self.user_id, self.profile, shares=self.left_seq is None and viewer.left_seq is None)
        answer["role"] = self.role
        return answer

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
    touched_at: datetime
    sent: dict[ObjectId, tuple[int, int]] = field(default_factory=dict)
    newest_joined_seq: int = 0  # the last entry since it was loaded that brought somebody in
    _member_ids: Audience[ObjectId] | None = None

    @property
    def current_members(self) -> list[Member]:
        return [member for member in self.members.values() if member.left_seq is None]

    @property
    def member_ids(self) -> Audience[ObjectId]:
        """The current members."""
        if self._member_ids is None:
            self._member_ids = Audience(member.user_id for member in self.members.values() if member.is_current)
        return self._member_ids

    def present_at(self, seq: int) -> list[ObjectId]:
        """The current members who were members at this entry, which may lie behind the state."""
        if seq >= self.newest_joined_seq:
            return self.member_ids
        return [member.user_id for member in self.members.values() if member.is_current and member.joined_seq <= seq]

    def person(self, user_id: ObjectId) -> dict[str, Any]:
        """Somebody who wrote here: a member, or one who was too long ago to be known to the viewer."""
        member = self.members.get(user_id)
        return member.person() if member else Member(user_id, MEMBER, {"name": "", "avatar": None}).person()

    def require_seen_by(self, viewer: Member) -> None:
        """Refuse to show a former member what came after them: they see the state at their last entry only."""
        if viewer.left_seq is not None and viewer.left_seq != self.seq:
            raise AssertionError("A former member would see a conversation as it is now")

    def membership_changed(self) -> None:
        """Who is a member has changed."""
        self._member_ids = None

    def read_marks(self, member: Member) -> tuple[int, int]:
        """(seq, mseq) up to which the member has read: what they marked, or wrote themselves."""
        seq, mseq = self.sent.get(member.user_id, (0, 0))
        return max(member.read_seq, seq), max(member.read_mseq, mseq)

    def delivered_mark(self, member: Member, viewer: Member) -> int:
        """The seq up to which a device of the member has the log, as far as the viewer may know.

        Sending shows it to everybody, reading to those who may know of it, being there where that is not hidden.
        """
        mark = self.sent.get(member.user_id, (0, 0))[0]
        if shows_reads(member, viewer):
            mark = max(mark, member.read_seq)
        return max(mark, member.delivered_seq) if shows_deliveries(member, viewer) else mark

    def proven_mark(self, member: Member) -> int:
        """The seq up to which it is stored that a device of the member has the log."""
        return max(member.delivered_seq, self.sent.get(member.user_id, (0, 0))[0])

    def read_mseq(self, member: Member) -> int:
        """The mseq up to which nothing is unread: what was read, or deleted."""
        return max(self.read_marks(member)[1], member.cleared_mseq)

    def unread(self, member: Member) -> int:
        """Messages after the member's read mark."""
        return max(0, self.mseq - self.read_mseq(member))

    def is_deleted_for(self, member: Member) -> bool:
        """Has the member deleted the conversation, without a message since?"""
        return was_deleted(member.cleared_seq, member.cleared_mseq, self.mseq)

    def raise_marks(self, user_id: ObjectId, marks: dict[str, int]) -> None:
        """Move marks of a member up, as the store did."""
        member = self.members.get(user_id)
        if member is not None:
            for name, value in marks.items():
                setattr(member, name, max(getattr(member, name), value))

    def audience_of(self, entry: Document) -> list[Member]:
        """Those whom an entry was for: current members who were members then, without its sender."""
        return [
            member
            for member in self.members.values()
            if member.is_current and member.joined_seq < entry["seq"] and member.user_id != entry["sender_id"]
        ]

    def owners(self) -> list[Member]:
        """The current owners; a group has one at least."""
        return [member for member in self.members.values() if member.is_current and member.role == OWNER]

    def receipts(self, viewer: Member) -> list[dict[str, Any]]:
        """The marks of the current members as the viewer may know them."""
        return [self.receipt(member, viewer) for member in self.members.values() if member.is_current]

    def receipt(self, member: Member, viewer: Member) -> dict[str, Any]:
        """One member's marks: `{userId, deliveredSeq, readSeq}`; readSeq is 0 where one of the two hides it."""
        read = self.read_marks(member)[0] if shows_reads(member, viewer) else 0
        return {"userId": str(member.user_id), "deliveredSeq": self.delivered_mark(member, viewer), "readSeq": read}


def shows_reads(member: Member, viewer: Member) -> bool:
    """May the viewer know what the member has read? Hiding is mutual."""
    return member is viewer or not (member.hides_reads or viewer.hides_reads)


def shows_deliveries(member: Member, viewer: Member) -> bool:
    """May the viewer know when a device of the member got something?"""
    return member is viewer or not member.hides_presence


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
        touched_at=document["touched_at"],
        sent={ObjectId(key): (row["seq"], row["mseq"]) for key, row in document["sent"].items()},
    )


def at_the_beginning(document: Document) -> Document:
    """The stored conversation as it was before its first entry."""
    return {
        **document,
        **document["founded"],
        "head": {"seq": 0, "mseq": 0, "hash": hash_chain.genesis(document["_id"])},
        "last_message": None,
        "last_activity": document["created_at"],
        "sent": {},
    }


_profiles: OrderedDict[ObjectId, Document] = OrderedDict()
_shared_bytes = 0


@on_reset
def reset() -> None:
    """Forget the profiles that memberships share."""
    global _shared_bytes
    _profiles.clear()
    _shared_bytes = 0


def _shared(user_id: ObjectId, profile: Document) -> Document:
    """The profile, as the one object that all memberships of the user have."""
    global _shared_bytes
    known = _profiles.get(user_id)
    if known == profile:
        return known
    _shared_bytes += _size_of(profile) - (_size_of(known) if known else 0)
    _profiles[user_id] = profile
    while _shared_bytes > _MOST_SHARED_BYTES:
        _shared_bytes -= _size_of(_profiles.popitem(last=False)[1])
    return profile


def _size_of(profile: Document) -> int:
    """About how many bytes a profile takes."""
    return _BYTES_OF_A_PROFILE + len(profile["avatar"] or "")


def _member(row: Document) -> Member:
    return Member(
        user_id=row["user_id"],
        role=row["role"],
        profile=_shared(row["user_id"], row["profile"]),
        joined_seq=row["joined_seq"],
        left_seq=row["left_seq"],
        visible_from=row["visible_from"],
        delivered_seq=row["delivered_seq"],
        read_seq=row["read_seq"],
        read_mseq=row["read_mseq"],
        cleared_seq=row["cleared_seq"],
        cleared_mseq=row["cleared_mseq"],
        changed_seq=row["changed_seq"],
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
        "changed_seq": member.changed_seq,
        "changed_at": clock.tick(),
    }


def apply(conversation: Conversation, entry: Document) -> None:
    """Bring the state forward by the next entry."""
    conversation.seq = entry["seq"]
    conversation.mseq = entry["mseq"]
    conversation.hash = entry["hash"]
    conversation.last_activity = max(conversation.last_activity, entry["created_at"])
    _APPLY[entry["type"]](conversation, entry)


def _apply_message(conversation: Conversation, entry: Document) -> None:
    conversation.sent[entry["sender_id"]] = (entry["seq"], entry["mseq"])
    conversation.last_message = {key: entry[key] for key in ("_id", "seq", "mseq", "sender_id", "body", "created_at")}


def _apply_added(conversation: Conversation, entry: Document) -> None:
    conversation.membership_changed()
    conversation.newest_joined_seq = entry["seq"]
    for user_id in entry["body"]["user_ids"]:
        profile = entry["profiles"][str(user_id)]
        member = conversation.members.setdefault(user_id, Member(user_id, MEMBER, profile))
        member.role, member.left_seq = MEMBER, None
        member.joined_seq = member.changed_seq = entry["seq"]
        member.visible_from = 1 if conversation.history == "all" else entry["seq"]
        member.read_seq, member.read_mseq = entry["seq"], entry["mseq"]  # what was before is not unread


def _apply_gone(conversation: Conversation, entry: Document) -> None:
    conversation.membership_changed()
    member = conversation.members[entry["body"]["user_id"]]
    member.left_seq = member.changed_seq = entry["seq"]


def _apply_roles(conversation: Conversation, entry: Document) -> None:
    for change in entry["body"]["roles"]:
        member = conversation.members[change["user_id"]]
        member.role, member.changed_seq = change["role"], entry["seq"]


def _apply_changed(conversation: Conversation, entry: Document) -> None:
    for name, value in entry["body"].items():
        setattr(conversation, name, value)


_APPLY: dict[str, Callable[[Conversation, Document], None]] = {
    "message": _apply_message,
    "member_added": _apply_added,
    "member_removed": _apply_gone,
    "member_left": _apply_gone,
    "role_changed": _apply_roles,
    "conversation_changed": _apply_changed,
}
ENTRY_TYPES = frozenset(_APPLY)


def head_document(conversation: Conversation) -> Document:
    """What `advance_head` stores of the state after every entry."""
    return {
        "head": {"seq": conversation.seq, "mseq": conversation.mseq, "hash": conversation.hash},
        "last_activity": conversation.last_activity,
        "last_message": conversation.last_message,
    }


def group_document(conversation: Conversation) -> Document:
    """What else it stores after entries other than messages."""
    names = ("name", "avatar", "history")
    return {name: getattr(conversation, name) for name in names} | {"participants": conversation.member_ids}


def was_deleted(cleared_seq: int, cleared_mseq: int, mseq: int) -> bool:
    """Has a member with these marks deleted the conversation, without a message since?"""
    return cleared_seq >= 0 and mseq <= cleared_mseq


def profile_view(user_id: ObjectId, profile: Document, *, shares: bool) -> dict[str, Any]:
    """A member's profile on its own: `{id, _id, name, email, avatar}`. `shares`: are both members now?"""
    text, email = str(user_id), emails.shown(profile["email"], shares)
    return {"id": text, "_id": text, "name": profile["name"], "email": email, "avatar": profile["avatar"]}


def head_view(head: Document) -> dict[str, Any]:
    """A place in the log as clients see it: `{seq, mseq, hash}`, the hash by its first digits."""
    return {"seq": head["seq"], "mseq": head["mseq"], "hash": head["hash"][:SHOWN_HASH]}


def view(
    conversation: Conversation, member: Member, *, is_new: bool | None = None, most: int | None = None
) -> dict[str, Any]:
    """The conversation as one of its members sees it (contract: Conversation), with `most` of its members at most."""
    conversation.require_seen_by(member)
    conversation_id = str(conversation.id)
    read_seq, read_mseq = conversation.read_marks(member)
    read_mseq = max(read_mseq, member.cleared_mseq)
    answer: dict[str, Any] = {
        "_id": conversation_id,
        "id": conversation_id,
        "type": conversation.type,
        "name": conversation.name,
        "avatar": conversation.avatar,
        "history": conversation.history,
        "participants": [row.view(member) for row in _shown_members(conversation, member, most)],
        "participantCount": len(conversation.member_ids),
        "lastMessage": _last_message_view(conversation, member),
        "unreadCount": conversation.unread(member),
        "head": {"seq": conversation.seq, "mseq": conversation.mseq, "hash": conversation.hash[:SHOWN_HASH]},
        "firstSeq": member.first_visible,
        "readSeq": read_seq,
        "readMseq": read_mseq,
        "createdBy": str(conversation.created_by),
        "createdAt": clock.iso(conversation.created_at),
        "updatedAt": clock.iso(conversation.last_activity),
    }
    if is_new is not None:
        answer["isNew"] = is_new
    return answer


def _shown_members(conversation: Conversation, viewer: Member, most: int | None) -> list[Member]:
    """The current members; where these are too many the viewer, who wrote last, and those who joined first."""
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

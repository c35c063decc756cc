"""A conversation in memory: what the log amounts to up to its head.

It is loaded from the stored documents (`stored_state`) and brought forward entry by entry; `apply` is the one place
that says what an entry means.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from bson import ObjectId

from chatapp.audience import Audience
from chatapp.schemas.views import Person, ReceiptView
from chatapp.services.log.member import MEMBER, OWNER, Member, shows_deliveries, shows_reads, was_deleted
from chatapp.stores.documents import AddedBody, Entry, GoneBody, LastMessage, MemberProfile, RolesBody

_NOBODY: MemberProfile = {"name": "", "email": "", "avatar": None}


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
    last_message: LastMessage | None
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
        """Return the ids of the current members."""
        if self._member_ids is None:
            self._member_ids = Audience(member.user_id for member in self.members.values() if member.is_current)
        return self._member_ids

    def present_at(self, seq: int) -> list[ObjectId]:
        """Return the current members who were members at this entry, which may lie behind the state."""
        if seq >= self.newest_joined_seq:
            return self.member_ids
        return [member.user_id for member in self.members.values() if member.is_current and member.joined_seq <= seq]

    def person(self, user_id: ObjectId) -> Person:
        """Return the author of a message: a member, or a nameless stand-in for one who is not known any more."""
        member = self.members.get(user_id)
        return member.person() if member else Member(user_id, MEMBER, _NOBODY).person()

    def require_seen_by(self, viewer: Member) -> None:
        """Refuse to show a former member what came after them: they see the state at their last entry only."""
        if viewer.left_seq is not None and viewer.left_seq != self.seq:
            raise AssertionError("A former member would see a conversation as it is now")

    def membership_changed(self) -> None:
        """Compute the set of members anew when it is next asked for."""
        self._member_ids = None

    def read_marks(self, member: Member) -> tuple[int, int]:
        """Return (seq, mseq) up to which the member has read: marked as read, or written themselves."""
        seq, mseq = self.sent.get(member.user_id, (0, 0))
        return max(member.read_seq, seq), max(member.read_mseq, mseq)

    def delivered_mark(self, member: Member, viewer: Member) -> int:
        """Return the seq up to which a device of the member has the log, as far as the viewer may know.

        Everybody sees it from what the member sent; from what they read or received only those who may know of that.
        """
        mark = self.sent.get(member.user_id, (0, 0))[0]
        if shows_reads(member, viewer):
            mark = max(mark, member.read_seq)
        return max(mark, member.delivered_seq) if shows_deliveries(member, viewer) else mark

    def proven_mark(self, member: Member) -> int:
        """Return the seq up to which the store proves that a device of the member has the log."""
        return max(member.delivered_seq, self.sent.get(member.user_id, (0, 0))[0])

    def read_mseq(self, member: Member) -> int:
        """Return the mseq up to which everything was read or deleted."""
        return max(self.read_marks(member)[1], member.cleared_mseq)

    def unread(self, member: Member) -> int:
        """Return how many messages follow the member's read mark."""
        return max(0, self.mseq - self.read_mseq(member))

    def is_deleted_for(self, member: Member) -> bool:
        """Return whether the member has deleted the conversation, without a message since."""
        return was_deleted(member.cleared_seq, member.cleared_mseq, self.mseq)

    def raise_marks(self, user_id: ObjectId, marks: dict[str, int]) -> None:
        """Move marks of a member up, as the store did."""
        member = self.members.get(user_id)
        if member is not None:
            for name, value in marks.items():
                setattr(member, name, max(getattr(member, name), value))

    def audience_of(self, entry: Entry) -> list[Member]:
        """Return the current members, without the sender, who were members before the entry."""
        return [
            member
            for member in self.members.values()
            if member.is_current and member.joined_seq < entry["seq"] and member.user_id != entry["sender_id"]
        ]

    def owners(self) -> list[Member]:
        """Return the current owners; a group has at least one."""
        return [member for member in self.members.values() if member.is_current and member.role == OWNER]

    def receipts(self, viewer: Member) -> list[ReceiptView]:
        """Return the marks of the current members as the viewer may know them."""
        return [self.receipt(member, viewer) for member in self.members.values() if member.is_current]

    def receipt(self, member: Member, viewer: Member) -> ReceiptView:
        """Return `{userId, deliveredSeq, readSeq}`; readSeq is 0 where one of the two hides it."""
        read = self.read_marks(member)[0] if shows_reads(member, viewer) else 0
        return {"userId": str(member.user_id), "deliveredSeq": self.delivered_mark(member, viewer), "readSeq": read}


def apply(conversation: Conversation, entry: Entry) -> None:
    """Bring the state forward by the next entry."""
    conversation.seq = entry["seq"]
    conversation.mseq = entry["mseq"]
    conversation.hash = entry["hash"]
    conversation.last_activity = max(conversation.last_activity, entry["created_at"])
    _APPLY[entry["type"]](conversation, entry)


def _apply_message(conversation: Conversation, entry: Entry) -> None:
    conversation.sent[entry["sender_id"]] = (entry["seq"], entry["mseq"])
    conversation.last_message = {
        "_id": entry["_id"],
        "seq": entry["seq"],
        "mseq": entry["mseq"],
        "sender_id": entry["sender_id"],
        "body": entry["body"],
        "created_at": entry["created_at"],
    }


def _apply_added(conversation: Conversation, entry: Entry) -> None:
    conversation.membership_changed()
    conversation.newest_joined_seq = entry["seq"]
    body: AddedBody = entry["body"]
    for user_id in body["user_ids"]:
        profile = entry["profiles"][str(user_id)]
        member = conversation.members.setdefault(user_id, Member(user_id, MEMBER, profile))
        member.role, member.left_seq = MEMBER, None
        member.joined_seq = member.changed_seq = entry["seq"]
        member.visible_from = 1 if conversation.history == "all" else entry["seq"]
        member.read_seq, member.read_mseq = entry["seq"], entry["mseq"]  # older messages are not unread


def _apply_gone(conversation: Conversation, entry: Entry) -> None:
    conversation.membership_changed()
    body: GoneBody = entry["body"]
    member = conversation.members[body["user_id"]]
    member.left_seq = member.changed_seq = entry["seq"]


def _apply_roles(conversation: Conversation, entry: Entry) -> None:
    body: RolesBody = entry["body"]
    for change in body["roles"]:
        member = conversation.members[change["user_id"]]
        member.role, member.changed_seq = change["role"], entry["seq"]


def _apply_changed(conversation: Conversation, entry: Entry) -> None:
    for name, value in entry["body"].items():
        setattr(conversation, name, value)


_APPLY: dict[str, Callable[[Conversation, Entry], None]] = {
    "message": _apply_message,
    "member_added": _apply_added,
    "member_removed": _apply_gone,
    "member_left": _apply_gone,
    "role_changed": _apply_roles,
    "conversation_changed": _apply_changed,
}
ENTRY_TYPES = frozenset(_APPLY)

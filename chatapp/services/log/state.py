"""A conversation in memory: what the log amounts to up to its head.

It is loaded from the stored documents (`stored_state`) and brought forward entry by entry (`apply`).
"""

from dataclasses import dataclass, field, replace
from datetime import datetime

from bson import ObjectId

from chatapp.audience import Audience
from chatapp.schemas.views.receipts import ReceiptView
from chatapp.schemas.views.users import Person
from chatapp.services.log import mentions
from chatapp.services.log import pins as pinning
from chatapp.services.log.member import MEMBER, OWNER, Member, shows_deliveries, shows_reads, was_deleted
from chatapp.services.log.mentions import Mentioned
from chatapp.services.log.pins import Pins
from chatapp.stores.documents.conversations import LastMessage
from chatapp.stores.documents.entries import Entry, MessageBody
from chatapp.stores.documents.users import MemberProfile

ERASED: MessageBody = {"content": "", "attachment": None}
MOST_DELETED = 1_000
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
    last_change_seq: int = 0  # the newest entry that has changed a message
    deleted: dict[int, int] = field(default_factory=dict)  # messages that are deleted: mseq → seq of the deletion
    pins: Pins = field(default_factory=dict)
    who_may_pin: str = pinning.EVERYONE
    mentioned: Mentioned = field(default_factory=dict)  # replaced as a whole
    mentioned_seq: int = 0  # the newest entry that has changed it, since it was loaded
    entry_at: datetime = datetime.min  # the time of the newest entry, as far as this process knows
    newest_joined_seq: int = 0  # the last entry since it was loaded that brought somebody in
    _member_ids: Audience[ObjectId] | None = None
    _shares_members: bool = False

    def branch(self) -> "Conversation":
        """Return a state that messages bring forward while this one stays. Both have the same members: marks and
        profiles, which are stored before they are changed here, change in both."""
        return replace(self, sent=self.sent.copy(), deleted=self.deleted.copy(), _shares_members=True)

    def own_members(self) -> None:
        """Have members that no other state has: entries are to change them."""
        if self._shares_members:
            self.members = {user_id: replace(member) for user_id, member in self.members.items()}
            self._shares_members = False

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

    def deleted_after(self, mseq: int, seq: int | None = None) -> list[int]:
        """Return the mseqs above this one of messages that are deleted, as of `seq` (default: as of now)."""
        if not self.deleted:
            return []
        return sorted(gone for gone, at in self.deleted.items() if gone > mseq and (seq is None or at <= seq))

    def gone_after(self, member: Member, mseq: int, seq: int | None = None) -> list[int]:
        """Return the same, with the messages that are deleted for this member alone: none of these is unread."""
        gone = self.deleted_after(mseq, seq)
        if not member.hidden:
            return gone
        return sorted({*gone, *(row for row in member.hidden if row > mseq)})

    def unread(self, member: Member) -> int:
        """Return how many messages follow the member's read mark, without those that were deleted."""
        read = self.read_mseq(member)
        return max(0, self.mseq - read - len(self.gone_after(member, read)))

    def mentions_of(self, member: Member, last_mseq: int | None = None) -> list[int]:
        """Return the mseqs of the messages that mention the member and follow their read mark, up to a last one."""
        if not self.mentioned:
            return []
        last = self.mseq if last_mseq is None else last_mseq
        named = mentions.of(self.mentioned, member.user_id, self.read_mseq(member), last)
        return [mseq for mseq in named if mseq not in member.hidden] if member.hidden else named

    def note_mentions(self, mseq: int, entry: Entry, body: MessageBody | None) -> None:
        """Note whom a message mentions after this entry."""
        people = mentions.people_in(body)
        if people or mseq in self.mentioned:
            self.mentioned = mentions.known_after(self.mentioned, mseq, people, self.least_read())
            self.mentioned_seq = entry["seq"]

    def least_read(self) -> int:
        """Return the mseq up to which all members have read."""
        return min((self.read_mseq(member) for member in self.current_members), default=0)

    def is_deleted_for(self, member: Member) -> bool:
        """Return whether the member has deleted the conversation, without a message since."""
        return was_deleted(member.cleared_seq, member.cleared_mseq, self.mseq)

    def raise_marks(self, user_id: ObjectId, marks: dict[str, int]) -> None:
        """Move marks of a member up, as the store did."""
        member = self.members.get(user_id)
        if member is not None:
            for name, value in marks.items():
                setattr(member, name, max(getattr(member, name), value))

    def raise_sent(self, user_id: ObjectId, seq: int, mseq: int) -> None:
        """Note where a message of somebody's own stands that the state has left behind without knowing whose it was:
        the head of a later entry may be stored before that of an earlier one."""
        if seq <= self.seq:
            self.sent[user_id] = max(self.sent.get(user_id, (0, 0)), (seq, mseq))

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

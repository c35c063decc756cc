"""One user in one conversation: role, marks, and what they and another member may know of each other."""

from dataclasses import dataclass, field

from bson import ObjectId

from chatapp import emails
from chatapp.schemas.views.users import ParticipantView, Person, ProfileView
from chatapp.stores.documents.memberships import HiddenMessage, OwnState
from chatapp.stores.documents.users import MemberProfile

_NOTHING_HIDDEN: dict[int, HiddenMessage] = {}
_NOTHING_STARRED: frozenset[int] = frozenset()
OWNER, ADMIN, MEMBER = "owner", "admin", "member"


@dataclass(slots=True)
class Member:
    """One user in one conversation, former members included (`left_seq` set)."""

    user_id: ObjectId
    role: str
    profile: MemberProfile
    joined_seq: int = 0
    left_seq: int | None = None
    visible_from: int = 1
    delivered_seq: int = 0
    read_seq: int = 0
    read_mseq: int = 0
    cleared_seq: int = -1  # 0 when the conversation was deleted while it was empty
    cleared_mseq: int = 0
    changed_seq: int = 0  # the last entry that changed this membership
    own: OwnState | None = None  # what nobody else is told of
    hidden: dict[int, HiddenMessage] = field(init=False)  # the messages that are deleted for this member, by mseq

    starred: frozenset[int] = field(init=False)  # the mseqs of the messages that this member has starred

    def __post_init__(self) -> None:
        self._read_own()

    def _read_own(self) -> None:
        self.hidden, self.starred = _NOTHING_HIDDEN, _NOTHING_STARRED
        if self.own is not None:
            self.hidden = {row["mseq"]: row for row in self.own.get("hidden", ())}
            self.starred = frozenset(row["mseq"] for row in self.own.get("starred", ()))

    @property
    def is_current(self) -> bool:
        return self.left_seq is None

    @property
    def first_visible(self) -> int:
        """Return the first entry that this member may see."""
        return max(self.visible_from, self.cleared_seq + 1)

    def last_visible(self, head_seq: int) -> int:
        """Return the last entry that this member may see."""
        return head_seq if self.left_seq is None else min(self.left_seq, head_seq)

    def may_see(self, seq: int) -> bool:
        """Return whether this member may see the message at `seq`, as far as it is before their last entry."""
        return seq >= self.first_visible and all(row["seq"] != seq for row in self.hidden.values())

    @property
    def hides_reads(self) -> bool:
        """Return whether this user shows nobody what they have read (and sees nobody's)."""
        return bool(self.profile.get("hide_reads"))

    @property
    def hides_presence(self) -> bool:
        """Return whether this user shows nobody when they are online; a delivery would tell, so it is hidden too."""
        return bool(self.profile.get("hide_seen"))

    def renew_own(self, own: OwnState | None) -> None:
        """Take over private state that the store has, unless a later version is known."""
        if own is not None and own["version"] > (self.own["version"] if self.own else 0):
            self.own = own
            self._read_own()

    def view(self, viewer: "Member") -> ParticipantView:
        """Return the member as one of a conversation's `participants`."""
        user_id, profile = str(self.user_id), self.profile
        return {
            "id": user_id,
            "_id": user_id,
            "name": profile["name"],
            "email": emails.shown(profile["email"], self.left_seq is None and viewer.left_seq is None),
            "avatar": profile["avatar"],
            "role": self.role,
        }

    def person(self) -> Person:
        """Return the member as the sender of a message."""
        user_id = str(self.user_id)
        return {"id": user_id, "_id": user_id, "name": self.profile["name"], "avatar": self.profile["avatar"]}


def shows_reads(member: Member, viewer: Member) -> bool:
    """Return whether the viewer may know what the member has read. Hiding is mutual."""
    return member is viewer or not (member.hides_reads or viewer.hides_reads)


def shows_deliveries(member: Member, viewer: Member) -> bool:
    """Return whether the viewer may know when a device of the member got something."""
    return member is viewer or not member.hides_presence


def was_deleted(cleared_seq: int, cleared_mseq: int, mseq: int) -> bool:
    """Return whether a member with these marks has deleted the conversation, without a message since."""
    return cleared_seq >= 0 and mseq <= cleared_mseq


def profile_view(user_id: ObjectId, profile: MemberProfile, *, shares: bool) -> ProfileView:
    """Return `{id, _id, name, email, avatar}`. `shares`: whether member and viewer are both members now."""
    text, email = str(user_id), emails.shown(profile["email"], shares)
    return {"id": text, "_id": text, "name": profile["name"], "email": email, "avatar": profile["avatar"]}

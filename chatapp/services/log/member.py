"""One user in one conversation: role, marks, and what they and another member may know of each other."""

from dataclasses import dataclass

from bson import ObjectId

from chatapp import emails
from chatapp.schemas.views import ParticipantView, Person, ProfileView
from chatapp.stores.documents import MemberProfile

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

    @property
    def hides_reads(self) -> bool:
        """Return whether this user shows nobody what they have read (and sees nobody's)."""
        return bool(self.profile.get("hide_reads"))

    @property
    def hides_presence(self) -> bool:
        """Return whether this user shows nobody when they are online; a delivery would tell, so it is hidden too."""
        return bool(self.profile.get("hide_seen"))

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

"""The documents of `memberships`."""

from datetime import datetime
from typing import Literal, NotRequired, TypedDict

from bson import ObjectId

from chatapp.stores.documents.users import MemberProfile

Mark = Literal["delivered_seq", "read_seq", "read_mseq", "cleared_seq", "cleared_mseq"]


class HiddenMessage(TypedDict):
    """A message that a member has deleted for themselves."""

    mseq: int
    seq: int
    id: ObjectId


class StarredMessage(HiddenMessage):
    """A message that a member has starred."""

    at: datetime


class Starred(TypedDict):
    """The messages that a user has starred in a conversation."""

    conversation_id: ObjectId
    starred: list[StarredMessage]


class DraftDocument(TypedDict):
    """A text that a member has not sent yet; `id` is the client_msg_id with which it will be."""

    id: str
    text: str
    at: datetime


class OwnState(TypedDict, total=False):
    """A member's private state, of which nobody else is told. `version` counts its changes.

    A conversation is archived as long as no message follows `archived_mseq`, and marked unread as long as the member's
    read mark has not passed `unread_seq`.
    """

    version: int
    muted_until: datetime | None
    mute_mentions: bool
    archived_mseq: int | None
    pinned_at: datetime | None
    unread_seq: int | None
    draft: DraftDocument | None
    hidden: list[HiddenMessage]
    starred: list[StarredMessage]


class MemberState(TypedDict):
    """The fields that a member in memory is made of."""

    user_id: ObjectId
    role: str
    profile: MemberProfile
    joined_seq: int
    left_seq: int | None
    visible_from: int
    delivered_seq: int
    read_seq: int
    read_mseq: int
    cleared_seq: int
    cleared_mseq: int
    changed_seq: int
    own: NotRequired[OwnState | None]


class MembershipDocument(MemberState):
    """A whole membership."""

    _id: NotRequired[ObjectId]
    conversation_id: ObjectId
    changed_at: datetime
    delivered_at: NotRequired[datetime]
    profile_at: NotRequired[datetime]
    own_at: NotRequired[datetime]


class OwnMembership(TypedDict):
    """A user's own marks in a conversation."""

    conversation_id: ObjectId
    left_seq: int | None
    visible_from: int
    changed_at: datetime
    own_at: NotRequired[datetime]
    delivered_seq: int
    read_seq: int
    read_mseq: int
    cleared_seq: int
    cleared_mseq: int


class Cleared(TypedDict):
    """Up to where a user has deleted a conversation."""

    conversation_id: ObjectId
    cleared_seq: int
    cleared_mseq: int

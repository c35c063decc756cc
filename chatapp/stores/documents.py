"""The documents that the store keeps, and the parts of them that stores read.

A field that is NotRequired is missing in documents that an older version of the server has stored, or where it does
not apply. Indexes are in `chatapp.stores.indexes`; the modules named after collections say what the fields mean.
"""

from datetime import datetime
from typing import Any, Literal, NotRequired, TypedDict

from bson import ObjectId

Mark = Literal["delivered_seq", "read_seq", "read_mseq", "cleared_seq", "cleared_mseq"]


class Privacy(TypedDict, total=False):
    """The facts that a user hides from others."""

    hide_last_seen: bool
    hide_read_receipts: bool


class UserProfile(TypedDict):
    """A user without their secrets."""

    _id: ObjectId
    email: str
    name: str
    avatar: NotRequired[str | None]
    name_key: str
    created_at: datetime
    privacy: NotRequired[Privacy]


class UserDocument(UserProfile):
    """A whole user."""

    email_key: NotRequired[str]
    password_hash: str
    name_keys: NotRequired[list[str]]
    updated_at: datetime
    last_seen_at: NotRequired[datetime]


class NameKeys(TypedDict):
    """Return the keys by which the directory is sorted and searched."""

    name_key: str
    name_keys: list[str]


class MemberProfile(TypedDict):
    """The copy of a user's profile on their memberships."""

    name: str
    email: str
    avatar: str | None
    hide_reads: NotRequired[bool]
    hide_seen: NotRequired[bool]


class RefreshState(TypedDict):
    """The token pairs of a session; see `chatapp.services.rotation`."""

    generation: int
    hash: str
    previous_hash: str | None
    rotated_at: datetime
    confirmed_at: NotRequired[datetime | None]
    previous: NotRequired[int]
    first_branch: NotRequired[int]


class SessionDocument(TypedDict):
    """One log-in on one device."""

    _id: ObjectId
    user_id: ObjectId
    protocol: int
    device_name: str | None
    device_hash: NotRequired[str | None]
    client: str | None
    address: str | None
    address_key: NotRequired[str]
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    ended_by: NotRequired[str | None]
    refresh: RefreshState | None


class SessionUse(TypedDict):
    """When a session was last used."""

    _id: ObjectId
    last_seen_at: datetime


class MessageBody(TypedDict):
    """The body of a `message`."""

    content: str
    attachment: str | None


class AddedBody(TypedDict):
    """The body of `member_added`."""

    user_ids: list[ObjectId]


class GoneBody(TypedDict):
    """The body of `member_removed` and `member_left`."""

    user_id: ObjectId


class Role(TypedDict):
    """A member's role."""

    user_id: ObjectId
    role: str


class RolesBody(TypedDict):
    """The body of `role_changed`."""

    roles: list[Role]


class ChangedBody(TypedDict, total=False):
    """The body of `conversation_changed`: the fields that it sets."""

    name: str
    avatar: str | None
    history: str


Body = MessageBody | AddedBody | GoneBody | RolesBody | ChangedBody


class UnsealedEntry(TypedDict):
    """An entry before it has its place in the hash chain."""

    _id: ObjectId
    conversation_id: ObjectId
    seq: int
    mseq: int
    type: str
    sender_id: ObjectId
    client_msg_id: str
    body: Any  # a Body, by `type`
    created_at: datetime
    profiles: NotRequired[dict[str, MemberProfile]]


class CommittedEntry(UnsealedEntry):
    """An entry whose body is committed to: what `hash` is made of."""

    body_hash: str


class ShownEntry(UnsealedEntry):
    """An entry without the fields that only the chain and the trace need."""

    hash: str


class Seal(TypedDict):
    """The fields that put an entry into the hash chain."""

    salt: str
    body_hash: str
    hash: str


class Entry(CommittedEntry):
    """A whole entry of a conversation's log."""

    request_id: str
    salt: str
    hash: str


class EntryPlace(TypedDict):
    """Where an entry stands."""

    _id: ObjectId
    conversation_id: ObjectId
    seq: int


class Position(TypedDict):
    """A place in a log."""

    seq: int
    mseq: int


class LogHead(Position):
    """The end of a log."""

    hash: str


class LastMessage(TypedDict):
    """The newest message of a conversation."""

    _id: ObjectId
    seq: int
    mseq: int
    sender_id: ObjectId
    body: MessageBody
    created_at: datetime


class Founder(TypedDict):
    """A member since before the first entry."""

    user_id: ObjectId
    role: str
    profile: MemberProfile


class Founded(TypedDict):
    """The fields that a conversation was founded with, and that entries may change."""

    name: str | None
    avatar: str | None
    history: str


class HeadDocument(TypedDict):
    """The fields that every entry changes."""

    head: LogHead
    last_activity: datetime
    last_message: LastMessage | None


class GroupDocument(Founded):
    """The fields that entries other than messages may change."""

    participants: list[ObjectId]


class ConversationState(HeadDocument):
    """The fields that a conversation in memory is made of, beside its members."""

    _id: ObjectId
    type: str
    name: str | None
    avatar: str | None
    history: str
    created_by: ObjectId
    created_at: datetime
    founders: list[Founder]
    touched_at: datetime
    sent: dict[str, Position]


class ConversationDocument(ConversationState):
    """A whole conversation."""

    direct_key: NotRequired[str]
    creation_key: NotRequired[str]
    founded: Founded
    participants: list[ObjectId]


class ConversationPlace(TypedDict):
    """Where a conversation stands."""

    _id: ObjectId
    head: LogHead
    touched_at: datetime


class ConversationHead(ConversationPlace):
    """Where a conversation stands, and where one of its members wrote last."""

    last_activity: datetime
    sent: dict[str, Position]


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


class MembershipDocument(MemberState):
    """A whole membership."""

    _id: NotRequired[ObjectId]
    conversation_id: ObjectId
    changed_at: datetime
    delivered_at: NotRequired[datetime]
    profile_at: NotRequired[datetime]


class LoadedConversation(ConversationDocument):
    """A conversation with all its memberships."""

    members: list[MembershipDocument]


class OwnMembership(TypedDict):
    """A user's own marks in a conversation."""

    conversation_id: ObjectId
    left_seq: int | None
    visible_from: int
    changed_at: datetime
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


class DepartedMember(TypedDict):
    """A member as somebody who was taken out goes on seeing them."""

    user_id: ObjectId
    role: str
    profile: MemberProfile
    joined_seq: int
    left_seq: int | None
    delivered_seq: int
    read_seq: int
    read_mseq: int


class DepartureState(HeadDocument, Founded):
    """A conversation as somebody who was taken out goes on seeing it."""

    sent: dict[str, Position]
    people: list[DepartedMember]


class MovedMark(TypedDict):
    """When a mark came to a place."""

    seq: int
    at: datetime


class ReceiptTimes(TypedDict):
    """When the newest marks of a member moved."""

    _id: str
    conversation_id: ObjectId
    user_id: ObjectId
    delivered_seq: int
    delivered: list[MovedMark]
    read_seq: int
    read: list[MovedMark]

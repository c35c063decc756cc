"""The documents of `conversations`."""

from datetime import datetime
from typing import NotRequired, TypedDict

from bson import ObjectId

from chatapp.stores.documents.entries import MediaShown, MessageBody
from chatapp.stores.documents.memberships import MembershipDocument
from chatapp.stores.documents.users import MemberProfile


class Position(TypedDict):
    """A place in a log."""

    seq: int
    mseq: int


class LogHead(Position):
    """The end of a log."""

    hash: str


class LastMessage(TypedDict):
    """The newest message of a conversation; of its files the first."""

    _id: ObjectId
    seq: int
    mseq: int
    sender_id: ObjectId
    body: MessageBody
    created_at: datetime
    deleted: NotRequired[bool]
    media: NotRequired[MediaShown]


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


class PinRow(TypedDict):
    """A message that is pinned: its seq, that of the entry that has pinned it, and when the pin ends, if it does."""

    message_seq: int
    seq: int
    until: datetime | None


class HeadDocument(TypedDict):
    """The fields that every entry changes."""

    head: LogHead
    last_activity: datetime
    last_message: LastMessage | None


class GroupDocument(Founded):
    """The fields that entries other than messages may change."""

    participants: list[ObjectId]
    who_may_pin: str


class ChangesDocument(TypedDict):
    """The fields that entries about messages change. `deleted`: (mseq, seq of the deletion), of the newest ones."""

    last_change_seq: int
    deleted: list[tuple[int, int]]
    pins: list[PinRow]


class ConversationState(HeadDocument):
    """The fields that a conversation in memory is made of, beside its members."""

    last_change_seq: NotRequired[int]
    deleted: NotRequired[list[tuple[int, int]]]
    pins: NotRequired[list[PinRow]]
    who_may_pin: NotRequired[str]
    mentioned: NotRequired[list[tuple[int, list[ObjectId | str]]]]

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


class ConversationKey(TypedDict, total=False):
    """The text that a conversation's id is made of, if it is: that of two people, or of a founding."""

    direct_key: str
    creation_key: str


class ConversationDocument(ConversationState):
    """A whole conversation."""

    direct_key: NotRequired[str]
    creation_key: NotRequired[str]
    founded: Founded
    participants: list[ObjectId]


class ConversationPlace(TypedDict):
    """A conversation's newest place in its log."""

    _id: ObjectId
    head: LogHead
    touched_at: datetime


class ConversationHead(ConversationPlace):
    """A conversation's newest place, and that at which one of its members wrote last."""

    last_activity: datetime
    sent: dict[str, Position]
    last_change_seq: NotRequired[int]


class LoadedConversation(ConversationDocument):
    """A conversation with all its memberships."""

    members: list[MembershipDocument]

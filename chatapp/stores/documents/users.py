"""The documents of `users`, and the copy of a profile that memberships keep."""

from datetime import datetime
from typing import NotRequired, TypedDict

from bson import ObjectId


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
    """The keys by which the directory is sorted and searched."""

    name_key: str
    name_keys: list[str]


class MemberProfile(TypedDict):
    """The copy of a user's profile on their memberships."""

    name: str
    email: str
    avatar: str | None
    hide_reads: NotRequired[bool]
    hide_seen: NotRequired[bool]

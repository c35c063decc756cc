"""The documents of `sessions`."""

from datetime import datetime
from typing import NotRequired, TypedDict

from bson import ObjectId


class RefreshState(TypedDict):
    """The token pairs of a session; see `chatapp.services.accounts.rotation`."""

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
    """The time of a session's last use."""

    _id: ObjectId
    last_seen_at: datetime

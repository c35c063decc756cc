"""The caller's own account: tokens, sessions, profile and privacy."""

from typing import NotRequired, TypedDict

from chatapp.schemas.views.envelope import Data
from chatapp.schemas.views.users import UserView


class OwnUserView(UserView):
    """The caller, with a token that has the new claims."""

    token: str


class PrivacyView(TypedDict):
    """The facts about themselves that a user hides."""

    hideLastSeen: bool
    hideReadReceipts: bool


class Tokens(TypedDict):
    """The tokens of a session."""

    token: str
    accessToken: NotRequired[str]
    refreshToken: NotRequired[str]
    expiresIn: int


class SignedIn(Tokens):
    """Tokens, and whose they are."""

    msg: str
    data: UserView


class SessionView(TypedDict):
    """One log-in on one device."""

    id: str
    deviceName: str | None
    client: str | None
    address: str | None
    createdAt: str
    lastSeenAt: str
    expiresAt: str
    current: bool


class Ended(TypedDict):
    """The number of sessions that were ended."""

    sessionsEnded: int


class ProfileChanged(Data[OwnUserView]):
    """The caller's profile after a change."""

    msg: str

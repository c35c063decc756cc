"""People: profiles, contacts and presence."""

from typing import NotRequired, TypedDict

from chatapp.schemas.views.envelope import Data, WhyEmpty


class Person(TypedDict):
    """A user as the sender of something."""

    id: str
    _id: str
    name: str
    avatar: str | None


class ProfileView(Person):
    """A member's profile."""

    email: str


class UserView(ProfileView):
    """A user."""

    created: str


class ParticipantView(ProfileView):
    """A member of a conversation."""

    role: str


class ContactsPage(Data[list[UserView]]):
    """A page of people."""

    meta: NotRequired[WhyEmpty]


class PresenceView(TypedDict):
    """A user's presence: online, or the time when they last were."""

    userId: str
    status: str
    lastSeen: str | None


class TypingView(TypedDict):
    """Somebody types, or stopped."""

    userId: str
    userEmail: str
    userName: str
    conversationId: str
    isTyping: bool
    expiresIn: int

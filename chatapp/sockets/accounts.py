"""Contacts, profile and presence over sockets."""

from typing import Any

from chatapp.schemas.accounts import ContactsIn, ProfileIn
from chatapp.schemas.answers import ContactsOut, ProfileChangedOut
from chatapp.schemas.pushed import DoneOut, OnlineUsersPushed, TextPushed
from chatapp.services import presence, profiles
from chatapp.sockets.events import Answer, Caller, event


@event("testSocket", reply="testSocket", bare="ignored", out=TextPushed)
def test_socket(_: Caller, **__: Any) -> Answer:
    """Answer, so that a client sees that its socket works."""
    return {"msg": "Socket is working!"}


@event("getContacts", ContactsIn, reply="getContacts", out=ContactsOut)
def get_contacts(
    caller: Caller, search: str | None = None, after: str | None = None, limit: int = profiles.CONTACTS_PAGE
) -> Answer:
    """Other people by name; an empty list says why in meta."""
    return profiles.contacts(caller.user_id, search=search or "", after=after, limit=limit)


@event("updateProfile", ProfileIn, reply="updateProfile", out=ProfileChangedOut)
def update_profile(caller: Caller, name: str | None = None, email: str | None = None, **avatar: str | None) -> Answer:
    """Change name, e-mail or avatar; gives a token with the new claims."""
    return profiles.update(
        caller.identity,
        name=name,
        email=email,
        avatar=avatar.get("avatar"),
        clear_avatar=avatar.get("avatar", "") is None,
    )


@event("userOnline", out=DoneOut)
def user_online(caller: Caller) -> Answer:
    """Tell partners that the app is in the foreground."""
    presence.announce(caller.user_id, "online")
    return {}


@event("userOffline", out=DoneOut)
def user_offline(caller: Caller) -> Answer:
    """Tell partners that the app went to the background."""
    presence.announce(caller.user_id, "offline")
    return {}


@event("onlineUsers", reply="onlineUsers", out=OnlineUsersPushed)
def online_users(caller: Caller) -> Answer:
    """Ids of the users online now who share a conversation with the caller."""
    return {"data": presence.online_partners(caller.user_id)}

"""Contacts, profile and presence over sockets."""

from typing import Any

from chatapp.realtime import online
from chatapp.schemas.accounts import ContactsIn, PrivacyIn, ProfileIn
from chatapp.schemas.answers.accounts import PrivacyOut, ProfileChangedOut
from chatapp.schemas.answers.users import ContactsOut, PresenceOut
from chatapp.schemas.pushed import DoneOut, OnlineUsersPushed, TextPushed
from chatapp.services import presence
from chatapp.services.accounts import privacy, profiles
from chatapp.sockets.dispatch import Answer, Caller, event


@event("testSocket", reply="testSocket", bare="ignored", out=TextPushed, reads=True)
def test_socket(_: Caller, **__: Any) -> Answer:
    """Answer, so that a client sees that its socket works."""
    return {"msg": "Socket is working!"}


@event("getContacts", ContactsIn, reply="getContacts", out=ContactsOut, reads=True)
def get_contacts(
    caller: Caller, search: str | None = None, after: str | None = None, limit: int = profiles.CONTACTS_PAGE
) -> Answer:
    """Return other people by name; an empty list says why in meta."""
    return profiles.contacts(caller.user_id, search=search or "", after=after, limit=limit)


@event("updateProfile", ProfileIn, reply="updateProfile", out=ProfileChangedOut)
def update_profile(
    caller: Caller,
    name: str | None = None,
    email: str | None = None,
    current_password: str | None = None,
    **avatar: str | None,
) -> Answer:
    """Change name, e-mail (with currentPassword) or avatar; returns a token with the new claims."""
    return profiles.update(
        caller.identity,
        name=name,
        email=email,
        password=current_password,
        avatar=avatar.get("avatar"),
        clear_avatar=avatar.get("avatar", "") is None,
    )


@event("userOnline", out=DoneOut)
def user_online(caller: Caller) -> Answer:
    """Tell partners that the app is in the foreground."""
    online.note_away(caller.sid, False)
    presence.announce(caller.user_id, "online")
    return {}


@event("userOffline", out=DoneOut)
def user_offline(caller: Caller) -> Answer:
    """Tell partners that the app went to the background, unless another device of the user is in use."""
    if online.note_away(caller.sid, True):
        presence.announce(caller.user_id, "offline")
    return {}


@event("onlineUsers", reply="onlineUsers", out=OnlineUsersPushed, reads=True)
def online_users(caller: Caller) -> Answer:
    """Return ids of the users online now who share a conversation with the caller."""
    return {"data": presence.online_partners(caller.user_id)}


@event("getPresence", out=PresenceOut, reads=True)
def get_presence(caller: Caller) -> Answer:
    """Return which users who share a conversation are online, or when they were last seen."""
    return presence.of_partners(caller.user_id)


@event("getPrivacy", out=PrivacyOut, reads=True)
def get_privacy(caller: Caller) -> Answer:
    """Return the caller's privacy settings."""
    return privacy.get(caller.user_id)


@event("updatePrivacy", PrivacyIn, out=PrivacyOut)
def update_privacy(
    caller: Caller, hide_last_seen: bool | None = None, hide_read_receipts: bool | None = None
) -> Answer:
    """Hide or show when one was online and what one has read; hiding is mutual."""
    return privacy.update(caller.user_id, hide_last_seen, hide_read_receipts)

"""Profile and contacts."""

from flask import Blueprint

from chatapp.api.endpoint import Answer, endpoint
from chatapp.errors import Code
from chatapp.schemas.accounts import ContactsIn, PrivacyIn, ProfileIn, UserIdsIn
from chatapp.schemas.answers.accounts import PrivacyOut, ProfileChangedOut
from chatapp.schemas.answers.users import ContactsOut, PresenceOut, ProfileOut, StreamUsersOut
from chatapp.services import presence
from chatapp.services.accounts import privacy, profiles
from chatapp.services.accounts.tokens import Identity

bp = Blueprint("users", __name__)
PROFILE_CODES = (
    Code.EMAIL_IN_USE,
    Code.PASSWORD_REQUIRED,
    Code.INVALID_CREDENTIALS,
    Code.SERVER_BUSY,
    Code.ACCOUNT_GONE,
)


@bp.get("/user/profile")
@endpoint(out=ProfileOut, codes=(Code.ACCOUNT_GONE,))
def get_profile(caller: Identity) -> Answer:
    """Return the caller's profile."""
    return {"data": profiles.mine(caller.user_id)}


@bp.put("/user/profile")
@endpoint(body=ProfileIn, out=ProfileChangedOut, codes=PROFILE_CODES)
def put_profile(
    caller: Identity,
    name: str | None = None,
    email: str | None = None,
    current_password: str | None = None,
    **avatar: str | None,
) -> Answer:
    """Change name, e-mail or avatar; what is not sent stays. Another e-mail takes currentPassword."""
    return profiles.update(
        caller,
        name=name,
        email=email,
        password=current_password,
        avatar=avatar.get("avatar"),
        clear_avatar=avatar.get("avatar", "") is None,
    )


@bp.get("/user/contacts")
@bp.get("/user/all", endpoint="get_all")
@endpoint(query=ContactsIn, out=ContactsOut)
def get_contacts(
    caller: Identity, search: str = "", after: str | None = None, limit: int = profiles.CONTACTS_PAGE
) -> Answer:
    """Return other people by name; an empty list says why in `meta`."""
    return profiles.contacts(caller.user_id, search=search, after=after, limit=limit)


@bp.get("/user/presence")
@endpoint(out=PresenceOut)
def get_presence(caller: Identity) -> Answer:
    """Return which users who share a conversation are online, or when they were last seen."""
    return presence.of_partners(caller.user_id)


@bp.get("/user/privacy")
@endpoint(out=PrivacyOut, codes=(Code.ACCOUNT_GONE,))
def get_privacy(caller: Identity) -> Answer:
    """Return the caller's privacy settings."""
    return privacy.get(caller.user_id)


@bp.put("/user/privacy")
@endpoint(body=PrivacyIn, out=PrivacyOut, codes=(Code.ACCOUNT_GONE,))
def put_privacy(caller: Identity, hide_last_seen: bool | None = None, hide_read_receipts: bool | None = None) -> Answer:
    """Hide or show when one was online and what one has read; hiding is mutual."""
    return privacy.update(caller.user_id, hide_last_seen, hide_read_receipts)


@bp.post("/user/ensure-stream-users")
@endpoint(body=UserIdsIn, out=StreamUsersOut)
def ensure_stream_users(_caller: Identity, user_ids: list[str]) -> Answer:
    """Answer old apps before a call; there is nothing to prepare."""
    return {"data": [{"userId": user_id, "success": True} for user_id in user_ids]}

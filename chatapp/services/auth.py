"""Accounts: register, log in, change the password."""

from typing import Any

from bson import ObjectId

from chatapp import clock, errors, limits, realtime
from chatapp.extensions import Document, config
from chatapp.services import passwords, profiles, sessions
from chatapp.services.sessions import Device
from chatapp.services.tokens import Identity
from chatapp.stores import users


def register(email: str, password: str, name: str | None, avatar: str | None, device: Device) -> dict[str, Any]:
    """Make an account and log it in. Raises Conflict EMAIL_IN_USE."""
    email = email.lower()
    user = new_user(email, name or email.partition("@")[0], avatar, passwords.hash_password(password))
    if not users.insert(user):
        raise errors.Conflict(errors.Code.EMAIL_IN_USE, "Email already in use")
    answer = sessions.begin(user, device)
    profile = profiles.view(user)
    if config().DIRECTORY_OPEN:
        realtime.publish_new_user(profile)
    return answer | {"data": profile, "msg": "User registered successfully"}


def new_user(email: str, name: str, avatar: str | None, password_hash: str) -> Document:
    """A user as the store keeps it. `email` in lower case."""
    now = clock.now()
    return {
        "_id": ObjectId(),
        "email": email,
        "name": name,
        "avatar": avatar,
        "password_hash": password_hash,
        "name_key": users.name_key(name),
        "search_keys": users.search_keys(name, email),
        "created_at": now,
        "updated_at": now,
    }


def log_in(email: str, password: str, device: Device) -> dict[str, Any]:
    """Tokens for the right password. Raises Unauthorized INVALID_CREDENTIALS, RateLimited.

    Unknown user and wrong password look the same and take the same time; failures are counted per
    account and per address.
    """
    email, address = email.lower(), device.address or "unknown"
    limits.check("log-ins", email, config().RATE_LOGIN_ACCOUNT)
    limits.check("log-ins from here", address, config().RATE_LOGIN_ADDRESS)
    user = users.find_by_email(email)
    if not passwords.matches(user["password_hash"] if user else None, password) or user is None:
        limits.spend("log-ins", email, config().RATE_LOGIN_ACCOUNT)
        limits.spend("log-ins from here", address, config().RATE_LOGIN_ADDRESS)
        raise errors.Unauthorized(errors.Code.INVALID_CREDENTIALS, "Invalid credentials")
    if passwords.needs_rehash(user["password_hash"]):
        users.update(user["_id"], {"password_hash": passwords.hash_password(password)})
    answer = sessions.begin(user, device)
    return answer | {"data": profiles.view(user), "msg": "Login successful"}


def change_password(identity: Identity, current: str, new: str) -> dict[str, Any]:
    """Set a new password and end all other sessions. Raises Unauthorized INVALID_CREDENTIALS."""
    limits.check("password attempts", str(identity.user_id), config().RATE_LOGIN_ACCOUNT)
    user = users.find_by_id(identity.user_id)
    if user is None or not passwords.matches(user["password_hash"], current):
        limits.spend("password attempts", str(identity.user_id), config().RATE_LOGIN_ACCOUNT)
        raise errors.Unauthorized(errors.Code.INVALID_CREDENTIALS, "Invalid credentials")
    users.update(
        identity.user_id,
        {"password_hash": passwords.hash_password(new), "updated_at": clock.now()},
    )
    ended = sessions.revoke_all(identity.user_id, "The password was changed", keep=identity.session_id)
    return {"sessionsEnded": ended}

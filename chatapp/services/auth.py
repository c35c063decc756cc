"""Accounts: register, log in, change the password."""

from typing import Any

from chatapp import clock, emails, errors, limits, realtime
from chatapp.addresses import address_key
from chatapp.extensions import Document, config
from chatapp.ids import new_id
from chatapp.services import passwords, profiles, sessions, tokens
from chatapp.services.sessions import Device
from chatapp.services.tokens import Identity
from chatapp.stores import users
from chatapp.stores.turns import turn


def register(email: str, password: str, name: str | None, avatar: str | None, device: Device) -> dict[str, Any]:
    """Make an account and log it in. Raises Conflict EMAIL_IN_USE, RateLimited."""
    limits.spend("registrations from here", address_key(device.address), config().RATE_REGISTRATIONS_ADDRESS)
    user = new_user(email, name or email.partition("@")[0], avatar, passwords.hash_password(password))
    with turn(user["email_key"]):
        if profiles.with_address(email) is not None or not users.insert(user):
            raise errors.Conflict(errors.Code.EMAIL_IN_USE, "Email already in use")
    answer = sessions.begin(user, device)
    if config().DIRECTORY_OPEN:
        realtime.publish_new_user(profiles.view(user, shares=False))
    return answer | {"data": profiles.view(user), "msg": "User registered successfully"}


def new_user(email: str, name: str, avatar: str | None, password_hash: str) -> Document:
    """A user as the store keeps it. `email` as emails.read gives it."""
    now = clock.now()
    return {
        "_id": new_id(),
        "email": email,
        "email_key": emails.key(email),
        "name": name,
        "avatar": avatar,
        "password_hash": password_hash,
        **profiles.name_keys(name),
        "created_at": now,
        "updated_at": now,
    }


def log_in(email: str, password: str, device: Device) -> dict[str, Any]:
    """Tokens for the right password. Raises Unauthorized INVALID_CREDENTIALS, RateLimited.

    Unknown user and wrong password look the same and take the same time; failures are counted per
    account and per address.
    """
    email_key, address = emails.key(email), address_key(device.address)
    with (
        limits.failures("log-ins", email_key, config().RATE_LOGIN_ACCOUNT),
        limits.failures("log-ins from here", address, config().RATE_LOGIN_ADDRESS),
    ):
        user = profiles.with_address(email)
        password_hash = _verified(user, password)
    assert user is not None
    if passwords.needs_rehash(password_hash):
        grown = passwords.hash_password(password)
        if users.exchange_password(user["_id"], password_hash, grown, clock.now()):
            password_hash = grown
    profiles.renew_keys(user)
    answer = sessions.begin(user, device)
    if not users.has_password(user["_id"], password_hash):  # changed meanwhile: its other sessions have been ended
        begun = tokens.verify(answer["token"])
        sessions.revoke(begun, begun.session_id)
        raise _invalid_credentials()
    return answer | {"data": profiles.view(user), "msg": "Login successful"}


def _verified(user: Document | None, password: str) -> str:
    """The hash that the password matches; without a user the work is the same. Raises Unauthorized."""
    password_hash = user["password_hash"] if user else None
    if not passwords.matches(password_hash, password) or password_hash is None:
        raise _invalid_credentials()
    return str(password_hash)


def _invalid_credentials() -> errors.Unauthorized:
    return errors.Unauthorized(errors.Code.INVALID_CREDENTIALS, "Invalid credentials")


def change_password(identity: Identity, current: str, new: str) -> dict[str, Any]:
    """Set a new password and end all other sessions. Raises Unauthorized INVALID_CREDENTIALS."""
    with limits.failures("password attempts", str(identity.user_id), config().RATE_LOGIN_ACCOUNT):
        password_hash = _verified(users.find_by_id(identity.user_id), current)
    if not users.exchange_password(identity.user_id, password_hash, passwords.hash_password(new), clock.now()):
        raise _invalid_credentials()  # another change was faster
    ended = sessions.revoke_all(identity.user_id, "The password was changed", keep=identity.session_id)
    return {"sessionsEnded": ended}

"""Proof of knowing a password, with every attempt counted: at log-in, and before acts that would serve a thief."""

from contextlib import ExitStack

from bson import ObjectId

from chatapp import emails, errors, limits
from chatapp.addresses import address_key
from chatapp.services.accounts import passwords
from chatapp.services.accounts.sessions import Device
from chatapp.services.accounts.tokens import Identity
from chatapp.settings import config
from chatapp.stores import sessions as session_store
from chatapp.stores import users as user_store
from chatapp.stores.documents.users import UserDocument


def of_account(email: str, password: str, device: Device) -> tuple[UserDocument, str]:
    """Return the user with this e-mail, in any spelling, and the hash that the password matches.

    Unknown user and wrong password look the same and take the same time. Wrong passwords are counted by account and
    address; a device that has been in is counted by itself, wherever it is, so that nobody else's guesses shut it out.
    Raises Unauthorized INVALID_CREDENTIALS, RateLimited.
    """
    account = emails.key(email)
    user = user_store.find_by_email(email.strip().lower(), account)
    user_id = user["_id"] if user else ObjectId()  # belongs to nobody: an unknown account costs the same
    address = address_key(device.address)
    is_known_device = device.hash is not None and session_store.was_on(user_id, device.hash)
    place = f"device {device.hash} {account}" if is_known_device else f"address {address} {account}"
    with ExitStack() as counted:
        counted.enter_context(limits.failures("log-ins", place, config().RATE_LOGIN_ACCOUNT))
        counted.enter_context(limits.successes("successful log-ins", place, config().RATE_LOGIN_SUCCESSES))
        if not is_known_device:
            counted.enter_context(limits.failures("log-ins from here", address, config().RATE_LOGIN_ADDRESS))
        try:
            anywhere = limits.failures("log-ins to this account", account, config().RATE_LOGIN_ACCOUNT_ANYWHERE)
            counted.enter_context(anywhere)
        except errors.RateLimited:
            if not is_known_device and not session_store.was_at(user_id, device.address, address):
                raise
        password_hash = _verified(user, password, place)
    assert user is not None
    return user, password_hash


def of_caller(identity: Identity, password: str) -> str:
    """Return the hash that the caller's password matches. Attempts are counted, right ones too: each costs a hash.

    They are counted by session: who has another one of the user's can't shut this one out.
    Raises Unauthorized INVALID_CREDENTIALS, RateLimited.
    """
    limits.spend("password attempts", str(identity.session_id), config().RATE_LOGIN_ACCOUNT)
    return _verified(user_store.find_by_id(identity.user_id), password, str(identity.user_id))


def _verified(user: UserDocument | None, password: str, caller: str) -> str:
    password_hash = user["password_hash"] if user else None
    if not passwords.matches(password_hash, password, caller) or password_hash is None:
        raise invalid()
    return str(password_hash)


def invalid() -> errors.Unauthorized:
    """Return the error for a wrong password, and for an unknown account."""
    return errors.Unauthorized(errors.Code.INVALID_CREDENTIALS, "Invalid credentials")

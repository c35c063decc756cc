"""Accounts: register, log in, change the password."""

from chatapp import clock, emails, errors, limits, text
from chatapp.addresses import address_key
from chatapp.ids import new_id
from chatapp.realtime import publish
from chatapp.schemas.views.accounts import Ended, SignedIn
from chatapp.services.accounts import credentials, passwords, profiles, revocation, sessions, tokens
from chatapp.services.accounts.sessions import Device
from chatapp.services.accounts.tokens import Identity
from chatapp.settings import config
from chatapp.stores import users as user_store
from chatapp.stores.documents.users import UserDocument
from chatapp.stores.key_locks import turn

_LONGEST_NAME = 100


def register(email: str, password: str, name: str | None, avatar: str | None, device: Device) -> SignedIn:
    """Make an account and log it in. Raises Conflict EMAIL_IN_USE, RateLimited."""
    limits.spend("registrations from here", address_key(device.address), config().RATE_REGISTRATIONS_ADDRESS)
    if profiles.with_address(email):  # before the password costs anything
        raise _email_in_use()
    password_hash = passwords.hash_password(password, f"{address_key(device.address)} {emails.key(email)}")
    user = new_user(email, name or default_name(email), avatar, password_hash)
    with turn(user["email_key"]):
        if profiles.with_address(email) is not None or not user_store.insert(user):
            raise _email_in_use()
    answer = sessions.begin(user, device)
    if config().DIRECTORY_OPEN:
        publish.new_user(profiles.view(user, with_email=emails.are_public()))
    return {**answer, "data": profiles.view(user), "msg": "User registered successfully"}


def _email_in_use() -> errors.Conflict:
    return errors.Conflict(errors.Code.EMAIL_IN_USE, "Email already in use")


def default_name(email: str) -> str:
    """Return a name for somebody who gave none: the part before the @, cleaned of what a name may not have."""
    return text.clean_name(email.partition("@")[0], _LONGEST_NAME) or "User"


def new_user(email: str, name: str, avatar: str | None, password_hash: str) -> UserDocument:
    """Return a user as it is stored. `email` is in the spelling of `emails.read`."""
    now, keys = clock.now(), profiles.name_keys(name)
    return {
        "_id": new_id(),
        "email": email,
        "email_key": emails.key(email),
        "name": name,
        "avatar": avatar,
        "password_hash": password_hash,
        "name_key": keys["name_key"],
        "name_keys": keys["name_keys"],
        "created_at": now,
        "updated_at": now,
    }


def log_in(email: str, password: str, device: Device) -> SignedIn:
    """Return tokens for the right password. Raises Unauthorized INVALID_CREDENTIALS, RateLimited."""
    user, password_hash = credentials.of_account(email, password, device)
    caller = str(user["_id"])
    if passwords.needs_rehash(password_hash) or passwords.is_of_another_spelling(password_hash, password, caller):
        grown = passwords.hash_password(password, caller)
        if user_store.exchange_password(user["_id"], password_hash, grown, clock.now()):
            password_hash = grown
    profiles.renew_keys(user)
    answer = sessions.begin(user, device)
    if not user_store.has_password(user["_id"], password_hash):  # changed meanwhile: its other sessions have been ended
        begun = tokens.verify(answer["token"])
        revocation.revoke(begun, begun.session_id)
        raise credentials.invalid()
    return {**answer, "data": profiles.view(user), "msg": "Login successful"}


def change_password(identity: Identity, current: str, new: str) -> Ended:
    """Set a new password and end all other sessions. Raises Unauthorized INVALID_CREDENTIALS, RateLimited."""
    password_hash = credentials.of_caller(identity, current)
    new_hash = passwords.hash_password(new, str(identity.user_id))
    if not user_store.exchange_password(identity.user_id, password_hash, new_hash, clock.now()):
        raise credentials.invalid()  # another change was faster
    ended = revocation.revoke_all(identity.user_id, "The password was changed", keep=identity.session_id)
    return {"sessionsEnded": ended}

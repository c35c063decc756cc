"""Users as others see them: profile, directory, contacts."""

import base64
import binascii
from datetime import datetime

import orjson
from bson import ObjectId

from chatapp import clock, emails, errors, limits, text
from chatapp.database import Document
from chatapp.idle_turns import give_way
from chatapp.ids import object_id
from chatapp.realtime import publish
from chatapp.schemas.accounts import NewProfileIn
from chatapp.schemas.views.accounts import ProfileChanged
from chatapp.schemas.views.envelope import WhyEmpty
from chatapp.schemas.views.users import ContactsPage, UserView
from chatapp.services.accounts import credentials, sessions
from chatapp.services.accounts.tokens import Identity
from chatapp.services.log import cache, foreign
from chatapp.services.sync import change_times
from chatapp.settings import config
from chatapp.stores import conversations as conversation_store
from chatapp.stores import memberships as membership_store
from chatapp.stores import users as user_store
from chatapp.stores.documents.users import MemberProfile, NameKeys, UserDocument, UserProfile

CONTACTS_PAGE = 200
_ROWS_OF_A_COPY = 10  # the cost of renewing a profile's copy on a membership, in rows read


def view(user: UserProfile, *, with_email: bool = True) -> UserView:
    """Return the user as the API shows it: `{id, _id, name, email, avatar, created}`. `with_email`: to themself, or to
    somebody who may see their address?"""
    user_id = str(user["_id"])
    return {
        "id": user_id,
        "_id": user_id,
        "name": user["name"],
        "email": user["email"] if with_email else "",
        "avatar": user.get("avatar"),
        "created": clock.iso(user["created_at"]),
    }


def mine(user_id: ObjectId) -> UserView:
    """Return the caller's own profile. Raises Unauthorized ACCOUNT_GONE when the account was removed."""
    return view(existing(user_id))


def existing(user_id: ObjectId) -> UserDocument:
    """Return the whole user. Raises Unauthorized ACCOUNT_GONE when the account was removed."""
    user = user_store.find_by_id(user_id)
    if user is None:
        raise errors.Unauthorized(errors.Code.ACCOUNT_GONE, "This account no longer exists")
    return user


def update(
    identity: Identity,
    *,
    name: str | None = None,
    email: str | None = None,
    password: str | None = None,
    avatar: str | None = None,
    clear_avatar: bool = False,
) -> ProfileChanged:
    """Change the caller's profile and tell everybody who shares a conversation.

    Another e-mail takes the password: who has it can log in, and an access token alone must not lead there. All
    devices are told of it. Returns `{msg, data: {id, _id, name, email, avatar, created, token}}`.
    Raises Conflict EMAIL_IN_USE, Forbidden PASSWORD_REQUIRED, Unauthorized INVALID_CREDENTIALS, RateLimited.
    """
    user = existing(identity.user_id)
    changes: Document = {"updated_at": clock.now()} | _read_changes(user, name, avatar)
    if email is not None:
        changes |= {"email": email, "email_key": emails.key(email)}
    if clear_avatar:
        changes["avatar"] = None
    is_moving = email is not None and changes["email_key"] != emails.key(user["email"])
    password_hash = _proved(identity, password) if is_moving else None
    updated = user_store.update(identity.user_id, changes, password_hash=password_hash)
    if updated is None and password_hash is not None and not user_store.has_password(identity.user_id, password_hash):
        raise credentials.invalid()  # the password was changed meanwhile
    if updated is None:
        raise errors.Conflict(errors.Code.EMAIL_IN_USE, "Email already in use")
    give_way()  # from here on it may be much
    copy_to_memberships(updated)
    audience = _audience(identity.user_id)
    give_way()
    publish.profile(audience, view(updated))
    if is_moving:
        publish.email(identity.user_id, user["email"], updated["email"], updated["updated_at"])
    token = sessions.renewed_token(updated, identity)
    return {"msg": "Profile updated successfully", "data": {**view(updated), "token": token}}


def _read_changes(user: UserDocument, name: str | None, avatar: str | None) -> Document:
    """Return changes of name and avatar. Raises ValidationError, but not for values stored before there was a rule."""
    given = {"name": name, "avatar": avatar}
    changes: Document = NewProfileIn().load(
        {key: value for key, value in given.items() if value is not None and value != user.get(key)}
    )
    return {**changes, **name_keys(changes["name"])} if "name" in changes else changes


def _proved(identity: Identity, password: str | None) -> str:
    if password is None:
        raise errors.Forbidden(errors.Code.PASSWORD_REQUIRED, "Enter your password to change your e-mail address.")
    return credentials.of_caller(identity, password)


def copy_to_memberships(user: UserProfile) -> None:
    """Renew what conversations show of a user, who has just been stored."""
    versions = iter([user])

    def store(moment: datetime) -> tuple[MemberProfile, int]:
        stored = next(versions, None) or user_store.find_by_id(user["_id"]) or user  # when again: it may be newer
        copy = user_store.profile_fields(stored)
        conversation_store.touch_all_of_user(user["_id"], moment)
        return copy, membership_store.set_profile(user["_id"], copy, moment)

    copy, copies = change_times.stored(store)
    cache.set_profile(user["_id"], copy)
    foreign.tell_profile(user["_id"], copy)
    limits.charge(user["_id"], rows=copies * _ROWS_OF_A_COPY)


def name_keys(name: str) -> NameKeys:
    """Return the keys by which the directory is sorted and searched."""
    return {"name_key": text.sort_key(name), "name_keys": text.search_keys(name)}


def renew_keys(user: UserDocument) -> None:
    """Store what an older version of the server, beside this one, has not stored when it stored the user."""
    keys: Document = {**name_keys(user["name"]), "email_key": emails.key(user["email"])}
    missing = {name: value for name, value in keys.items() if user.get(name) != value}
    if missing:
        user_store.update(user["_id"], missing)


def with_address(address: str) -> UserDocument | None:
    """Return the whole user who has this e-mail address, in whatever spelling."""
    return user_store.find_by_email(address.strip().lower(), emails.key(address))


def reachable(user_id: ObjectId, people: list[str]) -> list[UserProfile]:
    """Return the caller's profile, then those of the other `people` whom they may write to, in the order given.

    `people` are ids or whole e-mail addresses. While the directory is closed, an id is known only of somebody who
    shares a conversation with the caller: of others it looks like one of nobody. Raises Unauthorized, RateLimited.
    """
    ids = _ids_of_addresses(user_id, people)
    wanted = list(dict.fromkeys(filter(None, (ids.get(row) or object_id(row) for row in people))))
    if not config().DIRECTORY_OPEN:
        known = conversation_store.find_partners_among(user_id, wanted) | set(ids.values())
        wanted = [row for row in wanted if row in known]
    found = {row["_id"]: row for row in user_store.find_profiles([user_id, *wanted])}
    if user_id not in found:
        raise errors.Unauthorized(errors.Code.ACCOUNT_GONE, "This account no longer exists")
    return [found[user_id], *(found[row] for row in wanted if row in found and row != user_id)]


def reachable_to_add(user_id: ObjectId, people: list[str]) -> list[UserProfile]:
    """Return `reachable(user_id, people)`. They are charged as people added before they are looked up.

    Unknown ones are charged like others: looking for them costs the same.
    """
    limits.spend("people added", str(user_id), config().RATE_GROUP_ADDS, cost=len({*people, str(user_id)}) - 1)
    return reachable(user_id, people)


def _ids_of_addresses(user_id: ObjectId, people: list[str]) -> dict[str, ObjectId]:
    """Return the owners of the addresses among `people`."""
    addresses = [row for row in dict.fromkeys(people) if "@" in row]
    if addresses:
        limits.spend("addresses", str(user_id), config().RATE_ADDRESS_LOOKUPS, cost=len(addresses))
    owners = {row: with_address(row) for row in addresses}
    return {row: owner["_id"] for row, owner in owners.items() if owner is not None}


def _audience(user_id: ObjectId) -> list[ObjectId]:
    return [user_id, *conversation_store.find_partner_ids(user_id)]


def contacts(
    user_id: ObjectId, *, search: str = "", after: str | None = None, limit: int = CONTACTS_PAGE
) -> ContactsPage:
    """Return other people by name: `{data: [user], meta?}`; `meta.next` is the next page's `after`.

    A search is the start of a word in the name, and of what follows it; a whole e-mail address finds its owner.
    While the directory is closed these are the people who share a conversation with the caller.
    """
    if emails.is_address(search):
        return _owner_of(user_id, search)
    prefix = text.search_prefix(search)
    if search.strip() and not prefix:
        return {"data": [], "meta": _why_empty(search, after)}
    rows, shown = _page_of_contacts(user_id, prefix, _read_cursor(after), limit)
    page = rows[:limit]
    answer: ContactsPage = {"data": [view(row, with_email=shown is None or row["_id"].binary in shown) for row in page]}
    if len(rows) > limit:
        answer["meta"] = {"next": _write_cursor(page[-1])}
    elif not page:
        answer["meta"] = _why_empty(prefix, after)
    return answer


def _page_of_contacts(
    user_id: ObjectId, prefix: str, after: user_store.PlaceByName | None, limit: int
) -> tuple[list[UserProfile], set[bytes] | None]:
    """Return a page of contacts and the one behind it, and those whose e-mail address the user may see (None: all),
    by the id's bytes, whose hash costs a fifth of the id's."""
    if config().DIRECTORY_OPEN and not emails.are_public():
        rows, partners = user_store.find_page_and_partners(user_id, prefix=prefix, after=after, limit=limit + 1)
        limits.charge(user_id, rows=len(rows[:limit]))
        return rows, {row.binary for row in partners}
    among = None if config().DIRECTORY_OPEN else list(conversation_store.find_partner_ids(user_id))
    rows = user_store.find_page(excluding=user_id, among=among, prefix=prefix, after=after, limit=limit + 1)
    limits.charge(user_id, rows=len(rows[:limit] if among is None else among))
    return rows, None


def _owner_of(user_id: ObjectId, address: str) -> ContactsPage:
    """Return the owner of an address. The caller knows it already, so it is shown."""
    limits.spend("addresses", str(user_id), config().RATE_ADDRESS_LOOKUPS)
    owner = with_address(address)
    if owner is None or owner["_id"] == user_id:
        return {"data": [], "meta": _why_empty(address, None)}
    return {"data": [view(owner)]}


def _why_empty(prefix: str, after: str | None) -> WhyEmpty:
    if after:
        return {"code": "NO_MORE_USERS", "message": "There are no more users."}
    if prefix:
        return {
            "code": "NO_MATCH",
            "message": "No name has a word that starts like that. Search by e-mail needs the whole address.",
        }
    return {"code": "NO_USERS", "message": "No other users found. Ask friends to sign up!"}


def _write_cursor(user: UserProfile) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([user["name_key"], str(user["_id"])])).decode()


def _read_cursor(cursor: str | None) -> tuple[str, ObjectId] | None:
    if not cursor:
        return None
    try:
        name_key, last = orjson.loads(base64.urlsafe_b64decode(cursor.encode()))
        user_id = object_id(last)
        if isinstance(name_key, str) and user_id is not None:
            return name_key, user_id
    except (ValueError, TypeError, binascii.Error):
        pass
    raise errors.invalid("after", "Is not a cursor: send meta.next of the page before.")

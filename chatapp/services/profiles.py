"""Users as others see them: profile, directory, contacts."""

import base64
import binascii
from typing import Any

import orjson
from bson import ObjectId

from chatapp import clock, errors, realtime
from chatapp.extensions import Document, config, object_id
from chatapp.services import changes, conversation_cache, sessions
from chatapp.services.tokens import Identity
from chatapp.stores import conversations, memberships, users

CONTACTS_PAGE = 200


def view(user: Document) -> dict[str, Any]:
    """The user as the API shows it: `{id, _id, name, email, avatar, created}`."""
    user_id = str(user["_id"])
    return {
        "id": user_id,
        "_id": user_id,
        "name": user["name"],
        "email": user["email"],
        "avatar": user.get("avatar"),
        "created": clock.iso(user["created_at"]),
    }


def mine(user_id: ObjectId) -> dict[str, Any]:
    """The caller's own profile. Raises Unauthorized ACCOUNT_GONE when the account was removed."""
    return view(existing(user_id))


def existing(user_id: ObjectId) -> Document:
    """The whole user. Raises Unauthorized ACCOUNT_GONE when the account was removed."""
    user = users.find_by_id(user_id)
    if user is None:
        raise errors.Unauthorized(errors.Code.ACCOUNT_GONE, "This account no longer exists")
    return user


def update(
    identity: Identity,
    *,
    name: str | None = None,
    email: str | None = None,
    avatar: str | None = None,
    clear_avatar: bool = False,
) -> dict[str, Any]:
    """Change the caller's profile and tell everybody who shares a conversation.

    Gives `{msg, data: {id, _id, name, email, avatar, created, token}}`. Raises Conflict EMAIL_IN_USE.
    """
    user = existing(identity.user_id)
    changes: Document = {"updated_at": clock.now()}
    if name is not None:
        changes["name"] = name
    if email is not None:
        changes["email"] = email.lower()
    if avatar is not None or clear_avatar:
        changes["avatar"] = avatar
    updated = users.update(identity.user_id, changes | _keys(user | changes))
    if updated is None:
        raise errors.Conflict(errors.Code.EMAIL_IN_USE, "Email already in use")
    if (keys := _keys(updated)) != {name: updated[name] for name in keys}:  # another change came in between
        users.update(identity.user_id, keys)
    copy_to_memberships(updated)
    realtime.publish_profile(_audience(identity.user_id), view(updated))
    token = sessions.renewed_token(updated, identity)
    return {"msg": "Profile updated successfully", "data": view(updated) | {"token": token}}


def copy_to_memberships(user: Document) -> None:
    """Renew what conversations show of a user."""
    copy = users.profile_fields(user)
    with changes.change() as moment:
        memberships.set_profile(user["_id"], copy, moment)
        conversations.touch_all_of_user(user["_id"], moment)
    conversation_cache.set_profile(user["_id"], copy)


def _keys(user: Document) -> Document:
    """What the directory is sorted and searched by."""
    return {"name_key": users.name_key(user["name"]), "search_keys": users.search_keys(user["name"], user["email"])}


def _audience(user_id: ObjectId) -> list[ObjectId]:
    return [user_id, *conversations.find_partner_ids(user_id)]


def contacts(
    user_id: ObjectId, *, search: str = "", after: str | None = None, limit: int = CONTACTS_PAGE
) -> dict[str, Any]:
    """Other people by name: `{data: [user], meta?}`; `meta.next` is the next page's `after`.

    While the directory is closed these are the people who share a conversation with the caller.
    """
    among = None if config().DIRECTORY_OPEN else list(conversations.find_partner_ids(user_id))
    prefix = users.name_key(search)
    rows = users.find_page(excluding=user_id, among=among, prefix=prefix, after=_read_cursor(after), limit=limit + 1)
    page = rows[:limit]
    answer: dict[str, Any] = {"data": [view(row) for row in page]}
    if len(rows) > limit:
        answer["meta"] = {"next": _write_cursor(page[-1])}
    elif not page:
        answer["meta"] = _why_empty(prefix, after)
    return answer


def _why_empty(prefix: str, after: str | None) -> dict[str, str]:
    if after:
        return {"code": "NO_MORE_USERS", "message": "There are no more users."}
    if prefix:
        return {"code": "NO_MATCH", "message": "Nobody's name or e-mail starts like that."}
    return {"code": "NO_USERS", "message": "No other users found. Ask friends to sign up!"}


def _write_cursor(user: Document) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([user["name_key"], str(user["_id"])])).decode()


def _read_cursor(text: str | None) -> tuple[str, ObjectId] | None:
    if not text:
        return None
    try:
        name_key, last = orjson.loads(base64.urlsafe_b64decode(text.encode()))
        user_id = object_id(last)
        if isinstance(name_key, str) and user_id is not None:
            return name_key, user_id
    except (ValueError, TypeError, binascii.Error):
        pass
    raise errors.invalid("after", "Is not a cursor: send meta.next of the page before.")

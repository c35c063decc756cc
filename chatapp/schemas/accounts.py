"""Accounts, sessions and profiles."""

from marshmallow import fields, validate

from chatapp import links
from chatapp.schemas.fields import (
    LONGEST_SPELLING,
    MAX_EMAIL,
    Email,
    In,
    Label,
    Name,
    Several,
    Text,
    identifier,
    picture,
)

_PASSWORD = validate.Length(min=6, max=256)


def _searchable(search: str) -> None:
    """Check the length of a search: the start of a name, or a whole e-mail address."""
    validate.Length(max=MAX_EMAIL if "@" in search else 100)(search)


class DeviceIn(In):
    """A client's description of itself at log-in; all of it optional."""

    protocol = fields.Integer(strict=True, validate=validate.Range(min=1, max=99))
    device_name = Label(validate=validate.Length(max=100), allow_none=True)
    device_id = Text(
        validate=validate.Length(max=64),
        allow_none=True,
        metadata={"description": "A random id that this device has made and shows nobody else"},
    )
    client = Label(validate=validate.Length(max=100), allow_none=True)


class RegisterIn(DeviceIn):
    """A new account. Without a name, the part of the e-mail before the @ is taken."""

    email = Email(required=True)
    password = Text(required=True, validate=_PASSWORD, metadata={"format": "password"})
    name = Name(allow_none=True)
    avatar = picture()


class LoginIn(DeviceIn):
    """Credentials."""

    email = Text(required=True, validate=validate.Length(min=1, max=254))
    password = Text(required=True, validate=validate.Length(min=1, max=256), metadata={"format": "password"})


class RefreshIn(In):
    """A refresh token."""

    refresh_token = Text(required=True, validate=validate.Length(min=1, max=256))


class PasswordIn(In):
    """A new password, and proof of the current one."""

    current_password = Text(required=True, validate=validate.Length(min=1, max=256), metadata={"format": "password"})
    new_password = Text(required=True, validate=_PASSWORD, metadata={"format": "password"})


class AuthRefreshIn(In):
    """A fresh access token for a socket that stays connected."""

    token = Text(required=True, validate=validate.Length(min=1, max=8192))


class ProfileIn(In):
    """Changes to the caller's profile; `avatar: null` removes it. Another e-mail takes the password."""

    name = Text(validate=validate.Length(min=1, max=LONGEST_SPELLING))
    email = Email()
    current_password = Text(validate=validate.Length(min=1, max=256), metadata={"format": "password"}, allow_none=True)
    avatar = Text(validate=validate.Length(max=links.LONGEST_BYTES), allow_none=True)


class NewProfileIn(In):
    """Real changes only: apps send the whole form, with values that were stored before there were rules."""

    name = Name()
    avatar = picture()


class ContactsIn(In):
    """Paging and search."""

    search = Text(validate=_searchable, allow_none=True)
    after = Text(validate=validate.Length(max=1024), allow_none=True)
    limit = fields.Integer(strict=True, validate=validate.Range(min=1, max=1000))


class UserIdsIn(In):
    """Ids of users."""

    user_ids = Several(identifier(), required=True, most=1000)


class PrivacyIn(In):
    """Facts to hide from others (and not to see of them); a field that is not sent stays as it is."""

    hide_last_seen = fields.Boolean(truthy={True}, falsy={False})
    hide_read_receipts = fields.Boolean(truthy={True}, falsy={False})

"""People: profiles, contacts and presence."""

from marshmallow import Schema, fields

from chatapp.schemas.answers.envelope import Out, WhyEmpty
from chatapp.schemas.answers.fields import date_time, identifier, maybe_text, text


class Profile(Schema):
    """A user's profile."""

    id = identifier()
    _id = fields.String(required=True)
    name = text()
    email = text()
    avatar = maybe_text()


class User(Profile):
    """A user as others see them."""

    created = date_time()


class ProfileOut(Out):
    data = fields.Nested(User, required=True)


class ContactsOut(Out):
    data = fields.List(fields.Nested(User), required=True)
    meta = fields.Nested(WhyEmpty)


class StreamUser(Schema):
    userId = text()
    success = fields.Boolean(required=True)


class StreamUsersOut(Out):
    data = fields.List(fields.Nested(StreamUser), required=True)


class Participant(Profile):
    """A current member of a conversation."""

    role = text(metadata={"enum": ["owner", "admin", "member"]})


class Sender(Schema):
    id = identifier()
    _id = fields.String(required=True)
    name = text()
    avatar = maybe_text()


class Presence(Schema):
    userId = identifier()
    status = text(metadata={"enum": ["online", "offline"]})
    lastSeen = fields.String(required=True, allow_none=True)


class PresenceOut(Out):
    data = fields.List(fields.Nested(Presence), required=True)

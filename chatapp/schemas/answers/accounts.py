"""The caller's own account: tokens, sessions, profile and privacy."""

from marshmallow import Schema, fields

from chatapp.schemas.answers.envelope import Out
from chatapp.schemas.answers.fields import date_time, identifier, maybe_text, number, text
from chatapp.schemas.answers.users import User


class TokensOut(Out):
    token = text(metadata={"description": "Access token (JWT)"})
    accessToken = fields.String(metadata={"description": "The same, for protocol 2"})
    refreshToken = fields.String(metadata={"description": "For protocol 2; each works once"})
    expiresIn = number()


class SignedInOut(TokensOut):
    msg = text()
    data = fields.Nested(User, required=True)


class Session(Schema):
    """One log-in on one device."""

    id = identifier()
    deviceName = maybe_text()
    client = maybe_text()
    address = maybe_text()
    createdAt = date_time()
    lastSeenAt = date_time()
    expiresAt = date_time()
    current = fields.Boolean(required=True)


class SessionsOut(Out):
    data = fields.List(fields.Nested(Session), required=True)


class Ended(Schema):
    sessionsEnded = number()


class EndedOut(Out):
    data = fields.Nested(Ended, required=True)


class UserWithToken(User):
    token = text()


class ProfileChangedOut(Out):
    msg = text()
    data = fields.Nested(UserWithToken, required=True)


class Privacy(Schema):
    hideLastSeen = fields.Boolean(required=True)
    hideReadReceipts = fields.Boolean(required=True)


class PrivacyOut(Out):
    data = fields.Nested(Privacy, required=True)

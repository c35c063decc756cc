"""Access tokens (JWT, HS256) and refresh tokens (opaque).

A refresh token is `<session id>.<generation>.<MAC>`: it can be made again from its session and generation,
so a client whose answer was lost gets the same one, while the database keeps only its SHA-256. Clients get it with
`.<user id>` behind it, which finds its session where sessions are kept by user; those of earlier versions lack it.
"""

import base64
import hashlib
import hmac
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

import jwt as pyjwt
import orjson
from bson import ObjectId
from cachetools import FIFOCache

from chatapp import clock, errors
from chatapp.extensions import TOKEN_ALGORITHM, jwt
from chatapp.ids import object_id
from chatapp.settings import config
from chatapp.state import on_reset
from chatapp.stores.documents.users import UserProfile

MAX_TOKEN_LENGTH = 8192
_LONGEST_CLAIM = 800
_TOKEN = re.compile(r"[A-Za-z0-9_.-]+")  # base64url and dots: nothing else can be in a JWT
_OUR_HEADER = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."  # {"alg":"HS256","typ":"JWT"}, as `access_token` writes it
_OUR_CLAIMS = {"sub", "userId", "email", "name", "user", "sid", "type", "jti", "iat", "exp"}
_CLOCK_SKEW_SECONDS = 60
_REMEMBERED = 20_000  # each of them some 400 bytes, whatever its token's length: 8 MB


@dataclass(frozen=True, slots=True)
class Identity:
    """The caller, by a token that was checked. `expires_at` is in seconds since 1970."""

    user_id: ObjectId
    session_id: ObjectId
    expires_at: int
    generation: int | None = None  # of a rotating session's tokens


_verified: FIFOCache[bytes, Identity] = FIFOCache(_REMEMBERED)  # by the SHA-256 of the whole token that was verified
on_reset(_verified.clear)


def in_header(authorization: str | None) -> str:
    """Return the token in an Authorization header: `Bearer` in any case, spaces, and all that follows.

    Raises Unauthorized TOKEN_MISSING where there is no header or another scheme, else TOKEN_INVALID.
    """
    if not authorization or authorization[:6].lower() != "bearer":
        raise _missing_token()
    token = authorization[6:].lstrip(" ")
    if not token or authorization[6] != " ":
        raise invalid_token()
    return token


def in_payload(token: object) -> str:
    """Return the token in a socket's handshake or event; old clients send it with `Bearer ` before it.

    Raises Unauthorized TOKEN_MISSING where there is none, else TOKEN_INVALID.
    """
    if not isinstance(token, str) or not token:
        raise _missing_token()
    return in_header(token) if token[:7].lower() == "bearer " else token


def _missing_token() -> errors.Unauthorized:
    return errors.Unauthorized(errors.Code.TOKEN_MISSING, "Access token required")


def access_token(user: UserProfile, session_id: ObjectId, issued: datetime, seconds: int, serial: str) -> str:
    """Return a token with the claims of every client generation. `serial` makes it unique (and repeatable).

    It goes with every call, in a header of bounded length: nothing in it grows with what a user may choose.
    """
    user_id, name, email = str(user["_id"]), _claim(user["name"]), _claim(user["email"])
    issued_at = int(issued.replace(tzinfo=UTC).timestamp())
    claims = {
        "sub": user_id,
        "userId": user_id,
        "email": email,
        "name": name,
        "user": {"id": user_id, "name": name, "email": email, "avatar": None},  # GET /user/profile has the picture
        "sid": str(session_id),
        "type": "access",
        "jti": f"{session_id}:{serial}",
        "iat": issued_at,
        "exp": issued_at + seconds,
    }
    return pyjwt.encode(claims, config().JWT_SECRET.encode(), algorithm=TOKEN_ALGORITHM)


def _claim(text: str) -> str:
    """Return the start of the text, as much as a token has room for: JSON spells an emoji in twelve bytes."""
    while len(json.dumps(text)) > _LONGEST_CLAIM:
        text = text[:-1]
    return text


def verify(token: str) -> Identity:
    """Check alphabet, signature, type and time; the only place that does.

    A token that was verified is remembered, by its own digest: verifying costs more than most calls.
    Raises Unauthorized TOKEN_EXPIRED or TOKEN_INVALID.
    """
    digest = hashlib.sha256(token.encode(errors="surrogatepass")).digest()
    found = _verified.get(digest)
    if found is not None and found.expires_at > clock.timestamp():
        return found
    if len(token) > MAX_TOKEN_LENGTH or not _TOKEN.fullmatch(token):
        raise invalid_token()
    claims = _claims_as_written_here(token) or jwt.claims(token)
    if claims is None:
        raise invalid_token()
    found = _verified[digest] = _identity(claims)
    return found


def _claims_as_written_here(token: str) -> dict[str, Any] | None:
    """Return the claims of a token that is, to the letter, one of `access_token`; None for any other.

    Its signature says so before anything is read. Other texts are the library's to judge, which costs 25 times as much:
    after a restart everybody comes with a token that this process has not seen.
    """
    signed, _, signature = token.rpartition(".")
    mac = hmac.digest(config().JWT_SECRET.encode(), signed.encode(), hashlib.sha256)
    if not signed.startswith(_OUR_HEADER) or not hmac.compare_digest(signature, _base64url(mac)):
        return None
    try:
        claims = orjson.loads(base64.urlsafe_b64decode(signed[len(_OUR_HEADER) :] + "=="))
    except ValueError:  # signed with our key, but by somebody else
        return None
    return claims if isinstance(claims, dict) and claims.keys() == _OUR_CLAIMS else None


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _identity(claims: dict[str, Any]) -> Identity:
    """Return the Identity in verified claims. Raises Unauthorized when they are not an access token's, or over."""
    user_id, session_id = object_id(claims.get("sub")), object_id(claims.get("sid"))
    expires_at = claims.get("exp")
    if claims.get("type") != "access" or user_id is None or session_id is None or not isinstance(expires_at, int):
        raise invalid_token()
    if claims.get("nbf", 0) > clock.timestamp() + _CLOCK_SKEW_SECONDS:
        raise invalid_token()
    if expires_at <= clock.timestamp():
        raise errors.Unauthorized(errors.Code.TOKEN_EXPIRED, "The access token has expired", session_id=session_id)
    serial = str(claims.get("jti", "")).rpartition(":")[2]
    generation = int(serial) if serial.isascii() and serial.isdecimal() and len(serial) < 10 else None
    return Identity(user_id, session_id, expires_at, generation)


def invalid_token() -> errors.Unauthorized:
    """Return the error for a token that this server has not issued."""
    return errors.Unauthorized(errors.Code.TOKEN_INVALID, "Invalid or expired token")


def refresh_token(session_id: ObjectId, generation: int) -> str:
    """Return the one refresh token of this session and generation."""
    text = f"{session_id}.{generation}"
    mac = hmac.new(_refresh_key(), text.encode(), hashlib.sha256).digest()
    return f"{text}.{_base64url(mac)}"


def with_owner(token: str, user_id: ObjectId) -> str:
    """Return the refresh token as it is given to a client."""
    return f"{token}.{user_id}"


class RefreshToken(NamedTuple):
    """The parts of a refresh token: its session, the number of its pair, and whose it is, if it says so."""

    session_id: ObjectId
    pair: int
    user_id: ObjectId | None


def read_refresh_token(token: str) -> RefreshToken | None:
    """Return the parts of a refresh token that is really ours, current or not; else None.

    The owner is not under the MAC: a wrong one finds no session.
    """
    parts = token.split(".")
    if len(parts) not in (3, 4):
        return None
    session_id, generation = object_id(parts[0]), parts[1]
    user_id = object_id(parts[3]) if len(parts) == 4 else None
    if session_id is None or (user_id is None and len(parts) == 4):
        return None
    if not generation.isascii() or not generation.isdecimal() or len(generation) > 9:
        return None
    expected = refresh_token(session_id, int(generation))
    genuine = hmac.compare_digest(expected.encode(), ".".join(parts[:3]).encode())
    return RefreshToken(session_id, int(generation), user_id) if genuine else None


def digest(token: str) -> str:
    """Return the digest under which a refresh token is stored."""
    return hashlib.sha256(token.encode()).hexdigest()


def _refresh_key() -> bytes:
    return hmac.new(config().JWT_SECRET.encode(), b"chatapp refresh token", hashlib.sha256).digest()

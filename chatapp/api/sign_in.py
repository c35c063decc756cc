"""JWT in requests: flask-jwt-extended reads the token, our services say whether its session still works."""

from typing import Any, NoReturn

import jwt as pyjwt
from flask import g, request
from flask_jwt_extended import get_jwt, verify_jwt_in_request
from flask_jwt_extended.exceptions import JWTExtendedException, NoAuthorizationError

from chatapp import errors, logs
from chatapp.errors import ChatError, Code
from chatapp.extensions import jwt
from chatapp.services import sessions, tokens
from chatapp.services.tokens import Identity


def identify() -> None:
    """Read the request's token once: who it is, or what is wrong with it, is kept for `current_identity`."""
    try:
        identity = sessions.verify(_identity_in_header())
        logs.bind(userId=str(identity.user_id))
        g.identity = identity
    except Exception as error:
        known = errors.from_exception(error)
        if known.status >= 500:
            raise
        g.identity = known.with_traceback(None)  # which would keep this frame, and so itself


def _identity_in_header() -> Identity:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    found = tokens.known(token) if scheme == "Bearer" else None
    if found is not None:
        return found
    if verify_jwt_in_request() is None:  # a method without sign-in (OPTIONS)
        raise errors.Unauthorized(Code.TOKEN_MISSING, "Access token required")
    return tokens.remember(token, tokens.identity(get_jwt()))


def identity_or_error() -> Identity | ChatError:
    """Who calls, or why nobody knows."""
    found: Identity | ChatError = g.identity
    return found


def current_identity() -> Identity:
    """Who calls. Raises Unauthorized TOKEN_MISSING, TOKEN_INVALID, TOKEN_EXPIRED or TOKEN_REVOKED."""
    if isinstance(g.identity, ChatError):
        raise g.identity
    found: Identity = g.identity
    return found


def register() -> None:
    """Set every loader of the extension, so that none of its own answers can ever get out."""
    jwt.unauthorized_loader(_refuse)
    jwt.invalid_token_loader(_refuse)
    jwt.expired_token_loader(_refuse)
    jwt.revoked_token_loader(_refuse)
    jwt.needs_fresh_token_loader(_refuse)
    jwt.user_lookup_error_loader(_refuse)
    jwt.token_verification_failed_loader(_refuse)


def _refuse(*_: Any) -> NoReturn:
    raise tokens.invalid_token()


@errors.translate(NoAuthorizationError)
def _missing(_: NoAuthorizationError) -> ChatError:
    return errors.Unauthorized(Code.TOKEN_MISSING, "Access token required")


@errors.translate(JWTExtendedException)
def _unusable(_: JWTExtendedException) -> ChatError:
    return tokens.invalid_token()


@errors.translate(pyjwt.PyJWTError)
def _undecodable(_: pyjwt.PyJWTError) -> ChatError:
    return tokens.invalid_token()


@errors.translate(pyjwt.ExpiredSignatureError)
def _expired(_: pyjwt.ExpiredSignatureError) -> ChatError:
    return errors.Unauthorized(Code.TOKEN_EXPIRED, "The access token has expired")

"""The caller of a request, by its Authorization header; read once and kept for the request."""

from flask import g, request

from chatapp import errors, logs
from chatapp.errors import ChatError
from chatapp.services.accounts import sessions, tokens
from chatapp.services.accounts.tokens import Identity


def identify() -> None:
    """Read the request's token once: who it is, or what is wrong with it, is kept for `current_identity`."""
    try:
        identity = sessions.authenticate(tokens.in_header(request.headers.get("Authorization")))
        logs.bind(userId=str(identity.user_id))
        g.identity = identity
    except Exception as error:  # kept for the view, which answers it where it needs to know who calls
        known = errors.from_exception(error)
        if known.status >= 500:
            raise
        g.identity = known.with_traceback(None)  # which would keep this frame, and so itself


def identity_or_error() -> Identity | ChatError:
    """Return the caller, or the error that says why they are not known."""
    found: Identity | ChatError = g.identity
    return found


def current_identity() -> Identity:
    """Return the caller. Raises Unauthorized TOKEN_MISSING, TOKEN_INVALID, TOKEN_EXPIRED or TOKEN_REVOKED."""
    if isinstance(g.identity, ChatError):
        raise g.identity
    found: Identity = g.identity
    return found

"""The end of sessions: by their user, or because a token was copied. Sockets are told why and closed."""

from bson import ObjectId

from chatapp import clock, errors
from chatapp.realtime import closing, others
from chatapp.services.accounts.session_cache import cache
from chatapp.services.accounts.tokens import Identity
from chatapp.stores import sessions as session_store
from chatapp.stores.documents.sessions import SessionDocument

_REUSED = "token reused"


def revoke(identity: Identity, session_id: ObjectId | None) -> None:
    """End one of the caller's sessions. Raises NotFound SESSION_NOT_FOUND."""
    if session_id is None or not session_store.revoke(session_id, identity.user_id, clock.now()):
        raise errors.NotFound(errors.Code.SESSION_NOT_FOUND, "Session not found")
    forget([session_id], "The session was ended")


def revoke_all(user_id: ObjectId, reason: str, *, keep: ObjectId | None = None) -> int:
    """End all of the user's sessions but `keep`; return how many."""
    ended = session_store.revoke_all(user_id, clock.now(), keep=keep)
    forget(ended, reason)
    return len(ended)


def end(session_ids: list[ObjectId], user_id: ObjectId, reason: str, *, ended_by: str | None = None) -> None:
    """End these sessions of a user, and tell their sockets why."""
    session_store.revoke_these(session_ids, user_id, clock.now(), ended_by=ended_by)
    forget(session_ids, reason)


def forget(session_ids: list[ObjectId], reason: str) -> None:
    """Forget sessions that are over, here and in the other processes, and close their sockets."""
    for session_id in session_ids:
        cache.forget(session_id)
        tell_others(session_id, is_over=True)
        closing.close_session(session_id, errors.Code.TOKEN_REVOKED, reason)
    others.current().flush()


def tell_others(session_id: ObjectId, *, is_over: bool = False) -> None:
    """Let the other processes look the session up again (`sessions.hear_others`): it was ended, or has new tokens."""
    others.current().tell("session changed", {"session": session_id, "is_over": is_over})


def end_reused(session_id: ObjectId, user_id: ObjectId) -> errors.Unauthorized:
    """End a session of which two have had the same token, since nobody knows which is the user; return the error."""
    refusal = _reused(session_id)
    end([session_id], user_id, refusal.message, ended_by=_REUSED)
    return refusal


def ended_error(session: SessionDocument | None, session_id: ObjectId) -> errors.Unauthorized:
    """Return the error for the tokens of a session that was ended, or is not there any more."""
    if session is not None and session.get("ended_by") == _REUSED:
        return _reused(session_id)
    message = "This session was ended. Log in again."
    return errors.Unauthorized(errors.Code.TOKEN_REVOKED, message, session_id=session_id)


def _reused(session_id: ObjectId) -> errors.Unauthorized:
    return errors.Unauthorized(
        errors.Code.TOKEN_REVOKED,
        "This session was ended: one of its tokens was used twice, so somebody may have copied it. Log in again.",
        details={"reason": "TOKEN_REUSED"},
        session_id=session_id,
    )

"""Close sockets: of a session that was ended, of a token that has expired, of a server that stops, or to make room."""

from bson import ObjectId

from chatapp import clock, errors
from chatapp.database import Document
from chatapp.extensions import socketio
from chatapp.realtime import connections, others
from chatapp.realtime.emitting import reply
from chatapp.realtime.replacement import Replacement


def close(sid: str, event: str, code: errors.Code, reason: str) -> None:
    """Close a socket after telling it why."""
    reply(sid, event, {"code": str(code), "message": reason, "reason": reason})
    socketio.server.disconnect(sid)


def close_session(session_id: ObjectId, code: errors.Code, reason: str) -> None:
    """Tell the sockets of a session that it was ended, in any process, and close them."""
    others.current().tell("session ended", {"session": session_id, "code": str(code), "reason": reason})
    _close_session_here(session_id, code, reason)


def heard_session_ended(_: str, data: Document) -> None:
    """Close the session's sockets here: another process has ended it."""
    _close_session_here(data["session"], errors.Code(data["code"]), data["reason"])


def _close_session_here(session_id: ObjectId, code: errors.Code, reason: str) -> None:
    for connection in connections.here.of_session(session_id):
        close(connection.sid, "sessionRevoked", code, reason)


def replace_oldest(user_id: ObjectId, session_id: ObjectId) -> bool:
    """Close a session's oldest socket, in whichever process, after telling it why; False when the session has none."""
    return replacement.replace_oldest(session_id, others.current().sockets_of(user_id))


def _age_of_oldest(session_id: ObjectId) -> float | None:
    of_session = connections.here.of_session(session_id)
    return clock.monotonic() - of_session[0].came_at if of_session else None


def _close_oldest_here(session_id: ObjectId) -> bool:
    of_session = connections.here.of_session(session_id)
    if of_session:
        reason = "The session has too many sockets: a newer one takes this one's place"
        close(of_session[0].sid, "socketReplaced", errors.Code.RATE_LIMITED, reason)
    return bool(of_session)


replacement = Replacement(_age_of_oldest, _close_oldest_here)


def sweep_expired(warning_seconds: int) -> None:
    """Warn sockets whose token is about to expire, and close those whose token has."""
    now = clock.timestamp()
    for connection in list(connections.here.by_sid.values()):
        left = connection.expires_at - now
        if left <= 0:
            close(connection.sid, "tokenExpired", errors.Code.TOKEN_EXPIRED, "The access token has expired")
        elif left <= warning_seconds and not connection.warned:
            connection.warned = True
            reply(connection.sid, "tokenExpiring", {"expiresIn": left})


def announce_shutdown(code: errors.Code, reason: str) -> int:
    """Tell every socket why its connection ends next; return how many.

    No Socket.IO DISCONNECT follows: after one, clients would not connect again by themselves.
    """
    everybody = list(connections.here.by_sid)
    for sid in everybody:
        reply(sid, "serverShutdown", {"code": str(code), "message": reason, "reason": reason})
    return len(everybody)

"""A socket comes and goes."""

import time
from typing import Any
from wsgiref.types import WSGIEnvironment

import gevent
import structlog
from bson import ObjectId
from socketio.exceptions import ConnectionRefusedError

from chatapp import clock, errors, lifecycle, limits, logs
from chatapp.addresses import address_key
from chatapp.realtime import closing, connections, emitting, online, others
from chatapp.realtime.connections import Connection
from chatapp.schemas.accounts import AuthRefreshIn
from chatapp.schemas.pushed import ExpiryOut
from chatapp.services import presence
from chatapp.services.accounts import sessions, tokens
from chatapp.services.accounts.tokens import Identity
from chatapp.services.sync import epoch, plan
from chatapp.settings import config
from chatapp.sockets.dispatch import Answer, Caller, event, finished, refusal

logger = structlog.get_logger("chatapp.sockets")

_REFUSALS: dict[str, str] = {
    errors.Code.TOKEN_MISSING: "Authentication error: no token provided",
    errors.Code.TOKEN_INVALID: "Authentication error: invalid token",
    errors.Code.TOKEN_EXPIRED: "Authentication error: token expired",
    errors.Code.TOKEN_REVOKED: "Authentication error: session ended",
}


def connect(sid: str, environ: WSGIEnvironment, auth: Any = None) -> None:
    """Let an authenticated socket in, or refuse it with a reason. Nothing else may get out of here: an
    exception other than ConnectionRefusedError would let the client in."""
    request_id = logs.request_id(_header(environ, "HTTP_X_REQUEST_ID"))
    logs.begin(requestId=request_id, event_name="connect")
    started = time.perf_counter()
    try:
        _let_in(sid, _header(environ, "REMOTE_ADDR") or "unknown", auth)
    except Exception as error:  # the client is told any reason, in the envelope
        told = refusal(error, request_id)["error"]
        finished("connect", told["code"], started)
        raise ConnectionRefusedError(_REFUSALS.get(told["code"], told["message"]), told) from None
    finished("connect", "OK", started)


def _header(environ: WSGIEnvironment, name: str) -> str | None:
    value = environ.get(name)
    return value if isinstance(value, str) else None


def _let_in(sid: str, address: str, auth: Any) -> None:
    if lifecycle.is_draining():
        raise errors.Unavailable(errors.Code.SHUTTING_DOWN, "The server is restarting.", 2)
    limits.spend("connections", address_key(address), config().RATE_CONNECTS_ADDRESS)
    identity = sessions.authenticate(tokens.in_payload(auth.get("token") if isinstance(auth, dict) else None))
    logs.bind(userId=str(identity.user_id))
    _limit_user(identity)
    ready = {
        "sessionId": str(identity.session_id),
        "userId": str(identity.user_id),
        "epoch": epoch.current(),
        "serverTime": clock.iso(clock.now()),
        "expiresAt": identity.expires_at,
        "limits": _limits(),
        "processes": others.current().count_processes(),
    }
    connection = Connection(sid, identity.user_id, identity.session_id, identity.expires_at, address)
    connection.is_old = sessions.is_of_old_app(identity.session_id)
    first = online.enter(connection)
    try:
        sessions.verify(identity)  # again: a revocation before `enter` did not find this socket
    except Exception:  # of any kind: this socket is not let in
        online.leave(sid)
        raise
    # After the CONNECT packet, which is sent when this handler returns: nothing below may come before it.
    gevent.spawn(_welcome, sid, identity.user_id, ready, first)


def _limit_user(identity: Identity) -> None:
    """Raise RateLimited when the user connects too often, or has too many sockets and none of them is this session's.

    A session's oldest socket makes room: a phone that has lost its network leaves sockets behind, which are open until
    they miss a pong.
    """
    limits.spend("connections", str(identity.user_id), config().RATE_CONNECTS_USER)
    too_many = online.sockets_of(identity.user_id) + 1 - config().MAX_SOCKETS_PER_USER
    replaced = 0
    while replaced < too_many and closing.replace_oldest(identity.user_id, identity.session_id):
        replaced += 1
    if too_many > 0 and not replaced:
        raise errors.RateLimited("Too many devices are connected. Close one, and try again.", 60)


def _limits() -> dict[str, int]:
    settings = config()
    return {
        "maxTextLength": settings.MAX_TEXT_LENGTH,
        "maxTextBytes": settings.MAX_TEXT_BYTES,
        "maxFrameBytes": settings.MAX_FRAME_BYTES,
        "maxGroupSize": settings.MAX_GROUP_SIZE,
        "maxFileBytes": settings.MAX_FILE_BYTES,
        "editWindowSeconds": settings.EDIT_WINDOW_SECONDS,
        "deleteWindowSeconds": settings.DELETE_WINDOW_SECONDS,
    }


def _welcome(sid: str, user_id: ObjectId, ready: dict[str, object], first: bool) -> None:
    try:
        emitting.reply(sid, "ready", ready)
        online.wait_for_turn()
        emitting.reply(sid, "onlineUsers", {"success": True, "data": presence.welcome(user_id, first)})
    except Exception as error:  # presence is a side channel: the connection stands
        logger.warning("presence could not be told", code=str(errors.from_exception(error).code))


def send_resync(sid: str) -> None:
    """Tell a socket that has missed something where its logs end, so that it syncs."""
    connection = connections.here.by_sid.get(sid)
    if connection is None:
        return
    logs.begin(requestId=logs.request_id(), event_name="resync", userId=str(connection.user_id))
    try:
        heads = plan.heads(connection.user_id)
    except Exception as error:  # without its heads the client syncs all the same
        logger.warning("heads could not be told", code=str(errors.from_exception(error).code))
        heads = {}
    emitting.reply(sid, "resync", {"reason": "overflow", "heads": heads})
    logger.info("event", code="OK")


def disconnect(sid: str, reason: str = "") -> None:
    """Forget the socket; when it was the user's last, say that they are offline."""
    gone = online.leave(sid)
    if gone is None:
        return
    connection, last = gone
    logs.begin(requestId=logs.request_id(), event_name="disconnect", userId=str(connection.user_id))
    logger.info("event", code="OK", reason=str(reason))
    if last:
        gevent.spawn(_say_goodbye, connection.user_id)


def _say_goodbye(user_id: ObjectId) -> None:
    try:
        online.wait_for_turn()
        if not online.is_online(user_id):
            presence.left(user_id)
    except Exception as error:  # presence is a side channel: the connection stands
        logger.warning("presence could not be told", code=str(errors.from_exception(error).code))


@event("auth:refresh", AuthRefreshIn, out=ExpiryOut)
def refresh(caller: Caller, token: str) -> Answer:
    """Go on with a fresh access token of the same user, without a reconnect."""
    identity: Identity = sessions.authenticate(tokens.in_payload(token))
    if identity.user_id != caller.user_id:
        raise errors.Forbidden(errors.Code.NOT_ALLOWED, "This token is another user's")
    is_old = sessions.is_of_old_app(identity.session_id)
    if not connections.here.renew(caller.sid, identity.session_id, identity.expires_at, is_old=is_old):
        raise errors.Unauthorized(errors.Code.TOKEN_REVOKED, "This session was ended. Log in again.")
    try:
        sessions.verify(identity)  # again: a revocation before `renew` did not find this socket
    except errors.Unauthorized:
        closing.close(caller.sid, "sessionRevoked", errors.Code.TOKEN_REVOKED, "The session was ended")
        raise
    return {"data": {"expiresAt": identity.expires_at}}

"""Accounts and sessions."""

from typing import Any

from flask import Blueprint, request

from chatapp import text
from chatapp.api.endpoint import Answer, endpoint
from chatapp.errors import Code
from chatapp.ids import object_id
from chatapp.schemas.accounts import LoginIn, PasswordIn, RefreshIn, RegisterIn
from chatapp.schemas.answers.accounts import EndedOut, SessionsOut, SignedInOut, TokensOut
from chatapp.schemas.answers.envelope import MessageOnlyOut
from chatapp.schemas.answers.server import SuccessOut
from chatapp.services.accounts import auth, revocation, sessions
from chatapp.services.accounts.sessions import Device
from chatapp.services.accounts.tokens import Identity

bp = Blueprint("auth", __name__)


@bp.post("/register")
@endpoint(body=RegisterIn, out={201: SignedInOut}, codes=(Code.EMAIL_IN_USE, Code.SERVER_BUSY), signed_in=False)
def register(
    email: str, password: str, name: str | None = None, avatar: str | None = None, **device: Any
) -> tuple[Answer, int]:
    """Make an account and log it in."""
    return auth.register(email, password, name, avatar, _device(**device)), 201


@bp.post("/login")
@endpoint(body=LoginIn, out=SignedInOut, codes=(Code.INVALID_CREDENTIALS, Code.SERVER_BUSY), signed_in=False)
def login(email: str, password: str, **device: Any) -> Answer:
    """Log in; one session per device."""
    return auth.log_in(email, password, _device(**device))


def _device(
    protocol: int | None = None,
    device_name: str | None = None,
    device_id: str | None = None,
    client: str | None = None,
) -> Device:
    asked = protocol or _protocol(request.headers.get("X-Client-Protocol", ""))
    user_agent = text.clean_name(request.headers.get("User-Agent", ""), 200)
    return Device(
        protocol=sessions.ROTATING if asked >= sessions.ROTATING else sessions.LEGACY,
        name=device_name,
        client=client or user_agent or None,
        address=request.remote_addr,
        id=device_id,
    )


def _protocol(header: str) -> int:
    """Return the protocol in a client's header: the old one unless it is a number of at most two digits."""
    return int(header) if header.isascii() and header.isdecimal() and len(header) <= 2 else sessions.LEGACY


@bp.post("/refresh")
@endpoint(
    body=RefreshIn,
    out=TokensOut,
    codes=(Code.INVALID_REFRESH_TOKEN, Code.TOKEN_REVOKED, Code.TOKEN_EXPIRED, Code.ACCOUNT_GONE),
    signed_in=False,
)
def refresh(refresh_token: str) -> Answer:
    """Exchange a refresh token; within the grace time a repeat gets the same answer."""
    return sessions.refresh(refresh_token)


@bp.post("/logout")
@endpoint(out=MessageOnlyOut, codes=(Code.SESSION_NOT_FOUND,))
def logout(caller: Identity) -> Answer:
    """End this session."""
    revocation.revoke(caller, caller.session_id)
    return {"msg": "Logged out"}


@bp.post("/logout-all")
@endpoint(out=EndedOut)
def logout_all(caller: Identity) -> Answer:
    """End all sessions of the caller, this one too."""
    return {"data": {"sessionsEnded": revocation.revoke_all(caller.user_id, "Logged out everywhere")}}


@bp.post("/password")
@endpoint(body=PasswordIn, out=EndedOut, codes=(Code.INVALID_CREDENTIALS, Code.SERVER_BUSY))
def password(caller: Identity, current_password: str, new_password: str) -> Answer:
    """Change the password; all other sessions end."""
    return {"data": auth.change_password(caller, current_password, new_password)}


@bp.get("/sessions")
@endpoint(out=SessionsOut)
def list_sessions(caller: Identity) -> Answer:
    """Return the caller's sessions that work, last seen first."""
    return {"data": sessions.of_user(caller)}


@bp.delete("/sessions/<session_id>")
@endpoint(out=MessageOnlyOut, codes=(Code.SESSION_NOT_FOUND,))
def end_session(caller: Identity, session_id: str) -> Answer:
    """End one of the caller's sessions."""
    revocation.revoke(caller, object_id(session_id))
    return {"msg": "Session ended"}


@bp.get("/test")
@endpoint(out=SuccessOut, signed_in=False)
def test() -> Answer:
    """Answer old apps, which ask whether the routes are there."""
    return {"message": "Auth routes are working"}

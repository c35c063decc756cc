"""The Flask extensions, which the application factory binds to an application."""

from typing import Any

from flask import Flask
from flask_jwt_extended import JWTManager
from flask_limiter import Limiter
from flask_socketio import SocketIO
from jwt import PyJWTError, decode

from chatapp.settings import config

TOKEN_ALGORITHM = "HS256"  # noqa: S105  # no password
_SIGNATURE_ONLY: Any = {"verify_exp": False, "verify_nbf": False, "verify_iat": False}


class Tokens(JWTManager):
    """Flask-JWT-Extended, which makes the tokens; `claims` verifies them for both transports."""

    def init_app(self, app: Flask, *arguments: Any) -> None:
        app.config.update(JWT_ALGORITHM=TOKEN_ALGORITHM, JWT_DECODE_ALGORITHMS=[TOKEN_ALGORITHM])
        super().init_app(app, *arguments)
        self.decode_key_loader(lambda *_: config().JWT_SECRET)

    def claims(self, token: str) -> dict[str, Any] | None:
        """Return the claims of a token that this server has signed, expired or not; None for any other text.

        By PyJWT, which Flask-JWT-Extended stands on: its own `decode_token` reads a token three times over, and needs
        an application context, which sockets have not. The times are the caller's to check, by the server's clock.
        """
        try:
            claims: dict[str, Any] = decode(token, config().JWT_SECRET, [TOKEN_ALGORITHM], _SIGNATURE_ONLY)
        except (PyJWTError, ValueError, RecursionError):
            return None
        return claims


socketio = SocketIO()
jwt = Tokens()
limiter = Limiter(key_func=lambda: "")  # counts for both transports: chatapp.limits says what, whose and by which rule

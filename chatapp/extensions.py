"""The Flask extensions, which the application factory binds to an application."""

from typing import Any

from flask import Flask
from flask_jwt_extended import JWTManager, decode_token
from flask_jwt_extended.exceptions import JWTExtendedException
from flask_limiter import Limiter
from flask_socketio import SocketIO
from jwt import PyJWTError

from chatapp.settings import config

TOKEN_ALGORITHM = "HS256"  # noqa: S105  # no password


class Tokens(JWTManager):
    """Flask-JWT-Extended verifies for both transports; sockets have no application context of their own."""

    def init_app(self, app: Flask, *arguments: Any) -> None:
        app.config.update(
            JWT_ALGORITHM=TOKEN_ALGORITHM,
            JWT_DECODE_ALGORITHMS=[TOKEN_ALGORITHM],
            JWT_DECODE_LEEWAY=10 * 365 * 86_400,  # a clock set back refuses no token; `tokens` checks the times
        )
        super().init_app(app, *arguments)
        self.decode_key_loader(lambda *_: config().JWT_SECRET)
        self._app = app

    def claims(self, token: str) -> dict[str, Any] | None:
        """Return the claims of a token that this server has signed, expired or not; None for any other text."""
        try:
            with self._app.app_context():
                return decode_token(token, allow_expired=True)
        except (PyJWTError, JWTExtendedException, ValueError, RecursionError):
            return None


socketio = SocketIO()
jwt = Tokens()
limiter = Limiter(key_func=lambda: "")  # counts for both transports: chatapp.limits says what, whose and by which rule

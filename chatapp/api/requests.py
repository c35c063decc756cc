"""The frame around every request: id, limits, log line, metrics, headers, and the central error handler."""

import re
import time
from typing import Any

import orjson
import structlog
from bson import ObjectId
from flask import Flask, Response, current_app, g, jsonify, request
from flask.json.provider import JSONProvider
from flask_cors import CORS
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix

from chatapp import errors, lifecycle, limits, logs, metrics
from chatapp.addresses import address_key
from chatapp.api import authentication
from chatapp.api.endpoint import Contract
from chatapp.api.fast_path import EarlyAnswers
from chatapp.extensions import limiter
from chatapp.services.accounts import tokens
from chatapp.services.accounts.tokens import Identity
from chatapp.settings import config

logger = structlog.get_logger("chatapp.requests")

_ALWAYS_ANSWERED = ("health.", "docs.", "web.", "legacy.get_metrics")
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
_STRICT_TRANSPORT = "max-age=31536000"
_REFRESH_BYTES = 4_096  # of a body in which a refresh token is looked for


class Json(JSONProvider):
    """JSON by orjson: several times faster than the standard library's."""

    def dumps(self, obj: Any, **_: Any) -> str:
        return orjson.dumps(obj, option=orjson.OPT_NON_STR_KEYS).decode()

    def loads(self, s: str | bytes, **_: Any) -> Any:
        return orjson.loads(s)

    def response(self, *args: Any, **kwargs: Any) -> Response:
        body = orjson.dumps(self._prepare_response_obj(args, kwargs))
        return Response(body, mimetype="application/json")


def register(app: Flask) -> None:
    """Put the hooks on the app."""
    app.json = Json(app)
    CORS(
        app,
        # The library takes a bracket, as IPv6 addresses have it, for a regular expression.
        origins=[re.compile(re.escape(row) + r"\Z") if "[" in row else row for row in config().CORS_ORIGINS],
        expose_headers=[
            "X-Request-ID",
            "Retry-After",
            "X-RateLimit-Limit",
            "X-RateLimit-Remaining",
            "X-RateLimit-Reset",
            *("Location", "Tus-Resumable", "Tus-Version", "Tus-Extension", "Tus-Max-Size", "Tus-Checksum-Algorithm"),
            *("Upload-Offset", "Upload-Length", "Upload-Expires"),
        ],
        max_age=600,
    )
    app.wsgi_app = EarlyAnswers(app.wsgi_app, HEADERS, _STRICT_TRANSPORT)  # type: ignore[method-assign]
    if config().TRUSTED_PROXIES:
        hops = config().TRUSTED_PROXIES
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops
        )
    app.before_request(_begin)
    app.after_request(_finish)
    app.teardown_request(_count_out)
    app.register_error_handler(Exception, answer_failure)
    app.register_error_handler(HTTPException, answer_failure)
    app.config["RATELIMIT_ENABLED"] = config().RATE_LIMITS_ENABLED
    app.extensions["limiter"] = {limiter}  # without hooks of its own, which take a third of a short request's time
    limiter.init_app(app)


def _begin() -> None:
    g.started = time.perf_counter()
    logs.begin(requestId=logs.request_id(request.headers.get("X-Request-ID")))
    if _is_preflight() or (request.endpoint or "").startswith(_ALWAYS_ANSWERED):
        return
    lifecycle.begin()
    g.counted = True
    authentication.identify()
    _count_call(authentication.identity_or_error())


def _is_preflight() -> bool:
    return request.method == "OPTIONS"


def _finish(response: Response) -> Response:
    seconds = time.perf_counter() - g.get("started", time.perf_counter())
    route = request.url_rule.rule if request.url_rule else "(unknown)"
    if window := g.get("window"):
        response.headers["X-RateLimit-Limit"] = str(window.limit)
        response.headers["X-RateLimit-Remaining"] = str(window.remaining)
        response.headers["X-RateLimit-Reset"] = str(round(window.reset_at))
    if retry_after := g.get("retry_after"):
        response.headers["Retry-After"] = str(retry_after)
    response.headers["X-Request-ID"] = logs.current_request_id()
    present = {name.lower() for name, _ in response.headers}
    for name, value in HEADERS.items():  # each look at werkzeug's headers goes through all of them
        if name.lower() not in present:
            response.headers.add(name, value)
    if config().is_production and request.is_secure:
        response.headers["Strict-Transport-Security"] = _STRICT_TRANSPORT
    metrics.request(request.method, route, response.status_code, seconds)
    _log(route, response.status_code, round(seconds * 1000, 2))
    return response


def _log(route: str, status: int, milliseconds: float) -> None:
    fields = {"method": request.method, "route": route, "status": status, "ms": milliseconds}
    if code := g.get("code"):
        fields["code"] = code
    if milliseconds > config().SLOW_REQUEST_MS + 1000 * g.get("may_take_seconds", 0):
        logger.warning("slow request", **fields)
    elif (request.endpoint or "").startswith("health."):
        logger.debug("request", **fields)
    else:
        logger.info("request", **fields)


def _count_out(_: BaseException | None) -> None:
    if g.pop("counted", False):
        lifecycle.end()


def answer_failure(error: Exception) -> tuple[Response, int, dict[str, str]]:
    """Answer any exception in the one envelope: the central error handler."""
    known = _counted(errors.from_exception(error))
    g.code = str(known.code)
    metrics.error(known.code)
    if known.code == errors.Code.INTERNAL_ERROR:
        logger.error("request failed", exc_info=error)
    g.retry_after = known.retry_after
    headers = {}
    if isinstance(error, HTTPException) and (allow := dict(error.get_headers()).get("Allow")):
        headers["Allow"] = allow
    return jsonify(errors.envelope(known, logs.current_request_id())), known.status, headers


def _counted(error: errors.ChatError) -> errors.ChatError:
    """Return the error, or RateLimited: crashes count even where calls don't (pages), so that nobody fills the log."""
    if error.code == errors.Code.INTERNAL_ERROR and not g.get("counted"):
        try:
            limits.spend("calls", f"address:{address_key(request.remote_addr)}", config().RATE_ANONYMOUS)
        except errors.RateLimited as limited:
            return limited.with_traceback(None)
    return error


def _count_call(identity: Identity | errors.ChatError) -> None:
    """Count the call, by who pays for it. Raises RateLimited."""
    name, key, rule = _payer(identity)
    try:
        cost = 1 if _takes_file() else limits.cost_of_bytes(request.content_length or 0)
        limits.spend(name, key, rule, cost)
    finally:
        g.window = limits.window(name, key, rule)


def _payer(identity: Identity | errors.ChatError) -> tuple[str, str, str]:
    """Return the limit that pays for the call: of a user, of a session whose token has expired, or of an address.

    A route that takes no token counts by address even when one is sent: else a token would be a way around the limits
    of register and log-in. A genuine refresh token counts for its session, so that a stranger at the same address
    can't keep others from refreshing; an app that goes on with an expired token shuts out nobody but itself.
    """
    if request.endpoint == "files.get_file":
        return "files", f"address:{address_key(request.remote_addr)}", config().RATE_FILES
    if request.endpoint == "auth.refresh" and (session_id := _refreshing()):
        return "calls", f"session:{session_id}", config().RATE_SESSION
    if not _takes_no_token():
        if isinstance(identity, Identity):
            return "calls", str(identity.user_id), config().RATE_USER
        if identity.session_id is not None:
            return "calls", f"session:{identity.session_id}", config().RATE_SESSION
    return "calls", f"address:{address_key(request.remote_addr)}", config().RATE_ANONYMOUS


def _contract() -> Contract | None:
    view = current_app.view_functions.get(request.endpoint or "")
    return getattr(view, "contract", None)


def _takes_no_token() -> bool:
    contract = _contract()
    return contract is not None and not contract.signed_in


def _takes_file() -> bool:
    contract = _contract()
    return contract is not None and contract.takes_file


def _refreshing() -> ObjectId | None:
    """Return the session of the genuine refresh token in the body, if there is one."""
    if (request.content_length or 0) > _REFRESH_BYTES:
        return None
    body = request.get_json(silent=True)
    token = body.get("refreshToken") if isinstance(body, dict) else None
    genuine = tokens.read_refresh_token(token) if isinstance(token, str) else None
    return genuine[0] if genuine else None

"""The error family, and the only code that builds the error envelope.

    ChatError                     anything that is answered in the envelope
    ├── BadRequest        400     ├── NotFound          404     ├── TooLarge          413
    ├── Unauthorized      401     ├── Conflict          409     ├── RateLimited       429
    └── Forbidden         403     └── NotImplementedYet 501     └── Unavailable       503

Services raise them; both transports answer `envelope(from_exception(error), request_id)`.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Any, NotRequired, TypedDict

from marshmallow import ValidationError
from werkzeug.exceptions import ClientDisconnected, HTTPException

Details = dict[str, Any]  # field → messages, or retryAfter in seconds, or a reason


class Code(StrEnum):
    """Every `error.code` that a client can see."""

    ACCOUNT_GONE = "ACCOUNT_GONE"
    BAD_REQUEST = "BAD_REQUEST"
    CONTENT_TOO_LARGE = "CONTENT_TOO_LARGE"
    CONVERSATION_NOT_FOUND = "CONVERSATION_NOT_FOUND"
    DATABASE_UNAVAILABLE = "DATABASE_UNAVAILABLE"
    DELETE_WINDOW_PASSED = "DELETE_WINDOW_PASSED"
    EDIT_WINDOW_PASSED = "EDIT_WINDOW_PASSED"
    EMAIL_IN_USE = "EMAIL_IN_USE"
    FILE_TOO_LARGE = "FILE_TOO_LARGE"
    GROUP_TOO_LARGE = "GROUP_TOO_LARGE"
    HEADERS_TOO_LARGE = "HEADERS_TOO_LARGE"
    IDEMPOTENCY_MISMATCH = "IDEMPOTENCY_MISMATCH"
    INTERNAL_ERROR = "INTERNAL_ERROR"
    INVALID_CREDENTIALS = "INVALID_CREDENTIALS"
    INVALID_REFRESH_TOKEN = "INVALID_REFRESH_TOKEN"
    LAST_OWNER = "LAST_OWNER"
    LINK_PREVIEW_NOT_FOUND = "LINK_PREVIEW_NOT_FOUND"
    MALFORMED_JSON = "MALFORMED_JSON"
    MEDIA_EXPIRED = "MEDIA_EXPIRED"
    MEDIA_FORBIDDEN = "MEDIA_FORBIDDEN"
    MEDIA_GONE = "MEDIA_GONE"
    MEDIA_NOT_FOUND = "MEDIA_NOT_FOUND"
    MEDIA_NOT_READY = "MEDIA_NOT_READY"
    MEDIA_REFUSED = "MEDIA_REFUSED"
    MEMBER_NOT_FOUND = "MEMBER_NOT_FOUND"
    MESSAGE_DELETED = "MESSAGE_DELETED"
    MESSAGE_NOT_FOUND = "MESSAGE_NOT_FOUND"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    NOT_ALLOWED = "NOT_ALLOWED"
    NOT_IMPLEMENTED = "NOT_IMPLEMENTED"
    RATE_LIMITED = "RATE_LIMITED"
    PASSWORD_REQUIRED = "PASSWORD_REQUIRED"
    QUOTA_EXCEEDED = "QUOTA_EXCEEDED"
    REQUEST_TIMEOUT = "REQUEST_TIMEOUT"
    ROUTE_NOT_FOUND = "ROUTE_NOT_FOUND"
    SERVER_BUSY = "SERVER_BUSY"
    SESSION_NOT_FOUND = "SESSION_NOT_FOUND"
    SHUTTING_DOWN = "SHUTTING_DOWN"
    STORAGE_UNAVAILABLE = "STORAGE_UNAVAILABLE"
    TOKEN_EXPIRED = "TOKEN_EXPIRED"
    TOKEN_INVALID = "TOKEN_INVALID"
    TOKEN_MISSING = "TOKEN_MISSING"
    TOKEN_REVOKED = "TOKEN_REVOKED"
    TOO_MANY_EDITS = "TOO_MANY_EDITS"
    TOO_MANY_HIDDEN = "TOO_MANY_HIDDEN"
    TOO_MANY_PINS = "TOO_MANY_PINS"
    TOO_MANY_REACTIONS = "TOO_MANY_REACTIONS"
    TOO_MANY_STARS = "TOO_MANY_STARS"
    UNKNOWN_EVENT = "UNKNOWN_EVENT"
    UNSUPPORTED_MEDIA_TYPE = "UNSUPPORTED_MEDIA_TYPE"
    UPLOAD_CHECKSUM_MISMATCH = "UPLOAD_CHECKSUM_MISMATCH"
    UPLOAD_LOCKED = "UPLOAD_LOCKED"
    UPLOAD_OFFSET_MISMATCH = "UPLOAD_OFFSET_MISMATCH"
    UPLOAD_VERSION = "UPLOAD_VERSION"
    URL_TOO_LONG = "URL_TOO_LONG"
    USER_NOT_FOUND = "USER_NOT_FOUND"
    VALIDATION_ERROR = "VALIDATION_ERROR"


STATUS: dict[Code, int] = {
    Code.ACCOUNT_GONE: 401,
    Code.BAD_REQUEST: 400,
    Code.CONTENT_TOO_LARGE: 413,
    Code.CONVERSATION_NOT_FOUND: 404,
    Code.DATABASE_UNAVAILABLE: 503,
    Code.DELETE_WINDOW_PASSED: 409,
    Code.EDIT_WINDOW_PASSED: 409,
    Code.EMAIL_IN_USE: 409,
    Code.FILE_TOO_LARGE: 413,
    Code.GROUP_TOO_LARGE: 413,
    Code.HEADERS_TOO_LARGE: 431,
    Code.IDEMPOTENCY_MISMATCH: 409,
    Code.INTERNAL_ERROR: 500,
    Code.INVALID_CREDENTIALS: 401,
    Code.INVALID_REFRESH_TOKEN: 401,
    Code.LAST_OWNER: 409,
    Code.LINK_PREVIEW_NOT_FOUND: 404,
    Code.MALFORMED_JSON: 400,
    Code.MEDIA_EXPIRED: 410,
    Code.MEDIA_FORBIDDEN: 403,
    Code.MEDIA_GONE: 410,
    Code.MEDIA_NOT_FOUND: 404,
    Code.MEDIA_NOT_READY: 409,
    Code.MEDIA_REFUSED: 415,
    Code.MEMBER_NOT_FOUND: 404,
    Code.MESSAGE_DELETED: 409,
    Code.MESSAGE_NOT_FOUND: 404,
    Code.METHOD_NOT_ALLOWED: 405,
    Code.NOT_ALLOWED: 403,
    Code.NOT_IMPLEMENTED: 501,
    Code.RATE_LIMITED: 429,
    Code.PASSWORD_REQUIRED: 403,
    Code.QUOTA_EXCEEDED: 409,
    Code.REQUEST_TIMEOUT: 408,
    Code.ROUTE_NOT_FOUND: 404,
    Code.SERVER_BUSY: 503,
    Code.SESSION_NOT_FOUND: 404,
    Code.SHUTTING_DOWN: 503,
    Code.STORAGE_UNAVAILABLE: 503,
    Code.TOKEN_EXPIRED: 401,
    Code.TOKEN_INVALID: 401,
    Code.TOKEN_MISSING: 401,
    Code.TOKEN_REVOKED: 401,
    Code.TOO_MANY_EDITS: 409,
    Code.TOO_MANY_HIDDEN: 409,
    Code.TOO_MANY_PINS: 409,
    Code.TOO_MANY_REACTIONS: 409,
    Code.TOO_MANY_STARS: 409,
    Code.UNKNOWN_EVENT: 404,
    Code.UNSUPPORTED_MEDIA_TYPE: 415,
    Code.UPLOAD_CHECKSUM_MISMATCH: 460,
    Code.UPLOAD_LOCKED: 423,
    Code.UPLOAD_OFFSET_MISMATCH: 409,
    Code.UPLOAD_VERSION: 412,
    Code.URL_TOO_LONG: 414,
    Code.USER_NOT_FOUND: 404,
    Code.VALIDATION_ERROR: 400,
}
"""The status that each code comes with."""


class ChatError(Exception):
    """Something that the client is told. The code decides the status, but for HTTP errors that share a code."""

    session_id: object = None

    def __init__(
        self,
        code: Code,
        message: str,
        *,
        details: Details | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details
        self.status = STATUS[code] if status is None else status

    @property
    def retry_after(self) -> int | None:
        """Seconds after which trying again makes sense, where that is known."""
        return (self.details or {}).get("retryAfter")


class BadRequest(ChatError):
    """400: what was sent can't be used."""


class Unauthorized(ChatError):
    """401: no session, or one that is over: `session_id` is its id when the token was genuine."""

    def __init__(self, code: Code, message: str, *, details: Details | None = None, session_id: object = None) -> None:
        super().__init__(code, message, details=details)
        self.session_id = session_id


class Forbidden(ChatError):
    """403: known, but without the right."""


class NotFound(ChatError):
    """404: is not there, or not for this user; the two look the same."""


class Conflict(ChatError):
    """409: at odds with what is stored."""


class TooLarge(ChatError):
    """413: over a size limit."""


class Gone(ChatError):
    """410: was there, and is not any more."""


class RateLimited(ChatError):
    """429: too many; `retry_after` seconds from now there is room again."""

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(Code.RATE_LIMITED, message, details={"retryAfter": max(1, retry_after)})


class NotImplementedYet(ChatError):
    """501: the contract knows it, this version does not do it."""


class Unavailable(ChatError):
    """503: not now; try again after `retry_after` seconds."""

    def __init__(self, code: Code, message: str, retry_after: int = 5) -> None:
        super().__init__(code, message, details={"retryAfter": retry_after})


def not_a_conversation() -> NotFound:
    """Return the one error for a conversation that is unknown, malformed, or not the caller's."""
    return NotFound(Code.CONVERSATION_NOT_FOUND, "Conversation not found")


def invalid(field: str, sentence: str) -> BadRequest:
    """Return the validation error of a rule rather than of a schema."""
    return BadRequest(Code.VALIDATION_ERROR, sentence, details={field: [sentence]})


_HTTP_CODES = {
    400: Code.BAD_REQUEST,
    404: Code.ROUTE_NOT_FOUND,
    405: Code.METHOD_NOT_ALLOWED,
    408: Code.REQUEST_TIMEOUT,
    413: Code.CONTENT_TOO_LARGE,
    415: Code.UNSUPPORTED_MEDIA_TYPE,
    429: Code.RATE_LIMITED,
}
_HTTP_MESSAGES = {
    404: "Route not found",
    405: "Method not allowed on this route",
    413: "The request body is too large",
    415: "Send JSON with Content-Type: application/json",
}
_translations: dict[type[Exception], Callable[[Any], ChatError]] = {}


def translate(kind: type[Exception]) -> Callable[[Callable[[Any], ChatError]], None]:
    """Say how exceptions of a library (and their subclasses) become ChatErrors."""

    def register(translation: Callable[[Any], ChatError]) -> None:
        _translations[kind] = translation

    return register


def from_exception(error: BaseException) -> ChatError:
    """Return any exception as a ChatError; an unforeseen one is INTERNAL_ERROR without its text."""
    if isinstance(error, ChatError):
        return error
    for kind in type(error).__mro__:
        if kind in _translations:
            return _translations[kind](error)
    return ChatError(Code.INTERNAL_ERROR, "Something went wrong on the server")


class Failure(TypedDict):
    """An error as clients see it."""

    code: str
    message: str
    statusCode: int
    requestId: str
    details: NotRequired[Details]


class Envelope(TypedDict):
    """The one shape of every failure; `msg` is for old clients."""

    success: bool
    error: Failure
    msg: str


def envelope(error: ChatError, request_id: str) -> Envelope:
    """Return the shape of every failure, REST body and socket ack alike."""
    body: Failure = {
        "code": str(error.code),
        "message": error.message,
        "statusCode": error.status,
        "requestId": request_id,
    }
    if error.details:
        body["details"] = error.details
    return {"success": False, "error": body, "msg": error.message}


@translate(ValidationError)
def _from_marshmallow(error: ValidationError) -> ChatError:
    found: dict[Any, Any] = error.normalized_messages()  # type: ignore[no-untyped-call]
    details = {str(name): _texts(messages) for name, messages in found.items()} or {"": ["is not valid"]}
    name, messages = next(iter(details.items()))
    return BadRequest(Code.VALIDATION_ERROR, f"{name}: {messages[0]}".lstrip(": "), details=details)


def _texts(messages: Any) -> list[str]:
    """Return all messages about one field; those about the items of a list come keyed by index."""
    if isinstance(messages, dict):
        messages = list(messages.values())
    if isinstance(messages, list):
        return list(dict.fromkeys(text for message in messages for text in _texts(message)))
    return [str(messages)]


@translate(ClientDisconnected)
def _from_disconnected(_: ClientDisconnected) -> ChatError:
    """Answer a body that broke off: a client that is still there to read this has sent it too slowly."""
    return ChatError(Code.REQUEST_TIMEOUT, "The request's body did not come in time", status=408)


@translate(HTTPException)
def _from_http(error: HTTPException) -> ChatError:
    status = error.code or 500
    if status >= 500:
        return ChatError(Code.INTERNAL_ERROR, "Something went wrong on the server")
    message = _HTTP_MESSAGES.get(status) or error.description or error.name
    return ChatError(_HTTP_CODES.get(status, Code.BAD_REQUEST), message, status=status)

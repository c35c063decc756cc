"""Structured logs: one line per request and per event, with the request id. Never bodies or tokens."""

import logging
import re
import sys
import uuid
from typing import Any

import orjson
import structlog
from structlog.contextvars import bind_contextvars, clear_contextvars, get_contextvars

from config import Config

_SANE_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_LIBRARY_LEVELS = {
    "pymongo": "WARNING",
    "engineio": "ERROR",
    "socketio": "ERROR",
    "geventwebsocket": "ERROR",
    "flask-limiter": "ERROR",  # a refused call has its line already
}


def configure(config: Config) -> None:
    """Send structlog's and the standard library's records through one renderer to standard error."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
    ]
    level = logging.getLevelNamesMapping()[config.LOG_LEVEL]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.StackInfoRenderer(),
            *_renderers(config.LOG_FORMAT),
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name, library_level in _LIBRARY_LEVELS.items():
        logging.getLogger(name).setLevel(library_level)


def _renderers(log_format: str) -> list[Any]:
    if log_format == "json":
        return [
            structlog.processors.format_exc_info,
            structlog.processors.EventRenamer("message"),
            structlog.processors.JSONRenderer(serializer=_to_json),
        ]
    return [
        structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            timestamp_key="time",
            exception_formatter=structlog.dev.plain_traceback,  # the pretty ones show locals: passwords
        )
    ]


def _to_json(record: dict[str, Any], default: Any = None, **_: Any) -> str:
    return orjson.dumps(record, default=default or str).decode()


def request_id(proposed: object = None) -> str:
    """The caller's own id when it is sane, else a new one."""
    if isinstance(proposed, str) and _SANE_ID.fullmatch(proposed):
        return proposed
    return uuid.uuid4().hex


def begin(**fields: Any) -> None:
    """Start the log context of one request or event: the fields stand in each of its lines."""
    clear_contextvars()
    bind_contextvars(**fields)


def bind(**fields: Any) -> None:
    """Add fields to the running context."""
    bind_contextvars(**fields)


def current_request_id() -> str:
    """The id of the request or event being worked on; "-" outside one."""
    return str(get_contextvars().get("requestId", "-"))

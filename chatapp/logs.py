"""Structured logs: one line per request and per event, with the request id. Never bodies or tokens."""

import json
import logging
import re
import sys
import uuid
from typing import Any, TextIO

import orjson
import structlog
from structlog.contextvars import bind_contextvars, clear_contextvars, get_contextvars

from chatapp import metrics
from chatapp.output import Output
from config import Config

logger = structlog.get_logger("chatapp.logs")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # but tabs and line ends: tracebacks have them
_SANE_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_LIBRARY_LEVELS = {
    "pymongo": "WARNING",
    "engineio": "ERROR",
    "socketio": "ERROR",
    "geventwebsocket": "ERROR",
    "flask-limiter": "ERROR",  # a refused call has its line already
}


class _Output:
    """The output of lines: standard error, or what `redirect` put in its place. A line that can't be written is dropped
    and counted; that lines were dropped is said once there is somebody to read it."""

    stream: TextIO | None = None

    def write(self, line: str) -> None:
        stream = self.stream or sys.stderr
        try:
            stream.write(line + "\n")
            stream.flush()
        except (OSError, ValueError, AttributeError):  # the stream is broken, closed, or was never there
            metrics.log_lines_dropped.inc()
        else:
            _tell_lost(stream)

    def flush(self) -> None:
        if isinstance(sys.stderr, Output):
            sys.stderr.flush()
            _tell_lost(sys.stderr)


def _tell_lost(stream: Any) -> None:
    if isinstance(stream, Output) and (lost := stream.take_lost()):
        logger.warning("log lines were dropped", lines=lost)


_output = _Output()


def flush() -> None:
    """Write the lines that wait for a slow reader; called every second."""
    _output.flush()


def redirect(stream: TextIO | None) -> None:
    """Send lines elsewhere (None: to standard error again); for tests."""
    _output.stream = stream


class _Logger:
    """The taker of structlog's finished lines; standard library logging would take four times as long."""

    def __init__(self, *_: Any) -> None:
        pass

    def msg(self, line: str) -> None:
        _output.write(line)

    debug = info = warning = error = critical = msg


class _Handler(logging.Handler):
    """The same for what libraries log through the standard library."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
        except Exception:  # as logging's own handlers do
            self.handleError(record)
        else:
            _output.write(line)


def configure(config: Config) -> None:
    """Send structlog's and the standard library's records through one renderer to standard error."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
    ]
    renderers = [structlog.processors.StackInfoRenderer(), *map(_never_failing, _renderers(config.LOG_FORMAT))]
    level = logging.getLevelNamesMapping()[config.LOG_LEVEL]
    structlog.configure(
        processors=[*shared, *renderers],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=_Logger,
        cache_logger_on_first_use=False,
    )
    handler = _Handler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
        )
    )
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
        structlog.processors.format_exc_info,
        _without_controls,
        structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            timestamp_key="time",
            exception_formatter=structlog.dev.plain_traceback,  # the pretty ones show locals: passwords
        ),
    ]


def _without_controls(_: Any, __: str, record: Any) -> Any:
    """Show control characters instead of sending them to a terminal: clients' texts could move its cursor."""
    return {name: _CONTROLS.sub(_as_code, value) if isinstance(value, str) else value for name, value in record.items()}


def _as_code(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode()


def _never_failing(processor: Any) -> Any:
    """Wrap a processor so that a value which it can't write is written in another way instead of failing the act."""

    def process(logger: Any, method: str, record: Any) -> Any:
        try:
            return processor(logger, method, record)
        except Exception:  # a value that no renderer can write must not fail what is logged
            metrics.side_failures.labels("log").inc()
            return json.dumps(record, default=_shown, skipkeys=True)

    return process


def _shown(value: object) -> str:
    try:
        return repr(value)
    except Exception:  # a broken __repr__
        return f"<{type(value).__name__}>"


def _to_json(record: dict[str, Any], default: Any = None, **_: Any) -> str:
    return orjson.dumps(record, default=default or str).decode()


def request_id(proposed: object = None) -> str:
    """Return the caller's own id when it is sane, else a new one."""
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
    """Return the id of the request or event being worked on; "-" outside one."""
    return str(get_contextvars().get("requestId", "-"))

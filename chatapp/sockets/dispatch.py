"""The frame around every socket event: request id, limits, schema, one answer as ack and as event, one log line."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from marshmallow import Schema

from chatapp import errors, lifecycle, limits, logs, metrics
from chatapp.realtime import connections, emitting
from chatapp.realtime.connections import Connection
from chatapp.schemas.conversations import EmptyIn
from chatapp.services.accounts import sessions
from chatapp.services.accounts.tokens import Identity
from chatapp.settings import config

logger = structlog.get_logger("chatapp.sockets")

Answer = Mapping[str, object]  # a view; see chatapp.schemas.views
Handler = Callable[..., Answer]


@dataclass(frozen=True, slots=True)
class Caller:
    """The sender of an event, and the socket that it came over."""

    sid: str
    identity: Identity

    @property
    def user_id(self) -> Any:
        return self.identity.user_id


@dataclass(frozen=True, slots=True)
class Event:
    """One event that clients may send.

    The answer is the ack, and is emitted as `reply` where one is named. A failure is emitted as `failure`.
    `bare` names the field that a payload without an object stands for. `reads`: it changes nothing.
    """

    name: str
    schema: type[Schema]
    handler: Handler
    reply: str | None
    failure: str
    bare: str | None
    summary: str
    out: type[Schema] | None
    reads: bool


EVENTS: dict[str, Event] = {}


def event(
    name: str,
    schema: type[Schema] = EmptyIn,
    *,
    reply: str | None = None,
    failure: str | None = None,
    bare: str | None = None,
    out: type[Schema] | None = None,
    reads: bool = False,
) -> Callable[[Handler], Handler]:
    """Define a socket event. The handler gets a Caller and the loaded fields, and returns the fields to add to
    `{success: true}`."""

    def define(handler: Handler) -> Handler:
        summary = (handler.__doc__ or "").strip().splitlines()[0]
        EVENTS[name] = Event(name, schema, handler, reply, failure or reply or name, bare, summary, out, reads)
        return handler

    return define


def handler_of(spec: Event) -> Callable[..., Answer]:
    """Return the Socket.IO handler of an event."""
    schema = spec.schema()

    def handle(sid: str, *payloads: Any) -> Answer:
        payload = payloads[0] if payloads else None
        return _answer(
            sid,
            spec.name,
            payload,
            spec.reply,
            spec.failure,
            lambda caller: _call(spec, schema, caller, payload),
        )

    return handle


def _call(spec: Event, schema: Schema, caller: Caller, payload: Any) -> Answer:
    return spec.handler(caller, **schema.load(_fields(spec, payload)))


def _fields(spec: Event, payload: Any) -> dict[str, Any]:
    if payload is None:
        return {}
    if spec.bare is not None and not isinstance(payload, dict):
        return {spec.bare: payload}
    if not isinstance(payload, dict):
        raise errors.invalid("payload", "Send an object.")
    return payload


def answer_unknown(name: str, sid: str, *payloads: Any) -> Answer:
    """Return the answer to an event that nobody defined."""
    payload = payloads[0] if payloads else None

    def refuse(_: Caller) -> Answer:
        raise errors.NotFound(errors.Code.UNKNOWN_EVENT, "There is no such event. See /api/asyncapi.json")

    return _answer(sid, "(unknown)", payload, None, "error", refuse)


def answer_binary(sid: str) -> Answer:
    """Return the answer to an event that carries bytes."""

    def refuse(_: Caller) -> Answer:
        raise errors.invalid("payload", "Bytes are not taken. Upload the file, and send its address as attachment.")

    return _answer(sid, "(binary)", None, None, "error", refuse)


def charge_bytes(sid: str, size: int) -> None:
    """Charge the sender of a large packet more than one call."""
    connection = connections.here.by_sid.get(sid)
    if connection is not None:
        limits.charge(connection.user_id, size=size)


def _answer(
    sid: str,
    name: str,
    payload: Any,
    reply: str | None,
    failure: str,
    call: Callable[[Caller], Answer],
) -> Answer:
    """Run one event from limits to log line; nothing that goes wrong stays without an answer."""
    started = time.perf_counter()
    proposed = payload.get("requestId") if isinstance(payload, dict) else None
    request_id = logs.request_id(proposed)
    logs.begin(requestId=request_id, event_name=name)
    try:
        answer = _guarded(sid, call)
        if isinstance(proposed, str):
            answer["requestId"] = request_id
        if reply:
            emitting.reply(sid, reply, answer)
    except Exception as error:  # every failure is answered, in the envelope
        refused = refusal(error, request_id)
        code = refused["error"]["code"]
        emitting.reply(sid, failure, refused)
        finished(name, code, started)
        return refused
    finished(name, "OK", started)
    return answer


def refusal(error: Exception, request_id: str) -> errors.Envelope:
    """Return the envelope for an exception; an unexpected one is logged with its stack.

    Not in the frame that has caught it: the exception has that frame, and with it the payload. A frame that had the
    exception, too, would keep both until the collector comes by.
    """
    known = errors.from_exception(error)
    if known.code == errors.Code.INTERNAL_ERROR:
        logger.exception("event failed")
    metrics.error(known.code)
    return errors.envelope(known, request_id)


def finished(name: str, code: str, started: float) -> None:
    """Count and log an event that began at `started` (of time.perf_counter)."""
    seconds = time.perf_counter() - started
    metrics.event(name, code, seconds)
    milliseconds = round(seconds * 1000, 2)
    if milliseconds > config().SLOW_REQUEST_MS:
        logger.warning("slow event", code=code, ms=milliseconds)
    else:
        logger.info("event", code=code, ms=milliseconds)


def _guarded(sid: str, call: Callable[[Caller], Answer]) -> dict[str, object]:
    lifecycle.begin()
    try:
        connection = connections.here.by_sid.get(sid)
        if connection is None:
            raise errors.Unauthorized(errors.Code.TOKEN_REVOKED, "This session was ended. Log in again.")
        logs.bind(userId=str(connection.user_id))
        limits.spend_call(connection.user_id)
        return {"success": True, **call(_caller(connection))}
    finally:
        lifecycle.end()


def _caller(connection: Connection) -> Caller:
    identity = Identity(connection.user_id, connection.session_id, connection.expires_at)
    return Caller(connection.sid, sessions.verify(identity))

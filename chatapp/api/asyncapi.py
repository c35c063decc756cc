"""The AsyncAPI 3.0 document: every socket event, each way."""

from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from marshmallow import Schema

from chatapp.api.openapi import JsonObject
from chatapp.schemas.answers.envelope import ErrorOut
from chatapp.schemas.pushed_events import PUSHED
from chatapp.sockets.dispatch import EVENTS, Event

_DESCRIPTION = (
    "Socket.IO v4, path /socket.io, default namespace, handshake auth {token}. Each event may be sent "
    "with an ack. The ack is the answer or the error envelope; the answer comes as the event x-reply too "
    "where one is named, a failure as the event x-failure."
)


def document(version: str) -> JsonObject:
    """Return the whole document."""
    parts = _Parts()
    for name, (schema, sentence) in sorted(PUSHED.items()):
        parts.add_heard(f"pushed.{name}", name, sentence, schema)
    for spec in sorted(EVENTS.values(), key=lambda spec: spec.name):
        parts.add_event(spec)
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "chatapp socket events", "version": version, "description": _DESCRIPTION},
        "defaultContentType": "application/json",
        "channels": {
            "socket": {
                "address": "/socket.io",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in parts.messages},
            }
        },
        "operations": parts.operations,
        "components": {"messages": parts.messages, "schemas": parts.schemas.all()},
    }


def _key(name: str) -> str:
    """Return a component's key: letters, digits, dots, hyphens and underscores only."""
    return name.replace(":", "_")


def _message_ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/channels/socket/messages/{_key(name)}"}


def _operation(action: str, message: str, sentence: str) -> JsonObject:
    """Return an operation. `action` is the server's: it sends the messages that clients hear."""
    return {
        "action": action,
        "channel": {"$ref": "#/channels/socket"},
        "summary": sentence,
        "messages": [_message_ref(message)],
    }


def _request(spec: Event) -> JsonObject:
    operation = _operation("receive", f"sent.{spec.name}", spec.summary)
    operation["reply"] = {"channel": {"$ref": "#/channels/socket"}, "messages": [_message_ref(f"ack.{spec.name}")]}
    operation["x-failure"] = spec.failure
    if spec.reply:
        operation["x-reply"] = spec.reply
    return operation


class _Parts:
    """The document's messages and operations, by key, and the schemas that they use."""

    def __init__(self) -> None:
        self.schemas = _Schemas()
        self.messages: JsonObject = {}
        self.operations: JsonObject = {}

    def add_heard(self, key: str, name: str, sentence: str, schema: type[Schema] | None) -> None:
        """Add an event that clients hear."""
        self.messages[_key(key)] = self.schemas.message(name, sentence, schema)
        self.operations[_key(f"hear.{key.removeprefix('pushed.')}")] = _operation("send", key, sentence)

    def add_event(self, spec: Event) -> None:
        """Add an event that clients send, and those that answer it."""
        message = self.schemas.message
        self.messages[_key(f"sent.{spec.name}")] = message(spec.name, spec.summary, spec.schema, bare=spec.bare)
        self.messages[_key(f"ack.{spec.name}")] = message(spec.name, "The ack", spec.out)
        self.operations[_key(f"emit.{spec.name}")] = _request(spec)
        if spec.reply:
            self.add_heard(f"replied.{spec.name}", spec.reply, f"The answer to {spec.name}, as an event.", spec.out)
        self.add_heard(f"failed.{spec.name}", spec.failure, f"The failure of {spec.name}, as an event.", ErrorOut)


class _Schemas:
    """JSON schemas of marshmallow's, made by apispec."""

    def __init__(self) -> None:
        self.plugin = MarshmallowPlugin(schema_name_resolver=lambda schema: _class_name(schema))
        self.spec = APISpec(title="", version="", openapi_version="3.1.0", plugins=[self.plugin])
        self.reference(ErrorOut)

    def reference(self, schema: type[Schema]) -> JsonObject:
        assert self.plugin.converter is not None
        resolved: JsonObject = self.plugin.converter.resolve_nested_schema(schema)  # type: ignore[no-untyped-call]
        return dict(resolved)

    def message(self, name: str, summary: str, schema: type[Schema] | None, bare: str | None = None) -> JsonObject:
        payload = self.reference(schema) if schema else self.reference(ErrorOut)
        if bare:
            payload = {"anyOf": [payload, {"type": ["string", "null"]}]}
        return {"name": name, "title": name, "summary": summary, "payload": payload}

    def all(self) -> JsonObject:
        return dict(self.spec.to_dict()["components"]["schemas"])


def _class_name(schema: Any) -> str:
    kind = schema if isinstance(schema, type) else type(schema)
    return str(kind.__name__)

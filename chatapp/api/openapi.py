"""The OpenAPI 3.1 document, from the schemas that do the validating."""

import re
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from flask import Flask
from marshmallow import Schema

from chatapp import errors
from chatapp.api.endpoint import Contract
from chatapp.errors import Code
from chatapp.schemas.answers.envelope import ErrorOut

JsonObject = dict[str, Any]
_VARIABLE = re.compile(r"<(?:\w+:)?(\w+)>")
_ALWAYS = (Code.VALIDATION_ERROR, Code.RATE_LIMITED, Code.INTERNAL_ERROR, Code.SHUTTING_DOWN)
_DATABASE = (Code.DATABASE_UNAVAILABLE,)
_WITH_BODY = (Code.MALFORMED_JSON, Code.CONTENT_TOO_LARGE, Code.UNSUPPORTED_MEDIA_TYPE, Code.REQUEST_TIMEOUT)
_SIGNED_IN = (Code.TOKEN_MISSING, Code.TOKEN_INVALID, Code.TOKEN_EXPIRED, Code.TOKEN_REVOKED)
# Routes that answer something else than JSON: path → (summary, media types).
_PLAIN = {
    "/": ('The web app; "Server is running" as text for clients that do not ask for HTML.', "text/html", "text/plain"),
    "/app": ("The web app.", "text/html"),
    "/app/<path:route>": ("The web app, at one of its own addresses.", "text/html"),
    "/assets/<path:name>": ("Files of the web app.", "application/octet-stream"),
    "/sw.js": ("The web app's service worker.", "text/javascript"),
    "/metrics": ("Metrics for Prometheus; METRICS_TOKEN as Bearer token outside development.", "text/plain"),
    "/api/docs": ("This documentation, to try out.", "text/html"),
    "/api/docs/<path:name>": ("Files of the documentation page.", "application/octet-stream"),
    "/api/openapi.json": ("This document.", "application/json"),
    "/api/asyncapi.json": ("The socket events.", "application/json"),
}


def document(app: Flask, version: str) -> JsonObject:
    """Return the whole document for this app's routes."""
    spec = APISpec(
        title="chatapp",
        version=version,
        openapi_version="3.1.0",
        info={"description": "REST API. Socket events are described in /api/asyncapi.json."},
        plugins=[MarshmallowPlugin(schema_name_resolver=_schema_name)],
    )
    spec.components.security_scheme("token", {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"})
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: (rule.rule, rule.endpoint)):
        contract = getattr(app.view_functions[rule.endpoint], "contract", None)
        for method in sorted((rule.methods or set()) - {"OPTIONS", "HEAD"}):
            summary = (app.view_functions[rule.endpoint].__doc__ or "").strip().splitlines()[0]
            operation = _operation(rule.endpoint, summary, contract) if contract else _plain(rule.rule, rule.endpoint)
            operation["parameters"] = [*_path_parameters(rule.rule), *operation.get("parameters", [])]
            spec.path(path=_VARIABLE.sub(r"{\1}", rule.rule), operations={method.lower(): operation})
    return spec.to_dict()


def _schema_name(schema: Any) -> str:
    kind = schema if isinstance(schema, type) else type(schema)
    return str(kind.__name__)


def _path_parameters(rule: str) -> list[JsonObject]:
    return [
        {"in": "path", "name": name, "required": True, "schema": {"type": "string"}} for name in _VARIABLE.findall(rule)
    ]


def _plain(rule: str, endpoint: str) -> JsonObject:
    summary, *media_types = _PLAIN[rule]
    not_built = {"503": {"description": "The web app is not built", "content": {"text/html": {}}}}
    return {
        "operationId": endpoint.replace(".", "_"),
        "summary": summary,
        "tags": ["server"],
        "responses": {
            "200": {"description": "Success", "content": {media_type: {} for media_type in media_types}},
            **(not_built if endpoint.startswith("web.") else {}),
            **_failures((*_ALWAYS, Code.TOKEN_INVALID, Code.ROUTE_NOT_FOUND)),
        },
    }


def _operation(endpoint: str, summary: str, contract: Contract) -> JsonObject:
    codes = [*_ALWAYS, *contract.codes]
    operation: JsonObject = {
        "operationId": endpoint.replace(".", "_"),
        "summary": summary,
        "tags": [endpoint.partition(".")[0].removesuffix("_at_root")],
        "responses": {},
    }
    if contract.signed_in:
        codes += [*_SIGNED_IN, *_DATABASE]
        operation["security"] = [{"token": []}]
    if contract.body:
        codes += [*_WITH_BODY, *_DATABASE]
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": contract.body}}}
    if contract.query:
        operation["parameters"] = [{"in": "query", "schema": contract.query}]
    for status, schema in contract.out.items():
        operation["responses"][str(status)] = _success(schema)
    return operation | {"responses": {**operation["responses"], **_failures(tuple(dict.fromkeys(codes)))}}


def _success(schema: type[Schema] | None) -> JsonObject:
    if schema is None:
        return {"description": "Success, without a body"}
    return {
        "description": (schema.__doc__ or "Success").strip().splitlines()[0],
        "content": {"application/json": {"schema": schema}},
        "headers": {"X-Request-ID": {"schema": {"type": "string"}, "description": "Id of this request in the log"}},
    }


def _failures(codes: tuple[Code, ...]) -> JsonObject:
    """Return the error answers by status, with the codes that each can carry."""
    by_status: dict[int, list[str]] = {}
    for code in codes:
        by_status.setdefault(errors.STATUS[code], []).append(str(code))
    return {
        str(status): {
            "description": "One of: " + ", ".join(names),
            "content": {"application/json": {"schema": ErrorOut}},
        }
        for status, names in sorted(by_status.items())
    }

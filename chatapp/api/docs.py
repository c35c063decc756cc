"""The documents: OpenAPI, AsyncAPI, and a page to try the API out, without internet."""

from pathlib import Path
from typing import Any

import flask_swagger_ui
from flask import Blueprint, Flask, Response, current_app, jsonify, send_from_directory

from chatapp import errors
from chatapp.api import asyncapi, openapi
from chatapp.settings import config
from chatapp.version import __version__

bp = Blueprint("docs", __name__)
_FILES = Path(flask_swagger_ui.__file__).parent / "dist"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; frame-ancestors 'none'"
)
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>chatapp API</title>
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""
_START = 'window.ui = SwaggerUIBundle({url: "/api/openapi.json", dom_id: "#swagger-ui", deepLinking: true});\n'


def documents(app: Flask) -> dict[str, openapi.JsonObject]:
    """Return both documents by name."""
    return {"openapi": openapi.document(app, __version__), "asyncapi": asyncapi.document(__version__)}


def _require_enabled() -> None:
    """Raise NotFound in production, unless DOCS_ENABLED says otherwise."""
    if config().is_production and not config().DOCS_ENABLED:
        raise errors.NotFound(errors.Code.ROUTE_NOT_FOUND, "Route not found")


def _made_once(name: str, make: Any) -> Any:
    documents: dict[str, Any] = current_app.extensions.setdefault("chatapp_documents", {})
    if name not in documents:
        documents[name] = make()
    return documents[name]


@bp.get("/api/openapi.json")
def get_openapi() -> Response:
    """Return the OpenAPI 3.1 document."""
    return jsonify(_made_once("openapi", lambda: openapi.document(current_app, __version__)))


@bp.get("/api/asyncapi.json")
def get_asyncapi() -> Response:
    """Return the AsyncAPI 3.0 document."""
    return jsonify(_made_once("asyncapi", lambda: asyncapi.document(__version__)))


@bp.get("/api/docs")
def page() -> Response:
    """Return Swagger UI."""
    _require_enabled()
    answer = Response(_PAGE, mimetype="text/html")
    answer.headers["Content-Security-Policy"] = _POLICY
    return answer


@bp.get("/api/docs/<path:name>")
def file(name: str) -> Response:
    """Return a file of Swagger UI, from its package."""
    _require_enabled()
    if name == "start.js":
        return Response(_START, mimetype="text/javascript")
    answer = send_from_directory(_FILES, name)
    answer.headers["Cache-Control"] = "public, max-age=86400"
    return answer

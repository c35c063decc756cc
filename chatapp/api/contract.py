"""What each route takes and gives, said once: used to load the input and to write the OpenAPI document."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from flask import Response, jsonify, request
from marshmallow import Schema
from werkzeug.exceptions import BadRequest as WerkzeugBadRequest

from chatapp import errors
from chatapp.api.sign_in import current_identity
from chatapp.errors import Code

Answer = dict[str, Any]
View = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Contract:
    """One route's part of the documents. `out` maps a status to its schema."""

    body: type[Schema] | None
    query: type[Schema] | None
    out: dict[int, type[Schema]]
    codes: tuple[Code, ...]
    signed_in: bool


def endpoint(
    *,
    out: type[Schema] | dict[int, type[Schema]],
    body: type[Schema] | None = None,
    query: type[Schema] | None = None,
    codes: tuple[Code, ...] = (),
    signed_in: bool = True,
) -> Callable[[View], View]:
    """Decorator: load body or query, check the token, wrap the answer in `{success: true}`.

    The view gets `caller` (an Identity) first when `signed_in`, then the route's variables, then the loaded
    fields by name. It gives a dict, or (dict, status). `codes` are the errors of its own that it can raise.
    """
    statuses = out if isinstance(out, dict) else {200: out}
    contract = Contract(body, query, statuses, codes, signed_in)
    body_schema = body() if body else None
    query_schema = query() if query else None

    def decorate(view: View) -> View:
        @wraps(view)
        def handle(**variables: Any) -> tuple[Response, int]:
            arguments = (current_identity(),) if signed_in else ()
            fields = body_schema.load(json_body()) if body_schema else {}
            if query_schema:
                fields |= query_schema.load(request.args.to_dict())
            answer = view(*arguments, **variables, **fields)
            data, status = answer if isinstance(answer, tuple) else (answer, 200)
            return jsonify({"success": True, **data}), status

        handle.contract = contract  # type: ignore[attr-defined]
        return handle

    return decorate


def json_body() -> dict[str, Any]:
    """The request's JSON object; an empty body is an empty object, whatever its media type.

    Raises BadRequest MALFORMED_JSON, or 415 for another media type.
    """
    if not request.get_data():
        return {}
    try:
        body = request.get_json()
    except WerkzeugBadRequest:
        raise errors.BadRequest(Code.MALFORMED_JSON, "The body is not valid JSON") from None
    except RecursionError:
        raise errors.BadRequest(Code.MALFORMED_JSON, "The body is nested too deeply") from None
    if not isinstance(body, dict):
        raise errors.invalid("body", "Send a JSON object.")
    return body

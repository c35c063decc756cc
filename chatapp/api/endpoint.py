"""The input and output of each route, said once: used to load the input and to write the OpenAPI document."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any

from flask import Response, jsonify, request
from marshmallow import Schema
from werkzeug.exceptions import BadRequest as WerkzeugBadRequest
from werkzeug.exceptions import RequestEntityTooLarge

from chatapp import errors
from chatapp.api.authentication import current_identity
from chatapp.errors import Code
from chatapp.schemas.fields import In
from chatapp.settings import config

Answer = Mapping[str, object]  # a view; see chatapp.schemas.views
View = Callable[..., Answer | tuple[Answer, int] | Response]
_BODY_BYTES, _STRANGERS_BODY_BYTES = 131_072, 32_768


@dataclass(frozen=True, slots=True)
class Contract:
    """One route's part of the documents. `out` maps a status to its schema, None for an answer without a body.

    `takes_file`: the body is a file, which its own limits count, and not the calls'."""

    body: In | None
    query: In | None
    out: dict[int, type[Schema] | None]
    codes: tuple[Code, ...]
    signed_in: bool
    takes_file: bool


def endpoint(
    *,
    out: type[Schema] | Mapping[int, type[Schema] | None],
    body: type[In] | None = None,
    query: type[In] | None = None,
    without: tuple[str, ...] = (),
    codes: tuple[Code, ...] = (),
    signed_in: bool = True,
    large: bool = False,
    takes_file: bool = False,
) -> Callable[[View], Callable[..., tuple[Response, int] | Response]]:
    """Return a decorator that loads body or query, checks the token and wraps the answer in `{success: true}`.

    The view gets `caller` (an Identity) first when `signed_in`, then the route's variables, then the loaded
    fields by name. It returns a view, (view, status), or a Response that goes out as it is. `codes` are the errors of
    its own that it can raise.
    `without` names fields that only the socket event has: the route's variables, and what old apps send.
    `large`: the body may have MAX_BODY_BYTES; others have no use for more than 128 KiB, nor strangers for 32 KiB.
    """
    most = None if large else _BODY_BYTES if signed_in else _STRANGERS_BODY_BYTES
    statuses: dict[int, type[Schema] | None] = dict(out) if isinstance(out, Mapping) else {200: out}
    body_schema = body(exclude=without) if body else None
    query_schema = query(exclude=without).of_a_query() if query else None
    contract = Contract(body_schema, query_schema, statuses, codes, signed_in, takes_file)
    refuse = body_schema.refuse_unparsed if large and body_schema else None

    def decorate(view: View) -> Callable[..., tuple[Response, int] | Response]:
        @wraps(view)
        def handle(**variables: Any) -> tuple[Response, int] | Response:
            arguments = (current_identity(),) if signed_in else ()
            fields = body_schema.load(json_body(most, refuse)) if body_schema else {}
            if query_schema:
                fields |= query_schema.load(request.args.to_dict())
            answer = view(*arguments, **variables, **fields)
            if isinstance(answer, Response):
                return answer
            data, status = answer if isinstance(answer, tuple) else (answer, 200)
            return jsonify({"success": True, **data}), status

        handle.contract = contract  # type: ignore[attr-defined]
        return handle

    return decorate


def json_body(most: int | None = None, refuse: Callable[[bytes], None] | None = None) -> dict[str, Any]:
    """Return the request's JSON object, of `most` bytes; an empty body is an empty object, whatever its media type.

    `refuse` sees the bytes before they are parsed. Raises what it raises, BadRequest MALFORMED_JSON,
    RequestEntityTooLarge, or 415 for another media type.
    """
    data = request.get_data()
    if (
        request.content_length is None
        and len(data) == config().MAX_BODY_BYTES
        and request.environ["wsgi.input"].read(1)
    ):
        raise RequestEntityTooLarge  # Werkzeug cuts a body that does not announce its length
    if not data:
        return {}
    if most is not None and len(data) > most:
        raise RequestEntityTooLarge()
    if refuse is not None:
        refuse(data)
    try:
        body = request.get_json()
    except WerkzeugBadRequest:
        raise errors.BadRequest(Code.MALFORMED_JSON, "The body is not valid JSON") from None
    except RecursionError:
        raise errors.BadRequest(Code.MALFORMED_JSON, "The body is nested too deeply") from None
    if not isinstance(body, dict):
        raise errors.invalid("body", "Send a JSON object.")
    return body

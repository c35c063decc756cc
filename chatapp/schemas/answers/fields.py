"""The fields that answers are made of."""

from typing import Any

from marshmallow import fields


def identifier() -> fields.String:
    """Return a field for an id."""
    return fields.String(required=True, metadata={"description": "Opaque id"})


def date_time() -> fields.String:
    """Return a field for a time, in ISO 8601."""
    return fields.String(required=True, metadata={"format": "date-time"})


def text(**kwargs: Any) -> fields.String:
    """Return a field for a text that is always there."""
    return fields.String(required=True, **kwargs)


def maybe_text() -> fields.String:
    """Return a field for a text or null."""
    return fields.String(required=True, allow_none=True)


def number(**kwargs: Any) -> fields.Integer:
    """Return a field for a whole number."""
    return fields.Integer(required=True, **kwargs)

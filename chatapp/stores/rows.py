"""Rows of a cursor."""

from typing import Any

from chatapp.database import is_embedded


def all_of(cursor: Any) -> list[Any]:
    """Return all that the cursor has left: `to_list` takes whole batches, where `list` would ask for each row."""
    found: list[Any] = list(cursor) if is_embedded() else cursor.to_list()
    return found

"""Rows of a cursor."""

from typing import Any

from chatapp.database import embedded, is_embedded
from chatapp.stores.batches import giving_way


def all_of(cursor: Any) -> list[Any]:
    """Return all that the cursor has left: `to_list` takes whole batches, where `list` would ask for each row.

    On the embedded store others get turns in between, and what is sorted or cut there is read at once.
    """
    found: list[Any] = list(giving_way(embedded.rows(cursor))) if is_embedded() else cursor.to_list()
    return found

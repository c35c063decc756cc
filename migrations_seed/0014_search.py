"""The index of the documents by which messages are found: by conversation, term and time."""

from typing import Any

from pymongo.database import Database

from chatapp.database import is_embedded


def up(db: Database[dict[str, Any]]) -> None:
    """Make the index; harmless where it is there already. The embedded store has a file of its own for it."""
    if not is_embedded():
        db.search.create_index([("conversation_id", 1), ("terms", 1), ("at", -1), ("_id", -1)], name="of_term")

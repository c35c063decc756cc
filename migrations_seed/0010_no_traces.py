"""Rewrite the embedded store's files once: SQLite keeps what was replaced until it is overwritten.

From this version on it overwrites at once, so that a deleted message leaves nothing behind.
"""

from typing import Any

from pymongo.database import Database

from chatapp.database import embedded, is_embedded

_COLLECTIONS = ("entries", "conversations", "departures")


def up(db: Database[dict[str, Any]]) -> None:
    """Write the files that have texts of messages anew; a database has files of its own."""
    if is_embedded():
        embedded.rewrite(db, _COLLECTIONS)
        embedded.forget_traces(db, _COLLECTIONS)

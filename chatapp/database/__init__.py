"""The database of this process: MongoDB through PyMongo, or the embedded store, which has the same interface.

`start(config)` opens the one that the settings name; `db()` gives it to the stores.
"""

from chatapp.database.connection import (
    COLLECTIONS,
    Document,
    OpenDatabase,
    current,
    db,
    forget_traces,
    is_embedded,
    is_reachable,
    ping,
    start,
    stop,
    store_name,
    warm_pool,
)
from chatapp.database.outage import STORE_ERRORS

__all__ = [
    "COLLECTIONS",
    "STORE_ERRORS",
    "Document",
    "OpenDatabase",
    "current",
    "db",
    "forget_traces",
    "is_embedded",
    "is_reachable",
    "ping",
    "start",
    "stop",
    "store_name",
    "warm_pool",
]

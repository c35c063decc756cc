"""A client's message id belongs to its sender in its conversation: the index that keeps it unique there.

The index of earlier versions, over all conversations of a sender, stays as long as their processes may live (0008).
"""

from typing import Any

from pymongo.database import Database

from chatapp.database import is_embedded


def up(db: Database[dict[str, Any]]) -> None:
    """Make the index; harmless where it is there already.

    The embedded store has one process, which looks before it writes: there the index only finds. To prove it unique as
    well would cost a third of a write more in a long log.
    """
    key = [("conversation_id", 1), ("sender_id", 1), ("client_msg_id", 1)]
    db.entries.create_index(key, unique=not is_embedded(), name="client_message")

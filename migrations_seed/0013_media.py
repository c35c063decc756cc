"""The indexes of files: by owner for quotas, by state for tidying, and of the messages that have them."""

from typing import Any

from pymongo.database import Database


def up(db: Database[dict[str, Any]]) -> None:
    """Make the indexes; harmless where they are there already."""
    db.media.create_index([("owner", 1), ("created_at", 1)], name="of_owner")
    of_message = ("client_msg_id", "sender_id", "conversation_id", "media_id")
    db.media_uses.create_index([(name, 1) for name in of_message], unique=True, name="of_message")
    db.media_uses.create_index([("media_id", 1), ("conversation_id", 1)], name="of_file")
    db.media_uses.create_index([("conversation_id", 1), ("kind", 1), ("_id", 1)], name="gallery")
    db.media_uses.create_index([("is_checked", 1), ("created_at", 1)], name="unchecked")
    db.media.create_index([("used", 1), ("changed_at", 1)], name="unused")
    db.media.create_index([("state", 1), ("changed_at", 1)], name="by_state")

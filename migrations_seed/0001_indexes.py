"""The indexes that every query needs."""

from typing import Any

from pymongo.database import Database


def up(db: Database[dict[str, Any]]) -> None:
    """Make the indexes; harmless where they are there already."""
    db.users.create_index([("email", 1)], unique=True, name="email")
    db.users.create_index([("name_key", 1), ("_id", 1)], name="by_name")
    db.users.create_index([("search_keys", 1)], name="search")
    db.sessions.create_index([("user_id", 1), ("last_seen_at", -1)], name="of_user")
    db.sessions.create_index([("expires_at", 1)], name="expiry")
    db.conversations.create_index([("direct_key", 1)], unique=True, sparse=True, name="direct")
    db.conversations.create_index([("participants", 1), ("last_activity", -1), ("_id", -1)], name="of_participant")
    db.memberships.create_index([("conversation_id", 1), ("user_id", 1)], unique=True, name="conversation_user")
    db.memberships.create_index([("user_id", 1), ("conversation_id", 1)], name="user_conversation")
    db.entries.create_index([("conversation_id", 1), ("seq", 1)], unique=True, name="log")
    db.entries.create_index([("sender_id", 1), ("client_msg_id", 1)], unique=True, name="idempotency")

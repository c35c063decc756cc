"""The long lists of a conversation, as the embedded store keeps them: each in one value.

It copies, compares and writes a whole document with each update, value by value: 15 ms where 256 are members, with
each message. Packed, it is 1 ms. A database gets the lists as they are.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import bson
from bson import ObjectId

from chatapp.database import is_embedded

_ID_BYTES = 12


def pack(fields: Mapping[str, Any]) -> Any:
    """Return these fields of a conversation as the store keeps them."""
    if not is_embedded():
        return fields
    packed = dict(fields)
    if isinstance(fields.get("founders"), list):
        packed["founders"] = bson.encode({"founders": fields["founders"]})
    if isinstance(fields.get("mentioned"), list):
        packed["mentioned"] = bson.encode({"mentioned": fields["mentioned"]})
    if isinstance(fields.get("participants"), list):
        packed["participants"] = b"".join(user_id.binary for user_id in fields["participants"])
    return packed


def unpack(stored: Any) -> Any:
    """Return a conversation as it was before it was packed."""
    founders, participants = stored.get("founders"), stored.get("participants")
    if isinstance(stored.get("mentioned"), bytes):
        stored["mentioned"] = bson.decode(stored["mentioned"])["mentioned"]
    if isinstance(founders, bytes):
        stored["founders"] = bson.decode(founders)["founders"]
    if isinstance(participants, bytes):
        stored["participants"] = [ObjectId(row) for row in binary_ids(participants)]
    return stored


def binary_ids(participants: bytes | Iterable[ObjectId]) -> list[bytes]:
    """Return the ids of a conversation's stored participants, in bytes: their hash costs a fifth of an ObjectId's."""
    if isinstance(participants, bytes):
        return [participants[start : start + _ID_BYTES] for start in range(0, len(participants), _ID_BYTES)]
    return [user_id.binary for user_id in participants]

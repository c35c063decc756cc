"""Ids that people see: of users, conversations, entries and sessions.

An ObjectId of the driver is a time, a number of the process and a counter: whoever has one guesses its neighbours.
"""

from os import urandom

from bson import ObjectId

from chatapp import clock

_RANDOM_BYTES = 6
_PARTS_OF_A_SECOND = 2**16


def new_id() -> ObjectId:
    """Return an id of 6 bytes of time and 6 random ones: ids sort by age, and one says nothing of the next."""
    moment = int(clock.fine_timestamp() * _PARTS_OF_A_SECOND) % 2**48
    return ObjectId(moment.to_bytes(6, "big") + urandom(_RANDOM_BYTES))


def object_id(text: object) -> ObjectId | None:
    """Return the ObjectId that a client's text stands for, or None."""
    return ObjectId(text) if isinstance(text, str) and ObjectId.is_valid(text) else None

"""The documents of `receipts`."""

from datetime import datetime
from typing import TypedDict

from bson import ObjectId


class MovedMark(TypedDict):
    """A mark's new place, and the time at which it moved there."""

    seq: int
    at: datetime


class ReceiptTimes(TypedDict):
    """The times at which the newest marks of a member moved."""

    _id: str
    conversation_id: ObjectId
    user_id: ObjectId
    delivered_seq: int
    delivered: list[MovedMark]
    read_seq: int
    read: list[MovedMark]

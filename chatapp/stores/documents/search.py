"""The documents of `search`, and what is looked for there."""

from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict

from bson import ObjectId

Place = tuple[datetime, ObjectId]  # of a message among those of all conversations: when it was sent, and its id


class SearchRow(TypedDict):
    """A message that can be found by the terms of all texts that it has and had, but those that were erased."""

    _id: ObjectId
    conversation_id: ObjectId
    seq: int
    at: datetime
    kind: str
    sender_id: ObjectId
    terms: list[str]


class FoundRow(TypedDict):
    """A message that may be what is looked for."""

    _id: ObjectId
    conversation_id: ObjectId
    seq: int
    at: datetime


@dataclass(frozen=True)
class Wanted:
    """Messages of these conversations that have all these terms, and one that begins with `prefix`.

    `after` and `before` are times, both exclusive. `place` is the last message of the page before.
    """

    conversation_ids: list[ObjectId]
    terms: list[str]
    prefix: str | None = None
    sender_id: ObjectId | None = None
    kind: str | None = None
    after: datetime | None = None
    before: datetime | None = None
    place: Place | None = None

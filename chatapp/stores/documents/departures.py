"""The documents of `departures`."""

from typing import NotRequired, TypedDict

from bson import ObjectId

from chatapp.stores.documents.conversations import Founded, HeadDocument, Position
from chatapp.stores.documents.users import MemberProfile


class DepartedMember(TypedDict):
    """A member as somebody who was taken out goes on seeing them."""

    user_id: ObjectId
    role: str
    profile: MemberProfile
    joined_seq: int
    left_seq: int | None
    delivered_seq: int
    read_seq: int
    read_mseq: int


class DepartureState(HeadDocument, Founded):
    """A conversation as somebody who was taken out goes on seeing it."""

    sent: dict[str, Position]
    people: list[DepartedMember]
    deleted: NotRequired[list[tuple[int, int]]]
    who_may_pin: NotRequired[str]
    mentioned: NotRequired[list[tuple[int, list[ObjectId | str]]]]

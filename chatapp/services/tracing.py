"""What became of a message: the answer to "I sent it, where is it?".

Most of it stands in the store for ever. When it was stored and announced, and to how many sockets, this process
remembers for its newest messages.
"""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bson import ObjectId

from chatapp import clock, errors
from chatapp.extensions import Document, on_reset
from chatapp.services.conversation import ADMIN, OWNER, Member

_REMEMBERED = 20_000


@dataclass(frozen=True, slots=True)
class _Announced:
    moment: datetime
    sockets: int


_announced: OrderedDict[ObjectId, _Announced] = OrderedDict()


@on_reset
def reset() -> None:
    """Forget every message."""
    _announced.clear()


def announced(entry: Document, sockets: int) -> None:
    """Note that an entry, stored just before, was put on its way to so many sockets."""
    _announced[entry["_id"]] = _Announced(clock.now(), sockets)
    if len(_announced) > _REMEMBERED:
        _announced.popitem(last=False)


def require_right(member: Member, entry: Document) -> None:
    """A trace is for the sender, and in groups for owner and admins. Raises Forbidden NOT_ALLOWED."""
    if member.user_id != entry["sender_id"] and member.role not in (OWNER, ADMIN):
        raise errors.Forbidden(errors.Code.NOT_ALLOWED, "Only the sender and a group's admins may trace a message")


def steps(entry: Document) -> dict[str, Any]:
    """`{accepted, stored, announced | None}`: times, and the id of the request that brought the message."""
    known = _announced.get(entry["_id"])
    return {
        "accepted": {"at": clock.iso(entry["created_at"]), "requestId": entry["request_id"]},
        "stored": {"seq": entry["seq"], "hash": entry["hash"], "at": clock.iso(known.moment) if known else None},
        "announced": {"at": clock.iso(known.moment), "sockets": known.sockets} if known else None,
    }

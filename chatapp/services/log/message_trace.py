"""The trace of a message: the steps from its acceptance to its receipts.

Most of it is stored for ever. This process remembers when it stored and announced its newest messages. It does not
tell to how many sockets, which would show who is online, even of those who hide it.
"""

from datetime import datetime

from bson import ObjectId
from cachetools import FIFOCache

from chatapp import clock, errors
from chatapp.schemas.views.receipts import TraceSteps
from chatapp.services.log.member import ADMIN, OWNER, Member
from chatapp.state import on_reset
from chatapp.stores.documents.entries import Entry

_REMEMBERED = 20_000  # each of them some 300 bytes, whatever its message's length: 6 MB
_announced: FIFOCache[ObjectId, datetime] = FIFOCache(_REMEMBERED)
on_reset(_announced.clear)


def announced(entry: Entry) -> None:
    """Note that an entry, stored just before, was put on its way."""
    _announced[entry["_id"]] = clock.now()


def require_right(member: Member, entry: Entry) -> None:
    """Raise Forbidden NOT_ALLOWED unless the member sent the message, or is the group's owner or an admin."""
    if member.user_id != entry["sender_id"] and member.role not in (OWNER, ADMIN):
        raise errors.Forbidden(errors.Code.NOT_ALLOWED, "Only the sender and a group's admins may trace a message")


def steps(entry: Entry) -> TraceSteps:
    """Return `{accepted, stored, announced | None}`: times, and the id of the request that brought the message."""
    known = _announced.get(entry["_id"])
    return {
        "accepted": {"at": clock.iso(entry["created_at"]), "requestId": entry["request_id"]},
        "stored": {"seq": entry["seq"], "hash": entry["hash"], "at": clock.iso(known) if known else None},
        "announced": {"at": clock.iso(known)} if known else None,
    }

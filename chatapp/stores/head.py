"""The head of a conversation's log: what of the conversation's document some entries change, and how it is stored."""

from dataclasses import dataclass
from typing import Any

from bson import ObjectId

from chatapp.database import Document
from chatapp.stores.packed import pack

_SENT, _TOUCHED = "sent.", "touched_at"
Update = tuple[Document, Document]  # filter and update


@dataclass(slots=True)
class Head:
    """The `changes` of a conversation's document after the entries from_seq + 1 … to_seq."""

    conversation_id: ObjectId
    from_seq: int
    to_seq: int
    changes: Document

    def followed_by(self, later: "Head") -> "Head":
        """Return both changes as one step. Where entries between them are missing, it goes on from behind those, with
        nothing of the earlier one that they may have changed."""
        earlier, later = (self, later) if self.to_seq <= later.to_seq else (later, self)
        is_whole = later.from_seq <= earlier.to_seq
        before = earlier.changes if is_whole else {name: row for name, row in earlier.changes.items() if _grows(name)}
        changes = before | later.changes
        for name in before.keys() & later.changes.keys():
            if _grows(name):
                changes[name] = max(before[name], later.changes[name], key=_place_of)
        from_seq = min(earlier.from_seq, later.from_seq) if is_whole else later.from_seq
        return Head(self.conversation_id, from_seq, later.to_seq, changes)

    def advance(self) -> Update:
        """Return the update of a document that has everything in front of these entries, and not all of them."""
        place = {"$gte": self.from_seq, "$lt": self.to_seq}
        return {"_id": self.conversation_id, "head.seq": place}, change_of(self.changes)

    def grow(self) -> Update | None:
        """Return the update of a document that is further already, if there is any left to do."""
        growing = _growing(self.changes)
        return ({"_id": self.conversation_id}, growing) if growing else None


def change_of(changes: Document) -> Document:
    """Return the update that stores what is derived from a log: people's own last messages, and when something
    changed last, only grow."""
    others = {name: value for name, value in changes.items() if not _grows(name)}
    return {"$set": pack(others)} | _growing(changes)


def _growing(changes: Document) -> Document:
    """Return the operator for what only grows, if there is any."""
    marks = {
        f"{name}.{mark}": value
        for name, sent in changes.items()
        if name.startswith(_SENT)
        for mark, value in sent.items()
    }
    if _TOUCHED in changes:
        marks[_TOUCHED] = changes[_TOUCHED]
    return {"$max": marks} if marks else {}


def sent_in(changes: Document) -> dict[ObjectId, tuple[int, int]]:
    """Return the (seq, mseq) of the last own messages that a head's changes have, by user."""
    rows = {name.removeprefix(_SENT): row for name, row in changes.items() if name.startswith(_SENT)}
    return {ObjectId(user_id): (row["seq"], row["mseq"]) for user_id, row in rows.items()}


def _grows(name: str) -> bool:
    return name.startswith(_SENT) or name == _TOUCHED


def _place_of(value: Any) -> Any:
    """Return what tells the later of two values that only grow: of own messages their seq, of times themselves."""
    return value["seq"] if isinstance(value, dict) else value

"""Quotes: the messages that replies refer to, made when they are shown.

A quote is of the message as it is now, so an edit follows, and a deletion empties it. A reader who may not see the
message learns no more than that there is one.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from bson import ObjectId

from chatapp.schemas.views.entries import QuoteView
from chatapp.schemas.views.users import Person
from chatapp.services.log.changes import is_gone
from chatapp.services.log.former_versions import FormerVersions
from chatapp.services.log.kinds import kind_with
from chatapp.services.log.member import Member
from chatapp.stores import entries as entry_store
from chatapp.stores.documents.entries import Entry, MessageBody, Reference, ShownEntry

MOST_PREVIEWED = 200  # characters


class Quoted(NamedTuple):
    """A message that a reply refers to, with all changes up to the entry `as_of`."""

    message: Entry
    as_of: int

    @property
    def reference(self) -> Reference:
        """Return what the reply's body says of it."""
        return {"id": self.message["_id"], "seq": self.message["seq"]}


def reference_of(message: ShownEntry) -> Reference | None:
    """Return what a message replies to; where its first text was erased, the edit that did so has kept it."""
    body: MessageBody | None = message["body"]
    if body is None:
        return message["now"].get("reply_to") if "now" in message else None
    return body.get("reply_to")


def hidden(reference: Reference) -> QuoteView:
    """Return the quote of a message that is deleted, or that the reader may not see."""
    return {"id": str(reference["id"]), "unavailable": True}


def seqs_to_read(entries: Iterable[ShownEntry], first: int) -> set[int]:
    """Return which messages from `first` on these entries refer to, as far as they are not among them."""
    wanted = set()
    for entry in entries:
        reference = reference_of(entry) if entry["type"] == "message" else None
        if reference is not None and reference["seq"] >= first:
            wanted.add(reference["seq"])
    return wanted.difference(entry["seq"] for entry in entries) if wanted else wanted


def find_quoted(entries: Iterable[ShownEntry]) -> dict[ObjectId, list[ShownEntry]]:
    """Return the messages that these entries of several conversations refer to, by conversation, in one command."""
    wanted: dict[ObjectId, set[int]] = {}
    for entry in entries:
        reference = reference_of(entry)
        if reference is not None:
            wanted.setdefault(entry["conversation_id"], set()).add(reference["seq"])
    found: dict[ObjectId, list[ShownEntry]] = {key: [] for key in wanted}
    for message in entry_store.find_at({key: sorted(seqs) for key, seqs in wanted.items()}):
        found[message["conversation_id"]].append(message)
    return found


class Quotes:
    """The quotes of one conversation for one reader (None: for all its members). What they quote is read together."""

    def __init__(
        self,
        conversation_id: ObjectId,
        viewer: Member | None,
        former: FormerVersions,
        person: Callable[[ObjectId], Person],
    ) -> None:
        self._conversation_id, self._former, self._person = conversation_id, former, person
        self._viewer = viewer
        self._first = 1 if viewer is None else viewer.first_visible
        self._found: dict[int, ShownEntry] = {}

    def know(self, messages: Iterable[ShownEntry]) -> None:
        """Take over messages that are at hand: they need not be read."""
        self._found |= {message["seq"]: message for message in messages}

    def read(self, entries: Sequence[ShownEntry]) -> None:
        """Read the messages that these refer to, in one command at most."""
        missing = sorted(seqs_to_read(entries, self._first) - self._found.keys())
        if missing:
            self.know(entry_store.find_by_seqs(self._conversation_id, missing))

    def read_with(self, entries: Sequence[ShownEntry]) -> None:
        """Do so for a page, which has some of them itself."""
        if any(entry["type"] == "message" and reference_of(entry) is not None for entry in entries):
            self.read(entries)
            self.know(entries)
            self._former.read([row for row in self._found.values() if row["type"] == "message"])

    def of(self, message: ShownEntry, reference: Reference) -> QuoteView:
        """Return the quote in a message."""
        if reference["seq"] not in self._found:
            self.read([message])
        quoted = self._found.get(reference["seq"])
        if reference["seq"] < self._first or quoted is None or quoted["_id"] != reference["id"]:
            return hidden(reference)
        if self._viewer is not None and quoted["mseq"] in self._viewer.hidden:
            return hidden(reference)
        now = self._former.now(quoted)
        if is_gone(quoted, now):
            return hidden(reference)
        quote: QuoteView = {
            "id": str(reference["id"]),
            "seq": reference["seq"],
            "sender": self._person(quoted["sender_id"]),
            "kind": kind_with(quoted.get("media"), now["attachment"]),
            "preview": now["content"][:MOST_PREVIEWED],
        }
        if now["seq"] > reference["seq"]:
            quote["changedSeq"] = now["seq"]
        return quote

"""Check entries that change messages: what they concern, what the messages are now, and that what is erased is gone."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from bson import ObjectId

from chatapp import database
from chatapp.services.log import changes
from chatapp.services.log.apply import OF_MESSAGES
from chatapp.services.log.state import MOST_DELETED
from chatapp.services.media import erasing
from chatapp.services.search import erasing as search_erasing
from chatapp.stores import changed_messages
from chatapp.stores import entries as entry_store
from chatapp.stores import search as search_store
from chatapp.stores.documents.entries import Entry, Now


class Problem(NamedTuple):
    """A fault of an entry, and whether it can be mended from the log."""

    seq: int
    sentence: str
    is_derived: bool


@dataclass(slots=True)
class _Changed:
    """A message that later entries concern: as it is stored, and what it should be now."""

    message: Entry
    found: Now | None
    wanted: Now


@dataclass
class Changes:
    """The changes of one conversation's messages, followed entry by entry from the first one on."""

    conversation_id: ObjectId
    deleted: dict[int, int] = field(default_factory=dict)  # mseq → seq of the deletion
    _changed: dict[int, _Changed] = field(default_factory=dict)  # by seq
    _with_now: dict[int, ObjectId] = field(default_factory=dict)
    _blank: set[int] = field(default_factory=set)  # entries without a body
    _erased: set[int] = field(default_factory=set)  # entries that should have none

    def follow(self, entry: Entry) -> str | None:
        """Take the next entry; return what is wrong with it, if anything is."""
        if entry["body"] is None:
            self._blank.add(entry["seq"])
        if "now" in entry:
            self._with_now[entry["seq"]] = entry["_id"]
        if entry["type"] not in OF_MESSAGES:
            return None
        changed = self._changed_by(entry)
        if changed is None:
            return "It names a message that is not there"
        before: Entry = {**changed.message, "now": changed.wanted}
        self._erased.update(changes.erased_by(entry, before))
        changed.wanted = changes.folded(changed.wanted, entry)
        if changed.wanted["deleted"]:
            self.deleted.setdefault(entry["target_mseq"], entry["seq"])
        return None

    def _changed_by(self, entry: Entry) -> _Changed | None:
        """Return the message that the entry concerns, None where the entry names none, or a wrong one."""
        seq = entry.get("target_seq", 0)
        changed = self._changed.get(seq)
        if changed is None and seq < entry["seq"]:
            for message in entry_store.find_range(self.conversation_id, seq, seq):
                if message["type"] == "message":
                    changed = _Changed(message, message.get("now"), changes.first(message))
        if changed is None:
            return None
        self._changed[seq] = changed
        named = entry.get("target_id"), entry.get("target_mseq")
        return changed if named == (changed.message["_id"], changed.message["mseq"]) else None

    def problems(self) -> Iterator[Problem]:
        """Yield what is wrong at the end of the log."""
        for seq in sorted(self._blank - self._erased):
            yield Problem(seq, "Its body is missing, and no later entry has erased it", is_derived=False)
        for seq in sorted(self._erased - self._blank):
            yield Problem(seq, "Its text should be erased", is_derived=True)
        for seq, changed in sorted(self._changed.items()):
            if changed.wanted["deleted"] and "media" in changed.message:
                yield Problem(seq, "Its files should be erased", is_derived=True)
            if not _is_same(changed.found, changed.wanted):
                yield Problem(seq, "What it is now is not what the log amounts to", is_derived=True)
        for seq in sorted(self._with_now.keys() - self._changed.keys()):
            yield Problem(seq, "It should be as it was sent: nothing has changed it", is_derived=True)

    def _take_out_of_index(self, erased: set[int]) -> None:
        """Take the messages of these entries out of the index; what is left of them is indexed anew."""
        gone = [row.message for row in self._changed.values() if not erased.isdisjoint(_seqs_of(row))]
        search_erasing.erase(self.conversation_id, [message["_id"] for message in gone])
        search_store.set_watermarks({self.conversation_id: 0})

    def not_read_by_all(self, least: int) -> list[tuple[int, int]]:
        """Return (mseq, seq of the deletion) of the newest deletions above the mseq that all members have read."""
        return sorted((mseq, seq) for mseq, seq in self.deleted.items() if mseq > least)[-MOST_DELETED:]

    def store(self) -> None:
        """Erase what should be erased, and store what messages are now."""
        missing = sorted(self._erased - self._blank)
        if missing:
            changed_messages.erase(self.conversation_id, missing)
            self._take_out_of_index(set(missing))
            database.forget_traces()
        for changed in self._changed.values():
            if changed.wanted["deleted"] and "media" in changed.message:
                erasing.erase_from_message(changed.message)
                changed_messages.erase_media(self.conversation_id, changed.message["_id"])
                erasing.wait()
            if not _is_same(changed.found, changed.wanted):
                changed_messages.replace_now(self.conversation_id, changed.message["_id"], changed.wanted)
        for seq, message_id in self._with_now.items():
            if seq not in self._changed:
                changed_messages.replace_now(self.conversation_id, message_id, None)


def _seqs_of(changed: _Changed) -> list[int]:
    return [changed.message["seq"], *changed.wanted["edits"]]


def _is_same(found: Now | None, wanted: Now) -> bool:
    """Return whether a message is stored as the log has it, its reactions in their order."""
    if found is None:
        return False
    found = changes.whole(found)
    return found == wanted and list(found["reactions"]) == list(wanted["reactions"])

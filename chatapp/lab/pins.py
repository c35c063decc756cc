"""Pins in the delivery lab: as a device puts them together, and what is wrong with them at the end of a run."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from chatapp.lab.records import Pin
from chatapp.lab.state import Entry

_SETS = {"pinned": True, "unpinned": False}


@dataclass
class Pins:
    """The pinned messages of one log, by the rules of docs/protocol.md (section 5)."""

    _given: dict[int, tuple[int, bool]] = field(default_factory=dict)  # by seq: changedSeq, and whether it was pinned
    _newest: dict[int, tuple[int, bool]] = field(default_factory=dict)  # by seq of the message: the newest entry
    _deleted: set[int] = field(default_factory=set)

    def take(self, entry: Entry) -> None:
        """Take an entry of the log."""
        if entry["type"] == "message":
            given = entry.get("changedSeq", 0), entry.get("pinned", False)
            self._given[entry["seq"]] = max(given, self._given.get(entry["seq"], (0, False)), key=lambda row: row[0])
            if entry.get("deleted"):
                self._deleted.add(entry["seq"])
        elif entry["type"] == "message_deleted":
            self._deleted.add(entry["change"]["targetSeq"])
        elif entry["type"] in _SETS and "withheld" not in entry["change"]:
            target, change = entry["change"]["targetSeq"], (entry["seq"], _SETS[entry["type"]])
            self._newest[target] = max(change, self._newest.get(target, (0, False)))

    def now(self) -> set[int]:
        """Return the seqs of the messages that are pinned."""
        return {seq for seq in self._given if seq not in self._deleted and self._is_pinned(seq)}

    def _is_pinned(self, seq: int) -> bool:
        at, is_pinned = self._newest.get(seq, (0, False))
        changed_seq, was_pinned = self._given[seq]
        return is_pinned if at > changed_seq else was_pinned


def pinned_in(log: list[Entry]) -> set[int]:
    """Return the seqs of the messages that are given as pinned."""
    return {row["seq"] for row in log if row.get("pinned")}


def differences(where: str, found: set[int], log: list[Entry]) -> Iterator[str]:
    """Yield the messages that are pinned in one of both only."""
    for seq in sorted(found ^ pinned_in(log)):
        yield f"{where}: {seq} is {'' if seq in found else 'not '}pinned, and should {'not ' if seq in found else ''}be"


def alien(pins: list[Pin], messages: dict[str, Entry]) -> list[str]:
    """Return the messages, by id, that are pinned without anybody having asked for it."""
    asked = {row.message_id for row in pins if row.on and row.outcome != "failed"}
    pinned = {message_id for message_id, row in messages.items() if row.get("pinned")}
    return [f"nobody has pinned {message_id}" for message_id in sorted(pinned - asked)]

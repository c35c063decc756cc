"""Reactions in the delivery lab: as a device puts them together, and what is wrong with them at the end of a run."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from chatapp.lab.records import React
from chatapp.lab.state import Entry

EMOJI = ("👍", "❤️", "🎉", "😂")
Shown = dict[str, list[str]]  # emoji → users, both in the order in which they came


def shown_in(message: Entry) -> Shown:
    """Return the reactions that a message is given with."""
    return {row["emoji"]: row["users"] for row in message.get("reactions", ())}


@dataclass
class Reactions:
    """The reactions to the messages of one log, by the rules of docs/protocol.md (section 5).

    A message that is given counts as it is, and all later changes that the device has are folded into it.
    """

    _given: dict[int, tuple[int, Shown]] = field(default_factory=dict)  # by seq: changedSeq, and the reactions then
    _changes: dict[int, dict[int, Entry]] = field(default_factory=dict)  # by seq of the message, then of the entry
    _deleted: set[int] = field(default_factory=set)

    def take(self, entry: Entry) -> None:
        """Take an entry of the log."""
        if entry["type"] == "message":
            changed_seq = entry.get("changedSeq", 0)
            if changed_seq >= self._given.get(entry["seq"], (0, {}))[0]:
                self._given[entry["seq"]] = changed_seq, shown_in(entry)
            if entry.get("deleted"):
                self._deleted.add(entry["seq"])
        elif entry["type"] == "message_deleted":
            self._deleted.add(entry["change"]["targetSeq"])
        elif entry["type"] == "reaction" and "withheld" not in entry["change"]:
            self._changes.setdefault(entry["change"]["targetSeq"], {})[entry["seq"]] = entry

    def now(self) -> dict[int, Shown]:
        """Return the reactions to each message that the device has, where there are any."""
        found = {seq: self._folded(seq) for seq in self._given if seq not in self._deleted}
        return {seq: shown for seq, shown in found.items() if shown}

    def _folded(self, seq: int) -> Shown:
        changed_seq, given = self._given[seq]
        shown = {emoji: list(users) for emoji, users in given.items()}
        for at, entry in sorted(self._changes.get(seq, {}).items()):
            if at > changed_seq:
                _fold(shown, entry)
        return shown


def _fold(shown: Shown, entry: Entry) -> None:
    emoji, user = entry["change"]["emoji"], entry["actor"]["id"]
    users = [other for other in shown.get(emoji, ()) if other != user or entry["change"]["on"]]
    if entry["change"]["on"] and user not in users:
        users.append(user)
    shown[emoji] = users
    if not users:
        del shown[emoji]


def differences(where: str, found: dict[int, Shown], log: list[Entry]) -> Iterator[str]:
    """Yield the messages of a log whose reactions a device shows otherwise."""
    wanted = {row["seq"]: shown for row in log if row["type"] == "message" and (shown := shown_in(row))}
    for seq in sorted(found.keys() | wanted.keys()):
        one, other = found.get(seq, {}), wanted.get(seq, {})
        if list(one.items()) != list(other.items()):
            yield f"{where}: the reactions to {seq} are {one}, and should be {other}"


def lost_and_alien(reacts: list[React], messages: dict[str, Entry]) -> tuple[list[str], list[str]]:
    """Return acknowledged reactions that are not there, and those that nobody has asked for. `messages` are by id."""
    lost, alien = [], []
    asked: dict[tuple[str, str, str], list[React]] = {}
    for row in reacts:
        asked.setdefault((row.message_id, row.user, row.emoji), []).append(row)
    shown = {
        (message_id, user, emoji)
        for message_id, message in messages.items()
        for emoji, users in shown_in(message).items()
        for user in users
    }
    for key, rows in asked.items():
        message = messages.get(key[0])
        stays = all(row.on for row in rows) and any(row.outcome == "ok" for row in rows)
        if message is not None and stays and not message.get("deleted") and key not in shown:
            lost.append(f"{key[1]}'s {key[2]} on {key[0]} was acknowledged")
    for key in shown:
        if not any(row.on and row.outcome != "failed" for row in asked.get(key, ())):
            alien.append(f"nobody has reacted to {key[0]} with {key[2]} as {key[1]}")
    return lost, alien

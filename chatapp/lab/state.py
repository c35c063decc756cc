"""What a client knows of a conversation beside its entries, folded from all that the server tells."""

from dataclasses import dataclass, field
from typing import Any

Entry = dict[str, Any]
Marks = tuple[int, int]  # delivered, read
_OF_GROUPS = ("name", "avatar", "history")


@dataclass
class State:
    """One conversation for one user."""

    user_id: str
    known_at: int = 0  # the conversation was given as of this entry: those up to it are no news
    group: dict[str, Any] = field(default_factory=dict)
    people: dict[str, dict[str, Any]] = field(default_factory=dict)  # the members: name, avatar, role
    marks: dict[str, Marks] = field(default_factory=dict)
    read: Marks = (0, 0)  # the user's own: seq and mseq
    hidden: bool = False

    def give(self, conversation: dict[str, Any]) -> None:
        """Take the conversation over as the server gives it."""
        self.known_at = conversation["head"]["seq"]
        self.group = {name: conversation[name] for name in _OF_GROUPS}
        self.people = {row["id"]: _person(row) for row in conversation["participants"]}
        self._raise_read(conversation["readSeq"], conversation["readMseq"])

    def fold(self, entry: Entry) -> None:
        """Take what the next entry changes."""
        if entry["type"] == "message":
            self._begin(entry["sender"]["id"], entry)
            self.hidden = False
        elif entry["seq"] > self.known_at:
            self._change(entry, entry["change"])

    def _change(self, entry: Entry, change: dict[str, Any]) -> None:
        for row in change.get("members", ()):
            self.people[row["id"]] = _person(row)
            self._begin(row["id"], entry)
        if entry["type"] in ("member_removed", "member_left"):
            self.people.pop(change["userId"], None)
        for row in change.get("roles", ()):
            if row["userId"] in self.people:  # a large group names some of its members only
                self.people[row["userId"]]["role"] = row["role"]
        self.group |= {name: change[name] for name in _OF_GROUPS if name in change}

    def _begin(self, user_id: str, entry: Entry) -> None:
        """Whoever writes, or joins, has everything up to that entry."""
        if user_id == self.user_id:
            self._raise_read(entry["seq"], entry["mseq"])
        self.mark({"userId": user_id, "deliveredSeq": entry["seq"], "readSeq": entry["seq"]})

    def mark(self, receipt: dict[str, Any]) -> None:
        """Take a member's marks, which only grow."""
        delivered, read = self.marks.get(receipt["userId"], (0, 0))
        read = max(read, receipt["readSeq"])
        self.marks[receipt["userId"]] = (max(delivered, receipt["deliveredSeq"], read), read)

    def profile(self, user_id: str, profile: dict[str, Any]) -> None:
        """Take somebody's new name and avatar."""
        if user_id in self.people:
            self.people[user_id] |= {"name": profile["name"], "avatar": profile["avatar"]}

    def sync(self, row: dict[str, Any]) -> None:
        """Take what a sync says of the conversation, after its entries."""
        for receipt in row["receipts"]:
            self.mark(receipt)
        self._raise_read(row["readSeq"], row["readMseq"])
        self.hidden = row["hidden"]

    def _raise_read(self, seq: int, mseq: int) -> None:
        self.read = max(self.read[0], seq), max(self.read[1], mseq)

    def shown(self) -> dict[str, Any]:
        """What the user sees of it. One's own marks are `read`; of former members nothing is shown."""
        others = sorted(self.people.keys() - {self.user_id})
        people = {f"member {key}": row for key, row in self.people.items()}
        marks = {f"marks of {key}": self.marks.get(key, (0, 0)) for key in others}
        return {**self.group, **people, **marks, "own marks": self.read, "hidden": self.hidden}


def _person(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("name", "avatar", "role")}

"""A client's state of a conversation beside its entries, folded from all that the server tells."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NotRequired, TypedDict

from chatapp.schemas.views.conversations import ConversationView
from chatapp.schemas.views.entries import MentionView, ReactionView, RoleView
from chatapp.schemas.views.receipts import ReceiptView
from chatapp.schemas.views.sync import SyncedConversation
from chatapp.schemas.views.users import ParticipantView, Person

Marks = tuple[int, int]  # delivered, read
Facts = dict[str, object]  # by name, to be compared
_OF_GROUPS: Sequence[Literal["name", "avatar", "history"]] = ("name", "avatar", "history")
_OF_PEOPLE: Sequence[Literal["name", "avatar", "role"]] = ("name", "avatar", "role")


class Change(TypedDict, total=False):
    """The change of an entry that is no message, of any type."""

    members: list[ParticipantView]
    userId: str
    roles: list[RoleView]
    name: str
    avatar: str | None
    history: str
    targetSeq: int
    targetMseq: int
    content: str
    withheld: bool
    mentions: list[MentionView]
    emoji: str
    on: bool


class KeptEntry(TypedDict):
    """The part of an entry that the checker needs of every device."""

    id: str
    seq: int
    type: str


class Quote(TypedDict):
    """The quote in a reply, as a client reads it."""

    id: str
    unavailable: NotRequired[bool]
    seq: NotRequired[int]
    preview: NotRequired[str]
    changedSeq: NotRequired[int]


class Entry(KeptEntry):
    """An entry of any type, as a client reads it."""

    conversationId: str
    mseq: int
    hash: str
    clientMsgId: str
    content: NotRequired[str]
    changedSeq: NotRequired[int]
    deleted: NotRequired[bool]
    hidden: NotRequired[bool]
    edits: NotRequired[int]
    reactions: NotRequired[list[ReactionView]]
    pinned: NotRequired[bool]
    replyTo: NotRequired[Quote]
    mentions: NotRequired[list[MentionView]]
    sender: NotRequired[Person]
    actor: NotRequired[Person]
    change: NotRequired[Change]


@dataclass
class State:
    """One conversation for one user."""

    user_id: str
    known_at: int = 0  # the conversation was given as of this entry: those up to it are no news
    group: Facts = field(default_factory=dict)
    people: dict[str, Facts] = field(default_factory=dict)  # the members: name, avatar, role
    marks: dict[str, Marks] = field(default_factory=dict)
    read: Marks = (0, 0)  # the user's own: seq and mseq
    hidden: bool = False
    mentioning: set[int] = field(default_factory=set)  # mseqs of messages that mention the user

    def give(self, conversation: ConversationView) -> None:
        """Take the conversation over as the server gives it."""
        self.known_at = conversation["head"]["seq"]
        self.group = {name: conversation[name] for name in _OF_GROUPS}
        self.people = {row["id"]: _person(row) for row in conversation["participants"]}
        self._raise_read(conversation["readSeq"], conversation["readMseq"])
        self.mentioning = set(conversation["mentionMseqs"])

    def fold(self, entry: Entry) -> None:
        """Take what the next entry changes."""
        if entry["type"] == "message":
            self._begin(entry["sender"]["id"], entry)
            self.hidden = False
            self._mention(entry["mseq"], entry.get("mentions", []))
        elif entry["seq"] > self.known_at:
            self._change(entry, entry["change"])

    def _change(self, entry: Entry, change: Change) -> None:
        for row in change.get("members", ()):
            self.people[row["id"]] = _person(row)
            self._begin(row["id"], entry)
        if entry["type"] in ("member_removed", "member_left"):
            self.people.pop(change["userId"], None)
        for changed in change.get("roles", ()):
            if changed["userId"] in self.people:  # a large group names some of its members only
                self.people[changed["userId"]]["role"] = changed["role"]
        if entry["type"] in ("message_edited", "message_deleted") and "withheld" not in change:
            self._mention(change["targetMseq"], change.get("mentions", []))
        self.group |= {name: change[name] for name in _OF_GROUPS if name in change}

    def _mention(self, mseq: int, mentions: list[MentionView]) -> None:
        """Note whether a message mentions the user."""
        if any(row["userId"] in (self.user_id, "everyone") for row in mentions):
            self.mentioning.add(mseq)
        else:
            self.mentioning.discard(mseq)

    def _begin(self, user_id: str, entry: Entry) -> None:
        """Begin the marks of a member who writes or joins, and so has everything up to that entry."""
        if user_id == self.user_id:
            self._raise_read(entry["seq"], entry["mseq"])
        self.mark({"userId": user_id, "deliveredSeq": entry["seq"], "readSeq": entry["seq"]})

    def mark(self, receipt: ReceiptView) -> None:
        """Take a member's marks, which only grow."""
        delivered, read = self.marks.get(receipt["userId"], (0, 0))
        read = max(read, receipt["readSeq"])
        self.marks[receipt["userId"]] = (max(delivered, receipt["deliveredSeq"], read), read)

    def profile(self, user_id: str, profile: Person) -> None:
        """Take somebody's new name and avatar."""
        if user_id in self.people:
            self.people[user_id] |= {"name": profile["name"], "avatar": profile["avatar"]}

    def sync(self, row: SyncedConversation, cursor: int) -> None:
        """Take what a sync says of the conversation, after its entries; mentions unless the cursor is further."""
        if cursor <= row["head"]["seq"]:
            later = {mseq for mseq in self.mentioning if mseq > row["head"]["mseq"]}
            self.mentioning = later | set(row["mentionMseqs"])
        for receipt in row["receipts"]:
            self.mark(receipt)
        self._raise_read(row["readSeq"], row["readMseq"])
        self.hidden = row["hidden"]

    def _raise_read(self, seq: int, mseq: int) -> None:
        self.read = max(self.read[0], seq), max(self.read[1], mseq)

    def shown(self, gone: frozenset[int] | set[int] = frozenset()) -> Facts:
        """Return what the user sees of it. One's own marks are `read`; of former members nothing is shown.

        `gone`: mseqs of messages that are deleted.
        """
        others = sorted(self.people.keys() - {self.user_id})
        people = {f"member {key}": row for key, row in self.people.items()}
        marks = {f"marks of {key}": self.marks.get(key, (0, 0)) for key in others}
        mentions = sorted(mseq for mseq in self.mentioning - gone if mseq > self.read[1])
        return {**self.group, **people, **marks, "own marks": self.read, "hidden": self.hidden, "mentions": mentions}


def _person(row: ParticipantView) -> Facts:
    return {name: row[name] for name in _OF_PEOPLE}

"""A client's copy of its conversations, kept by the rules of docs/protocol.md alone (sections 5 and 6)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from chatapp.lab.state import Entry, State


class Contradiction(Exception):
    """The server has given two entries for one place of a log."""


def whole(entry: Entry) -> Entry:
    """Keep an entry as it is."""
    return entry


@dataclass
class Log:
    """One conversation's log as far as the client has it. `keep` says what of an entry is kept."""

    keep: Callable[[Entry], Entry] = whole
    cursor: int = 0
    hash: str | None = None
    first: int = 1
    entries: dict[int, Entry] = field(default_factory=dict)
    shown: list[str] = field(default_factory=list)  # message ids in the order in which they came to be seen
    held: dict[int, Entry] = field(default_factory=dict)
    gaps: list[tuple[int, int]] = field(default_factory=list)  # (after, before), both exclusive
    state: State = field(default_factory=lambda: State(""))
    unread: int = 0  # as the last sync said
    mseq: int = 0

    def receive(self, entry: Entry) -> bool:
        """The receive rule for one entry; False when something before it is missing."""
        if entry["seq"] > self.cursor + 1:
            self.held[entry["seq"]] = entry
            return False
        if entry["seq"] == self.cursor + 1:
            self._take(entry)
            while (following := self.held.pop(self.cursor + 1, None)) is not None:
                self._take(following)
        return True

    def _take(self, entry: Entry) -> None:
        self._keep(entry)
        self.state.fold(entry)
        self.cursor, self.hash, self.mseq = entry["seq"], entry["hash"], entry["mseq"]
        if entry["type"] == "message":
            self.shown.append(entry["id"])

    def _keep(self, entry: Entry) -> None:
        known = self.entries.get(entry["seq"])
        if known is not None and known["id"] != entry["id"]:
            raise Contradiction(f"{entry['conversationId']}, seq {entry['seq']}: {known['id']} and {entry['id']}")
        self.entries[entry["seq"]] = self.keep(entry)

    def jump(self, head: dict[str, Any], entries: list[Entry], gap: dict[str, int]) -> None:
        """Take a limited answer: the newest entries, and a gap to fill when somebody looks."""
        if gap["before"] - gap["after"] > 1:
            self.gaps.append((gap["after"], gap["before"]))
        for entry in entries:
            self._take(entry)
        if not entries:
            self.cursor, self.hash, self.mseq = head["seq"], head["hash"], head["mseq"]
        self.held = {seq: entry for seq, entry in self.held.items() if seq > self.cursor}

    def fill(self, gap: tuple[int, int], entries: list[Entry], has_more: bool) -> None:
        """Take a page of entries that lie in a gap, the ones nearest to its end."""
        self.gaps.remove(gap)
        for entry in entries:
            self._keep(entry)
        if entries and has_more:
            self.gaps.append((gap[0], entries[0]["seq"]))

    def begin_at(self, first: int, head: dict[str, Any]) -> None:
        """Nothing before `first` is the user's to see; what was deleted up to the head was counted there."""
        self.first = first
        self.entries = {seq: entry for seq, entry in self.entries.items() if seq >= first}
        self.gaps = [(max(after, first - 1), before) for after, before in self.gaps if before > first]
        if self.cursor < first - 1:
            self.cursor, self.hash = first - 1, None
            if self.cursor == head["seq"]:
                self.mseq = head["mseq"]

    def known(self) -> dict[str, Any]:
        """Everything of the conversation that a sync from the start gives, too, but for the entries themselves."""
        unread = max(0, self.mseq - self.state.read[1])
        return {"first": self.first, "end": (self.cursor, self.hash), "unread": unread, **self.state.shown()}

    def messages(self) -> list[Entry]:
        """The messages that the client has, in their order."""
        return [self.entries[seq] for seq in sorted(self.entries) if self.entries[seq]["type"] == "message"]


class Replica:
    """All conversations of one device."""

    def __init__(self, keep: Callable[[Entry], Entry] = whole, user_id: str = "") -> None:
        self._keep, self._user_id = keep, user_id
        self.epoch: str | None = None
        self.since: str | None = None
        self.logs: dict[str, Log] = {}
        self.waiting: dict[str, list[Entry]] = {}  # entries of conversations that are not known yet

    def ready(self, epoch: str) -> None:
        """The socket is open; another epoch means another database."""
        if self.epoch not in (None, epoch):
            self.logs, self.since = {}, None
        self.epoch = epoch

    def live(self, entry: Entry) -> bool:
        """An entry that came over the socket; False when a sync is needed."""
        log = self.logs.get(entry["conversationId"])
        if log is None:
            self.waiting.setdefault(entry["conversationId"], []).append(entry)
            return False
        return log.receive(entry)

    def opened(self, conversation: dict[str, Any]) -> None:
        """`newConversation`: one that the client may not know."""
        if conversation["id"] in self.logs:
            return
        log = self.logs[conversation["id"]] = self._log()
        log.state.give(conversation)
        log.begin_at(conversation["firstSeq"], conversation["head"])
        head = conversation["head"]
        log.jump(head, [], {"after": conversation["firstSeq"] - 1, "before": head["seq"] + 1})
        self._receive_waiting(conversation["id"], log)

    def _receive_waiting(self, conversation_id: str, log: Log) -> None:
        for entry in sorted(self.waiting.pop(conversation_id, []), key=lambda row: int(row["seq"])):
            log.receive(entry)

    def receipt(self, receipt: dict[str, Any]) -> None:
        """A receipt that came over the socket."""
        log = self.logs.get(receipt["conversationId"])
        if log is not None:
            log.state.mark(receipt)

    def profile(self, user_id: str, profile: dict[str, Any]) -> None:
        """A changed profile, which is that of the user in all conversations."""
        for log in self.logs.values():
            log.state.profile(user_id, profile)

    def known(self) -> dict[str, dict[str, Any]]:
        """What the client knows of each conversation that its user has not hidden."""
        return {key: log.known() for key, log in self.logs.items() if not log.state.hidden}

    def _log(self) -> Log:
        return Log(self._keep, state=State(self._user_id))

    def body(self) -> dict[str, Any]:
        """What to sync with."""
        cursors = {key: [log.cursor, log.hash] if log.hash else log.cursor for key, log in self.logs.items()}
        return {"epoch": self.epoch, "since": self.since, "cursors": cursors}

    def synced(self, data: dict[str, Any]) -> bool:
        """Take the answer of a sync; True when there is more."""
        if data["reset"] or self.epoch not in (None, data["epoch"]):
            self.logs = {}
        self.epoch = data["epoch"]
        for row in data["conversations"]:
            self._take(row)
        for user in data["users"]:
            self.profile(user["id"], user)
        for conversation_id in data["left"]:
            self.logs.pop(conversation_id, None)
            self.waiting.pop(conversation_id, None)
        self.since = data["next"]
        return bool(data["more"])

    def _take(self, row: dict[str, Any]) -> None:
        if row["reset"]:
            self.logs.pop(row["id"], None)
        log = self.logs.setdefault(row["id"], self._log())
        if "conversation" in row:
            log.state.give(row["conversation"])
        log.begin_at(row["firstSeq"], row["head"])
        if row["limited"]:
            log.jump(row["head"], row["entries"], row["gap"])
        for entry in row["entries"]:
            log.receive(entry)
        log.state.sync(row)
        log.unread = row["unreadCount"]
        self._receive_waiting(row["id"], log)

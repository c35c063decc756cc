"""A client's copy of its conversations, kept by the rules of docs/protocol.md alone (sections 5 and 6)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypedDict, cast

from chatapp.lab.pins import Pins
from chatapp.lab.private import Private
from chatapp.lab.reactions import Reactions, Shown
from chatapp.lab.state import Entry, Facts, KeptEntry, Quote, State
from chatapp.schemas.views.conversations import ConversationView
from chatapp.schemas.views.entries import HeadView
from chatapp.schemas.views.own import OwnChanged
from chatapp.schemas.views.receipts import PushedReceipt
from chatapp.schemas.views.sync import GapView, Synced, SyncedConversation
from chatapp.schemas.views.users import Person

MOST_PREVIEWED = 200
Version = tuple[int, str | None]  # the last entry that counts, and the text; None: deleted
Known = dict[str, Facts]  # conversation → what a client knows of it beside its entries


class Contradiction(Exception):
    """The server has given two entries for one place of a log."""


class SyncBody(TypedDict):
    """The body of a sync request; a cursor is a seq, or [seq, hash]."""

    epoch: str | None
    since: str | None
    cursors: dict[str, int | list[int | str]]


def whole(entry: Entry) -> KeptEntry:
    """Keep an entry as it is."""
    return entry


@dataclass
class Log:
    """One conversation's log as far as the client has it. `keep` says what of an entry is kept."""

    keep: Callable[[Entry], KeptEntry] = whole
    cursor: int = 0
    hash: str | None = None
    first: int = 1
    entries: dict[int, KeptEntry] = field(default_factory=dict)
    shown: list[str] = field(default_factory=list)  # message ids in the order in which they came to be seen
    held: dict[int, Entry] = field(default_factory=dict)
    gaps: list[tuple[int, int]] = field(default_factory=list)  # (after, before), both exclusive
    state: State = field(default_factory=lambda: State(""))
    private: Private = field(default_factory=Private)
    unread: int = 0  # as the last sync said
    mseq: int = 0
    versions: dict[int, Version] = field(default_factory=dict)  # of messages that have changed, by seq
    reactions: Reactions = field(default_factory=Reactions)
    pins: Pins = field(default_factory=Pins)
    quotes: dict[int, Quote] = field(default_factory=dict)  # as they were given last, by the reply's seq
    deleted: set[int] = field(default_factory=set)  # mseqs of messages that are deleted, as far as it matters

    def receive(self, entry: Entry) -> bool:
        """Apply the receive rule to one entry; return False when something before it is missing."""
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
        self._keep_version(entry)
        self.reactions.take(entry)
        self.pins.take(entry)

    def _keep_version(self, entry: Entry) -> None:
        """Keep what a message is now, as it is given, or as an entry changes it."""
        if entry["type"] == "message":
            self._keep_quote(entry)
            if "edits" in entry or entry.get("deleted"):
                text = None if entry.get("deleted") else entry["content"]
                self._change(entry["seq"], entry.get("changedSeq", entry["seq"]), text)
        elif entry["type"] == "message_edited" and "withheld" not in entry["change"]:
            self._change(entry["change"]["targetSeq"], entry["seq"], entry["change"]["content"])
        elif entry["type"] == "message_deleted":
            self._change(entry["change"]["targetSeq"], entry["seq"], None)
            self.deleted.add(entry["change"]["targetMseq"])

    def _keep_quote(self, entry: Entry) -> None:
        """Keep the newest quote of a reply. What is unavailable stays so."""
        given, known = entry.get("replyTo"), self.quotes.get(entry["seq"])
        if given is None or (known is not None and "unavailable" in known):
            return
        if known is None or "unavailable" in given or given.get("changedSeq", 0) > known.get("changedSeq", 0):
            self.quotes[entry["seq"]] = given

    def _change(self, seq: int, changed_seq: int, text: str | None) -> None:
        """Take a change of a message, unless a later one counts already. What is deleted stays so."""
        known = self.versions.get(seq, (0, ""))
        if changed_seq > known[0]:
            self.versions[seq] = (changed_seq, None if known[1] is None else text)

    def unread_now(self) -> int:
        """Return how many messages follow the read mark, without those that are deleted."""
        read = self.state.read[1]
        return max(0, self.mseq - read - sum(mseq > read for mseq in self.deleted))

    def jump(self, head: HeadView, entries: list[Entry], gap: GapView, *, changed_before: bool = False) -> None:
        """Take a limited answer: the newest entries, and a gap to fill when somebody looks.

        `changed_before`: what lies before the gap may have changed, so it is fetched again too.
        """
        if gap["before"] - gap["after"] > 1:
            self.gaps.append((gap["after"], gap["before"]))
        if changed_before and gap["after"] >= self.first:
            self.gaps.append((self.first - 1, gap["after"] + 1))
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

    def begin_at(self, first: int, head: HeadView) -> None:
        """Forget all before `first`, which the user may not see; deletions up to the head were counted there."""
        self.first = first
        self.entries = {seq: entry for seq, entry in self.entries.items() if seq >= first}
        self.gaps = [(max(after, first - 1), before) for after, before in self.gaps if before > first]
        if self.cursor < first - 1:
            self.cursor, self.hash = first - 1, None
            if self.cursor == head["seq"]:
                self.mseq = head["mseq"]

    def known(self) -> Facts:
        """Return all of the conversation that a sync from the start gives too, but for the entries themselves."""
        end = (self.cursor, self.hash)
        facts = {"first": self.first, "end": end, "unread": self.unread_now()}
        facts |= self.state.shown(self.deleted) | self.private.shown()
        return facts

    def texts(self) -> dict[int, str | None]:
        """Return what the messages that the client has, and that have changed, say now; None: deleted."""
        return {seq: text for seq, (_, text) in self.versions.items() if self._shows(seq)}

    def _shows(self, seq: int) -> bool:
        """Return whether the client has the message, and its user has not deleted it for themselves."""
        return seq in self.entries and seq not in self.private.hidden

    def reactions_now(self) -> dict[int, Shown]:
        """Return the reactions to the messages that the client has."""
        return {seq: shown for seq, shown in self.reactions.now().items() if self._shows(seq)}

    def quoted(self) -> dict[int, str | None]:
        """Return what each reply that the client has quotes now; None: nothing that is there to be seen."""
        replies = {seq for seq in self.quotes if self._shows(seq)}
        return {
            seq: self._preview(self.quotes[seq]) for seq in replies if self.versions.get(seq, (0, ""))[1] is not None
        }

    def _preview(self, quote: Quote) -> str | None:
        seq = quote.get("seq", 0)
        if "unavailable" in quote or seq < self.first or seq in self.private.hidden:
            return None
        changed, text = self.versions.get(seq, (0, ""))
        if changed <= quote.get("changedSeq", 0):
            return quote["preview"]
        return None if text is None else text[:MOST_PREVIEWED]

    def pinned_now(self) -> set[int]:
        """Return the seqs of the messages that the client has, and that are pinned."""
        return {seq for seq in self.pins.now() if self._shows(seq)}

    def messages(self) -> list[KeptEntry]:
        """Return the messages that the client has, in their order."""
        return [self.entries[seq] for seq in sorted(self.entries) if self.entries[seq]["type"] == "message"]


class Replica:
    """All conversations of one device."""

    def __init__(self, keep: Callable[[Entry], KeptEntry] = whole, user_id: str = "") -> None:
        self._keep, self._user_id = keep, user_id
        self.epoch: str | None = None
        self.since: str | None = None
        self.logs: dict[str, Log] = {}
        self.waiting: dict[str, list[Entry]] = {}  # entries of conversations that are not known yet

    def ready(self, epoch: str) -> None:
        """Begin on an open socket; another epoch means another database."""
        if self.epoch not in (None, epoch):
            self.logs, self.since = {}, None
        self.epoch = epoch

    def live(self, entry: Entry) -> bool:
        """Take an entry from the socket; return False when a sync is needed."""
        log = self.logs.get(entry["conversationId"])
        if log is None:
            self.waiting.setdefault(entry["conversationId"], []).append(entry)
            return False
        return log.receive(entry)

    def opened(self, conversation: ConversationView) -> None:
        """Take a `newConversation`, which the client may not know."""
        if conversation["id"] in self.logs:
            return
        log = self.logs[conversation["id"]] = self._log()
        log.state.give(conversation)
        log.deleted |= set(conversation["deletedMseqs"])
        log.private.take(conversation["own"])
        log.begin_at(conversation["firstSeq"], conversation["head"])
        head = conversation["head"]
        log.jump(head, [], {"after": conversation["firstSeq"] - 1, "before": head["seq"] + 1})
        self._receive_waiting(conversation["id"], log)

    def _receive_waiting(self, conversation_id: str, log: Log) -> None:
        for entry in sorted(self.waiting.pop(conversation_id, []), key=lambda row: int(row["seq"])):
            log.receive(entry)

    def own_changed(self, change: OwnChanged) -> None:
        """Take a change of the user's private state."""
        log = self.logs.get(change["conversationId"])
        if log is not None:
            log.private.take(change)
            log.deleted |= set(change.get("deletedMseqs", ()))

    def receipt(self, receipt: PushedReceipt) -> None:
        """Take a receipt from the socket."""
        log = self.logs.get(receipt["conversationId"])
        if log is not None:
            log.state.mark(receipt)

    def profile(self, user_id: str, profile: Person) -> None:
        """Take a changed profile, which is that of the user in all conversations."""
        for log in self.logs.values():
            log.state.profile(user_id, profile)

    def known(self) -> Known:
        """Return what the client knows of each conversation that its user has not hidden."""
        return {key: log.known() for key, log in self.logs.items() if not log.state.hidden}

    def _log(self) -> Log:
        return Log(self._keep, state=State(self._user_id))

    def body(self) -> SyncBody:
        """Return the body of a sync request."""
        cursors: dict[str, int | list[int | str]] = {
            key: [log.cursor, log.hash] if log.hash else log.cursor for key, log in self.logs.items()
        }
        return {"epoch": self.epoch, "since": self.since, "cursors": cursors}

    def synced(self, data: Synced) -> bool:
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
        return data["more"]

    def _take(self, row: SyncedConversation) -> None:
        if row["reset"]:
            self.logs.pop(row["id"], None)
        log = self.logs.setdefault(row["id"], self._log())
        if "conversation" in row:
            log.state.give(row["conversation"])
            log.private.take(row["conversation"]["own"])
        if "own" in row:
            log.private.take(row["own"])
        log.begin_at(row["firstSeq"], row["head"])
        entries = cast(list[Entry], row["entries"])
        if row["gap"] is not None:
            log.jump(row["head"], entries, row["gap"], changed_before=row["changedBeforeGap"])
        for entry in entries:
            log.receive(entry)
        log.state.sync(row, log.cursor)
        log.deleted |= set(row["deletedMseqs"])
        log.unread = row["unreadCount"]
        self._receive_waiting(row["id"], log)

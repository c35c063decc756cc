"""Check that the store is as the protocol promises: replay every log, and compare everything with it.

Faults are of two kinds. In the log itself (a hole, another hash, an entry by somebody who was no member): nothing
mends that. In what is derived from it (head, last message, participants): `repair` computes it anew.
"""

import time
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from bson import ObjectId

from chatapp import errors
from chatapp.database import Document
from chatapp.services.log import hash_chain, mentions
from chatapp.services.log.apply import ENTRY_TYPES, apply
from chatapp.services.log.pins import EVERYONE
from chatapp.services.log.stored_state import (
    at_the_beginning,
    changes_document,
    from_documents,
    group_document,
    head_document,
    membership_document,
)
from chatapp.services.log.verify_changes import Changes
from chatapp.settings import config
from chatapp.stores import conversations as conversation_store
from chatapp.stores import entries as entry_store
from chatapp.stores import memberships as membership_store
from chatapp.stores.documents.conversations import ConversationDocument
from chatapp.stores.documents.entries import Entry
from chatapp.stores.documents.memberships import Mark, MembershipDocument

_ATTEMPTS = 5
_ByTheLog = Literal["role", "left_seq", "joined_seq", "visible_from", "changed_seq"]
_BY_THE_LOG: tuple[_ByTheLog, ...] = ("role", "left_seq", "joined_seq", "visible_from", "changed_seq")
_SEQS: tuple[Mark, ...] = ("delivered_seq", "read_seq", "cleared_seq")
_MSEQS: tuple[tuple[Mark, Mark], ...] = (("read_seq", "read_mseq"), ("cleared_seq", "cleared_mseq"))


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault and its place: a conversation, and a seq or a user in it."""

    conversation_id: ObjectId
    place: str
    sentence: str
    is_derived: bool = False

    def as_dict(self) -> dict[str, object]:
        """Return the report for scripts."""
        return {
            "conversationId": str(self.conversation_id),
            "place": self.place,
            "message": self.sentence,
            "repairable": self.is_derived,
        }


@dataclass(slots=True)
class Report:
    """One conversation as it was found."""

    conversation_id: ObjectId
    entries: int = 0
    faults: list[Fault] = field(default_factory=list)

    def add(self, place: str, sentence: str, *, is_derived: bool = False) -> None:
        """Note a fault."""
        self.faults.append(Fault(self.conversation_id, place, sentence, is_derived))


def count(since: datetime | None) -> int:
    """Return the number of conversations that `verify` would look at."""
    return conversation_store.count_active_since(since)


def verify(conversation_text: str | None = None, since: datetime | None = None) -> Iterator[Report]:
    """Return a report for each conversation: the named one, those active since a time, or all. Raises NotFound.

    At the end one report for each conversation id that has entries or memberships, but no conversation.
    """
    for document in _documents(conversation_text, since):
        yield _replay(document).report
    if conversation_text is None and since is None:
        for conversation_id, what in _orphans():
            report = Report(conversation_id)
            report.add(what, f"There are {what} of a conversation that does not exist")
            yield report


def _documents(conversation_text: str | None, since: datetime | None) -> Iterator[ConversationDocument]:
    if conversation_text is None:
        return conversation_store.iterate_active_since(since)
    found = conversation_store.find_many([ObjectId(conversation_text)]) if ObjectId.is_valid(conversation_text) else []
    if not found:
        raise errors.not_a_conversation()
    return iter(found)


def _orphans() -> Iterator[tuple[ObjectId, str]]:
    known = conversation_store.find_all_ids()
    for conversation_id in entry_store.find_conversation_ids() - known:
        yield conversation_id, "entries"
    for conversation_id in membership_store.find_conversation_ids() - known:
        yield conversation_id, "memberships"


def repair(conversation_text: str | None, dry_run: bool, told: Callable[[Report, bool], None]) -> tuple[int, int]:
    """Compute derived data anew where it differs; return (repaired, not repairable) conversations.

    `told` hears each faulty conversation, and whether it is (with `dry_run`: would be) repaired.
    """
    repaired = broken = 0
    for document in _documents(conversation_text, None):
        replay = _replay(document)
        faults = replay.report.faults
        if not faults:
            continue
        can_be = all(fault.is_derived for fault in faults)
        if can_be and not dry_run:
            replay.store()
        told(replay.report, can_be)
        repaired, broken = repaired + can_be, broken + (not can_be)
    return repaired, broken


def _replay(document: ConversationDocument) -> "_Replay":
    """Return the replay of a conversation; once more when somebody has appended while it was compared."""
    for _ in range(_ATTEMPTS):
        replay = _Replay(document)
        if not any(fault.is_derived for fault in replay.report.faults):
            break
        if replay.state.seq > document["head"]["seq"]:  # a server that is running may not have stored it yet
            time.sleep(2 * config().WRITE_BEHIND_MS / 1000)
        now = conversation_store.find_many([document["_id"]])
        if not now or now[0]["head"] == document["head"]:
            break
        document = now[0]
    return replay


class _Replay:
    """One conversation: its log from the first entry on, and everything stored compared with that."""

    def __init__(self, document: ConversationDocument) -> None:
        self.document = document
        self.report = Report(document["_id"])
        self.state = from_documents(at_the_beginning(document), [])
        self.mseqs = array("Q", [0])  # of each seq
        self.changes = Changes(document["_id"])
        for entry in entry_store.iterate_log(document["_id"]):
            if not self._follow(entry):
                break
        self.rows = {row["user_id"]: row for row in membership_store.find_in_conversations([document["_id"]])}
        if not self.report.faults:
            for problem in self.changes.problems():
                self.report.add(f"seq {problem.seq}", problem.sentence, is_derived=problem.is_derived)
            self._compare_conversation()
            self._compare_members()

    def _follow(self, entry: Entry) -> bool:
        """Check the next entry and apply it; False when the log can't be followed any further."""
        expected, place = self.state.seq + 1, f"seq {entry['seq']}"
        if entry["seq"] != expected:
            self.report.add(f"seq {expected}", f"The log has a hole: {expected} is missing, {entry['seq']} follows")
            return False
        if entry["type"] not in ENTRY_TYPES:
            self.report.add(place, f"The type {entry['type']} is unknown")
        if entry["mseq"] != self.state.mseq + (entry["type"] == "message"):
            self.report.add(place, f"mseq is {entry['mseq']} after {self.state.mseq}")
        if entry["body"] is not None and hash_chain.body_hash(entry["salt"], entry["body"]) != entry["body_hash"]:
            self.report.add(place, "The body is not the one that its hash was made of")
        if hash_chain.entry_hash(entry, self.state.hash) != entry["hash"]:
            self.report.add(place, "The hash does not follow from the entry before")
        sender = self.state.members.get(entry["sender_id"])
        if sender is None or not sender.is_current:
            self.report.add(place, "Its sender was no member then")
            return False
        problem = self.changes.follow(entry)
        if problem is not None:
            self.report.add(place, problem)
            return False
        apply(self.state, entry)
        self.mseqs.append(entry["mseq"])
        self.report.entries += 1
        return True

    def _compare_conversation(self) -> None:
        """Compare the derived part of the conversation document."""
        stored: Document = {**self.document}
        for name, value in self._derived().items():
            found: Any = stored.get(name)
            if name == "deleted":
                least = self._least_read()
                found = sorted((mseq, seq) for mseq, seq in found or () if mseq > least)
            elif name == "mentioned":
                least = self._least_read()
                found = {mseq: whom for mseq, whom in found or () if mseq > least}
                value = {mseq: whom for mseq, whom in value if mseq > least}
                found = value if mentions.are_same(found, value) else found
            elif name == "last_change_seq":
                found = found or 0  # an earlier version has stored the conversation
            elif name == "pins":
                found = found or []
            elif name == "who_may_pin":
                found = found or EVERYONE
            elif name == "participants":
                found, value = sorted(found), sorted(value)
            if found != value:
                self.report.add(name, f"{name} is not what the log amounts to", is_derived=True)

    def _compare_members(self) -> None:
        for user_id, member in self.state.members.items():
            row = self.rows.get(user_id)
            if row is None:
                self.report.add(f"user {user_id}", "The membership is missing", is_derived=True)
                continue
            wanted = membership_document(self.state.id, member)
            if any(row[name] != wanted[name] for name in _BY_THE_LOG):
                self.report.add(f"user {user_id}", "The membership is not what the log amounts to", is_derived=True)
            self._compare_marks(user_id, row)
        for user_id in self.rows.keys() - self.state.members.keys():
            self.report.add(f"user {user_id}", "There is a membership, but the log knows of none")

    def _compare_marks(self, user_id: ObjectId, row: MembershipDocument) -> None:
        """Check that marks lie within the log, and that each mseq belongs to its seq."""
        for name in _SEQS:
            if row[name] > self.state.seq:
                self.report.add(f"user {user_id}", f"{name} is {row[name]}, but the log ends at {self.state.seq}")
                return
        for seq_name, mseq_name in _MSEQS:
            if self.mseqs[max(0, row[seq_name])] != row[mseq_name]:
                self.report.add(f"user {user_id}", f"{mseq_name} is not the mseq at {seq_name}")
        own = row.get("own") or {}
        for named in (*own.get("hidden", ()), *own.get("starred", ())):
            if named["seq"] > self.state.seq or self.mseqs[named["seq"]] != named["mseq"]:
                sentence = f"The private state names message {named['mseq']} at seq {named['seq']}, where it is not"
                self.report.add(f"user {user_id}", sentence)
        if (own.get("archived_mseq") or 0) > self.state.mseq or (own.get("unread_seq") or 0) > self.state.seq:
            self.report.add(f"user {user_id}", "The private state names a place beyond the end of the log")

    def store(self) -> None:
        """Store what is derived as the log amounts to, unless somebody has appended meanwhile."""
        rows = [membership_document(self.state.id, member) for member in self.state.members.values()]
        missing = [row for row in rows if row["user_id"] not in self.rows]
        if missing:
            membership_store.insert_missing(self.state.id, missing)
        membership_store.set_by_the_log(self.state.id, rows)
        self.changes.store()
        conversation_store.advance_head(self.state.id, self.document["head"]["seq"], self._derived())

    def _derived(self) -> Document:
        """Return what the conversation's document should say."""
        state = self.state
        sent = {str(user_id): {"seq": seq, "mseq": mseq} for user_id, (seq, mseq) in state.sent.items()}
        deleted = self.changes.not_read_by_all(self._least_read())
        mentioned = mentions.to_rows(state.mentioned)
        changed = {**changes_document(state), "deleted": deleted, "mentioned": mentioned}
        return {**head_document(state), **group_document(state), "sent": sent, **changed}

    def _least_read(self) -> int:
        """Return the mseq up to which all members have read: deletions up to it need not be known."""
        marks = []
        for member in self.state.current_members:
            row = self.rows.get(member.user_id)
            stored = max(row["read_mseq"], row["cleared_mseq"]) if row else 0
            marks.append(max(stored, self.state.read_mseq(member)))
        return min(marks, default=0)

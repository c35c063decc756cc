"""Data that is derived from entries and stored beside them: the conversation's head, memberships, departures, and what
messages are now.
"""

from dataclasses import dataclass

from bson import ObjectId

from chatapp.database import Document
from chatapp.services import departures
from chatapp.services.log import changes as message_changes
from chatapp.services.log import mentions
from chatapp.services.log.apply import OF_MEMBERS, OF_MESSAGES, apply
from chatapp.services.log.state import Conversation
from chatapp.services.log.stored_state import changes_document, group_document, head_document, membership_document
from chatapp.stores import memberships as membership_store
from chatapp.stores.documents.departures import DepartureState
from chatapp.stores.documents.entries import Entry

Departed = tuple[ObjectId, int, DepartureState]  # the user, the entry that took them out, what they go on seeing


def bring_forward(state: Conversation, entry: Entry, departed: list[Departed]) -> None:
    """Apply the next entry to the state, and note what somebody whom the entry takes out goes on seeing."""
    apply(state, entry)
    if entry["type"] in ("member_removed", "member_left"):
        departed.append((entry["body"]["user_id"], entry["seq"], departures.snapshot(state)))


@dataclass(slots=True)
class Stored:
    """The changes of a conversation's document after some entries, stored at once if they are urgent."""

    changes: Document
    is_urgent: bool = False
    has_erased: bool = False


def store(
    state: Conversation, entries: list[Entry], departed: list[Departed], targets: dict[int, Entry] | None = None
) -> Stored:
    """Store what these entries change of members and messages.

    It is stored at once: done twice it stays the same, and the head says that it is done. `targets` are the messages
    that entries concern, as they were read, by the seq of the entry.
    """
    stored = Stored({**head_document(state)})
    others = []
    for entry in entries:
        if entry["type"] == "message":
            seq, mseq = state.sent[entry["sender_id"]]
            stored.changes[f"sent.{entry['sender_id']}"] = {"seq": seq, "mseq": mseq}
        else:
            others.append(entry["type"])
    if state.mentioned_seq >= entries[0]["seq"]:
        stored.changes["mentioned"] = mentions.to_rows(state.mentioned)
    if not OF_MESSAGES.isdisjoint(others):
        stored.has_erased = stored.is_urgent = message_changes.store(state, entries, targets or {})
        stored.changes |= changes_document(state) | {"touched_at": state.touched_at}
    if not OF_MEMBERS.isdisjoint(others):
        stored.is_urgent = True
        stored.changes |= group_document(state)
        departures.keep(state.id, departed)
        first = entries[0]["seq"]
        changed = [member for member in state.members.values() if member.changed_seq >= first]
        membership_store.apply(state.id, [membership_document(state.id, member) for member in changed])
    return stored

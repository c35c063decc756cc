"""Data that is derived from entries and stored beside them: the conversation's head, memberships, departures."""

from bson import ObjectId

from chatapp.database import Document
from chatapp.services import departures
from chatapp.services.log.member import Member
from chatapp.services.log.state import Conversation, apply
from chatapp.services.log.stored_state import group_document, head_document, membership_document
from chatapp.stores import memberships as membership_store
from chatapp.stores.documents import DepartureState, Entry

Departed = tuple[ObjectId, int, DepartureState]  # the user, the entry that took them out, what they go on seeing


def bring_forward(state: Conversation, entry: Entry, departed: list[Departed]) -> None:
    """Apply the next entry to the state, and note what somebody whom the entry takes out goes on seeing."""
    apply(state, entry)
    if entry["type"] in ("member_removed", "member_left"):
        departed.append((entry["body"]["user_id"], entry["seq"], departures.snapshot(state)))


def store_members(state: Conversation, entries: list[Entry], departed: list[Departed]) -> Document:
    """Store what these entries change of members, and return what the conversation's document is to say after them.

    Memberships and departures are stored at once: done twice they stay the same, and the head says that they are done.
    """
    changes: Document = {**head_document(state)}
    for entry in entries:
        if entry["type"] == "message":
            seq, mseq = state.sent[entry["sender_id"]]
            changes[f"sent.{entry['sender_id']}"] = {"seq": seq, "mseq": mseq}
    changed = _changed_members(state, entries)
    if changed is not None:
        changes |= group_document(state)
        departures.keep(state.id, departed)
        membership_store.apply(state.id, [membership_document(state.id, member) for member in changed])
    return changes


def changes_members(entries: list[Entry]) -> bool:
    """Return whether any of these entries is not a message."""
    return any(entry["type"] != "message" for entry in entries)


def _changed_members(state: Conversation, entries: list[Entry]) -> list[Member] | None:
    """Return the members whom the entries have changed; None when all of them are messages."""
    if not changes_members(entries):
        return None
    first = entries[0]["seq"]
    return [member for member in state.members.values() if member.changed_seq >= first]

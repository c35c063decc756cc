"""Bring a conversation's state forward to the end of its log: what a crash, or another process, has left to do."""

from bson import ObjectId

from chatapp import database, errors
from chatapp.database import Document
from chatapp.services.log import announcements, cache, derived
from chatapp.services.log.cache import Slot
from chatapp.services.log.derived import Departed, bring_forward
from chatapp.services.log.state import Conversation
from chatapp.stores import conversations as conversation_store
from chatapp.stores import entries as entry_store
from chatapp.stores import heads as head_store
from chatapp.stores.head import Head


def load(conversation_id: ObjectId) -> Conversation:
    """Load the conversation as it is stored. Raises NotFound CONVERSATION_NOT_FOUND."""
    state = cache.load(conversation_id)
    if state is None:
        raise errors.not_a_conversation()
    return state


def catch_up(conversation_id: ObjectId, slot: Slot) -> Conversation:
    """Return the state with everything that is in the log; entries that the stored head did not know are announced."""
    if slot.pending is None:
        slot.state = None
    state = load(conversation_id)
    while entries := entry_store.find_run_after(conversation_id, state.seq):
        stored_seq, departed = state.seq, list[Departed]()
        for entry in entries:
            bring_forward(state, entry, departed)
        stored = derived.store(state, entries, departed)
        if conversation_store.advance_head(conversation_id, stored_seq, stored.changes):
            if stored.has_erased:
                database.forget_traces()
            for entry in entries:
                announcements.announce(state, entry)
        else:
            state = load(conversation_id)
    if slot.pending is None:
        slot.put(state)
    return state


def head_from_log(conversation_id: ObjectId) -> Head | None:
    """Return the head of all entries behind the conversation's document; None where there are none.

    Where a process has stored the head of later entries, and nobody that of earlier ones, it would hide these.
    """
    state = cache.load_behind(conversation_id)
    if state is None:
        return None
    from_seq, changes = state.seq, Document()
    while entries := entry_store.find_run_after(conversation_id, state.seq):
        departed = list[Departed]()
        for entry in entries:
            bring_forward(state, entry, departed)
        stored = derived.store(state, entries, departed)
        changes |= stored.changes
        if stored.has_erased:
            database.forget_traces()
    return Head(conversation_id, from_seq, state.seq, changes) if state.seq > from_seq else None


def recover(limit: int) -> int:
    """Finish what a crash left among the newest `limit` entries; return how many conversations were mended."""
    newest: dict[ObjectId, int] = {}
    for row in entry_store.find_newest(limit):
        newest.setdefault(row["conversation_id"], row["seq"])
    stored = head_store.find_seqs(newest)
    behind = [key for key, seq in newest.items() if key in stored and stored[key] < seq]
    for conversation_id in behind:
        catch_up(conversation_id, cache.slot(conversation_id))
    return len(behind)


head_store.make_with(head_from_log)

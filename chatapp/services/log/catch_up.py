"""Bring a conversation's state forward to the end of its log: what a crash, or another process, has left to do."""

from bson import ObjectId

from chatapp import errors
from chatapp.services.log import announcements, cache
from chatapp.services.log.cache import Slot
from chatapp.services.log.derived import Departed, bring_forward, store_members
from chatapp.services.log.state import Conversation
from chatapp.stores import conversations as conversation_store
from chatapp.stores import entries as entry_store
from chatapp.stores import heads as head_store


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
        if conversation_store.advance_head(conversation_id, stored_seq, store_members(state, entries, departed)):
            slot.caught_up = range(stored_seq + 1, state.seq + 1)
            for entry in entries:
                announcements.announce(state, entry)
        else:
            state = load(conversation_id)
    if slot.pending is None:
        slot.put(state)
    return state


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

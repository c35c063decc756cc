"""Append to a conversation's log: the one way in which anything in a conversation changes.

The insert of the entry with `seq = head + 1` is allocation and commit in one; the unique index on
(conversation_id, seq) is what makes it right. An entry that is in the log is announced and acknowledged. Data
that is derived from the log (head, last message, read marks of senders) is stored a moment after the acknowledgement
of a message (`chatapp.stores.heads`), and before that of a change of members. A crash in between leaves a log that is
ahead of its head, with entries that may be neither announced nor acknowledged: recovery, the next append, or a repeat
of the same send finds them and does the rest (`catch_up`).

`append_entry` admits a draft or refuses it; `rounds` gives it its number and stores it, together with others.
"""

from bson import ObjectId

from chatapp import errors
from chatapp.services.log import cache, recent, rounds
from chatapp.services.log.cache import Slot
from chatapp.services.log.catch_up import catch_up, load
from chatapp.services.log.draft import Appended, Draft, Unchanged, earlier_entry

_ATTEMPTS = 50


def append_entry(conversation_id: ObjectId, draft: Draft) -> Appended:
    """Append the draft, or find the entry that an earlier call with its client_msg_id made.

    When this returns the entry is stored and announced, and who reads in this process finds what is derived from it.
    Raises what `draft.check` raises, NotFound when there is no such conversation.
    """
    repeated = _repeated(conversation_id, draft)
    if repeated is not None:
        return repeated
    slot = cache.slot(conversation_id)
    for _ in range(_ATTEMPTS):
        found = _admit(conversation_id, slot, draft) or rounds.store_soon(conversation_id, draft)
        if found is not None:
            return found
    raise errors.Unavailable(errors.Code.SERVER_BUSY, "Too many people write here at once. Try again.", 1)


def _repeated(conversation_id: ObjectId, draft: Draft) -> Appended | None:
    """Return what an earlier call with this client_msg_id stored lately."""
    entry = recent.get(conversation_id, draft.sender_id, draft.client_msg_id)
    state = cache.known(conversation_id) if entry else None
    return Appended(entry, state, duplicate=True) if entry is not None and state is not None else None


def _admit(conversation_id: ObjectId, slot: Slot, draft: Draft) -> Appended | None:
    """Refuse what the conversation forbids; what a remembered state forbids may be allowed by now, so ask the store.

    Return the entry of an earlier call, which may have been allowed when it was made first; None to go on.
    """
    remembered = slot.state or slot.pending
    if remembered is not None:
        try:
            draft.check(remembered)
        except (errors.ChatError, Unchanged):
            pass
        else:
            return None
    stored = load(conversation_id)
    if slot.state is None and slot.pending is None:
        slot.put(stored)
    try:
        draft.check(stored)
    except (errors.ChatError, Unchanged):
        earlier = earlier_entry(conversation_id, draft)
        if earlier is None:
            raise
        return Appended(earlier, catch_up(conversation_id, slot), duplicate=True)
    return None

"""Conversations that this process knows, as they are appended to.

What is known here is only ever used to append: the unique index on (conversation_id, seq) proves it current,
because whatever changes a conversation is an entry too. Reads load afresh.
"""

from collections import OrderedDict

from bson import ObjectId

from chatapp.extensions import Document, on_reset
from chatapp.services.conversation import Conversation, from_documents, membership_document
from chatapp.stores import conversations as store
from chatapp.stores import memberships

_REMEMBERED = 10_000


class Slot:
    """One conversation's place: its state once loaded; while entries are being stored it is `pending` instead, and may
    be ahead of the store."""

    def __init__(self) -> None:
        self.state: Conversation | None = None
        self.pending: Conversation | None = None


_slots: OrderedDict[ObjectId, Slot] = OrderedDict()


@on_reset
def reset() -> None:
    """Forget every conversation."""
    _slots.clear()


def slot(conversation_id: ObjectId) -> Slot:
    """The conversation's slot; the least recently used free ones make room."""
    found = _slots.get(conversation_id)
    if found is None:
        found = _slots[conversation_id] = Slot()
        _make_room()
    else:
        _slots.move_to_end(conversation_id)
    return found


def _make_room() -> None:
    for conversation_id in list(_slots)[: max(0, len(_slots) - _REMEMBERED)]:
        if _slots[conversation_id].pending is None:
            del _slots[conversation_id]


def load(conversation_id: ObjectId) -> Conversation | None:
    """The conversation as it is stored now, with its members, in one database command (but after a crash)."""
    document = store.find_with_members(conversation_id)
    if document is None:
        return None
    conversation = from_documents(document, document["members"])
    stored = {row["user_id"] for row in document["members"]}
    missing = [member for member in conversation.members.values() if member.user_id not in stored]
    if missing:  # a crash came between the conversation and its memberships
        memberships.insert_missing([membership_document(conversation_id, member) for member in missing])
    return conversation


def known(conversation_id: ObjectId) -> Conversation | None:
    """The state to append with: remembered, or loaded now. None when there is no such conversation."""
    place = _slots.get(conversation_id)
    if place is not None and place.state is not None:
        return place.state
    state = load(conversation_id)
    if state is not None:
        place = slot(conversation_id)
        if place.state is None and place.pending is None:
            place.state = state
    return place.state if place is not None and place.state is not None else state


def peek(conversation_id: ObjectId) -> Conversation | None:
    """The remembered state, if there is one."""
    place = _slots.get(conversation_id)
    return place.state if place is not None else None


def raise_marks(conversation_id: ObjectId, user_id: ObjectId, marks: dict[str, int]) -> None:
    """Move marks of a member up in the remembered state."""
    state = peek(conversation_id)
    if state is not None:
        state.raise_marks(user_id, marks)


def forget(conversation_id: ObjectId) -> None:
    """Load anew next time."""
    place = _slots.get(conversation_id)
    if place is not None:
        place.state = None


def set_profile(user_id: ObjectId, profile: Document) -> None:
    """Renew a user's profile wherever they are a member."""
    for place in _slots.values():
        if place.state is not None and user_id in place.state.members:
            place.state.members[user_id].profile = profile

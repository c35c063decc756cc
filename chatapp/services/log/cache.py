"""Conversations that this process knows, as they are appended to.

Appends use what is known: the unique index on (conversation_id, seq) proves it current, because whatever changes a
conversation is an entry too. Reads use it where the stored head and `touched_at` say that nothing has changed since,
or load afresh.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from bson import ObjectId

from chatapp.database import is_embedded
from chatapp.services.log.state import Conversation
from chatapp.services.log.stored_state import from_documents, membership_document
from chatapp.state import on_reset
from chatapp.stores import conversations as conversation_store
from chatapp.stores import memberships as membership_store
from chatapp.stores.batches import giving_way
from chatapp.stores.documents.conversations import ConversationPlace, LoadedConversation
from chatapp.stores.documents.memberships import OwnState
from chatapp.stores.documents.users import MemberProfile

_REMEMBERED = 10_000
_MOST_BYTES = 40_000_000  # of all that is remembered
_BYTES_OF_A_CONVERSATION, _BYTES_OF_A_MEMBER = 2_000, 400  # about, without texts and pictures, which are counted


class Slot:
    """One conversation's place: its state once loaded; while entries are being stored it is `pending` instead, and may
    be ahead of the store. A state that is `doubted` while it is pending is not remembered afterwards."""

    def __init__(self) -> None:
        self.state: Conversation | None = None
        self.pending: Conversation | None = None
        self.is_doubted = False
        self.weight = 0  # about how many bytes the state takes that was put here last

    def lend(self, state: Conversation) -> None:
        """Let entries be stored with this state, which is pending until `take_back`."""
        self.pending, self.state, self.is_doubted = state, None, False

    def take_back(self, state: Conversation) -> None:
        """Remember a state that was pending, unless it was doubted meanwhile."""
        self.pending, self.state = None, None if self.is_doubted else state

    def put(self, state: Conversation) -> None:
        """Remember this state; when all that is remembered is too much, forget what was used least recently."""
        global _weight
        self.state = state
        weight = _weigh(state)
        _weight += weight - self.weight
        self.weight = weight
        if _weight > _MOST_BYTES:
            _forget_oldest(self)


Change = Callable[[Conversation], None]

# No library's LRU: a slot with entries under way has to stay, and a state grows where it is.
_slots: OrderedDict[ObjectId, Slot] = OrderedDict()
_weight = 0  # bytes of all slots
_loads: list[list[Change]] = []  # for each load that waits for the store: what has changed meanwhile beside the log


@on_reset
def reset() -> None:
    """Forget every conversation."""
    global _weight
    _slots.clear()
    _weight = 0


def forget(conversation_id: ObjectId) -> None:
    """Forget the remembered state: it is not what is stored any more."""
    place = _slots.get(conversation_id)
    if place is not None:
        place.state = None


def forget_all() -> None:
    """Forget every remembered state; those with which entries are being stored afterwards."""
    for place in _slots.values():
        place.state, place.is_doubted = None, True


def slot(conversation_id: ObjectId) -> Slot:
    """Return the conversation's slot; the least recently used free ones make room."""
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
            _drop(conversation_id)


def _weigh(state: Conversation) -> int:
    """Return about how many bytes the state takes."""
    text = len(state.last_message["body"]["content"] or "") if state.last_message else 0
    avatars = sum(len(member.profile["avatar"] or "") for member in state.members.values())
    text += sum(len(draft["text"]) for member in state.members.values() if (draft := (member.own or {}).get("draft")))
    return _BYTES_OF_A_CONVERSATION + _BYTES_OF_A_MEMBER * len(state.members) + avatars + 2 * text


def _forget_oldest(kept: Slot) -> None:
    global _weight
    _weight = sum(place.weight for place in _slots.values())  # without slots that were forgotten while they were used
    for conversation_id, place in list(_slots.items()):
        if _weight <= _MOST_BYTES // 2:
            break
        if place.pending is None and place is not kept:
            _drop(conversation_id)


def _drop(conversation_id: ObjectId) -> None:
    global _weight
    _weight -= _slots.pop(conversation_id).weight


def load(conversation_id: ObjectId) -> Conversation | None:
    """Return the conversation as it is stored now, with its members, in one database command (but after a crash)."""
    return load_all([conversation_id]).get(conversation_id)


def loads(conversation_ids: list[ObjectId]) -> Callable[[ObjectId], Conversation | None]:
    """Return a function that gives these conversations as they are stored now: by one command for all of them.

    The embedded store has no commands to save: there each is loaded when it is asked for, if it is.
    """
    return load if is_embedded() else load_all(conversation_ids).get


def load_all(conversation_ids: list[ObjectId], *, remembers: bool = False) -> dict[ObjectId, Conversation]:
    """Return these conversations, as far as they exist, likewise in one command, and remember them if asked to."""
    loaded: dict[ObjectId, Conversation] = {}
    with _changes_meanwhile() as changes:
        for document in giving_way(conversation_store.find_with_members(conversation_ids)):
            state = loaded[document["_id"]] = _whole(document)
            for change in changes:
                change(state)
            if remembers:
                _remember(state.id, state)
    for change in changes:
        for state in loaded.values():
            change(state)
    return loaded


def load_behind(conversation_id: ObjectId) -> Conversation | None:
    """Return the conversation as its documents are, without what is about to be stored."""
    found = next(iter(conversation_store.find_behind_with_members([conversation_id])), None)
    return _whole(found) if found else None


@contextmanager
def _changes_meanwhile() -> Iterator[list[Change]]:
    changes: list[Change] = []
    _loads.append(changes)
    try:
        yield changes
    finally:
        _loads[:] = [other for other in _loads if other is not changes]


def _whole(document: LoadedConversation) -> Conversation:
    """Return the state of a stored conversation; memberships that a crash has prevented are stored now."""
    conversation = from_documents(document, document["members"])
    if len(conversation.members) > len(document["members"]):
        stored = {row["user_id"] for row in document["members"]}
        missing = [member for member in conversation.members.values() if member.user_id not in stored]
        membership_store.insert_missing(
            conversation.id, [membership_document(conversation.id, member) for member in missing]
        )
    return conversation


def current(heads: Sequence[ConversationPlace]) -> dict[ObjectId, Conversation]:
    """Return the conversations of these stored `{_id, head, touched_at}`, in no or one database command.

    To be used before anything else is waited for: a remembered state goes on to change.
    """
    states = {row["_id"]: state for row in heads if (state := _current(row)) is not None}
    if len(states) == len(heads):
        return states
    loaded: dict[ObjectId, Conversation] = {}
    while missing := [row["_id"] for row in heads if row["_id"] not in loaded and _current(row) is None]:
        found = load_all(missing, remembers=True)
        if not found:
            break
        loaded |= found
    remembered = {row["_id"]: peek(row["_id"]) for row in heads if row["_id"] not in loaded}
    return loaded | {conversation_id: state for conversation_id, state in remembered.items() if state is not None}


def _current(stored: ConversationPlace) -> Conversation | None:
    """Return the remembered state, if it is what is stored. (A head that is being moved has no remembered state.)"""
    state = peek(stored["_id"])
    if state is None or state.seq != stored["head"]["seq"] or state.hash != stored["head"]["hash"]:
        return None
    return state if state.touched_at == stored["touched_at"] else None


def _remember(conversation_id: ObjectId, state: Conversation) -> None:
    place = slot(conversation_id)
    if place.pending is None and (place.state is None or place.state.seq <= state.seq):
        place.put(state)


def known(conversation_id: ObjectId) -> Conversation | None:
    """Return the state to append with: remembered, or loaded now. None when there is no such conversation."""
    place = _slots.get(conversation_id)
    if place is not None and place.state is not None:
        return place.state
    state = load(conversation_id)
    if state is not None:
        place = slot(conversation_id)
        if place.state is None and place.pending is None:
            place.put(state)
    return place.state if place is not None and place.state is not None else state


def remember_all(conversation_ids: list[ObjectId]) -> None:
    """Load these conversations in one database command, and remember them."""
    if conversation_ids:
        load_all(conversation_ids, remembers=True)


def peek(conversation_id: ObjectId) -> Conversation | None:
    """Return the remembered state, if there is one."""
    place = _slots.get(conversation_id)
    return place.state if place is not None else None


def latest(conversation_id: ObjectId) -> Conversation | None:
    """Return the remembered state, even while it is ahead of the store: the members as far as this process knows."""
    place = _slots.get(conversation_id)
    return (place.state or place.pending) if place is not None else None


def raise_marks(conversation_id: ObjectId, user_id: ObjectId, marks: dict[str, int]) -> None:
    """Move marks of a member up in what is remembered, and in what is being loaded."""

    def change(state: Conversation) -> None:
        if state.id == conversation_id:
            state.raise_marks(user_id, marks)

    _change([latest(conversation_id)], change)


def renew_own(conversation_id: ObjectId, user_id: ObjectId, own: OwnState) -> None:
    """Renew a member's private state likewise."""

    def change(state: Conversation) -> None:
        if state.id == conversation_id and (member := state.members.get(user_id)) is not None:
            member.renew_own(own)

    _change([latest(conversation_id)], change)


def raise_sent(conversation_id: ObjectId, sent: dict[ObjectId, tuple[int, int]]) -> None:
    """Move up where people's own last messages stand, likewise: those that lie behind a state already."""

    def change(state: Conversation) -> None:
        if state.id == conversation_id:
            for user_id, (seq, mseq) in sent.items():
                state.raise_sent(user_id, seq, mseq)

    _change([latest(conversation_id)], change)


def set_profile(user_id: ObjectId, profile: MemberProfile) -> None:
    """Renew a user's profile wherever they are a member."""

    def change(state: Conversation) -> None:
        member = state.members.get(user_id)
        if member is not None:
            member.profile = profile

    _change([place.state or place.pending for place in _slots.values()], change)


def _change(states: list[Conversation | None], change: Change) -> None:
    """Change what is remembered, and what is being loaded."""
    for changes in _loads:
        changes.append(change)
    for state in filter(None, states):
        change(state)

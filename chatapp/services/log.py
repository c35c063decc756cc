"""Appending to a conversation's log: the one way in which anything in a conversation changes.

The insert of the entry with `seq = head + 1` is allocation and commit in one; the unique index on
(conversation_id, seq) is what makes it right, the lock only saves retries. What is derived from the log (head,
last message, read marks of senders) is brought forward afterwards in one update that only one process can win;
whoever wins announces the entries that it covers. A crash in between leaves an entry that is neither
acknowledged nor announced: the next append, or a repeat of the same send, finds it and does both.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

from bson import ObjectId

from chatapp import clock, errors, logs
from chatapp.extensions import Document
from chatapp.services import chain, conversation_cache
from chatapp.services.conversation import Conversation, apply, head_document
from chatapp.services.conversation_cache import Slot
from chatapp.stores import conversations, entries

_ATTEMPTS = 50

Announce = Callable[[Conversation, Document], None]


@dataclass(slots=True)
class Draft:
    """An entry before it has a place. `check` raises when this state of the conversation forbids it."""

    sender_id: ObjectId
    type: str
    body: Document
    check: Callable[[Conversation], None]
    client_msg_id: str = field(default_factory=lambda: uuid4().hex)


@dataclass(slots=True)
class Appended:
    """An entry in its place, the state right after it, and whether it was there before this call."""

    entry: Document
    conversation: Conversation
    duplicate: bool


def append(conversation_id: ObjectId, draft: Draft, announce: Announce) -> Appended:
    """Append the draft, or find the entry that an earlier call with its client_msg_id made.

    When this returns the entry is stored, what is derived from it too, and it was announced.
    Raises what `draft.check` raises, NotFound when there is no such conversation.
    """
    slot = conversation_cache.slot(conversation_id)
    with slot.lock:
        try:
            return _append_locked(conversation_id, slot, draft, announce)
        except errors.ChatError:
            raise
        except BaseException:
            slot.state = None  # the outcome is unknown: believe only what is stored
            raise


def _append_locked(conversation_id: ObjectId, slot: Slot, draft: Draft, announce: Announce) -> Appended:
    state = _checked_state(conversation_id, slot, draft)
    for _ in range(_ATTEMPTS):
        entry = _entry(state, draft)
        if entries.insert(entry):
            slot.state = None  # until what is derived is stored too
            apply(state, entry)
            state = _advance(state, entry["seq"] - 1, [entry], announce)
            slot.state = state
            return Appended(entry, state, duplicate=False)
        earlier = entries.find_by_client_msg_id(draft.sender_id, draft.client_msg_id)
        state = _catch_up(conversation_id, slot, announce)
        if earlier is not None:
            return Appended(earlier, state, duplicate=True)
        draft.check(state)
    raise errors.Unavailable(errors.Code.SERVER_BUSY, "Too many people write here at once. Try again.", 1)


def _checked_state(conversation_id: ObjectId, slot: Slot, draft: Draft) -> Conversation:
    """The state to append to. What a remembered one forbids may be allowed by now: then ask the store."""
    if slot.state is not None:
        try:
            draft.check(slot.state)
        except errors.ChatError:
            slot.state = None
        else:
            return slot.state
    slot.state = _load(conversation_id)
    draft.check(slot.state)
    return slot.state


def _load(conversation_id: ObjectId) -> Conversation:
    state = conversation_cache.load(conversation_id)
    if state is None:
        raise errors.not_a_conversation()
    return state


def _entry(state: Conversation, draft: Draft) -> Document:
    entry = {
        "_id": ObjectId(),
        "conversation_id": state.id,
        "seq": state.seq + 1,
        "mseq": state.mseq + (draft.type == "message"),
        "type": draft.type,
        "sender_id": draft.sender_id,
        "client_msg_id": draft.client_msg_id,
        "body": draft.body,
        "created_at": _not_before(state.last_activity),
        "request_id": logs.current_request_id(),
    }
    chain.seal(entry, state.hash)
    return entry


def _not_before(last: datetime) -> datetime:
    """Now, but never earlier than the entry before, so that a clock set back changes no order."""
    return max(clock.now(), last)


def _catch_up(conversation_id: ObjectId, slot: Slot, announce: Announce) -> Conversation:
    """The state with everything that is in the log, also what a crashed process could not finish."""
    slot.state = None
    state = _load(conversation_id)
    while run := entries.find_run_after(conversation_id, state.seq):
        stored_seq = state.seq
        for entry in run:
            apply(state, entry)
        state = _advance(state, stored_seq, run, announce)
    slot.state = state
    return state


def _advance(state: Conversation, stored_seq: int, run: list[Document], announce: Announce) -> Conversation:
    """Store what is derived from the run, and announce it unless another process has done both."""
    changes: dict[str, Any] = head_document(state)
    for entry in run:
        if entry["type"] == "message":
            seq, mseq = state.sent[entry["sender_id"]]
            changes[f"sent.{entry['sender_id']}"] = {"seq": seq, "mseq": mseq}
    if conversations.advance_head(state.id, stored_seq, changes):
        for entry in run:
            announce(state, entry)
        return state
    return _load(state.id)


def recover(limit: int, announce: Announce) -> int:
    """Finish what a crash left among the newest entries; gives how many conversations were mended."""
    newest: dict[ObjectId, int] = {}
    for row in entries.find_newest(limit):
        newest.setdefault(row["conversation_id"], row["seq"])
    mended = 0
    for conversation_id, seq in newest.items():
        state = conversation_cache.load(conversation_id)
        if state is not None and state.seq < seq:
            slot = conversation_cache.slot(conversation_id)
            with slot.lock:
                _catch_up(conversation_id, slot, announce)
            mended += 1
    return mended

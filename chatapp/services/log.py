"""Appending to a conversation's log: the one way in which anything in a conversation changes.

The insert of the entry with `seq = head + 1` is allocation and commit in one; the unique index on
(conversation_id, seq) is what makes it right, the lock only saves retries. What is derived from the log (head,
last message, read marks of senders) is brought forward afterwards in one update that only one process can win;
whoever wins announces the entries that it covers. A crash in between leaves an entry that is neither
acknowledged nor announced: the next append, or a repeat of the same send, finds it and does both.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from bson import ObjectId

from chatapp import clock, errors, logs
from chatapp.extensions import Document
from chatapp.services import chain, conversation_cache
from chatapp.services.conversation import (
    Conversation,
    Member,
    apply,
    group_document,
    head_document,
    membership_document,
)
from chatapp.services.conversation_cache import Slot
from chatapp.stores import conversations, entries, memberships

_ATTEMPTS = 50

Announce = Callable[[Conversation, Document], None]


@dataclass(slots=True)
class Draft:
    """An entry before it has a place.

    `prepare` gives its body in this state of the conversation, or raises when the state forbids it. `profiles` are
    those of users whom the entry brings in; they stand beside the hashed body, because people change theirs.
    """

    sender_id: ObjectId
    type: str
    prepare: Callable[[Conversation], Document]
    client_msg_id: str | None = None
    profiles: Document | None = None


@dataclass(slots=True)
class Appended:
    """An entry in its place, the state right after it, and whether it was there before this call."""

    entry: Document
    conversation: Conversation
    duplicate: bool


class Unchanged(Exception):
    """What a draft would bring about is so already; nothing is appended. `state` is the conversation."""

    def __init__(self, state: Conversation) -> None:
        super().__init__()
        self.state = state


def append(conversation_id: ObjectId, draft: Draft, announce: Announce) -> Appended:
    """Append the draft, or find the entry that an earlier call with its client_msg_id made.

    When this returns the entry is stored, what is derived from it too, and it was announced.
    Raises what `draft.prepare` raises, NotFound when there is no such conversation.
    """
    slot = conversation_cache.slot(conversation_id)
    with slot.lock:
        try:
            return _append_locked(conversation_id, slot, draft, announce)
        except (errors.ChatError, Unchanged):
            earlier = _earlier(draft)  # it may have been allowed when it was sent first
            if earlier is None or earlier["conversation_id"] != conversation_id:
                raise
            return Appended(earlier, _catch_up(conversation_id, slot, announce), duplicate=True)
        except BaseException:
            slot.state = None  # the outcome is unknown: believe only what is stored
            raise


def _append_locked(conversation_id: ObjectId, slot: Slot, draft: Draft, announce: Announce) -> Appended:
    state, body = _prepared(conversation_id, slot, draft)
    for _ in range(_ATTEMPTS):
        entry = _entry(state, draft, body)
        if entries.insert(entry):
            slot.state = None  # until what is derived is stored too
            apply(state, entry)
            state = _advance(state, entry["seq"] - 1, [entry], announce)
            if state.seq < entry["seq"]:  # somebody stored an older head meanwhile
                state = _catch_up(conversation_id, slot, announce)
            slot.state = state
            return Appended(entry, state, duplicate=False)
        earlier = _earlier(draft)
        state = _catch_up(conversation_id, slot, announce)
        if earlier is not None:
            return Appended(earlier, state, duplicate=True)
        body = draft.prepare(state)
    raise errors.Unavailable(errors.Code.SERVER_BUSY, "Too many people write here at once. Try again.", 1)


def _earlier(draft: Draft) -> Document | None:
    """The entry that an earlier attempt has made."""
    return entries.find_by_client_msg_id(draft.sender_id, draft.client_msg_id) if draft.client_msg_id else None


def _prepared(conversation_id: ObjectId, slot: Slot, draft: Draft) -> tuple[Conversation, Document]:
    """The state to append to, and the body. What a remembered one forbids may be allowed by now: then ask the store."""
    if slot.state is not None:
        try:
            return slot.state, draft.prepare(slot.state)
        except (errors.ChatError, Unchanged):
            pass
    state = slot.state = _load(conversation_id)
    return state, draft.prepare(state)


def _load(conversation_id: ObjectId) -> Conversation:
    state = conversation_cache.load(conversation_id)
    if state is None:
        raise errors.not_a_conversation()
    return state


def _entry(state: Conversation, draft: Draft, body: Document) -> Document:
    entry = {
        "_id": ObjectId(),
        "conversation_id": state.id,
        "seq": state.seq + 1,
        "mseq": state.mseq + (draft.type == "message"),
        "type": draft.type,
        "sender_id": draft.sender_id,
        "client_msg_id": draft.client_msg_id or uuid4().hex,
        "body": body,
        "created_at": _not_before(state.last_activity),
        "request_id": logs.current_request_id(),
    }
    if draft.profiles is not None:
        entry["profiles"] = draft.profiles
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
    """Store what is derived from the run, and announce it unless another process has done both.

    Memberships come first: done twice they stay the same, and the head says that they are done.
    """
    changes: dict[str, Any] = head_document(state)
    for entry in run:
        if entry["type"] == "message":
            seq, mseq = state.sent[entry["sender_id"]]
            changes[f"sent.{entry['sender_id']}"] = {"seq": seq, "mseq": mseq}
    changed = _changed_members(state, run)
    if changed is not None:
        changes |= group_document(state)
        memberships.apply(state.id, [membership_document(state.id, member) for member in changed])
    if conversations.advance_head(state.id, stored_seq, changes):
        for entry in run:
            announce(state, entry)
        return state
    return _load(state.id)


def _changed_members(state: Conversation, run: list[Document]) -> list[Member] | None:
    """Members whom the run has changed; None when it is messages only."""
    first = run[0]["seq"]
    if all(entry["type"] == "message" for entry in run):
        return None
    return [member for member in state.members.values() if member.changed_seq >= first]


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

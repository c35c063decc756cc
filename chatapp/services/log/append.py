"""Appending to a conversation's log: the one way in which anything in a conversation changes.

The insert of the entry with `seq = head + 1` is allocation and commit in one; the unique index on
(conversation_id, seq) is what makes it right. An entry that is in the log is announced and acknowledged. What is
derived from the log (head, last message, read marks of senders) follows: for messages a moment later, behind the
acknowledgement (`chatapp.stores.heads`); for what changes members before it. A crash in between leaves a log that is
ahead of its head, with entries that may be neither announced nor acknowledged: recovery, the next append, or a repeat
of the same send finds them and does the rest.

Group commit: appends that arrive while the database works are stored together by the next round, in one ordered
insert. An ordered insert ends at the first entry that fails, so a failure leaves no hole; the conversations behind it
follow in another insert of the same round.
"""

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

import gevent
import structlog
from bson import ObjectId
from gevent.event import AsyncResult

from chatapp import clock, errors, logs, metrics
from chatapp.database import Document
from chatapp.ids import new_id
from chatapp.services import departures
from chatapp.services.log import cache, hash_chain
from chatapp.services.log.cache import Slot
from chatapp.services.log.state import Conversation, Member, apply, group_document, head_document, membership_document
from chatapp.services.sync import change_times
from chatapp.state import on_reset
from chatapp.stores import conversations as conversation_store
from chatapp.stores import entries as entry_store
from chatapp.stores import heads as head_store
from chatapp.stores import memberships as membership_store
from chatapp.stores.heads import Head

logger = structlog.get_logger("chatapp.log")
_ATTEMPTS = 50
_MOST_IN_A_ROUND = 200
_REMEMBERED_BYTES = 2_000_000
_BYTES_OF_A_PROFILE = 4_000  # with the longest avatar

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


@dataclass(slots=True)
class _Append:
    """One call that waits for its entry to be stored. The result is None when it has to be tried again."""

    conversation_id: ObjectId
    draft: Draft
    announce: Announce
    request_id: str
    result: AsyncResult = field(default_factory=AsyncResult)


_Departed = tuple[ObjectId, int, Document]  # who was taken out, by which entry, what they go on seeing


@dataclass(slots=True)
class _Run:
    """Consecutive entries of one conversation in a round. `state` is what they amount to, also when they are stored."""

    slot: Slot
    state: Conversation
    from_seq: int
    calls: list[_Append] = field(default_factory=list)
    entries: list[Document] = field(default_factory=list)
    departed: list[_Departed] = field(default_factory=list)
    is_stored: bool = False


class _Queue:
    """Calls that wait to be stored, and the round that is being stored."""

    def __init__(self) -> None:
        self.waiting: deque[_Append] = deque()
        self.round: list[_Append] = []
        self.runs: dict[ObjectId, _Run] = {}
        self.greenlet: gevent.Greenlet | None = None  # that stores what waits

    def keep_serving(self) -> None:
        """See that somebody stores what waits. A round whose greenlet has ended in its middle is over."""
        if self.greenlet is not None and not self.greenlet.ready():
            return
        if self.round:
            self.end_round(errors.Unavailable(errors.Code.SERVER_BUSY, "This was interrupted. Try again.", 1))
        if self.waiting:
            greenlet = gevent.Greenlet(_serve, self)
            greenlet.link(self._ended)
            greenlet.start()
            self.greenlet = greenlet

    def _ended(self, _: object) -> None:
        self.keep_serving()

    def end_round(self, error: Exception) -> None:
        """Answer the calls that have no answer yet: their outcome is unknown, so believe only what is stored."""
        for run in self.runs.values():
            if run.slot.pending is run.state:
                run.slot.pending = None
            if run.slot.state is run.state and not run.is_stored:
                run.slot.state = None
        self.runs = {}
        for call in self.round:
            if not call.result.ready():
                call.result.set_exception(error)
        self.round = []


class _Recent:
    """Entries that were stored lately, by sender and client_msg_id: as many as fit into some memory."""

    def __init__(self) -> None:
        self._entries: OrderedDict[tuple[ObjectId, str], Document] = OrderedDict()
        self._bytes = 0

    def get(self, sender_id: ObjectId, client_msg_id: str | None) -> Document | None:
        """The entry, if it is remembered."""
        return self._entries.get((sender_id, client_msg_id)) if client_msg_id else None

    def add(self, entry: Document) -> None:
        """Remember it, and forget the oldest that have no room any more."""
        key = entry["sender_id"], entry["client_msg_id"]
        if key in self._entries:
            return
        self._entries[key] = entry
        self._bytes += _size(entry)
        while self._bytes > _REMEMBERED_BYTES:
            self._bytes -= _size(self._entries.popitem(last=False)[1])

    def clear(self) -> None:
        """Forget all."""
        self._entries.clear()
        self._bytes = 0


def _size(entry: Document) -> int:
    """About what an entry takes in memory."""
    body = entry["body"]
    texts = 4 * len(body.get("content") or "") + len(body.get("attachment") or "")
    return 2_000 + texts + _BYTES_OF_A_PROFILE * len(entry.get("profiles", ()))


_queue = _Queue()
_recent = _Recent()


@on_reset
def reset() -> None:
    """Forget what waits, and what was stored."""
    global _queue
    _queue = _Queue()
    _recent.clear()


def append(conversation_id: ObjectId, draft: Draft, announce: Announce) -> Appended:
    """Append the draft, or find the entry that an earlier call with its client_msg_id made.

    When this returns the entry is stored and announced, and who reads in this process finds what is derived from it.
    Raises what `draft.prepare` raises, NotFound when there is no such conversation.
    """
    repeated = _repeated(draft)
    if repeated is not None:
        return repeated
    slot = cache.slot(conversation_id)
    for _ in range(_ATTEMPTS):
        found = _admit(conversation_id, slot, draft, announce)
        if found is None:
            call = _Append(conversation_id, draft, announce, logs.current_request_id())
            _queue.waiting.append(call)
            _queue.keep_serving()
            found = call.result.get()
        if found is not None:
            return found
    raise errors.Unavailable(errors.Code.SERVER_BUSY, "Too many people write here at once. Try again.", 1)


def _repeated(draft: Draft) -> Appended | None:
    """What an earlier call with this client_msg_id stored lately. Repeats come in crowds, when something is slow."""
    entry = _recent.get(draft.sender_id, draft.client_msg_id)
    state = cache.known(entry["conversation_id"]) if entry else None
    return Appended(entry, state, duplicate=True) if entry is not None and state is not None else None


def _admit(conversation_id: ObjectId, slot: Slot, draft: Draft, announce: Announce) -> Appended | None:
    """Refuse what the conversation forbids; what a remembered state forbids may be allowed by now, so ask the store.

    Gives the entry of an earlier call, which may have been allowed when it was made first.
    """
    remembered = slot.state or slot.pending
    if remembered is not None:
        try:
            draft.prepare(remembered)
        except (errors.ChatError, Unchanged):
            pass
        else:
            return None
    stored = _load(conversation_id)
    if slot.state is None and slot.pending is None:
        slot.put(stored)
    try:
        draft.prepare(stored)
    except (errors.ChatError, Unchanged):
        earlier = _earlier(draft)
        if earlier is None or earlier["conversation_id"] != conversation_id:
            raise
        return Appended(earlier, _catch_up(conversation_id, slot, announce), duplicate=True)
    return None


def keep_serving() -> None:
    """Store what waits, if nobody does; called every second, for what nobody has foreseen."""
    _queue.keep_serving()


def _serve(queue: _Queue) -> None:
    """Store what waits, round by round. When it ends in the middle of one, `keep_serving` goes on."""
    while queue.waiting and queue.greenlet is gevent.getcurrent():
        try:
            with change_times.change():  # a sync meanwhile does not see these entries: its `next` lies before them
                _serve_round(queue)
        except Exception as error:
            queue.end_round(error)


def _serve_round(queue: _Queue) -> None:
    while queue.waiting and len(queue.round) < _MOST_IN_A_ROUND:
        queue.round.append(queue.waiting.popleft())
    _prepare(queue)
    _store(list(queue.runs.values()))
    queue.round, queue.runs = [], {}


def _prepare(queue: _Queue) -> None:
    """Put the entries of a round into runs. Calls whose conversation has changed under them are to try again."""
    for call in queue.round:
        run = queue.runs.get(call.conversation_id) or _begin(queue, call.conversation_id)
        if run is None:
            call.result.set(None)
            continue
        try:
            entry = _entry(run.state, call, call.draft.prepare(run.state))
            _apply(run.state, entry, run.departed)
        except (errors.ChatError, Unchanged):
            call.result.set(None)  # what was admitted is not allowed any more: _admit says why
        except Exception as error:
            call.result.set_exception(error)
            _abandon(queue.runs.pop(call.conversation_id))
        else:
            run.calls.append(call)
            run.entries.append(entry)
    for run in [run for run in queue.runs.values() if not run.entries]:
        run.slot.state, run.slot.pending = run.state, None
        del queue.runs[run.state.id]


def _apply(state: Conversation, entry: Document, departed: list[_Departed]) -> None:
    """Bring the state forward, and note what somebody whom the entry takes out goes on seeing."""
    apply(state, entry)
    if entry["type"] in ("member_removed", "member_left"):
        departed.append((entry["body"]["user_id"], entry["seq"], departures.snapshot(state)))


def _abandon(run: _Run) -> None:
    """A run whose state can't be believed any more: its other calls are to try again, with what is stored."""
    run.slot.pending = None
    for call in run.calls:
        call.result.set(None)


def _begin(queue: _Queue, conversation_id: ObjectId) -> _Run | None:
    slot = cache.slot(conversation_id)
    if slot.state is None:
        return None
    run = queue.runs[conversation_id] = _Run(slot, slot.state, slot.state.seq)
    slot.pending, slot.state = slot.state, None  # until it is stored
    return run


def _store(runs: list[_Run]) -> None:
    """Insert the entries of all runs, bring forward what is derived, announce, and answer.

    An insert stops at a taken place or id. The runs behind it are of other conversations: they follow in the next one.
    """
    head_store.make_room()
    while runs:
        stored = entry_store.insert_run([entry for run in runs for entry in run.entries])
        whole: list[_Run] = []
        while runs and stored >= len(runs[0].entries):
            stored -= len(runs[0].entries)
            whole.append(runs.pop(0))
        _conclude(whole)
        if runs:
            _settle(runs.pop(0), stored)


def _settle(run: _Run, stored: int) -> None:
    """A run of which only the first `stored` entries were inserted: the next one's place, or its id, was taken."""
    run.slot.pending = None
    for call in run.calls[stored + 1 :]:
        call.result.set(None)
    tried = run.calls[stored]
    earlier = _earlier(tried.draft)
    state = _catch_up(tried.conversation_id, run.slot, tried.announce)
    for call, entry in zip(run.calls[:stored], run.entries, strict=False):
        call.result.set(Appended(entry, state, duplicate=False))
    tried.result.set(None if earlier is None else Appended(earlier, state, duplicate=True))


def _earlier(draft: Draft) -> Document | None:
    """The entry that an earlier attempt has made."""
    return entry_store.find_by_client_msg_id(draft.sender_id, draft.client_msg_id) if draft.client_msg_id else None


def _load(conversation_id: ObjectId) -> Conversation:
    state = cache.load(conversation_id)
    if state is None:
        raise errors.not_a_conversation()
    return state


def _entry(state: Conversation, call: _Append, body: Document) -> Document:
    draft = call.draft
    entry = {
        "_id": new_id(),
        "conversation_id": state.id,
        "seq": state.seq + 1,
        "mseq": state.mseq + (draft.type == "message"),
        "type": draft.type,
        "sender_id": draft.sender_id,
        "client_msg_id": draft.client_msg_id or uuid4().hex,
        "body": body,
        "created_at": _not_before(state.last_activity),
        "request_id": call.request_id,
    }
    if draft.profiles is not None:
        entry["profiles"] = draft.profiles
    hash_chain.seal(entry, state.hash)
    return entry


def _not_before(last: datetime) -> datetime:
    """Now, but never earlier than the entry before, so that a clock set back changes no order."""
    return max(clock.now(), last)


def _head(run: _Run) -> Head:
    return Head(run.state.id, run.from_seq, run.state.seq, _derived(run.state, run.entries, run.departed))


def _conclude(runs: list[_Run]) -> None:
    """Whole runs are in the log: bring forward what is derived, announce the entries, and answer their calls."""
    if not runs:
        return
    head_store.advance([_head(run) for run in runs], at_once=any(_changes_members(run.entries) for run in runs))
    for run in runs:
        run.is_stored = True
        run.slot.state, run.slot.pending = run.state, None
        for call, entry in zip(run.calls, run.entries, strict=True):
            _recent.add(entry)
            if entry["seq"] not in run.slot.caught_up:
                _tell(call.announce, run.state, entry)
            call.result.set(Appended(entry, run.state, duplicate=False))


def _tell(announce: Announce, state: Conversation, entry: Document) -> None:
    """Announce an entry. It is stored, so a failure here fails nobody's call; clients get it by their next sync."""
    try:
        announce(state, entry)
    except Exception:
        metrics.side_failures.labels("announce").inc()
        logger.exception("an entry could not be announced", conversation=str(state.id), seq=entry["seq"])


def _derived(state: Conversation, run: list[Document], departed: list[_Departed]) -> Document:
    """What the conversation document says after the run. Memberships and departures are stored at once: done twice they
    stay the same, and the head says that they are done."""
    derived: dict[str, Any] = head_document(state)
    for entry in run:
        if entry["type"] == "message":
            seq, mseq = state.sent[entry["sender_id"]]
            derived[f"sent.{entry['sender_id']}"] = {"seq": seq, "mseq": mseq}
    changed = _changed_members(state, run)
    if changed is not None:
        derived |= group_document(state)
        departures.keep(state.id, departed)
        membership_store.apply(state.id, [membership_document(state.id, member) for member in changed])
    return derived


def _changed_members(state: Conversation, run: list[Document]) -> list[Member] | None:
    """Members whom the run has changed; None when it is messages only."""
    if not _changes_members(run):
        return None
    first = run[0]["seq"]
    return [member for member in state.members.values() if member.changed_seq >= first]


def _changes_members(run: list[Document]) -> bool:
    return any(entry["type"] != "message" for entry in run)


def _catch_up(conversation_id: ObjectId, slot: Slot, announce: Announce) -> Conversation:
    """The state with everything that is in the log, also what a crashed process could not finish."""
    if slot.pending is None:
        slot.state = None
    state = _load(conversation_id)
    while run := entry_store.find_run_after(conversation_id, state.seq):
        stored_seq, departed = state.seq, list[_Departed]()
        for entry in run:
            _apply(state, entry, departed)
        if conversation_store.advance_head(conversation_id, stored_seq, _derived(state, run, departed)):
            slot.caught_up = range(stored_seq + 1, state.seq + 1)
            for entry in run:
                _tell(announce, state, entry)
        else:
            state = _load(conversation_id)
    if slot.pending is None:
        slot.put(state)
    return state


def write_behind(seconds: float) -> None:
    """Let what is derived from messages be stored so long after them; 0: at once. `settle` before the process ends."""
    head_store.write_behind(seconds)


def settle() -> None:
    """Store what is still behind the logs. Raises what the driver raises."""
    head_store.settle()


def recover(limit: int, announce: Announce) -> int:
    """Finish what a crash left among the newest entries; gives how many conversations were mended."""
    newest: dict[ObjectId, int] = {}
    for row in entry_store.find_newest(limit):
        newest.setdefault(row["conversation_id"], row["seq"])
    stored = head_store.find_seqs(newest)
    behind = [key for key, seq in newest.items() if key in stored and stored[key] < seq]
    for conversation_id in behind:
        _catch_up(conversation_id, cache.slot(conversation_id), announce)
    return len(behind)

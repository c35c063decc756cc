"""Group commit: appends that arrive while the database works are stored together by the next round.

A round is one ordered insert. An ordered insert ends at the first entry that fails, so a failure leaves no hole; the
conversations behind it follow in another insert of the same round. The round is kept as data: when its greenlet ends in
the middle of it, whatever the reason, `keep_serving` answers the calls that wait and goes on with those behind.
"""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from uuid import uuid4

import gevent
from bson import ObjectId
from gevent.event import AsyncResult

from chatapp import clock, database, errors, logs, metrics
from chatapp.ids import new_id
from chatapp.services.log import announcements, cache, derived, foreign, hash_chain, recent
from chatapp.services.log.apply import OF_MEMBERS
from chatapp.services.log.cache import Slot
from chatapp.services.log.catch_up import catch_up
from chatapp.services.log.derived import Departed, bring_forward
from chatapp.services.log.draft import Appended, Draft, Unchanged, earlier_entry
from chatapp.services.log.state import Conversation
from chatapp.services.sync import change_times
from chatapp.state import on_reset
from chatapp.stores import entries as entry_store
from chatapp.stores import heads as head_store
from chatapp.stores.documents.entries import Body, Entry, UnsealedEntry
from chatapp.stores.head import Head

_MOST_IN_A_ROUND = 200


@dataclass(slots=True)
class Call:
    """One call that waits for its entry to be stored. The result is None when it has to be tried again."""

    conversation_id: ObjectId
    draft: Draft
    request_id: str
    result: AsyncResult = field(default_factory=AsyncResult)


@dataclass(slots=True)
class Run:
    """Consecutive entries of one conversation in a round. `state` is what they amount to, also when they are stored."""

    slot: Slot
    state: Conversation
    from_seq: int
    before: datetime  # the time of the last entry in front of these
    calls: list[Call] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    departed: list[Departed] = field(default_factory=list)
    targets: dict[int, Entry] = field(default_factory=dict)  # the messages that entries concern, by the entries' seqs
    is_urgent: bool = False
    has_erased: bool = False
    is_stored: bool = False


class Queue:
    """Calls that wait to be stored, and the round that is being stored."""

    def __init__(self) -> None:
        self.waiting: deque[Call] = deque()
        self.round: list[Call] = []
        self.runs: dict[ObjectId, Run] = {}
        self.greenlet: gevent.Greenlet | None = None  # that stores the waiting calls

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


_queue = Queue()


@on_reset
def reset() -> None:
    """Forget what waits."""
    global _queue
    _queue = Queue()


def store_soon(conversation_id: ObjectId, draft: Draft) -> Appended | None:
    """Wait until a round has stored the draft; None when the conversation has changed meanwhile, so try again.

    Raises what the store raises: the outcome is unknown then.
    """
    call = Call(conversation_id, draft, logs.current_request_id())
    _queue.waiting.append(call)
    _queue.keep_serving()
    appended: Appended | None = call.result.get()
    return appended


def keep_serving() -> None:
    """Store what waits, if nobody does; called every second, for what nobody has foreseen."""
    _queue.keep_serving()


def serving_greenlet() -> gevent.Greenlet | None:
    """Return the greenlet that stores the rounds, when there is one."""
    return _queue.greenlet


def _serve(queue: Queue) -> None:
    """Store what waits, round by round. When it ends in the middle of one, `keep_serving` goes on."""
    while queue.waiting and queue.greenlet is gevent.getcurrent():
        try:
            with change_times.change():  # a sync meanwhile does not see these entries: its `next` lies before them
                _serve_round(queue)
        except Exception as error:  # of any kind: the calls of this round fail with it, and the next round follows
            queue.end_round(error)


def _serve_round(queue: Queue) -> None:
    while queue.waiting and len(queue.round) < _MOST_IN_A_ROUND:
        queue.round.append(queue.waiting.popleft())
    _prepare(queue)
    _store(list(queue.runs.values()))
    queue.round, queue.runs = [], {}


def _prepare(queue: Queue) -> None:
    """Put the entries of a round into runs. Calls whose conversation has changed under them are to try again."""
    for call in queue.round:
        run = queue.runs.get(call.conversation_id) or _begin(queue, call.conversation_id)
        if run is None:
            call.result.set(None)
            continue
        try:
            entry = make_entry(run.state, call.draft, call.draft.body_in(run.state), call.request_id)
            if entry["type"] in OF_MEMBERS:
                run.state.own_members()
            bring_forward(run.state, entry, run.departed)
        except (errors.ChatError, Unchanged):
            call.result.set(None)  # no longer allowed: `append_entry` checks again, and says why
        except Exception as error:  # the state may be half brought forward: forget it, and fail this call alone
            call.result.set_exception(error)
            _abandon(queue.runs.pop(call.conversation_id))
        else:
            if call.draft.target is not None:
                run.targets[entry["seq"]] = call.draft.target
            run.calls.append(call)
            run.entries.append(entry)
    for run in [run for run in queue.runs.values() if not run.entries]:
        run.slot.take_back(run.state)
        del queue.runs[run.state.id]


def _begin(queue: Queue, conversation_id: ObjectId) -> Run | None:
    slot = cache.slot(conversation_id)
    if slot.state is None:
        return None
    state = slot.state.branch()  # whoever reads the other one shows nothing that may never be stored
    run = queue.runs[conversation_id] = Run(slot, state, state.seq, state.entry_at)
    slot.lend(state)
    return run


def _abandon(run: Run) -> None:
    """Give up a run whose state can't be trusted any more: its other calls try again with what is stored."""
    run.slot.pending = None
    for call in run.calls:
        call.result.set(None)


def make_entry(state: Conversation, draft: Draft, body: Body, request_id: str) -> Entry:
    """Return the entry for the next place of the conversation's log, sealed into its hash chain."""
    entry: UnsealedEntry = {
        "_id": new_id(),
        "conversation_id": state.id,
        "seq": state.seq + 1,
        "mseq": state.mseq + (draft.type == "message"),
        "type": draft.type,
        "sender_id": draft.sender_id,
        "client_msg_id": draft.client_msg_id or uuid4().hex,
        "body": body,
        "created_at": _not_before(state.entry_at),
    }
    if draft.profiles is not None:
        entry["profiles"] = draft.profiles
    if draft.media:
        entry["media"] = draft.media
    if draft.target is not None:
        entry["target_seq"], entry["target_mseq"] = draft.target["seq"], draft.target["mseq"]
        entry["target_id"] = draft.target["_id"]
    return {**entry, "request_id": request_id, **hash_chain.seal(entry, state.hash)}


def _not_before(last: datetime) -> datetime:
    """Return the time, never earlier than the entry before's, so that a clock set back changes no order."""
    return max(clock.now(), last)


def _store(runs: list[Run]) -> None:
    """Insert the entries of all runs, bring forward what is derived, announce, and answer.

    An insert stops at a taken place or id. The runs behind it are of other conversations: they follow in the next one.
    """
    head_store.make_room()
    while runs:
        stored = entry_store.insert_run([entry for run in runs for entry in run.entries])
        whole: list[Run] = []
        while runs and stored >= len(runs[0].entries):
            stored -= len(runs[0].entries)
            whole.append(runs.pop(0))
        _conclude(whole)
        if runs:
            _settle(runs.pop(0), stored)


def _conclude(runs: list[Run]) -> None:
    """Finish runs that are in the log: bring forward what is derived, announce the entries, answer their calls."""
    if not runs:
        return
    heads = [_head(run) for run in runs]
    is_urgent = has_erased = False
    for run in runs:
        is_urgent, has_erased = is_urgent or run.is_urgent, has_erased or run.has_erased
    head_store.advance(heads, at_once=is_urgent)
    if has_erased:
        database.forget_traces()
    for run, head in zip(runs, heads, strict=True):
        foreign.tell(head, run.entries, run.before)
        run.is_stored = True
        run.slot.take_back(run.state)
        for call, entry in zip(run.calls, run.entries, strict=True):
            recent.add(entry)
            announced = announcements.announce(run.state, entry, run.targets.get(entry["seq"]), call.draft.quoted)
            call.result.set(Appended(entry, run.state, duplicate=False, announced=announced))
    foreign.flush()  # before the calls go on with their results


def _head(run: Run) -> Head:
    stored = derived.store(run.state, run.entries, run.departed, run.targets)
    run.is_urgent, run.has_erased = stored.is_urgent, stored.has_erased
    return Head(run.state.id, run.from_seq, run.state.seq, stored.changes)


def _settle(run: Run, stored: int) -> None:
    """Finish a run of which only the first `stored` entries were inserted: the next one's place or id was taken."""
    run.slot.pending = None
    for call in run.calls[stored + 1 :]:
        call.result.set(None)
    tried = run.calls[stored]
    earlier = earlier_entry(tried.conversation_id, tried.draft)
    metrics.lost_races.inc(earlier is None)
    state = catch_up(tried.conversation_id, run.slot)
    for call, entry in zip(run.calls[:stored], run.entries, strict=False):
        call.result.set(Appended(entry, state, duplicate=False))
    if earlier is None and state.seq < run.entries[stored]["seq"] and _is_used_elsewhere(tried.draft):
        sentence = "This clientMsgId was used in another conversation"
        tried.result.set_exception(errors.Conflict(errors.Code.IDEMPOTENCY_MISMATCH, sentence))
    else:
        tried.result.set(None if earlier is None else Appended(earlier, state, duplicate=True))


def _is_used_elsewhere(draft: Draft) -> bool:
    """Return whether a draft with a free place can't be stored: beside processes of earlier versions their rule holds,
    one id for one message of a sender, in whatever conversation. Trying again would never end."""
    return bool(draft.client_msg_id) and entry_store.is_used_elsewhere(draft.sender_id, str(draft.client_msg_id))

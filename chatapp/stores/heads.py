"""Heads that are written behind: what is derived from a conversation's log, stored a moment after the log.

An entry is acknowledged once it is in the log. Its conversation's document follows within the delay, in one command for
all conversations that were written to meanwhile. Nobody in this process sees it late: what reads derived fields calls
`settle` first. After a crash the log is ahead of its head, which is what recovery looks for.

Heads commute: of two, the one with the greater seq wins, whoever stores it and when; where somebody's last own message
stands is a maximum. So a process may also store what it heard that another is about to store (`hear`). It remembers
that until the other one has had its time: one that is frozen, or killed, has not.
"""

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

import gevent
import structlog
from bson import ObjectId
from gevent.lock import BoundedSemaphore
from pymongo import UpdateOne

from chatapp import clock, errors
from chatapp.database import STORE_ERRORS, db, is_embedded
from chatapp.database.write_conflicts import again
from chatapp.state import on_reset
from chatapp.stores.batches import batches
from chatapp.stores.head import Head, Update

logger = structlog.get_logger("chatapp.heads")
_MOST_ENTRIES = 200  # that may wait; with one more round, and as many under way, fewer than recovery looks at
_RETRY_SECONDS = 1.0
_HEARD_SECONDS = 2.0  # after which a process that lives has stored its head
_MOST_HEARD = 10_000
_ATTEMPTS = 20


@dataclass(slots=True)
class _Heard:
    """A head that other processes are about to store, and when the last of them told it."""

    at: float
    head: Head
    senders: set[str]


class _Behind:
    """Heads that wait to be stored, and those being stored. Steps are numbered as they come."""

    def __init__(self) -> None:
        self.waiting: dict[ObjectId, Head] = {}
        self.under_way: dict[ObjectId, Head] = {}
        self.newest_step = 0
        self.stored_step = 0
        self.turn = BoundedSemaphore()
        self.timer: gevent.Greenlet | None = None
        self.heard: OrderedDict[ObjectId, _Heard] = OrderedDict()

    def hear(self, head: Head, sender: str) -> None:
        """Note what another process is about to store."""
        known = self.heard.pop(head.conversation_id, None)
        senders = {sender}
        if known is not None:
            head, senders = known.head.followed_by(head), senders | known.senders
        self.heard[head.conversation_id] = _Heard(clock.monotonic(), head, senders)
        self.forget_heard()

    def forget_heard(self) -> None:
        """Forget what has been stored by now."""
        while self.heard and (len(self.heard) > _MOST_HEARD or _is_stored(next(iter(self.heard.values())))):
            self.heard.popitem(last=False)

    def heard_of(self, sender: str) -> list[ObjectId]:
        """Return the conversations whose head this process was about to store."""
        return [key for key, heard in self.heard.items() if sender in heard.senders]

    def take_heard(self, conversation_ids: Iterable[ObjectId] | None) -> None:
        """Let what was heard of these conversations, or of all, be stored by the next step."""
        self.forget_heard()
        for key in list(self.heard) if conversation_ids is None else conversation_ids:
            heard = self.heard.pop(key, None)
            if heard is not None:
                self.add(heard.head)

    def add(self, head: Head) -> None:
        earlier = self.waiting.get(head.conversation_id)
        self.waiting[head.conversation_id] = head if earlier is None else earlier.followed_by(head)
        self.newest_step += 1

    def concerns(self, conversation_ids: Iterable[ObjectId]) -> bool:
        return any(key in self.waiting or key in self.under_way for key in conversation_ids)

    def store(self) -> None:
        """Store what waits now; when that fails it goes on waiting."""
        last_step = self.newest_step
        self.under_way, self.waiting = self.waiting, {}
        try:
            _bring_forward(list(self.under_way.values()))
        except BaseException:  # also of a greenlet that is killed: nothing that waits is forgotten
            self.waiting = _together(self.under_way, self.waiting)
            raise
        finally:
            self.under_way = {}
        self.stored_step = last_step

    def store_after(self, seconds: float) -> None:
        if self.timer is None:
            self.timer = gevent.spawn_later(seconds, self._store_now)

    def _store_now(self) -> None:
        self.timer = None
        if self is _behind:
            _try_to_settle()


def _is_stored(heard: _Heard) -> bool:
    """Return whether the processes that told this were alive for long enough afterwards to store it."""
    old = heard.at + _HEARD_SECONDS
    return old < clock.monotonic() and all(_lived_after(sender, heard.at) for sender in heard.senders)


def _together(earlier: dict[ObjectId, Head], later: dict[ObjectId, Head]) -> dict[ObjectId, Head]:
    """Return both, as one step for each conversation."""
    steps = {key: earlier[key].followed_by(head) if key in earlier else head for key, head in later.items()}
    return earlier | steps


_behind = _Behind()
_delay = 0.0


def _has_lived(_process: str, _moment: float) -> bool:
    return True


def _no_head(_conversation_id: ObjectId) -> Head | None:
    return None


_lived_after: Callable[[str, float], bool] = _has_lived
_from_log: Callable[[ObjectId], Head | None] = _no_head


@on_reset
def reset() -> None:
    """Forget what waits."""
    global _behind, _lived_after
    _behind, _lived_after = _Behind(), _has_lived


def write_behind(seconds: float) -> None:
    """Let heads wait so long from now on; 0: store them at once. For a process that settles before it ends."""
    global _delay
    _delay = seconds


def advance(heads: list[Head], *, at_once: bool) -> None:
    """Bring these heads forward, later where they may wait. A failure is not the caller's: they go on waiting then."""
    if _behind.heard:
        _behind.take_heard([head.conversation_id for head in heads])
    for head in heads:
        _behind.add(head)
    if at_once or not _delay:
        _try_to_settle()
    else:
        _behind.store_after(_delay)


def hear(head: Head, sender: str) -> None:
    """Take note of entries by another process, which stores their head in a moment: reads here store it before."""
    _behind.hear(head, sender)


def forget_when(lived_after: Callable[[str, float], bool]) -> None:
    """Remember what was heard until `lived_after(process, when it told)`: a frozen process stores nothing."""
    global _lived_after
    _lived_after = lived_after


def make_with(from_log: Callable[[ObjectId], Head | None]) -> None:
    """Let `from_log(conversation id)` return the head of all entries behind the document, None where there are none."""
    global _from_log
    _from_log = from_log


def store_for(process: str) -> None:
    """Store what a process that is gone was about to store."""
    left = _behind.heard_of(process)
    if left:
        _behind.take_heard(left)
        _behind.store_after(_delay)


def make_room() -> None:
    """Let the log get no further ahead of the heads than recovery looks back. Raises what the driver raises."""
    if sum(head.to_seq - head.from_seq for head in _behind.waiting.values()) > _MOST_ENTRIES:
        settle()


def settle(conversation_ids: Iterable[ObjectId] | None = None) -> None:
    """Store everything that waits before returning; do nothing if none of these conversations waits."""
    behind = _behind
    if behind.heard:
        behind.take_heard(conversation_ids)
    wanted = behind.newest_step
    if behind.stored_step >= wanted or (conversation_ids is not None and not behind.concerns(conversation_ids)):
        return
    while behind.stored_step < wanted and behind is _behind:
        with behind.turn:
            if behind.stored_step < wanted:
                behind.store()


def find_seqs(conversation_ids: Collection[ObjectId]) -> dict[ObjectId, int]:
    """Return the seq that each of these conversations' documents has reached in its log."""
    settle(conversation_ids)
    return _find_seqs(conversation_ids)


def _find_seqs(conversation_ids: Collection[ObjectId]) -> dict[ObjectId, int]:
    found = db().conversations.find({"_id": {"$in": list(conversation_ids)}}, {"head": 1})
    return {row["_id"]: row["head"]["seq"] for row in found.batch_size(len(conversation_ids) + 1)}


def _try_to_settle() -> None:
    try:
        settle()
    except Exception as error:  # it goes on waiting, and is tried again
        _behind.store_after(_RETRY_SECONDS)
        if isinstance(error, STORE_ERRORS):
            logger.warning(
                "heads wait for the database", conversations=len(_behind.waiting), error=type(error).__name__
            )
        else:
            logger.exception("heads could not be stored")


def _bring_forward(heads: list[Head]) -> None:
    """Store them all. Where another process is further already, only what grows is left to do; where one is behind,
    with entries of which this process knows nothing, their head is made from the log."""
    for _ in range(_ATTEMPTS):
        if not heads or _update([head.advance() for head in heads]) == len(heads):
            return
        reached = _find_seqs([head.conversation_id for head in heads])
        there = [head for head in heads if head.conversation_id in reached]
        growing = [head.grow() for head in there if reached[head.conversation_id] >= head.to_seq]
        if updates := [update for update in growing if update is not None]:
            _update(updates)
        behind = [head for head in there if reached[head.conversation_id] < head.to_seq]
        heads = [_whole(head, reached[head.conversation_id]) for head in behind]
    raise errors.Unavailable(errors.Code.SERVER_BUSY, "Too many people write here at once. Try again.", 1)


def _whole(head: Head, seq: int) -> Head:
    """Return a head that can be stored where the document has reached `seq`."""
    if head.from_seq <= seq:
        return head
    logger.info("a head is made from the log", conversation=str(head.conversation_id), after=seq, before=head.from_seq)
    return _from_log(head.conversation_id) or head


@again
def _update(updates: list[Update]) -> int:
    """Do these updates; return the number that found their document.

    In the order of their ids: two processes that store the same heads wait for each other, and none is given up.
    """
    updates = sorted(updates, key=lambda update: update[0]["_id"])
    if is_embedded() or len(updates) == 1:
        return sum(db().conversations.update_one(*update).matched_count for step in batches(updates) for update in step)
    result = db().conversations.bulk_write([UpdateOne(*update) for update in updates], ordered=False)
    return result.matched_count

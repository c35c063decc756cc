"""Heads that are written behind: what is derived from a conversation's log, stored a moment after the log.

An entry is acknowledged once it is in the log. Its conversation's document follows within the delay, in one command for
all conversations that were written to meanwhile. Nobody in this process sees it late: what reads derived fields calls
`settle` first. After a crash the log is ahead of its head, which is what recovery looks for.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

import gevent
import structlog
from bson import ObjectId
from gevent.lock import BoundedSemaphore
from pymongo import UpdateOne

from chatapp.database import STORE_ERRORS, Document, db, is_embedded
from chatapp.state import on_reset
from chatapp.stores.batches import batches
from chatapp.stores.packed import pack

logger = structlog.get_logger("chatapp.heads")
_MOST_ENTRIES = 200  # that may wait; with one more round, and as many under way, fewer than recovery looks at
_ATTEMPTS = 20
_RETRY_SECONDS = 1.0


@dataclass(slots=True)
class Head:
    """The `changes` of a conversation's document after the entries from_seq + 1 … to_seq."""

    conversation_id: ObjectId
    from_seq: int
    to_seq: int
    changes: Document

    def followed_by(self, later: "Head") -> "Head":
        """Return both changes as one step."""
        return Head(self.conversation_id, self.from_seq, later.to_seq, self.changes | later.changes)


class _Behind:
    """Heads that wait to be stored, and those being stored. Steps are numbered as they come."""

    def __init__(self) -> None:
        self.waiting: dict[ObjectId, Head] = {}
        self.under_way: dict[ObjectId, Head] = {}
        self.newest_step = 0
        self.stored_step = 0
        self.turn = BoundedSemaphore()
        self.timer: gevent.Greenlet | None = None

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


def _together(earlier: dict[ObjectId, Head], later: dict[ObjectId, Head]) -> dict[ObjectId, Head]:
    """Return both, as one step for each conversation."""
    steps = {key: earlier[key].followed_by(head) if key in earlier else head for key, head in later.items()}
    return earlier | steps


_behind = _Behind()
_delay = 0.0


@on_reset
def reset() -> None:
    """Forget what waits."""
    global _behind
    _behind = _Behind()


def write_behind(seconds: float) -> None:
    """From now on let heads wait so long; 0: store them at once. For a process that settles before it ends."""
    global _delay
    _delay = seconds


def advance(heads: list[Head], *, at_once: bool) -> None:
    """Bring these heads forward, later where they may wait. A failure is not the caller's: they go on waiting then."""
    for head in heads:
        _behind.add(head)
    if at_once or not _delay:
        _try_to_settle()
    else:
        _behind.store_after(_delay)


def make_room() -> None:
    """Let the log get no further ahead of the heads than recovery looks back. Raises what the driver raises."""
    if sum(head.to_seq - head.from_seq for head in _behind.waiting.values()) > _MOST_ENTRIES:
        settle()


def settle(conversation_ids: Iterable[ObjectId] | None = None) -> None:
    """Store everything that waits before returning; do nothing if none of these conversations waits."""
    behind = _behind
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
    """Store them all; where another process was faster, what it has left to do."""
    for _ in range(_ATTEMPTS):
        if not heads or _update(heads) == len(heads):
            return
        heads = _remaining(heads)
    logger.error("heads could not be brought forward", conversations=[str(head.conversation_id) for head in heads])


def _update(heads: list[Head]) -> int:
    """Store these heads; return how many of them were where they were expected."""
    updates = [
        ({"_id": head.conversation_id, "head.seq": head.from_seq}, {"$set": pack(head.changes)}) for head in heads
    ]
    if is_embedded() or len(updates) == 1:
        return sum(db().conversations.update_one(*update).matched_count for step in batches(updates) for update in step)
    result = db().conversations.bulk_write([UpdateOne(*update) for update in updates], ordered=False)
    return result.matched_count


def _remaining(heads: list[Head]) -> list[Head]:
    """Return the heads that are still to be stored, each from its conversation's stored head."""
    stored = _find_seqs([head.conversation_id for head in heads])
    return [
        replace(head, from_seq=stored[head.conversation_id])
        for head in heads
        if head.from_seq <= stored.get(head.conversation_id, head.to_seq) < head.to_seq
    ]

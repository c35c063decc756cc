"""Heads that are written behind: what is derived from a conversation's log, stored a moment after the log.

An entry is acknowledged once it is in the log. Its conversation's document follows within the delay, in one command for
all conversations that were written to meanwhile. Nobody in this process sees it late: what reads derived fields calls
`settle` first. After a crash the log is ahead of its head, which is what recovery looks for.

Heads commute: of two, the one with the greater seq wins, whoever stores it and when; where somebody's last own message
stands is a maximum. So a process may also store what it heard that another is about to store (`hear`).
"""

from collections import OrderedDict
from collections.abc import Collection, Iterable
from dataclasses import dataclass

import gevent
import structlog
from bson import ObjectId
from gevent.lock import BoundedSemaphore
from pymongo import UpdateOne

from chatapp import clock
from chatapp.database import STORE_ERRORS, Document, db, is_embedded
from chatapp.state import on_reset
from chatapp.stores.batches import batches
from chatapp.stores.packed import pack

logger = structlog.get_logger("chatapp.heads")
_MOST_ENTRIES = 200  # that may wait; with one more round, and as many under way, fewer than recovery looks at
_RETRY_SECONDS = 1.0
_HEARD_SECONDS = 2.0  # after which another process has stored its head, or recovery does
_MOST_HEARD = 10_000
_SENT = "sent."
Update = tuple[Document, Document]  # filter and update


@dataclass(slots=True)
class Head:
    """The `changes` of a conversation's document after the entries from_seq + 1 … to_seq."""

    conversation_id: ObjectId
    from_seq: int
    to_seq: int
    changes: Document

    def followed_by(self, later: "Head") -> "Head":
        """Return both changes as one step."""
        earlier, later = (self, later) if self.to_seq <= later.to_seq else (later, self)
        changes = earlier.changes | later.changes
        for name in earlier.changes.keys() & later.changes.keys():
            if name.startswith(_SENT):
                changes[name] = max(earlier.changes[name], later.changes[name], key=_seq_of)
        return Head(self.conversation_id, min(self.from_seq, later.from_seq), later.to_seq, changes)


class _Behind:
    """Heads that wait to be stored, and those being stored. Steps are numbered as they come."""

    def __init__(self) -> None:
        self.waiting: dict[ObjectId, Head] = {}
        self.under_way: dict[ObjectId, Head] = {}
        self.newest_step = 0
        self.stored_step = 0
        self.turn = BoundedSemaphore()
        self.timer: gevent.Greenlet | None = None
        self.heard: OrderedDict[ObjectId, tuple[float, Head]] = OrderedDict()

    def hear(self, head: Head) -> None:
        """Note what another process is about to store."""
        known = self.heard.pop(head.conversation_id, None)
        self.heard[head.conversation_id] = clock.monotonic(), head if known is None else known[1].followed_by(head)
        self.forget_heard()

    def forget_heard(self) -> None:
        """Forget what has been stored by now."""
        old = clock.monotonic() - _HEARD_SECONDS
        while self.heard and (len(self.heard) > _MOST_HEARD or next(iter(self.heard.values()))[0] < old):
            self.heard.popitem(last=False)

    def take_heard(self, conversation_ids: Iterable[ObjectId] | None) -> None:
        """Let what was heard of these conversations, or of all, be stored by the next step."""
        self.forget_heard()
        for key in list(self.heard) if conversation_ids is None else conversation_ids:
            heard = self.heard.pop(key, None)
            if heard is not None:
                self.add(heard[1])

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
    if _behind.heard:
        _behind.take_heard([head.conversation_id for head in heads])
    for head in heads:
        _behind.add(head)
    if at_once or not _delay:
        _try_to_settle()
    else:
        _behind.store_after(_delay)


def hear(head: Head) -> None:
    """Another process has appended these entries, and stores their head in a moment: reads here store it before."""
    _behind.hear(head)


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
    """Store them all. Where another process is further already, only people's own last messages are left to do."""
    if heads and _update([_advance(head) for head in heads]) < len(heads):
        _update([update for head in heads if (update := _raise_sent(head)) is not None])


def _advance(head: Head) -> Update:
    older = {"_id": head.conversation_id, "head.seq": {"$lt": head.to_seq}}
    changes = {name: value for name, value in head.changes.items() if not name.startswith(_SENT)}
    return older, {"$set": pack(changes)} | _sent(head)


def _raise_sent(head: Head) -> Update | None:
    sent = _sent(head)
    return ({"_id": head.conversation_id}, sent) if sent else None


def _sent(head: Head) -> Document:
    """Return the operator for the seqs of people's own last messages, if any."""
    marks = {
        f"{name}.{mark}": value
        for name, sent in head.changes.items()
        if name.startswith(_SENT)
        for mark, value in sent.items()
    }
    return {"$max": marks} if marks else {}


def _seq_of(sent: Document) -> int:
    seq: int = sent["seq"]
    return seq


def _update(updates: list[Update]) -> int:
    """Do these updates; return the number that found their document."""
    if is_embedded() or len(updates) == 1:
        return sum(db().conversations.update_one(*update).matched_count for step in batches(updates) for update in step)
    result = db().conversations.bulk_write([UpdateOne(*update) for update in updates], ordered=False)
    return result.matched_count

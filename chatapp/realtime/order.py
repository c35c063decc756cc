"""Each conversation's entries are told here in the order of its log, and once, whichever process tells of them.

An entry that comes before the one in front of it waits. When that does not come soon, what is missing is read from the
log. The first one that is heard of in a conversation has nothing in front of it here: an earlier one that comes after
it is not told any more, and those whom it concerns sync instead.
"""

from collections import OrderedDict
from collections.abc import Callable

import gevent
from bson import ObjectId

from chatapp import metrics

Tell = Callable[[], object]
Fill = Callable[[ObjectId, int, int], object]
_REMEMBERED = 100_000  # conversations
_PATIENCE_SECONDS = 0.25


class Order:
    """The last entry that was told, by conversation, and those that wait. `fill(conversation id, after, before)` tells
    the entries between two seqs from the log; `lost()` is called when it could not."""

    fill: Fill = staticmethod(lambda *_: None)
    lost: Tell = staticmethod(lambda: None)

    def __init__(self) -> None:
        self._told: OrderedDict[ObjectId, int] = OrderedDict()
        self._began: dict[ObjectId, int] = {}  # the seq after which it was told here
        self._waiting: dict[ObjectId, dict[int, Tell]] = {}

    def offer(self, conversation_id: ObjectId, seq: int, tell: Tell, too_late: Tell) -> None:
        """Tell an entry when it has its turn: now, later, or (it was told already) never.

        `too_late()` is called instead when it was not told, and a later one was.
        """
        last = self._told.get(conversation_id)
        if last is None or seq == last + 1:
            self._tell(conversation_id, seq, tell)
            if conversation_id in self._waiting:
                self._go_on(conversation_id)
        elif seq > last:
            waiting = self._waiting.setdefault(conversation_id, {})
            if not waiting:
                gevent.spawn_later(_PATIENCE_SECONDS, self._fill_gap, conversation_id)
            if waiting.setdefault(seq, tell) is tell:
                metrics.late_deliveries.labels("waited").inc()
        elif seq <= self._began[conversation_id]:
            metrics.late_deliveries.labels("left to a sync").inc()
            too_late()

    def expect(self, conversation_id: ObjectId, seq: int) -> None:
        """Take this entry for the next one, if none of the conversation was told yet: it may just be on its way."""
        if conversation_id not in self._told:
            self._began[conversation_id] = seq - 1
            self.note(conversation_id, seq - 1)

    def _tell(self, conversation_id: ObjectId, seq: int, tell: Tell) -> None:
        self.note(conversation_id, seq)
        tell()

    def note(self, conversation_id: ObjectId, seq: int) -> None:
        """Note that this entry of a conversation was told, and those before it."""
        self._began.setdefault(conversation_id, seq - 1)
        self._told[conversation_id] = seq
        self._told.move_to_end(conversation_id)
        if len(self._told) > _REMEMBERED:
            del self._began[self._told.popitem(last=False)[0]]

    def _go_on(self, conversation_id: ObjectId) -> None:
        waiting = self._waiting.get(conversation_id, {})
        while (tell := waiting.pop(self._told[conversation_id] + 1, None)) is not None:
            self._tell(conversation_id, self._told[conversation_id] + 1, tell)
        for seq in [seq for seq in waiting if seq <= self._told[conversation_id]]:
            del waiting[seq]
        if not waiting:
            self._waiting.pop(conversation_id, None)

    def _fill_gap(self, conversation_id: ObjectId) -> None:
        """Read what is missing from the log, and tell what waits in any case."""
        waiting = self._waiting.get(conversation_id)
        if not waiting:
            return
        first = min(waiting)
        told = self._told.get(conversation_id, first - 1)
        try:
            self.fill(conversation_id, told, first)
        finally:
            read = min(self._told.get(conversation_id, told), first - 1) - told
            metrics.late_deliveries.labels("read from the log").inc(max(0, read))
            if conversation_id in self._waiting:
                self._skip_to(conversation_id, first - 1)
                self._go_on(conversation_id)
            if self._waiting.get(conversation_id):
                gevent.spawn_later(_PATIENCE_SECONDS, self._fill_gap, conversation_id)

    def _skip_to(self, conversation_id: ObjectId, seq: int) -> None:
        """Go on after this entry, whether it could be read or not."""
        if self._told.get(conversation_id, 0) < seq:
            self.note(conversation_id, seq)
            self.lost()

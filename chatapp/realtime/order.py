"""Each conversation's entries are told here in the order of its log, and once, whichever process tells of them.

An entry that comes before the one in front of it waits. When that does not come soon, what is missing is read from the
log.
"""

from collections import OrderedDict
from collections.abc import Callable

import gevent
from bson import ObjectId

Tell = Callable[[], object]
Fill = Callable[[ObjectId, int, int], object]
_REMEMBERED = 100_000  # conversations
_PATIENCE_SECONDS = 0.25


class Order:
    """The last entry that was told, by conversation, and those that wait. `fill(conversation id, after, before)` tells
    the entries between two seqs from the log."""

    fill: Fill = staticmethod(lambda *_: None)

    def __init__(self) -> None:
        self._told: OrderedDict[ObjectId, int] = OrderedDict()
        self._waiting: dict[ObjectId, dict[int, Tell]] = {}

    def offer(self, conversation_id: ObjectId, seq: int, tell: Tell) -> None:
        """Tell an entry when it has its turn: now, later, or (it was told already) never."""
        last = self._told.get(conversation_id)
        if last is None or seq == last + 1:
            self._tell(conversation_id, seq, tell)
            if conversation_id in self._waiting:
                self._go_on(conversation_id)
        elif seq > last:
            waiting = self._waiting.setdefault(conversation_id, {})
            if not waiting:
                gevent.spawn_later(_PATIENCE_SECONDS, self._fill_gap, conversation_id)
            waiting.setdefault(seq, tell)

    def _tell(self, conversation_id: ObjectId, seq: int, tell: Tell) -> None:
        self._note(conversation_id, seq)
        tell()

    def _note(self, conversation_id: ObjectId, seq: int) -> None:
        self._told[conversation_id] = seq
        self._told.move_to_end(conversation_id)
        if len(self._told) > _REMEMBERED:
            self._told.popitem(last=False)

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
        try:
            self.fill(conversation_id, self._told.get(conversation_id, first - 1), first)
        finally:
            if conversation_id in self._waiting:
                self._told[conversation_id] = max(self._told.get(conversation_id, 0), first - 1)
                self._go_on(conversation_id)
            if self._waiting.get(conversation_id):
                gevent.spawn_later(_PATIENCE_SECONDS, self._fill_gap, conversation_id)

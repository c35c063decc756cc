"""A session's oldest socket makes room for a newer one, in whichever process the oldest is.

Only the process that holds a socket knows how old it is, so the others are asked: those that have sockets of the user.
One that does not answer in time is left out.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import count

from bson import ObjectId
from gevent.event import Event

from chatapp.bus.exchange import Exchange
from chatapp.database import Document

_PATIENCE_SECONDS = 0.25


@dataclass(slots=True)
class _Question:
    """A session's oldest socket is looked for: by whom an answer is awaited, and the ages that were answered."""

    awaited: set[str]
    ages: dict[str, float] = field(default_factory=dict)
    is_answered: Event = field(default_factory=Event)

    def stop_waiting_for(self, process: str) -> None:
        """Wait for this process no longer."""
        self.awaited.discard(process)
        if not self.awaited:
            self.is_answered.set()


class Replacement:
    """`age(session id)` is the age of the session's oldest socket in this process in seconds, None where it has none;
    `close(session id)` closes that one, and returns whether there was one."""

    def __init__(self, age: Callable[[ObjectId], float | None], close: Callable[[ObjectId], bool]) -> None:
        self._age = age
        self._close = close
        self._exchange: Exchange | None = None
        self._numbers = count()
        self._questions: dict[int, _Question] = {}

    def hear_others(self, exchange: Exchange) -> None:
        """Answer the other processes, and ask them."""
        self._exchange = exchange
        exchange.handle("oldest socket?", self._asked)
        exchange.handle("oldest socket", self._answered)
        exchange.handle("replace oldest", self._told)

    def replace_oldest(self, session_id: ObjectId, processes: Iterable[str]) -> bool:
        """Close a session's oldest socket here or in one of these processes; False when it has none."""
        ages = self._ask(session_id, set(processes))
        here = self._age(session_id)
        oldest = max(ages, key=lambda name: ages[name], default=None)
        if self._exchange is None or oldest is None or (here is not None and here >= ages[oldest]):
            return self._close(session_id)
        return self._exchange.send_to(oldest, "replace oldest", {"session": session_id})

    def _ask(self, session_id: ObjectId, processes: set[str]) -> dict[str, float]:
        """Return the age of the session's oldest socket in each process that has one."""
        if not processes or self._exchange is None:
            return {}
        number, question = next(self._numbers), _Question(processes)
        self._questions[number] = question
        try:
            for name in sorted(processes):
                if not self._exchange.send_to(name, "oldest socket?", {"question": number, "session": session_id}):
                    question.stop_waiting_for(name)
            question.is_answered.wait(_PATIENCE_SECONDS)
        finally:
            del self._questions[number]
        return question.ages

    def _asked(self, sender: str, data: Document) -> None:
        if self._exchange is not None:
            answer = {"question": data["question"], "age": self._age(data["session"])}
            self._exchange.send_to(sender, "oldest socket", answer)

    def _answered(self, sender: str, data: Document) -> None:
        question = self._questions.get(data["question"])
        if question is not None:
            if data["age"] is not None:
                question.ages[sender] = data["age"]
            question.stop_waiting_for(sender)

    def _told(self, _: str, data: Document) -> None:
        self._close(data["session"])

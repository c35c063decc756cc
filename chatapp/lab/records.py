"""The log of a run's clients: every invocation, and its outcome."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

Outcome = Literal["ok", "failed", "unknown"]


@dataclass(slots=True)
class Send:
    """One message that somebody wanted to send, however often it was tried. `number` counts the sender's own."""

    sender: str
    conversation: str
    client_msg_id: str
    number: int
    started: float
    outcome: Outcome = "unknown"
    attempts: int = 0
    ended: float = 0.0
    seq: int | None = None
    message_id: str | None = None
    reply_to: str | None = None  # a message's id
    mention: str | None = None  # a user's id


@dataclass(slots=True)
class Act:
    """One edit or deletion that a sender wanted of their own message; `text` is the new one, None for a deletion."""

    sender: str
    conversation: str
    message_id: str
    text: str | None
    mention: str | None = None  # a user's id
    outcome: Outcome = "unknown"


@dataclass(slots=True)
class React:
    """One reaction that somebody wanted to set, or to take back."""

    user: str
    conversation: str
    message_id: str
    emoji: str
    on: bool
    outcome: Outcome = "unknown"


@dataclass(slots=True)
class Pin:
    """One message that somebody wanted to pin, or to unpin."""

    conversation: str
    message_id: str
    on: bool
    outcome: Outcome = "unknown"


@dataclass(slots=True)
class PrivateAct:
    """One change that somebody wanted of their private state: a call, about the message at `seq`."""

    user: str
    conversation: str
    seq: int
    method: str
    path: str
    body: object
    outcome: Outcome = "unknown"


@dataclass(slots=True)
class Connected:
    """One socket: whose, in which process, from when to when, and what it heard live. Times are `time.time()`."""

    user: str
    worker: str = ""
    began: float = math.inf  # it was told that it is ready
    ended: float = math.inf
    heard: dict[str, dict[int, float]] = field(default_factory=dict)  # conversation → seq → when
    resyncs: list[float] = field(default_factory=list)


@dataclass(slots=True)
class Span:
    """The time of a fault. `workers`: the processes that it struck; none: all of them."""

    name: str
    began: float
    ended: float = math.inf
    workers: set[str] = field(default_factory=set)


@dataclass
class Records:
    """Everything that was logged in a run."""

    sends: list[Send] = field(default_factory=list)
    acts: list[Act] = field(default_factory=list)
    reacts: list[React] = field(default_factory=list)
    private_acts: list[PrivateAct] = field(default_factory=list)
    pins: list[Pin] = field(default_factory=list)
    sockets: list[Connected] = field(default_factory=list)
    live_breaches: list[str] = field(default_factory=list)  # live entries of one socket out of order
    live_doubles: list[str] = field(default_factory=list)  # an entry that came live to one socket again
    replica_breaches: list[str] = field(default_factory=list)  # a client was given two entries for one place
    resets: list[tuple[str, str]] = field(default_factory=list)  # (user, conversation): told of another history
    service_breaches: list[str] = field(default_factory=list)  # what the server should have done in time, and did not
    offline: list[tuple[str, float]] = field(default_factory=list)  # who was said to be offline, and when
    faults: dict[str, int] = field(default_factory=dict)
    spans: list[Span] = field(default_factory=list)
    deliveries: int = 0
    acknowledged: int = 0

    @contextmanager
    def fault(self, name: str) -> Iterator[Span]:
        """Count a fault that is injected, and note how long it lasts."""
        self.faults[name] = self.faults.get(name, 0) + 1
        span = Span(name, time.time())
        self.spans.append(span)
        try:
            yield span
        finally:
            span.ended = time.time()

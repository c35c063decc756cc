"""What the clients of a run log of themselves: every invocation, and its outcome."""

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


@dataclass
class Records:
    """Everything that was logged in a run."""

    sends: list[Send] = field(default_factory=list)
    live_breaches: list[str] = field(default_factory=list)  # live entries of one socket out of order
    replica_breaches: list[str] = field(default_factory=list)  # a client was given two entries for one place
    faults: dict[str, int] = field(default_factory=dict)
    deliveries: int = 0
    acknowledged: int = 0

    def fault(self, name: str) -> None:
        """Count a fault that was injected."""
        self.faults[name] = self.faults.get(name, 0) + 1

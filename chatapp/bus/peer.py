"""Another process as this one hears it."""

from dataclasses import dataclass, field

from chatapp import clock
from chatapp.database import Document

LATELY_SECONDS = 2.5  # a peer that is silent for longer gets no new work
SILENT_SECONDS = 5.0  # and is taken for gone after this
_FAR_LATELY_SECONDS = 3.5  # the same for those of other machines, whose heartbeats may come by the database
_FAR_SILENT_SECONDS = 6.5
_DIRECT_WINDOW = 4_096  # messages to one peer: one that is so many behind the newest is taken for a double
_MACHINE = "-"


def machine_of(name: str) -> str:
    """Return the machine of a process: what follows the last hyphen of its name."""
    return name.rpartition(_MACHINE)[2] if _MACHINE in name else ""


class _Window:
    """The numbers of messages that were handled, as far back as one may still come."""

    def __init__(self) -> None:
        self._newest = 0
        self._seen: set[int] = set()

    def is_new(self, number: int) -> bool:
        """Return whether this number comes for the first time."""
        if number in self._seen or number <= self._newest - _DIRECT_WINDOW:
            return False
        self._seen.add(number)
        self._newest = max(self._newest, number)
        if len(self._seen) > 2 * _DIRECT_WINDOW:
            self._seen = {seen for seen in self._seen if seen > self._newest - _DIRECT_WINDOW}
        return True


@dataclass(slots=True)
class Peer:
    """Another process: the last of its batches that was handled in order, and what it says of itself."""

    name: str
    last: int
    heard_at: float
    info: Document = field(default_factory=dict)
    ahead: dict[int, Document] = field(default_factory=dict)  # batches that came before their turn
    asked_at: float = 0.0
    asked_up_to: int = 0
    asks: int = 0  # that were repeated, for the batch that is next
    stamp: Document = field(default_factory=dict)  # what came with its newest envelope
    is_far: bool = False  # on another machine
    is_late: bool = False  # and heard by the database alone
    has_told_age: bool = False
    is_placed: bool = True  # False: the first of its batches that is heard is to be its next
    direct: _Window = field(default_factory=_Window)
    has_said_goodbye: bool = False

    @property
    def machine(self) -> str:
        """Return the machine that it runs on."""
        return machine_of(self.name)

    @property
    def is_lively(self) -> bool:
        """Return whether it was heard of lately."""
        return self.silence < (_FAR_LATELY_SECONDS if self.is_far else LATELY_SECONDS)

    @property
    def is_silent(self) -> bool:
        """Return whether it is to be taken for gone."""
        return self.silence > (_FAR_SILENT_SECONDS if self.is_far else SILENT_SECONDS)

    @property
    def silence(self) -> float:
        """Return for how many seconds it was not heard."""
        return clock.monotonic() - self.heard_at

    def forget_missing(self) -> None:
        """Wait no more for batches that did not come."""
        self.ahead.clear()
        self.asked_up_to, self.asks = self.last, 0

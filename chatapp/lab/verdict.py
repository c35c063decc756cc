"""The end of a run: the state of the server as its API returns it, and the verdict on it."""

from dataclasses import dataclass, field

from chatapp.lab.reactions import Shown
from chatapp.lab.replica import Known
from chatapp.lab.state import Entry


@dataclass
class Histories:
    """The server's state at the end: each conversation's log as each member sees it, and the unread counts."""

    logs: dict[tuple[str, str], list[Entry]] = field(default_factory=dict)  # (conversation, user) → entries, ascending
    passing: set[str] = field(default_factory=set)  # users who were members for some of the time only
    shown: dict[tuple[str, str, str], list[str]] = field(default_factory=dict)  # (conversation, user, device) → ids
    texts: dict[tuple[str, str, str], dict[int, str | None]] = field(
        default_factory=dict
    )  # of changed messages, by seq
    reactions: dict[tuple[str, str, str], dict[int, Shown]] = field(default_factory=dict)
    quotes: dict[tuple[str, str, str], dict[int, str | None]] = field(default_factory=dict)  # in replies, by seq
    pins: dict[tuple[str, str, str], set[int]] = field(default_factory=dict)  # seqs of pinned messages
    pin_lists: dict[tuple[str, str], set[int]] = field(default_factory=dict)  # (conversation, user) → the same
    unread: dict[tuple[str, str], int] = field(default_factory=dict)
    read: dict[tuple[str, str], int] = field(default_factory=dict)  # the last acknowledged read mark
    known: dict[tuple[str, str], Known] = field(default_factory=dict)  # (user, device) → what it has put together
    told: dict[str, Known] = field(default_factory=dict)  # user → the same, as a sync from the start gives it
    refusals: list[str] = field(default_factory=list)  # calls that should have worked, with no fault about


@dataclass
class Verdict:
    """The result of a run. Every list has to be empty."""

    sends: int = 0
    ok: int = 0
    failed: int = 0
    unknown: int = 0
    repeats: int = 0
    deliveries: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    reordered: list[str] = field(default_factory=list)
    alien: list[str] = field(default_factory=list)
    holes: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)  # marks, names, roles … of which a device never heard
    late: list[str] = field(default_factory=list)  # live entries that came late to a socket, or never
    resets: list[str] = field(default_factory=list)  # clients that had to forget what they had
    presence: list[str] = field(default_factory=list)  # who was said to be offline while a socket of theirs was open
    service: list[str] = field(default_factory=list)  # what the server should have done in time
    store: list[str] = field(default_factory=list)  # what `flask verify` says, and calls that failed in peace
    tracebacks: list[str] = field(default_factory=list)  # that the server printed, because nobody caught an exception
    live_checks: int = 0  # live entries whose lateness counts
    late_p99: float = 0.0  # seconds after the acknowledgement
    latest: float = 0.0
    resyncs: int = 0  # sockets that were told to sync, because messages between processes were lost

    @property
    def breaches(self) -> int:
        """The number of broken promises."""
        return sum(map(len, self.broken.values()))

    @property
    def broken(self) -> dict[str, list[str]]:
        """The breaches by kind, those of which there is none too."""
        return {
            "lost": self.lost,
            "doubled": self.doubled,
            "reordered": self.reordered,
            "alien": self.alien,
            "holes": self.holes,
            "unread": self.unread,
            "stale": self.stale,
            "late": self.late,
            "resets": self.resets,
            "presence": self.presence,
            "service": self.service,
            "store": self.store,
            "tracebacks": self.tracebacks,
        }


def longest_logs(histories: Histories) -> dict[str, list[Entry]]:
    """Return the fullest log of each conversation: that of somebody who was a member all the time."""
    found: dict[str, list[Entry]] = {}
    for (conversation, _), log in histories.logs.items():
        if len(log) > len(found.get(conversation, [])):
            found[conversation] = log
    return found


def is_gone(message: Entry) -> bool:
    """Return whether a message is deleted, for everybody or for whom the log is shown to."""
    return bool(message.get("deleted") or message.get("hidden"))


def seen(log: list[Entry]) -> list[Entry]:
    """Return the messages of a log without those that its reader has deleted for themselves."""
    return [entry for entry in log if entry["type"] == "message" and not entry.get("hidden")]

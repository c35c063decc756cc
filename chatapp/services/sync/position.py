"""One conversation in a sync: where its log stands for the caller, what the client has of it, what it is to get."""

from dataclasses import dataclass, field
from datetime import datetime

import structlog
from bson import ObjectId

from chatapp.schemas.views.sync import GapView
from chatapp.services.log.conversation_views import SHOWN_HASH
from chatapp.services.log.member import was_deleted
from chatapp.settings import config
from chatapp.stores.documents.conversations import ConversationHead, LogHead
from chatapp.stores.documents.entries import ShownEntry, content_of
from chatapp.stores.documents.memberships import OwnMembership, OwnState
from chatapp.stores.entries import Range

logger = structlog.get_logger("chatapp.sync")
_ENTRY_BYTES = 450
_MOST_OTHERS = 400  # entries that are no messages, among which the newest messages are looked for
_FIRST_OF_ALL = datetime(9999, 1, 1)  # in a sweep: the place of a left conversation says nothing of later activity

Cursor = tuple[int, str | None]


@dataclass(slots=True, eq=False)
class Place:
    """`stored` is the conversation's head (`{_id, head, last_activity, touched_at}`), `own` the caller's membership,
    `text` its id, `delivered` what is known to have been received. The caller may see entries `first` … `last`; the
    client has them up to `position`. `active_at`: the last entry; `state_at`: the last change of anything else."""

    stored: ConversationHead
    own: OwnMembership
    text: str
    cursor: Cursor | None
    delivered: int
    id: ObjectId = field(init=False)
    head: LogHead = field(init=False)
    active_at: datetime = field(init=False)
    state_at: datetime = field(init=False)
    first: int = field(init=False)
    last: int = field(init=False)
    position: int = field(init=False)
    is_left: bool = field(init=False)
    is_behind: bool = field(init=False)
    since: datetime | None = None  # the client knows what changed before; None: it knows nothing
    is_reset: bool = False
    window: tuple[int, int] = (1, 0)  # entries to fetch, both included
    is_limited: bool = False
    newest: int = 0  # messages that a limited answer gives
    private: OwnState | None = None  # the caller's private state, where it was read
    entries: list[ShownEntry] = field(default_factory=list)
    quoted: list[ShownEntry] = field(default_factory=list)  # messages that the entries reply to

    def __post_init__(self) -> None:
        stored, own = self.stored, self.own
        self.id, self.head, self.active_at = stored["_id"], stored["head"], stored["last_activity"]
        self.state_at = max(stored["touched_at"], own["changed_at"], own.get("own_at", datetime.min))
        head_seq, left_seq = self.head["seq"], own["left_seq"]
        self.is_left = left_seq is not None
        if self.is_left:
            self.active_at = _FIRST_OF_ALL
        self.first = max(own["visible_from"], own["cleared_seq"] + 1)
        self.last = head_seq if left_seq is None else min(left_seq, head_seq)
        if self.cursor is not None and self._contradicts(*self.cursor):
            self.is_reset, self.cursor = True, None
        self.position = max(self.cursor[0] if self.cursor else 0, self.first - 1)
        self.is_behind = self.cursor is None or self.position < self.last

    def _contradicts(self, seq: int, shown_hash: str | None) -> bool:
        """Return whether the stored log contradicts the cursor: it is beyond the end, or the last entry is another."""
        if seq > self.last:
            return True
        is_at_the_end = shown_hash is not None and seq == self.head["seq"] and seq > 0
        return is_at_the_end and shown_hash != self.head["hash"][:SHOWN_HASH]

    @property
    def is_cut(self) -> bool:
        """Return whether the client lacks entries that its user may no longer see: it can't know what they changed."""
        return self.cursor is not None and self.cursor[0] < self.first - 1

    @property
    def is_hidden(self) -> bool:
        """Return whether the caller has deleted it, and nothing came since."""
        return was_deleted(self.own["cleared_seq"], self.own["cleared_mseq"], self.head["mseq"])

    def has_changed(self) -> bool:
        """Return whether receipts, profiles or the caller's own marks have changed."""
        return self.since is None or self.state_at > self.since

    def is_own_change(self) -> bool:
        """Return whether the caller has read, deleted or changed their private state on another device."""
        return self.since is None or self.own["changed_at"] > self.since or self.has_private_change()

    def has_private_change(self) -> bool:
        """Return whether the client may not know the caller's private state."""
        return self.since is None or self.own.get("own_at", datetime.min) > self.since

    def shows_last_message(self) -> bool:
        """Return whether the report describes the conversation, or the caller's private state."""
        return self.is_limited or self.is_cut or self.has_private_change()

    def plan(self, room: int) -> int:
        """Choose the entries to fetch, at most `room`; return how many."""
        if self.cursor is None or self.last - self.position > config().SYNC_GAP_ENTRIES:
            self.is_limited = True
            self.newest = min(config().SYNC_NEWEST_ENTRIES, room)
            others = min(self.head["seq"] - self.head["mseq"], _MOST_OTHERS)
            self.window = (max(self.position + 1, self.last - self.newest - others + 1), self.last)
            return min(self.newest, max(0, self.window[1] - self.window[0] + 1))
        self.window = (self.position + 1, min(self.last, self.position + room))
        return max(0, self.window[1] - self.window[0] + 1)

    def windows(self) -> list[Range]:
        """Return the window, and the entry at the cursor where its hash is to be compared."""
        above = self.head["mseq"] - self.newest if self.is_limited and not self.is_left else 0
        found = [Range(self.id, *self.window, above)]
        if self.cursor and self.cursor[1] is not None and self.cursor[0] >= self.first:
            found.append(Range(self.id, self.cursor[0], self.cursor[0]))
        return found

    def take(self, rows: dict[int, ShownEntry]) -> None:
        """Take the fetched entries (by seq); an entry at the cursor with another hash resets."""
        first, last = self.window
        self.entries = [rows[seq] for seq in range(first, last + 1) if seq in rows]
        if self.is_limited and self.entries:
            above = self.entries[-1]["mseq"] - self.newest
            self.entries = [entry for entry in self.entries if entry["mseq"] > above]
            first = self.entries[0]["seq"] if self.entries else last
        if len(self.entries) < last - first + 1:
            self._skip_hole()
        if self.cursor is None or self.cursor[1] is None:
            return
        own = rows.get(self.cursor[0])
        if own is not None and own["hash"][:SHOWN_HASH] != self.cursor[1]:
            self.is_reset = self.is_limited = True
            self._end_at_last()

    def _skip_hole(self) -> None:
        """Keep the entries after the last hole of a stored log that is broken, so that clients get on."""
        logger.error("the log has a hole", conversation=str(self.id), first=self.window[0], last=self.window[1])
        self.is_limited = True
        self._end_at_last()
        seqs = [entry["seq"] for entry in self.entries]
        follows = next((i for i in range(len(seqs) - 1, 0, -1) if seqs[i] != seqs[i - 1] + 1), 0)
        self.entries = self.entries[follows:]

    def _end_at_last(self) -> None:
        """Drop the entries of a limited answer that would not reach the end of the log."""
        if not self.entries or self.entries[-1]["seq"] < self.last:
            self.entries = []

    def shorten(self, room: int) -> int:
        """Leave out entries beyond `room` bytes, except one; return the bytes of the others."""
        kept: list[ShownEntry] = []
        size = 0
        for entry in reversed(self.entries) if self.is_limited else self.entries:
            size += _size(entry)
            if kept and size > room:
                break
            kept.append(entry)
        self.entries = kept[::-1] if self.is_limited else kept
        return min(size, room)

    @property
    def is_complete(self) -> bool:
        """Return whether this answer brings the client to the end of the log."""
        return self.is_limited or not self.is_behind or bool(self.entries and self.entries[-1]["seq"] == self.last)

    def gap(self) -> GapView | None:
        """Return the bounds of what a limited answer leaves out."""
        if not self.is_limited:
            return None
        after = self.first - 1 if self.cursor is None or self.is_reset else self.position
        return {"after": after, "before": self.entries[0]["seq"] if self.entries else self.last + 1}

    def is_changed_before_gap(self) -> bool:
        """Return whether entries that a limited answer leaves out may have changed messages that the client has."""
        known = self.cursor[0] if self.is_limited and self.cursor is not None else None
        return known is not None and not self.is_reset and self.stored.get("last_change_seq", 0) > known


def _size(entry: ShownEntry) -> int:
    """Return about how many bytes an entry takes in an answer."""
    return _ENTRY_BYTES + len(content_of(entry).encode())

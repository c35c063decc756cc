"""Sync: what a client does not have, decided by its cursors alone (docs/protocol.md, section 6).

Database commands of one call: two when there is nothing to report (the caller's memberships, the heads of their
conversations); one more when the cursors prove new deliveries; three more when there is something to report (members,
conversations, entries). Never more, whatever the number of conversations.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from bson import ObjectId

from chatapp import clock, lifecycle, realtime
from chatapp.extensions import Document, config, object_id
from chatapp.services import changes, entries, presence, receipts
from chatapp.services import epoch as epochs
from chatapp.services.conversation import (
    SHOWN_HASH,
    Conversation,
    Member,
    from_documents,
    head_view,
    profile_view,
    view,
    was_deleted,
)
from chatapp.services.sync_token import Token
from chatapp.stores import conversations, memberships
from chatapp.stores import entries as entry_store

log = structlog.get_logger("chatapp.sync")
_ENTRY_BYTES, _MEMBER_BYTES, _CONVERSATION_BYTES = 450, 250, 800

Cursor = tuple[int, str | None]
Cursors = Mapping[str, Cursor]


@dataclass(slots=True, eq=False)
class _Place:
    """One conversation of the caller: where its log stands for them, and what the client has of it."""

    id: ObjectId
    own: Document
    head: Document
    active_at: datetime
    state_at: datetime
    cursor: Cursor | None
    delivered: int = 0  # what is known to have been received: also what the caller read, or wrote
    is_reset: bool = False
    window: tuple[int, int] = (1, 0)  # entries to fetch, both included
    is_limited: bool = False
    entries: list[Document] = field(default_factory=list)

    @property
    def is_left(self) -> bool:
        return self.own["left_seq"] is not None

    @property
    def is_hidden(self) -> bool:
        """Has the caller deleted it, and nothing came since?"""
        return was_deleted(self.own["cleared_seq"], self.own["cleared_mseq"], self.head["mseq"])

    @property
    def first(self) -> int:
        """The first entry that the caller may see."""
        return int(max(self.own["visible_from"], self.own["cleared_seq"] + 1))

    @property
    def last(self) -> int:
        """The last one."""
        return int(min(self.own["left_seq"], self.head["seq"]) if self.is_left else self.head["seq"])

    @property
    def position(self) -> int:
        """How far the client has what it may see."""
        return max(self.cursor[0] if self.cursor else 0, self.first - 1)

    @property
    def is_behind(self) -> bool:
        return self.cursor is None or self.position < self.last

    def is_own_change(self, since: datetime | None) -> bool:
        """Has the caller read or deleted on another device?"""
        return since is None or self.own["changed_at"] > since

    def compare(self) -> None:
        """Forget a cursor that the stored log contradicts: it is beyond the end, or the last entry is another."""
        if self.cursor is None:
            return
        seq, shown_hash = self.cursor
        other_hash = shown_hash is not None and seq == self.head["seq"] and seq > 0
        if seq > self.last or (other_hash and shown_hash != self.head["hash"][:SHOWN_HASH]):
            self.is_reset, self.cursor = True, None

    def plan(self, room: int) -> int:
        """Choose the entries to fetch, at most `room`; gives how many."""
        if self.cursor is None or self.last - self.position > config().SYNC_GAP_ENTRIES:
            self.is_limited = True
            count = min(config().SYNC_NEWEST_ENTRIES, room)
            self.window = (max(self.first, self.last - count + 1), self.last)
        else:
            self.window = (self.position + 1, min(self.last, self.position + room))
        return max(0, self.window[1] - self.window[0] + 1)

    def windows(self) -> list[tuple[ObjectId, int, int]]:
        """The window, and the entry at the cursor where its hash is to be compared."""
        found = [(self.id, *self.window)]
        if self.cursor and self.cursor[1] is not None and self.cursor[0] >= self.first:
            found.append((self.id, self.cursor[0], self.cursor[0]))
        return found

    def take(self, rows: dict[int, Document]) -> None:
        """Take the fetched entries (by seq); an entry at the cursor with another hash resets."""
        first, last = self.window
        self.entries = [rows[seq] for seq in range(first, last + 1) if seq in rows]
        if len(self.entries) < last - first + 1:
            self._skip_hole()
        if self.cursor is None or self.cursor[1] is None:
            return
        own = rows.get(self.cursor[0])
        if own is not None and own["hash"][:SHOWN_HASH] != self.cursor[1]:
            self.is_reset = self.is_limited = True
            self._end_at_last()

    def _skip_hole(self) -> None:
        """The stored log is broken here: give what follows the last hole, so that clients get on."""
        log.error("the log has a hole", conversation=str(self.id), first=self.window[0], last=self.window[1])
        self.is_limited = True
        self._end_at_last()
        seqs = [entry["seq"] for entry in self.entries]
        follows = next((i for i in range(len(seqs) - 1, 0, -1) if seqs[i] != seqs[i - 1] + 1), 0)
        self.entries = self.entries[follows:]

    def _end_at_last(self) -> None:
        """A limited answer reaches the end of the log, or has no entries."""
        if not self.entries or self.entries[-1]["seq"] < self.last:
            self.entries = []

    def shorten(self, room: int) -> int:
        """Leave out entries beyond `room` bytes, but one; gives the bytes of the others."""
        kept: list[Document] = []
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
        """Does this answer bring the client to the end?"""
        return self.is_limited or not self.is_behind or bool(self.entries and self.entries[-1]["seq"] == self.last)

    def gap(self) -> dict[str, int] | None:
        """The bounds of what a limited answer leaves out."""
        if not self.is_limited:
            return None
        after = self.first - 1 if self.cursor is None or self.is_reset else self.position
        return {"after": after, "before": self.entries[0]["seq"] if self.entries else self.last + 1}


@dataclass(slots=True)
class _Plan:
    """What one call has to report, before it is fetched: conversations with new entries, then with changed state."""

    token: Token
    started: datetime
    known: dict[ObjectId | str, Cursor]
    places: list[_Place]
    behind: list[_Place]
    changed: list[_Place]
    is_reset: bool

    def left(self, reported: list[_Place]) -> list[str]:
        """Conversations of the cursors that the caller is not in, unless entries of them are still to come."""
        finished = {row.id for row in reported if row.is_complete}
        unfinished = {row.id for row in self.behind if row.is_left} - finished
        current = {row.id for row in self.places if not row.is_left}
        return [str(key) for key in self.known if key not in current and key not in unfinished]


@lifecycle.on_drain
def stop_waiting() -> None:
    """Answer every call that waits: the process is stopping."""
    realtime.waiting.wake_all()


def answer(
    user_id: ObjectId,
    seconds: float,
    *,
    epoch: str | None = None,
    since: str | None = None,
    cursors: Cursors | None = None,
) -> dict[str, Any]:
    """What the client does not have: `{data: {epoch, conversations, left, users, next, more, …}}`.

    `cursors` maps conversation ids to (seq, hash or None); None: the client keeps none. With `seconds` the answer waits
    until there is something to report, so long at most, or until the process stops.
    """
    if not seconds:
        return {"data": _answer(user_id, _plan(user_id, epoch, since, cursors))}
    arrives = not realtime.is_online(user_id)
    with realtime.waiting.call(user_id) as published:
        if arrives:
            presence.arrived(user_id)
        data = _answer(user_id, _plan(user_id, epoch, since, cursors))
        if not _has_news(data) and not lifecycle.is_draining():
            published.wait(min(seconds, config().LONG_POLL_SECONDS))
            data = _answer(user_id, _plan(user_id, epoch, since, cursors))
        return {"data": data}


def _has_news(data: dict[str, Any]) -> bool:
    return any(data[name] for name in ("conversations", "left", "users", "more", "reset"))


def heads(user_id: ObjectId) -> dict[str, int]:
    """Where the logs of the caller's conversations end: what a client that missed something has to reach."""
    return {str(place.id): place.last for place in _places(user_id, {}) if not place.is_left}


def _plan(user_id: ObjectId, epoch: str | None, since: str | None, cursors: Cursors | None) -> _Plan:
    started = changes.seen_until()
    is_reset = epoch is not None and epoch != epochs.current()
    token = Token.read(None if is_reset else since, started)
    known: dict[ObjectId | str, Cursor] = {}
    if cursors is not None and not is_reset:
        known = {object_id(text) or text: cursor for text, cursor in cursors.items()}
    places = _places(user_id, known)
    _prove_deliveries(user_id, places)
    seen = places
    if cursors is None and token.since is not None:  # a client without cursors: only where something has happened
        seen = [row for row in places if max(row.state_at, row.active_at) > token.since]
    behind = [row for row in seen if row.is_behind and not (row.is_left and row.cursor is None)]
    behind.sort(key=lambda row: (row.active_at, row.id), reverse=True)
    plan = _Plan(token, started, known, places, behind, [], is_reset)
    plan.changed = _changed(seen, plan)
    return plan


def _places(user_id: ObjectId, known: dict[ObjectId | str, Cursor]) -> list[_Place]:
    """Where the conversations of the caller stand; without those that they deleted, and where nothing came since."""
    own = {row["conversation_id"]: row for row in memberships.find_own(user_id)}
    found = []
    for head in conversations.find_heads(list(own), user_id):
        row = own[head["_id"]]
        state_at = max(head["touched_at"], row["changed_at"])
        place = _Place(head["_id"], row, head["head"], head["last_activity"], state_at, known.get(head["_id"]))
        sent = head["sent"].get(str(user_id))
        place.delivered = max(row["delivered_seq"], row["read_seq"], sent["seq"] if sent else 0)
        place.compare()
        if place.cursor is not None or not place.is_hidden:
            found.append(place)
    return found


def _prove_deliveries(user_id: ObjectId, places: list[_Place]) -> None:
    """A cursor that is shown says that everything up to it was received."""
    seqs = [(row.id, row.cursor[0]) for row in places if row.cursor and row.cursor[0] > row.delivered]
    if seqs:
        receipts.delivered(user_id, seqs)


def _changed(places: list[_Place], plan: _Plan) -> list[_Place]:
    """Up-to-date conversations whose receipts, profiles or own marks have changed, oldest change first."""
    since, position = plan.token.since, plan.token.position
    rows = [row for row in places if not row.is_behind and not row.is_left]
    rows = [row for row in rows if since is None or row.state_at > since]
    if position is not None:
        rows = [row for row in rows if (row.state_at, row.id) > position]
    return sorted(rows, key=lambda row: (row.state_at, row.id))


def _answer(user_id: ObjectId, plan: _Plan) -> dict[str, Any]:
    """Fetch and show as much of the plan as fits into one answer."""
    chosen, since = _choose(plan), plan.token.since
    reported: list[_Place] = []
    data: list[dict[str, Any]] = []
    users: dict[str, dict[str, Any]] = {}
    if chosen:
        _fetch_entries(chosen)
        room = config().SYNC_MAX_BYTES
        for place, conversation, rows in _with_members(chosen):
            if room <= 0:
                break
            room -= place.shorten(room) + _CONVERSATION_BYTES + _MEMBER_BYTES * len(rows)
            reported.append(place)
            fresh = [row for row in rows if place.is_limited or since is None or _changed_at(row) > since]
            if place.is_behind or any(row["user_id"] != user_id for row in fresh) or place.is_own_change(since):
                data.append(_report(place, conversation, conversation.members[user_id], fresh))
            users |= _users(rows, since)
    following = _next(plan, reported)
    return {
        "epoch": epochs.current(),
        "reset": plan.is_reset,
        "conversations": data,
        "left": plan.left(reported),
        "users": list(users.values()),
        "next": (following or Token(plan.started)).write(),
        "more": following is not None,
        "serverTime": clock.iso(clock.now()),
    }


def _choose(plan: _Plan) -> list[_Place]:
    """The conversations that this answer is about: those with new entries, last active first, as long as entries fit;
    then those with changed state."""
    chosen: list[_Place] = []
    room, most = config().SYNC_MAX_ENTRIES, config().SYNC_MAX_CONVERSATIONS
    for place in plan.behind[:most]:
        if room <= 0:
            return chosen
        room -= place.plan(room)
        chosen.append(place)
    return chosen + plan.changed[: most - len(chosen)]


def _fetch_entries(chosen: list[_Place]) -> None:
    fetched: dict[ObjectId, dict[int, Document]] = {place.id: {} for place in chosen}
    for entry in entry_store.find_ranges([window for place in chosen for window in place.windows()]):
        fetched[entry["conversation_id"]][entry["seq"]] = entry
    for place in chosen:
        place.take(fetched[place.id])


def _with_members(chosen: list[_Place]) -> Iterator[tuple[_Place, Conversation, list[Document]]]:
    """Each place with its conversation and memberships, fetched in two commands."""
    ids = [place.id for place in chosen]
    rows: dict[ObjectId, list[Document]] = {conversation_id: [] for conversation_id in ids}
    for row in memberships.find_in_conversations(ids):
        rows[row["conversation_id"]].append(row)
    documents = {row["_id"]: row for row in conversations.find_many(ids)}
    for place in chosen:
        yield place, from_documents(documents[place.id], rows[place.id]), rows[place.id]


def _report(place: _Place, conversation: Conversation, member: Member, fresh: list[Document]) -> dict[str, Any]:
    """One conversation of the answer; `fresh` are the memberships whose marks the client may not know."""
    read_seq, read_mseq = conversation.read_marks(member)[0], conversation.read_mseq(member)
    changed = {row["user_id"] for row in fresh}
    views = entries.Views(conversation, member.user_id)
    answer = {
        "id": str(place.id),
        "head": head_view(place.head),
        "firstSeq": place.first,
        "entries": [views.of(entry) for entry in place.entries],
        "limited": place.is_limited,
        "gap": place.gap(),
        "reset": place.is_reset,
        "hidden": place.is_hidden,
        "readSeq": read_seq,
        "readMseq": read_mseq,
        "unreadCount": max(0, place.head["mseq"] - read_mseq),
        "receipts": [
            conversation.receipt(row, member) for row in conversation.current_members if row.user_id in changed
        ],
    }
    if place.is_limited:
        answer["conversation"] = view(conversation, member)
    return answer


def _changed_at(row: Document) -> datetime:
    """When anything of a membership that others may see has changed."""
    moments: list[datetime] = [row[name] for name in ("changed_at", "delivered_at", "profile_at") if row.get(name)]
    return max(moments)


def _users(rows: list[Document], since: datetime | None) -> dict[str, dict[str, Any]]:
    """Changed profiles among the members."""
    if since is None:
        return {}
    changed = [row for row in rows if row.get("profile_at") is not None and row["profile_at"] > since]
    return {str(row["user_id"]): profile_view(row["user_id"], row["profile"]) for row in changed}


def _next(plan: _Plan, reported: list[_Place]) -> Token | None:
    """Where the next call goes on; None when this answer was the last."""
    finished = {row.id for row in reported if row.is_complete}
    if any(row.id not in finished for row in plan.behind):
        return plan.token
    states = [row for row in plan.changed if row.id in finished]
    if len(states) == len(plan.changed):
        return None
    return Token(plan.token.since, (states[-1].state_at, states[-1].id) if states else plan.token.position)


def _size(entry: Document) -> int:
    """About how many bytes an entry takes in an answer."""
    text = entry["body"].get("content") if entry["type"] == "message" else None
    return _ENTRY_BYTES + len((text or "").encode())

"""Sync: what a client does not have, decided by its cursors alone (docs/protocol.md, section 6).

Conversations that do not fit into one answer come in a sweep: page by page, last active first; then once more those
in which something has come meanwhile. Database commands of one call: two when there is nothing to report (the caller's
memberships, the heads of their conversations); one more when the cursors prove new deliveries; three more at most when
there is something to report (entries, members that have changed, conversations that are not remembered). Never more,
whatever the number of conversations; but one for each conversation that the caller has left, and did not know of.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from bson import ObjectId

from chatapp import clock, lifecycle, limits, realtime
from chatapp.realtime import others
from chatapp.schemas.views import Data, ProfileView, Synced, SyncedConversation
from chatapp.services import access, presence, receipts
from chatapp.services.log import cache, entry_views
from chatapp.services.log.catch_up import catch_up
from chatapp.services.log.conversation_views import LISTED, head_view, view
from chatapp.services.log.member import Member, profile_view, was_deleted
from chatapp.services.log.state import Conversation
from chatapp.services.log.stored_state import head_document
from chatapp.services.sync import change_times
from chatapp.services.sync import epoch as epochs
from chatapp.services.sync.continuation import Token
from chatapp.services.sync.position import Cursor, Place
from chatapp.settings import config
from chatapp.stores import conversations as conversation_store
from chatapp.stores import entries as entry_store
from chatapp.stores import memberships as membership_store
from chatapp.stores.batches import giving_way
from chatapp.stores.documents import ConversationHead, MembershipDocument, OwnMembership, ShownEntry

_CONVERSATION_BYTES, _PARTICIPANT_BYTES, _RECEIPT_BYTES = 350, 200, 100
_ID_LENGTH = 24
_MOST_LOOKED_AT = 1_000  # conversations that one answer may check without finding anything to report
_MOST_CAUGHT_UP = 20  # conversations of one call that are looked for beyond their stored heads

Cursors = Mapping[str, Cursor]
_Stamp = Literal["changed_at", "delivered_at", "profile_at"]


@dataclass(slots=True)
class _Plan:
    """The conversations that one call looked at, and those of them to be reported, last active first."""

    token: Token
    started: datetime
    is_reset: bool
    known: dict[str, Cursor]
    places: list[Place]
    news: list[Place]
    page_end: tuple[datetime, ObjectId] | None = None  # where the next page of a sweep begins, if there is one

    def left(self, reported: list[Place]) -> list[str]:
        """Return the cursors' conversations that the caller is not in, unless entries of them are still to come."""
        if self.token.after is not None:
            return []  # only some were looked at
        finished = {row.id for row in reported if row.is_complete}
        unfinished = {row.text for row in self.news if row.is_left and row.id not in finished}
        current = {row.text for row in self.places if not row.is_left}
        return [text for text in self.known if text not in current and text not in unfinished]


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
) -> Data[Synced]:
    """Return everything that the client lacks: `{data: {epoch, conversations, left, users, next, more, …}}`.

    The caller pays for what is looked at. `cursors` maps conversation ids to (seq, hash or None); None: the client
    keeps none. With `seconds` the answer waits until there is something to report, so long at most, or until the
    process stops.
    """
    limits.charge(user_id, rows=len(cursors or ()))
    if not seconds:
        return {"data": _answer(user_id, _plan(user_id, epoch, since, cursors))}
    arrives = not realtime.is_online(user_id)
    until = clock.monotonic() + min(seconds, config().LONG_POLL_SECONDS)
    with realtime.waiting.call(user_id) as call:
        if arrives:
            presence.arrived(user_id)
        while True:
            data = _answer(user_id, _plan(user_id, epoch, since, cursors))
            left = until - clock.monotonic()
            if _has_news(data) or call.is_over or lifecycle.is_draining() or left <= 0:
                return {"data": data}
            call.wait(left)


def _has_news(data: Synced) -> bool:
    return bool(data["conversations"] or data["left"] or data["users"] or data["more"] or data["reset"])


def heads(user_id: ObjectId) -> dict[str, int]:
    """Return the end of the log of each of the caller's conversations, for a client that missed something."""
    return {place.text: place.last for place in _all_places(user_id, {}) if not place.is_left}


def _plan(user_id: ObjectId, epoch: str | None, since: str | None, cursors: Cursors | None) -> _Plan:
    started = change_times.seen_until()
    is_reset = epoch is not None and epoch != epochs.current()
    token = Token.read(None if is_reset else since, started)
    known: dict[str, Cursor] = {}
    if cursors is not None and not is_reset:
        known = {text.lower() if len(text) == _ID_LENGTH else text: cursor for text, cursor in cursors.items()}
    page_end = None
    if token.after is None:
        places = _all_places(user_id, known)
    else:
        places, page_end = _next_places(user_id, known, token.after)
    _prove_deliveries(user_id, places)
    for place in places:
        place.since = token.since if token.begun is None else token.since_for(place.active_at)
    seen = places
    if cursors is None:  # a client without cursors: only where something has happened
        seen = [row for row in places if row.since is None or max(row.state_at, row.active_at) > row.since]
    news = [row for row in seen if _is_news(row)]
    news.sort(key=_position, reverse=True)
    return _Plan(token, started, is_reset, known, places, news, page_end)


def _is_news(place: Place) -> bool:
    """Return whether the client lacks entries or changed state. Left conversations count if the client has a cursor."""
    if place.is_left:
        return place.is_behind and place.cursor is not None
    return place.is_behind or place.has_changed()


def _all_places(user_id: ObjectId, known: Mapping[str, Cursor]) -> list[Place]:
    """Return the places of all conversations of the caller, including those that they left."""
    own = membership_store.find_own(user_id)
    return _places(user_id, known, own, conversation_store.find_heads([row["conversation_id"] for row in own], user_id))


def _next_places(
    user_id: ObjectId, known: Mapping[str, Cursor], after: tuple[datetime, ObjectId]
) -> tuple[list[Place], tuple[datetime, ObjectId] | None]:
    """Return the places of a page of conversations last active before `after`, and where the next page begins."""
    size = config().SYNC_MAX_CONVERSATIONS
    heads = conversation_store.find_heads_before(user_id, after, size)
    own = membership_store.find_own(user_id, [row["_id"] for row in heads])
    page_end = (heads[-1]["last_activity"], heads[-1]["_id"]) if len(heads) == size else None
    return _places(user_id, known, own, heads), page_end


def _catch_up(user_id: ObjectId, known: Mapping[str, Cursor], heads: list[ConversationHead]) -> list[ConversationHead]:
    """Return the heads, brought forward where the client has seen entries beyond them.

    Another process has stored those entries, and not yet the head; or the cursor is of another history.
    """
    if others.current().is_nobody:
        return heads
    ahead = [row for row in heads if (cursor := known.get(str(row["_id"]))) and cursor[0] > row["head"]["seq"]]
    looked_at = ahead[:_MOST_CAUGHT_UP]
    moved = [row["_id"] for row in looked_at if entry_store.find_run_after(row["_id"], row["head"]["seq"])]
    if not moved:
        return heads
    for conversation_id in moved:
        catch_up(conversation_id, cache.slot(conversation_id))
    found = {row["_id"]: row for row in conversation_store.find_heads(moved, user_id)}
    return [found.get(row["_id"], row) for row in heads]


def _places(
    user_id: ObjectId, known: Mapping[str, Cursor], own: list[OwnMembership], heads: list[ConversationHead]
) -> list[Place]:
    """Return the place of each conversation, without those that the caller deleted and that have had nothing since."""
    sender = str(user_id)
    by_id = {row["conversation_id"].binary: row for row in own}  # hashing the bytes costs a fifth of hashing the id
    found = []
    for head in _catch_up(user_id, known, heads):
        text = str(head["_id"])
        row = by_id.get(head["_id"].binary)
        if row is None:
            continue  # a crash prevented it; it is stored when the conversation is opened
        sent = head["sent"].get(sender)
        delivered = max(row["delivered_seq"], sent["seq"] if sent else 0)
        place = Place(head, row, text, known.get(text), delivered)
        if place.cursor is not None or not place.is_hidden:
            found.append(place)
    return found


def _prove_deliveries(user_id: ObjectId, places: list[Place]) -> None:
    """Store deliveries: a cursor proves that everything up to it was received."""
    current = [row for row in places if not row.is_left]
    seqs = [(row.id, row.cursor[0]) for row in current if row.cursor and row.cursor[0] > row.delivered]
    if seqs:
        receipts.delivered(user_id, seqs)


def _answer(user_id: ObjectId, plan: _Plan) -> Synced:
    """Fetch and show as much of the plan as fits into one answer."""
    chosen = _choose(plan)
    reported: list[Place] = []
    data: list[SyncedConversation] = []
    users: dict[str, ProfileView] = {}
    if chosen:
        changed = _changed_members(user_id, chosen)
        chosen, telling = _cut(chosen, changed)
        _fetch_entries([place for place in telling if place.is_behind])
        told_of = {place.id for place in telling}
        afresh = cache.loads([place.id for place in telling if place.since is None])  # all that the client will know
        states = cache.current([place.stored for place in telling if place.since is not None])
        _take_marks(states, telling, changed)
        room = config().SYNC_MAX_BYTES
        for place in giving_way(chosen):
            if room <= 0:
                break
            reported.append(place)
            users |= {} if place.is_left else _users(changed[place.id], place.since)
            if place.id in told_of:
                room -= place.shorten(room) + _CONVERSATION_BYTES
                found = afresh(place.id) if place.since is None else states.get(place.id)
                state, member = access.visible_state(user_id, found)
                told = None if place.since is None or place.is_left else changed[place.id]
                report = _report(place, state, member, told)
                room -= _RECEIPT_BYTES * len(report["receipts"])
                room -= _PARTICIPANT_BYTES * min(LISTED, len(state.member_ids)) if place.is_limited else 0
                data.append(report)
    limits.charge(user_id, rows=sum(map(_rows, data)))
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


def _choose(plan: _Plan) -> list[Place]:
    """Return the conversations of this answer: as many as its entries have room for."""
    chosen: list[Place] = []
    room = config().SYNC_MAX_ENTRIES
    for place in plan.news[:_MOST_LOOKED_AT]:
        if place.is_behind:
            if room <= 0:
                break
            room -= place.plan(room)
        chosen.append(place)
    return chosen


def _fetch_entries(behind: list[Place]) -> None:
    fetched: dict[ObjectId, dict[int, ShownEntry]] = {place.id: {} for place in behind}
    for entry in entry_store.find_ranges([window for place in behind for window in place.windows()]):
        fetched[entry["conversation_id"]][entry["seq"]] = entry
    for place in behind:
        place.take(fetched[place.id])


def _changed_members(user_id: ObjectId, chosen: list[Place]) -> dict[ObjectId, list[MembershipDocument]]:
    """Return the memberships whose marks or profile the client may not know; it knows its user's own marks."""
    rows: dict[ObjectId, list[MembershipDocument]] = {place.id: [] for place in chosen}
    changed = {place.id: place.since for place in chosen if place.has_changed() and not place.is_left}
    known = [since for since in changed.values() if since is not None]
    if known:
        for row in membership_store.find_changed([key for key, since in changed.items() if since], min(known), user_id):
            rows[row["conversation_id"]].append(row)
    return {key: _told(found, user_id, changed[key]) if found else [] for key, found in rows.items()}


def _told(rows: list[MembershipDocument], user_id: ObjectId, since: datetime | None) -> list[MembershipDocument]:
    """Return the rows of a conversation in which something has changed that the caller may know.

    Marks that a member hides never count as a change for others.
    """
    assert since is not None
    viewer_hides = any(row["user_id"] == user_id and row["profile"].get("hide_reads") for row in rows)

    def is_told(row: MembershipDocument) -> bool:
        if _is_since(row, "profile_at", since):
            return True
        if row["user_id"] == user_id:
            return False
        reads = not viewer_hides and not row["profile"].get("hide_reads")
        return (reads and _is_since(row, "changed_at", since)) or (
            not row["profile"].get("hide_seen") and _is_since(row, "delivered_at", since)
        )

    return list(filter(is_told, rows))


def _is_since(row: MembershipDocument, name: _Stamp, since: datetime) -> bool:
    moment = row.get(name)
    return moment is not None and moment > since


def _cut(chosen: list[Place], changed: dict[ObjectId, list[MembershipDocument]]) -> tuple[list[Place], list[Place]]:
    """Return as many of the chosen as one answer may report, and those of them that have something to report."""
    telling: list[Place] = []
    for number, place in enumerate(chosen):
        if place.is_behind or place.is_own_change() or changed[place.id]:
            if len(telling) == config().SYNC_MAX_CONVERSATIONS:
                return chosen[:number], telling
            telling.append(place)
    return chosen, telling


def _take_marks(
    states: dict[ObjectId, Conversation], telling: list[Place], changed: dict[ObjectId, list[MembershipDocument]]
) -> None:
    """Take over the marks that another process has stored, and of which this one has not heard yet."""
    for place in telling:
        state = states.get(place.id)
        if state is not None and place.since is not None and not place.is_left:
            for row in changed[place.id]:
                state.raise_marks(row["user_id"], {name: row[name] for name in membership_store.MARKS})


def _report(
    place: Place, conversation: Conversation, member: Member, changed: list[MembershipDocument] | None
) -> SyncedConversation:
    """Return the report of one conversation; `changed`: memberships whose marks the client may not know (None: all).

    A conversation that was left is reported as it was then.
    """
    is_all = changed is None or place.is_limited or place.is_cut  # missed messages moved their senders' marks
    told = None if is_all else {row["user_id"] for row in changed or ()}
    if told is not None and member.user_id in told:
        told = None  # they may have changed what they hide, and so may know more, or less, of everybody
    head = place.head if member.is_current else head_document(conversation)["head"]
    read_seq, read_mseq = conversation.read_marks(member)[0], conversation.read_mseq(member)
    views = entry_views.Views(conversation, member.user_id)
    answer: SyncedConversation = {
        "id": place.text,
        "head": head_view(head),
        "firstSeq": place.first,
        "entries": [views.of(entry) for entry in place.entries],
        "limited": place.is_limited,
        "gap": place.gap(),
        "reset": place.is_reset,
        "hidden": was_deleted(member.cleared_seq, member.cleared_mseq, head["mseq"]),
        "readSeq": read_seq,
        "readMseq": read_mseq,
        "unreadCount": max(0, head["mseq"] - read_mseq),
        "receipts": [
            conversation.receipt(row, member)
            for row in conversation.current_members
            if told is None or row.user_id in told
        ],
    }
    if place.is_limited or place.is_cut:
        answer["conversation"] = view(conversation, member, most=LISTED)
    return answer


def _rows(report: SyncedConversation) -> int:
    """Return the number of rows that a conversation of the answer is charged for."""
    return 1 + len(report["entries"]) + len(report["receipts"])


def _users(rows: list[MembershipDocument], since: datetime | None) -> dict[str, ProfileView]:
    """Changed profiles among those who are members now."""
    if since is None:
        return {}
    changed = [row for row in rows if _is_since(row, "profile_at", since)]
    return {
        str(row["user_id"]): profile_view(row["user_id"], row["profile"], shares=True)
        for row in changed
        if row["left_seq"] is None
    }


def _next(plan: _Plan, reported: list[Place]) -> Token | None:
    """Return where the next call goes on; None when this answer was the last."""
    since, after = plan.token.since, plan.token.after
    begun = plan.token.begun if after else plan.started
    done = next((number for number, row in enumerate(reported) if not row.is_complete), len(reported))
    if done < len(plan.news):
        return Token(since, begun, _position(plan.news[done - 1]) if done else after)
    if after is None:
        return None
    return Token(since, begun, plan.page_end) if plan.page_end else Token(since, begun)


def _position(place: Place) -> tuple[datetime, ObjectId]:
    return place.active_at, place.id

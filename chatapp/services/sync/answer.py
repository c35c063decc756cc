"""Sync: what a client does not have, decided by its cursors alone (docs/protocol.md, section 6).

`plan` decides which conversations, `report` shows one; this module puts as much of the plan into an answer as fits. The
rest comes in a sweep: page by page, last active first; then once more those in which something has come meanwhile.

Database commands of one call: two when there is nothing to report (the caller's memberships, the heads of their
conversations); one more when the cursors prove new deliveries; three more at most when there is something to report
(entries, members that have changed, conversations that are not remembered), and one for the messages that replies among
them quote. Never more, whatever the number of
conversations; but one for each conversation that the caller has left, and did not know of.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from bson import ObjectId

from chatapp import clock, lifecycle, limits
from chatapp.realtime import long_polls, online
from chatapp.schemas.views.envelope import Data
from chatapp.schemas.views.sync import Synced, SyncedConversation
from chatapp.schemas.views.users import ProfileView
from chatapp.services import access, presence
from chatapp.services.log import cache
from chatapp.services.log.conversation_views import LISTED
from chatapp.services.log.quotes import seqs_to_read
from chatapp.services.log.state import Conversation
from chatapp.services.sync import epoch as epochs
from chatapp.services.sync import plan as planning
from chatapp.services.sync import report
from chatapp.services.sync.continuation import Token
from chatapp.services.sync.plan import Cursors, Plan
from chatapp.services.sync.position import Place
from chatapp.settings import config
from chatapp.stores import entries as entry_store
from chatapp.stores.batches import giving_way
from chatapp.stores.documents.entries import ShownEntry
from chatapp.stores.documents.memberships import MembershipDocument

_CONVERSATION_BYTES, _PARTICIPANT_BYTES, _RECEIPT_BYTES = 350, 200, 100
_MOST_LOOKED_AT = 1_000  # conversations that one answer may check without finding anything to report


@dataclass(slots=True)
class _Reported:
    """The conversations that one answer reports: their places, the reports of those with news, changed profiles."""

    places: list[Place] = field(default_factory=list)
    conversations: list[SyncedConversation] = field(default_factory=list)
    users: dict[str, ProfileView] = field(default_factory=dict)


@lifecycle.on_drain
def stop_waiting() -> None:
    """Answer every call that waits: the process is stopping."""
    long_polls.here.wake_all()


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
        return {"data": _answer(user_id, planning.make(user_id, epoch, since, cursors))}
    arrives = not online.is_online(user_id)
    until = clock.monotonic() + min(seconds, config().LONG_POLL_SECONDS)
    with long_polls.here.call(user_id) as call:
        if arrives:
            presence.arrived(user_id)
        while True:
            data = _answer(user_id, planning.make(user_id, epoch, since, cursors))
            left = until - clock.monotonic()
            if _has_news(data) or call.is_over or lifecycle.is_draining() or left <= 0:
                return {"data": data}
            call.wait(left)


def _has_news(data: Synced) -> bool:
    return bool(data["conversations"] or data["left"] or data["users"] or data["more"] or data["reset"])


def _answer(user_id: ObjectId, plan: Plan) -> Synced:
    """Fetch and show as much of the plan as fits into one answer."""
    reported = _report(user_id, _choose(plan))
    limits.charge(user_id, rows=sum(map(report.rows, reported.conversations)))
    following = plan.following(reported.places)
    return {
        "epoch": epochs.current(),
        "reset": plan.is_reset,
        "conversations": reported.conversations,
        "left": plan.left(reported.places),
        "users": list(reported.users.values()),
        "next": (following or Token(plan.started)).write(),
        "more": following is not None,
        "serverTime": clock.iso(clock.now()),
    }


def _choose(plan: Plan) -> list[Place]:
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


def _report(user_id: ObjectId, chosen: list[Place]) -> _Reported:
    """Return the reports of as many of the chosen conversations as the answer's bytes have room for."""
    reported = _Reported()
    if not chosen:
        return reported
    changed = report.changed_members(user_id, chosen)
    chosen, telling = _cut(chosen, changed)
    told_of, state_of = {place.id for place in telling}, _load(user_id, telling, changed)
    room = config().SYNC_MAX_BYTES
    for place in giving_way(chosen):
        if room <= 0:
            break
        reported.places.append(place)
        if not place.is_left:
            reported.users |= report.changed_profiles(changed[place.id], place.since)
        if place.id in told_of:
            room -= place.shorten(room)
            state, member = access.visible_state(user_id, state_of(place))
            told = None if place.since is None or place.is_left else changed[place.id]
            shown = report.of(place, state, member, told)
            room -= _CONVERSATION_BYTES + _RECEIPT_BYTES * len(shown["receipts"])
            room -= _PARTICIPANT_BYTES * min(LISTED, len(state.member_ids)) if place.is_limited else 0
            reported.conversations.append(shown)
    return reported


def _cut(chosen: list[Place], changed: dict[ObjectId, list[MembershipDocument]]) -> tuple[list[Place], list[Place]]:
    """Return as many of the chosen as one answer may report, and those of them that have something to report."""
    telling: list[Place] = []
    for number, place in enumerate(chosen):
        if place.is_behind or place.is_own_change() or changed[place.id]:
            if len(telling) == config().SYNC_MAX_CONVERSATIONS:
                return chosen[:number], telling
            telling.append(place)
    return chosen, telling


def _load(
    user_id: ObjectId, telling: list[Place], changed: dict[ObjectId, list[MembershipDocument]]
) -> Callable[[Place], Conversation | None]:
    """Fetch entries and states of the conversations to report; return the function from a place to its state."""
    _fetch_entries([place for place in telling if place.is_behind])
    afresh = cache.loads([place.id for place in telling if place.since is None])  # all that the client will know
    states = cache.current([place.stored for place in telling if place.since is not None])
    report.take_marks(user_id, states, telling, changed)
    return lambda place: afresh(place.id) if place.since is None else states.get(place.id)


def _fetch_entries(behind: list[Place]) -> None:
    fetched: dict[ObjectId, dict[int, ShownEntry]] = {place.id: {} for place in behind}
    for entry in entry_store.find_ranges([window for place in behind for window in place.windows()]):
        fetched[entry["conversation_id"]][entry["seq"]] = entry
    for place in behind:
        place.take(fetched[place.id])
    _fetch_quoted(behind)


def _fetch_quoted(behind: list[Place]) -> None:
    """Fetch the messages that the entries reply to, for all conversations in one command, if there are any."""
    places = {place.id: place for place in behind}
    wanted = {key: seqs_to_read(place.entries, place.first) for key, place in places.items()}
    for message in entry_store.find_at({key: sorted(seqs) for key, seqs in wanted.items() if seqs}):
        places[message["conversation_id"]].quoted.append(message)

"""Find messages by what they say.

The index gives messages that may be meant, newest first. What somebody sees of each of them decides: it has to match as
it is now, for a former member as it was at their last entry.
"""

from dataclasses import replace
from datetime import datetime

from bson import ObjectId

from chatapp import errors, limits
from chatapp.idle_turns import give_way
from chatapp.ids import object_id
from chatapp.schemas.views.search import FoundMessage, SearchPage
from chatapp.search import query as queries
from chatapp.services import access, places
from chatapp.services.log import cache
from chatapp.services.log.entry_views import Views
from chatapp.services.log.quotes import find_quoted
from chatapp.services.log.state import Conversation
from chatapp.settings import config
from chatapp.stores import entries as entry_store
from chatapp.stores import memberships as membership_store
from chatapp.stores import search as search_store
from chatapp.stores.documents.entries import ShownEntry
from chatapp.stores.documents.memberships import OwnMembership
from chatapp.stores.documents.search import FoundRow, Place, Wanted

PAGE = 20
_MOST_SEEN = 500  # messages of the index for one page, as a rule; the next page goes on behind them
_LONG = 1_000  # characters: a text that is held against the query in a turn of its own, 100 ms at the worst
_SPARE = 10  # that may be for somebody else, or match no more


def page(
    user_id: ObjectId,
    text: str,
    *,
    within: str | None = None,
    sender: str | None = None,
    kind: str | None = None,
    before: datetime | None = None,
    after: datetime | None = None,
    limit: int = PAGE,
    following: str | None = None,
) -> SearchPage:
    """Return a page of the messages that match, newest first: `{data, pagination: {limit, hasMore, next}}`.

    `following` is the `next` of the page before. Where many are not for the caller a page may have fewer than `limit`.
    Raises BadRequest, RateLimited, NotFound CONVERSATION_NOT_FOUND.
    """
    limits.spend("searches", str(user_id), config().RATE_SEARCHES)
    try:
        query = queries.parse(text)
    except ValueError as problem:
        raise errors.invalid("q", str(problem)) from None
    place = places.from_text(following, "next", "Send pagination.next of the page before.")
    sender_id = object_id(sender)
    if sender is not None and sender_id is None:
        raise errors.invalid("from", "Send the id of a user.")
    in_id = None if within is None else access.parse_conversation_id(within)
    found = membership_store.find_own(user_id, None if in_id is None else [in_id])
    own = {row["conversation_id"]: row for row in found}
    if in_id is not None and in_id not in own:
        raise errors.not_a_conversation()
    wanted = Wanted(list(own), list(query.required), query.prefix, sender_id, kind, after, before, place)
    return _page(_Reader(user_id, own, query), wanted, limit)


def _page(reader: "_Reader", wanted: Wanted, limit: int) -> SearchPage:
    """Return a page of what the reader may see of what is wanted."""
    shown: list[tuple[Place, FoundMessage]] = []
    seen, step, is_whole = 0, limit + 1 + _SPARE, not wanted.conversation_ids
    while not is_whole and len(shown) <= limit and seen < _MOST_SEEN:
        rows = search_store.find_page(wanted, step)
        found = reader.show(rows)
        shown += [((row["at"], row["_id"]), found[row["_id"]]) for row in rows if row["_id"] in found]
        seen, is_whole = seen + len(rows), len(rows) < step
        if rows:
            wanted = replace(wanted, place=(rows[-1]["at"], rows[-1]["_id"]))
    limits.charge(reader.user_id, rows=seen)
    last = shown[limit - 1][0] if len(shown) > limit else None if is_whole else wanted.place
    return {
        "data": [message for _, message in shown[:limit]],
        "pagination": {
            "limit": limit,
            "hasMore": last is not None,
            "next": places.to_text(last) if last is not None else None,
        },
    }


class _Reader:
    """Messages as one user may see them, by their memberships as they are stored."""

    def __init__(self, user_id: ObjectId, own: dict[ObjectId, OwnMembership], query: queries.Query) -> None:
        self.user_id, self._own, self._query = user_id, own, query

    def show(self, rows: list[FoundRow]) -> dict[ObjectId, FoundMessage]:
        """Return those of these messages that match as the user sees them, by id."""
        wanted: dict[ObjectId, list[int]] = {}
        for row in rows:
            if self._may_be_visible(row):
                wanted.setdefault(row["conversation_id"], []).append(row["seq"])
        entries = entry_store.find_at(wanted)
        quoted = find_quoted(entries)
        states = self._states(list(wanted))
        found: dict[ObjectId, FoundMessage] = {}
        for key in wanted:
            own_entries = [entry for entry in entries if entry["conversation_id"] == key]
            found |= self._show_in(states.get(key), own_entries, quoted.get(key, []))
        return found

    def _may_be_visible(self, row: FoundRow) -> bool:
        own = self._own[row["conversation_id"]]
        last = row["seq"] if own["left_seq"] is None else own["left_seq"]
        return max(own["visible_from"], own["cleared_seq"] + 1) <= row["seq"] <= last

    def _states(self, conversation_ids: list[ObjectId]) -> dict[ObjectId, Conversation]:
        """Return these conversations, remembered where what the store says of the user's membership agrees."""
        missing = [key for key in conversation_ids if self._remembered(key) is None]
        loaded = cache.load_all(missing, remembers=True) if missing else {}
        remembered = {key: self._remembered(key) for key in conversation_ids if key not in loaded}
        return loaded | {key: state for key, state in remembered.items() if state is not None}

    def _remembered(self, conversation_id: ObjectId) -> Conversation | None:
        state, own = cache.peek(conversation_id), self._own[conversation_id]
        member = state.members.get(self.user_id) if state is not None else None
        if member is None:
            return None
        known = member.left_seq, member.visible_from, member.cleared_seq
        return state if known == (own["left_seq"], own["visible_from"], own["cleared_seq"]) else None

    def _show_in(
        self, known: Conversation | None, entries: list[ShownEntry], quoted: list[ShownEntry]
    ) -> dict[ObjectId, FoundMessage]:
        state, member = access.visible_state(self.user_id, known)
        visible = [entry for entry in entries if access.is_visible(state, member, entry)]
        found: dict[ObjectId, FoundMessage] = {}
        for entry, message in zip(visible, Views(state, self.user_id, quoted).of_messages(visible), strict=True):
            if len(message["content"]) > _LONG:
                give_way()
            matches = None if "deleted" in message else self._query.matches(message["content"])
            if matches is not None:
                found[entry["_id"]] = {"message": message, "highlights": [list(match) for match in matches]}
        return found

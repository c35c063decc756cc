"""The plan of one sync: the conversations of which the client lacks something, and where the next call goes on."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from bson import ObjectId

from chatapp.realtime import others
from chatapp.services import receipts
from chatapp.services.log import cache
from chatapp.services.log.catch_up import catch_up
from chatapp.services.sync import change_times
from chatapp.services.sync import epoch as epochs
from chatapp.services.sync.continuation import Token
from chatapp.services.sync.position import Cursor, Place
from chatapp.settings import config
from chatapp.stores import conversations as conversation_store
from chatapp.stores import entries as entry_store
from chatapp.stores import memberships as membership_store
from chatapp.stores.documents.conversations import ConversationHead
from chatapp.stores.documents.memberships import OwnMembership

_ID_LENGTH = 24
_MOST_CAUGHT_UP = 20  # conversations of one call that are looked for beyond their stored heads

Cursors = Mapping[str, Cursor]


@dataclass(slots=True)
class Plan:
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

    def following(self, reported: list[Place]) -> Token | None:
        """Return where the next call goes on after this report; None when it was the last."""
        since, after = self.token.since, self.token.after
        begun = self.token.begun if after else self.started
        done = next((number for number, row in enumerate(reported) if not row.is_complete), len(reported))
        if done < len(self.news):
            return Token(since, begun, _position(self.news[done - 1]) if done else after)
        if after is None:
            return None
        return Token(since, begun, self.page_end) if self.page_end else Token(since, begun)


def make(user_id: ObjectId, epoch: str | None, since: str | None, cursors: Cursors | None) -> Plan:
    """Return the plan for a client with this epoch, `since` and cursors (None: it keeps none); see `answer.answer`."""
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
    return Plan(token, started, is_reset, known, places, news, page_end)


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
    if not others.current().may_exist:
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


def heads(user_id: ObjectId) -> dict[str, int]:
    """Return the end of the log of each of the caller's conversations, for a client that missed something."""
    return {place.text: place.last for place in _all_places(user_id, {}) if not place.is_left}


def _position(place: Place) -> tuple[datetime, ObjectId]:
    return place.active_at, place.id

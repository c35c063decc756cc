"""Stars: messages that somebody wants to find again, for themselves alone."""

from bson import ObjectId

from chatapp import clock, errors, limits
from chatapp.realtime import publish
from chatapp.schemas.views.entries import MessageAnswer, MessageView, StarsPage
from chatapp.schemas.views.own import OwnChanged
from chatapp.services import access, own, places
from chatapp.services.log import cache, changes, own_views
from chatapp.services.log.entry_views import Views
from chatapp.services.log.member import Member
from chatapp.services.log.quotes import find_quoted
from chatapp.services.log.state import Conversation
from chatapp.settings import config
from chatapp.stores import entries as entry_store
from chatapp.stores import memberships as membership_store
from chatapp.stores.documents.entries import Entry
from chatapp.stores.documents.memberships import StarredMessage
from chatapp.stores.documents.search import Place
from chatapp.stores.key_locks import turn

MOST_STARRED = 500
PAGE, LARGEST_PAGE = 50, 100


def star(user_id: ObjectId, message_text: str, on: bool, conversation_text: str | None = None) -> MessageAnswer:
    """Star a message for the caller, or take the star back: `{data: message}`. What is so already changes nothing.

    A former member may only take it back. Raises NotFound MESSAGE_NOT_FOUND, Forbidden NOT_ALLOWED, RateLimited,
    Conflict MESSAGE_DELETED or TOO_MANY_STARS.
    """
    limits.spend("actions", str(user_id), config().RATE_ACTIONS)
    message = access.find_message(user_id, message_text, conversation_text)
    with turn(f"stars of {user_id} in {message['conversation_id']}"):
        conversation, member = access.find_member(user_id, cache.load(message["conversation_id"]))
        if on:
            access.current_member(user_id, conversation)
        if on != (message["mseq"] in member.starred):
            _change(conversation, member, message, on)
    state, _ = access.visible_state(user_id, conversation)
    return {"data": Views(state, user_id).of_message(message)}


def _change(conversation: Conversation, member: Member, message: Entry, on: bool) -> None:
    if on:
        _require_room(conversation, member, message)
        row: StarredMessage = {
            "mseq": message["mseq"],
            "seq": message["seq"],
            "id": message["_id"],
            "at": clock.now(),
        }
        stored = own.store(conversation, member, add={"starred": row})
    else:
        stored = own.store(conversation, member, remove={"starred": {"id": message["_id"]}})
    told: OwnChanged = {
        "conversationId": str(conversation.id),
        "version": stored["version"],
        "stars": own_views.stars(stored),
    }
    publish.own_changed(member.user_id, told)


def _require_room(conversation: Conversation, member: Member, message: Entry) -> None:
    if changes.of(message)["deleted"]:
        raise errors.Conflict(errors.Code.MESSAGE_DELETED, "This message was deleted")
    if len(member.starred) >= MOST_STARRED:  # those of a past that was deleted count no more
        own.store(conversation, member, remove={"starred": {"seq": {"$lt": member.first_visible}}})
    if len(member.starred) >= MOST_STARRED:
        raise errors.Conflict(
            errors.Code.TOO_MANY_STARS, f"At most {MOST_STARRED} messages of a conversation can be starred"
        )


def page(user_id: ObjectId, *, after: str | None = None, limit: int = PAGE) -> StarsPage:
    """Return a page of the caller's starred messages, those starred last first: `{data, pagination}`.

    As they may see them now: what is deleted, or not theirs to see any more, is left out, and the page filled past it.
    """
    before = places.from_text(after, "after", "Send pagination.nextAfter of the page before.")
    rows = {
        (star["at"], star["id"]): (found["conversation_id"], star)
        for found in membership_store.find_starred(user_id)
        for star in found["starred"]
    }
    limits.charge(user_id, rows=len(rows))
    left = sorted((place for place in rows if before is None or place < before), reverse=True)
    shown: list[tuple[Place, MessageView]] = []
    while left and len(shown) <= limit:
        step, left = left[: limit + 1], left[limit + 1 :]
        messages = _messages(user_id, [rows[place] for place in step])
        shown += [(place, messages[place[1]]) for place in step if place[1] in messages]
    has_more = len(shown) > limit
    return {
        "data": [message for _, message in shown[:limit]],
        "pagination": {
            "limit": limit,
            "hasMore": has_more,
            "nextAfter": places.to_text(shown[limit - 1][0]) if has_more else None,
        },
    }


def _messages(user_id: ObjectId, rows: list[tuple[ObjectId, StarredMessage]]) -> dict[ObjectId, MessageView]:
    """Return those of these messages that the user may see, by id."""
    ranges = [entry_store.Range(conversation_id, star["seq"], star["seq"]) for conversation_id, star in rows]
    entries = {entry["_id"]: entry for entry in entry_store.find_ranges(ranges)}
    states = cache.load_all(list({conversation_id for conversation_id, _ in rows}))
    quoted = find_quoted(entries.values())
    views: dict[ObjectId, Views] = {}
    found = {}
    for conversation_id, star in rows:
        state, member = access.find_member(user_id, states.get(conversation_id))
        entry = entries.get(star["id"])
        if entry is None or star["seq"] > member.last_visible(state.seq) or not member.may_see(star["seq"]):
            continue
        if conversation_id not in views:
            visible, _ = access.visible_state(user_id, state)
            views[conversation_id] = Views(visible, user_id, quoted.get(conversation_id, ()))
        message = views[conversation_id].of_message(entry)
        if "deleted" not in message:
            found[star["id"]] = message
    return found

"""Presence and typing: outside the log, told only to people who share a conversation.

Both are leases. Typing ends by itself after TYPING_SECONDS, on the server as on the clients. Only the process that
holds a user's connection knows them to be online; it renews `last_seen_at`, so a crash loses a minute of it.
"""

from dataclasses import dataclass
from datetime import datetime

import gevent
from bson import ObjectId

from chatapp import clock, limits
from chatapp.bus.exchange import Exchange
from chatapp.database import Document
from chatapp.realtime import long_polls, online, others, publish
from chatapp.schemas.views.envelope import Data
from chatapp.schemas.views.users import PresenceView, TypingView
from chatapp.services import access
from chatapp.services.log import cache
from chatapp.state import on_reset
from chatapp.stores import conversations as conversation_store
from chatapp.stores import users as user_store
from chatapp.stores.gathered import Gathered

TYPING_SECONDS = 6
_HIDING_SECONDS = 60.0
_COME_BACK_SECONDS = 5.0  # for those whose process is gone
_MOST_LEAVING = 500  # of whom one command notes that they have left


@dataclass(slots=True)
class _Typing:
    until: float
    others: list[ObjectId]
    data: TypingView


class _State:
    def __init__(self) -> None:
        self.typing: dict[tuple[ObjectId, ObjectId], _Typing] = {}
        self.hiding: frozenset[ObjectId] = frozenset()
        self.hiding_known_until = 0.0


_state = _State()


@on_reset
def reset() -> None:
    """Forget who types and who hides."""
    global _state
    _state = _State()


def _hiding() -> frozenset[ObjectId]:
    """Return the users who hide when they are and were online, read from the store at most once a minute."""
    if _state.hiding_known_until <= clock.monotonic():
        _state.hiding = frozenset(user_store.find_hiding_last_seen())
        _state.hiding_known_until = clock.monotonic() + _HIDING_SECONDS
    return _state.hiding


def hear_others(exchange: Exchange) -> None:
    """Learn who hides, who is online elsewhere, and who went offline with their process."""
    exchange.handle("hiding changed", lambda *_: _forget_hiding())
    exchange.handle("online", _heard_online)
    exchange.on_leave(_lost)


def _heard_online(process: str, data: Document) -> None:
    """Note who came or went elsewhere.

    Where a user's last devices leave several processes at once, each of these sees the user online in another one, and
    tells nobody. The oldest process hears of all of them, and tells it for them.
    """
    here = others.current()
    here.note(process, data["user"], data["is_online"], data.get("sockets", 1))
    user_id = ObjectId(data["user"])
    if not data["is_online"] and not data["is_last"] and here.is_leader() and not online.is_online(user_id):
        gevent.spawn(_left_all, [user_id])


def _lost(process: str) -> None:
    """Handle the loss of a process and its sockets: one of the others tells who has not come back in a moment."""
    users = others.current().forget(process)
    if users and others.current().is_leader():
        gevent.spawn_later(_COME_BACK_SECONDS, _left_all, users)


def _left_all(user_ids: list[ObjectId]) -> None:
    """Tell partners that the last devices of these users are gone, as far as they are."""
    gone = [user_id for user_id in user_ids if not online.is_online(user_id)]
    for user_id, moment in _note_last_seen(gone).items():
        _tell_departure(user_id, moment)


def forget_hiding() -> None:
    """Read again which users hide: somebody has changed it."""
    _forget_hiding()
    others.current().tell("hiding changed", {})


def _forget_hiding() -> None:
    _state.hiding_known_until = 0.0


def is_hiding(user_id: ObjectId) -> bool:
    """Return whether the user hides when they are and were online."""
    return user_id in _hiding()


def _partners(user_id: ObjectId) -> set[ObjectId]:
    """Return the users who share a conversation with this one, unless one of the two hides."""
    hiding = _hiding()
    return set() if user_id in hiding else conversation_store.find_partner_ids(user_id) - hiding


def arrived(user_id: ObjectId) -> None:
    """Tell those who share a conversation that the user's first device has connected."""
    _tell_arrival(user_id, _partners(user_id))


def welcome(user_id: ObjectId, first: bool) -> list[str]:
    """Return `online_partners` for a device that has connected; if it is the user's first, tell partners."""
    partners = _partners(user_id)
    if first:
        _tell_arrival(user_id, partners)
    return _online_among(user_id, partners)


def _tell_arrival(user_id: ObjectId, partners: set[ObjectId]) -> None:
    if online.is_online(user_id):  # check again: the last status that partners are told has to be true
        publish.presence(partners, user_id, "online", clock.now())


def left(user_id: ObjectId) -> None:
    """Tell partners that the user's last device is gone.

    After this process was frozen, its clients have long been elsewhere, and it reads of their end first: it waits.
    """
    if others.current().is_catching_up():
        gevent.spawn_later(_COME_BACK_SECONDS, _left_all, [user_id])
        return
    _tell_departure(user_id, _leaving.find(user_id) or clock.now())


def _tell_departure(user_id: ObjectId, moment: datetime) -> None:
    partners = _partners(user_id)
    if not online.is_online(user_id):  # check again, as for arrivals
        publish.presence(partners, user_id, "offline", moment)


def _note_last_seen(user_ids: list[ObjectId]) -> dict[ObjectId, datetime]:
    """Note that these users were connected until now, and return the time for each."""
    now = clock.now()
    if user_ids:
        user_store.set_last_seen(user_ids, now)
    return dict.fromkeys(user_ids, now)


_leaving = Gathered(_note_last_seen, most=_MOST_LEAVING)


def announce(user_id: ObjectId, status: str) -> None:
    """Tell a status that the user's app asked to tell (the old `userOnline` and `userOffline` events)."""
    publish.presence(_partners(user_id), user_id, status, clock.now())


def hidden(user_id: ObjectId) -> None:
    """Tell partners that a user who hides from now on has left."""
    publish.presence(conversation_store.find_partner_ids(user_id), user_id, "offline", clock.now())


def online_partners(user_id: ObjectId) -> list[str]:
    """Return the ids of the users online now who share a conversation with the user, and the user's own id."""
    return _online_among(user_id, _partners(user_id))


def _online_among(user_id: ObjectId, partners: set[ObjectId]) -> list[str]:
    return [str(partner) for partner in partners | {user_id} if online.is_online(partner)]


def of_partners(user_id: ObjectId) -> Data[list[PresenceView]]:
    """Return `{data: [{userId, status, lastSeen | None}]}` of everybody with whom the user shares presence."""
    rows = user_store.find_last_seen(list(_partners(user_id)))
    limits.charge(user_id, rows=len(rows))
    return {"data": [_row(user, moment) for user, moment in rows]}


def _row(user_id: ObjectId, last_seen: datetime | None) -> PresenceView:
    status = "online" if online.is_online(user_id) else "offline"
    return {"userId": str(user_id), "status": status, "lastSeen": clock.iso(last_seen) if last_seen else None}


def renew() -> None:
    """Note that those who are online now were seen; called every minute or so."""
    user_ids = online.users_here()
    if user_ids:
        user_store.set_last_seen(user_ids, clock.now())


def sweep() -> None:
    """End what has expired: typing, and the presence of users whose last long-poll was a while ago."""
    now = clock.monotonic()
    for key, lease in [row for row in _state.typing.items() if row[1].until <= now]:
        _state.typing.pop(key, None)
        publish.typing(_still_members(key[0], lease.others), lease.data | {"isTyping": False})
    _left_all(long_polls.here.gone())


def _still_members(conversation_id: ObjectId, user_ids: list[ObjectId]) -> list[ObjectId]:
    """Return the users who have not left meanwhile."""
    conversation = cache.latest(conversation_id)
    return user_ids if conversation is None else [row for row in user_ids if row in conversation.member_ids]


def typing(user_id: ObjectId, conversation_text: str, is_typing: bool) -> Data[TypingView]:
    """Tell the other members that the user types, or stopped."""
    conversation, member = access.known_for_member(user_id, conversation_text)
    others = [other for other in conversation.member_ids if other != user_id]
    data: TypingView = {
        "userId": str(user_id),
        "userEmail": member.profile["email"],
        "userName": member.profile["name"],
        "conversationId": str(conversation.id),
        "isTyping": is_typing,
        "expiresIn": TYPING_SECONDS,
    }
    stopped_typing(user_id, conversation.id)
    if is_typing:
        _state.typing[conversation.id, user_id] = _Typing(clock.monotonic() + TYPING_SECONDS, others, data)
    publish.typing(others, data)
    return {"data": data}


def stopped_typing(user_id: ObjectId, conversation_id: ObjectId) -> None:
    """Forget that the user types: they have sent it, and clients see that by the message."""
    _state.typing.pop((conversation_id, user_id), None)

"""Entries, marks and profiles that other processes have stored: they bring forward what this process remembers."""

from datetime import datetime
from functools import partial

from bson import ObjectId

from chatapp import clock, errors
from chatapp.bus.exchange import Exchange
from chatapp.database import Document
from chatapp.realtime import announcing, others
from chatapp.services.log import announcements, cache, recent
from chatapp.services.log.apply import ENTRY_TYPES, OF_MEMBERS, OF_MESSAGES, apply
from chatapp.services.log.state import Conversation
from chatapp.services.search import waiting
from chatapp.stores import entries as entry_store
from chatapp.stores import heads as head_store
from chatapp.stores.documents.entries import Entry, content_of
from chatapp.stores.documents.memberships import OwnState
from chatapp.stores.documents.users import MemberProfile
from chatapp.stores.head import Head, sent_in

_MOST_CHARACTERS = 1_000_000
_CLOSE_SECONDS = 5.0
_LIVED_SECONDS = 0.5  # in which a process that lives stores the heads that it has told of
FILES = "message with files"  # among the types: a process that does not know it would not erase them
_CREATED = 1  # the seq of the entry that creates a conversation, which is not announced in its order


def tell(head: Head, entries: list[Entry], before: datetime) -> None:
    """Tell the other processes of entries that are in the log, and what the conversation's head is to be.

    `before` is the time of the entry in front of them. When that is a moment ago, it may not have been heard of
    everywhere: those who have told nothing of the conversation yet wait for it.
    """
    if others.current().is_nobody:
        return
    age = (clock.now() - before).total_seconds()
    is_close = 0 <= age < _CLOSE_SECONDS
    if is_close and head.from_seq > _CREATED:
        announcing.expect(head.conversation_id, head.from_seq, age)
    size = sum(len(content_of(entry)) for entry in entries)
    others.current().tell(
        "run",
        {
            "conversation": head.conversation_id,
            "from": head.from_seq,
            "to": head.to_seq,
            "changes": head.changes,
            "is_close": is_close,
            "age": age,
            "entries": entries if size < _MOST_CHARACTERS else None,  # None: they have to be read from the log
        },
    )


def flush() -> None:
    """Let the other processes have now what was told: whoever is acknowledged may ask one of them next."""
    others.current().flush()


def tell_marks(conversation_id: ObjectId, user_id: ObjectId, marks: dict[str, int]) -> None:
    """Tell that a member's marks have moved up."""
    others.current().tell("marks", {"conversation": conversation_id, "user": user_id, "marks": marks})


def tell_own(conversation_id: ObjectId, user_id: ObjectId, own: OwnState) -> None:
    """Tell a member's private state, to processes: devices are told by `publish`."""
    others.current().tell("own", {"conversation": conversation_id, "user": user_id, "own": own})


def tell_profile(user_id: ObjectId, profile: MemberProfile) -> None:
    """Tell how a user is shown from now on."""
    others.current().tell("profile", {"user": user_id, "profile": profile})


def hear_others(exchange: Exchange) -> None:
    """Keep what this process remembers up to date with what others do."""
    exchange.handle("run", _heard_run)
    exchange.handle("marks", lambda _, data: cache.raise_marks(data["conversation"], data["user"], data["marks"]))
    exchange.handle("own", lambda _, data: cache.renew_own(data["conversation"], data["user"], data["own"]))
    exchange.handle("profile", lambda _, data: cache.set_profile(data["user"], data["profile"]))
    exchange.on_gap(lambda _: cache.forget_all())
    exchange.on_leave(head_store.store_for)
    head_store.forget_when(partial(_lived_after, exchange))


def description() -> Document:
    """Return which types of entries this process knows, for the others."""
    return {"entry_types": sorted({*ENTRY_TYPES, FILES})}


def require_understood(kind: str) -> None:
    """Raise Unavailable while a process of an earlier version lives, which does not know entries of this type."""
    for peer in others.current().peers():
        if peer.info and kind not in peer.info.get("entry_types", ()):
            raise errors.Unavailable(
                errors.Code.SERVER_BUSY, "The server is being renewed, and can't do this for a moment. Try again.", 5
            )


def _lived_after(exchange: Exchange, process: str, moment: float) -> bool:
    """Return whether a process was heard some time after this moment, on this process's clock."""
    peer = exchange.peers.get(process)
    return peer is not None and peer.heard_at > moment + _LIVED_SECONDS


def _heard_run(sender: str, data: Document) -> None:
    head_store.hear(Head(data["conversation"], data["from"], data["to"], data["changes"]), sender)
    if data.get("is_close") and data["from"] > _CREATED:
        announcing.expect(data["conversation"], data["from"], data.get("age", _CLOSE_SECONDS))
    _forget_changed(data["entries"])
    state = cache.peek(data["conversation"])
    if state is not None and not _bring_forward(state, data["entries"]):
        cache.forget(data["conversation"])
    cache.raise_sent(data["conversation"], sent_in(data["changes"]))


def _forget_changed(entries: list[Entry] | None) -> None:
    """Forget the remembered messages that these entries change; None: entries that were too large to be told."""
    if entries is None:
        recent.clear()
    for entry in entries or ():
        if entry["type"] in OF_MESSAGES:
            recent.forget(entry["target_id"])
        if entry["type"] == "message_deleted":  # an earlier version does not take it out of the index
            waiting.note(entry["conversation_id"])


def _bring_forward(state: Conversation, entries: list[Entry] | None) -> bool:
    """Apply the entries that follow the state; return False when the state has to be loaded again."""
    if entries is None:
        return False
    new = [entry for entry in entries if entry["seq"] > state.seq]
    if not new:
        return True
    if new[0]["seq"] != state.seq + 1 or any(entry["type"] in OF_MEMBERS for entry in new):
        return False
    for entry in new:
        apply(state, entry)
    return True


def announce_missing(conversation_id: ObjectId, after: int, before: int) -> None:
    """Announce the entries between these seqs, both not included: they were stored elsewhere, and not heard of."""
    state = cache.load(conversation_id)
    if state is not None:
        for entry in entry_store.find_range(conversation_id, after + 1, before - 1):
            announcements.announce(state, entry)


announcing.fill_gaps_with(announce_missing)

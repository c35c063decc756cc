"""Entries, marks and profiles that other processes have stored: they bring forward what this process remembers."""

from bson import ObjectId

from chatapp import realtime
from chatapp.bus.exchange import Exchange
from chatapp.database import Document
from chatapp.realtime import others
from chatapp.services.log import announcements, cache
from chatapp.services.log.state import Conversation, apply
from chatapp.stores import entries as entry_store
from chatapp.stores import heads as head_store
from chatapp.stores.documents import Entry, MemberProfile
from chatapp.stores.heads import Head

_MOST_CHARACTERS = 1_000_000


def tell(head: Head, entries: list[Entry]) -> None:
    """Tell the other processes of entries that are in the log, and what the conversation's head is to be."""
    if others.current().is_nobody:
        return
    size = sum(len(str(entry["body"].get("content") or "")) for entry in entries if entry["type"] == "message")
    others.current().tell(
        "run",
        {
            "conversation": head.conversation_id,
            "from": head.from_seq,
            "to": head.to_seq,
            "changes": head.changes,
            "entries": entries if size < _MOST_CHARACTERS else None,  # None: they have to be read from the log
        },
    )


def flush() -> None:
    """Let the other processes have now what was told: whoever is acknowledged may ask one of them next."""
    others.current().flush()


def tell_marks(conversation_id: ObjectId, user_id: ObjectId, marks: dict[str, int]) -> None:
    """Tell that a member's marks have moved up."""
    others.current().tell("marks", {"conversation": conversation_id, "user": user_id, "marks": marks})


def tell_profile(user_id: ObjectId, profile: MemberProfile) -> None:
    """Tell how a user is shown from now on."""
    others.current().tell("profile", {"user": user_id, "profile": profile})


def hear_others(exchange: Exchange) -> None:
    """Keep what this process remembers up to date with what others do."""
    exchange.handle("run", _heard_run)
    exchange.handle("marks", lambda _, data: cache.raise_marks(data["conversation"], data["user"], data["marks"]))
    exchange.handle("profile", lambda _, data: cache.set_profile(data["user"], data["profile"]))
    exchange.on_gap(lambda _: cache.forget_all())
    realtime.fill_gaps_with(announce_missing)


def _heard_run(_: str, data: Document) -> None:
    head_store.hear(Head(data["conversation"], data["from"], data["to"], data["changes"]))
    state = cache.peek(data["conversation"])
    if state is not None and not _bring_forward(state, data["entries"]):
        cache.forget(data["conversation"])


def _bring_forward(state: Conversation, entries: list[Entry] | None) -> bool:
    """Apply the entries that follow the state; return False when the state has to be loaded again."""
    if entries is None:
        return False
    new = [entry for entry in entries if entry["seq"] > state.seq]
    if not new:
        return True
    if new[0]["seq"] != state.seq + 1 or any(entry["type"] != "message" for entry in new):
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

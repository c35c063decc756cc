"""Entries that change a message: what it is now, and erasing.

A stored body never changes. What later entries have made of a message stands beside it as `now`, and can be computed
anew from the log. A deletion erases: the texts of the message and of all its edits, and every copy. Both are done
before the head passes the entry, so that recovery does them again after a crash; done twice they stay the same.

Whoever appends an entry knows all entries before it, and so `now` is complete up to them. Two acts on one message that
cross each other are found by the condition of the update: the later one folds again what is stored by then.
"""

from collections.abc import Iterable

from chatapp import errors
from chatapp.services.log import pins, reactions, recent
from chatapp.services.log.apply import OF_MESSAGES
from chatapp.services.log.state import ERASED, Conversation
from chatapp.services.media import erasing
from chatapp.services.search import erasing as search_erasing
from chatapp.stores import changed_messages
from chatapp.stores import departures as departure_store
from chatapp.stores import entries as entry_store
from chatapp.stores.documents.entries import Entry, Forwarded, MessageBody, Now, ShownEntry

_ATTEMPTS = 20


def first(message: ShownEntry) -> Now:
    """Return what a message is without any later entry."""
    body: MessageBody = ERASED if message["body"] is None else message["body"]
    now: Now = {
        "seq": message["seq"],
        "content": body["content"],
        "attachment": body["attachment"],
        "edited_at": None,
        "edits": [],
        "reactions": {},
        "pinned": None,
        "deleted": False,
        "by": None,
    }
    if "mentions" in body:
        now["mentions"] = body["mentions"]
    return now


def of(message: ShownEntry) -> Now:
    """Return what a message is now."""
    return whole(message["now"]) if "now" in message else first(message)


def whole(now: Now) -> Now:
    """Return what is stored of a message, with the fields that an earlier version has not stored."""
    return {**now, "reactions": now.get("reactions", {}), "pinned": now.get("pinned")}


def is_gone(message: ShownEntry, now: Now) -> bool:
    """Return whether nothing is left of a message."""
    return now["deleted"] or (message["body"] is None and not now["edits"])


def forwarded_of(message: ShownEntry) -> Forwarded | None:
    """Return where a message was copied from; where its first text was erased, the edit that did so has kept it."""
    body: MessageBody | None = message["body"]
    if body is None:
        return message["now"].get("forwarded") if "now" in message else None
    return body.get("forwarded")


def folded(now: Now, entry: ShownEntry) -> Now:
    """Return what a message is after the next entry that concerns it. What is deleted stays so."""
    now = {**now, "seq": entry["seq"]}
    if entry["type"] == "message_deleted":
        return _blanked(now, entry)
    if entry["type"] == "message_edited":
        edits = [*now["edits"], entry["seq"]]
        now["edits"] = edits
    if now["deleted"]:
        return now
    if entry["type"] == "reaction":
        now["reactions"] = reactions.folded(now["reactions"], entry["sender_id"], entry["body"])
    elif entry["type"] == "pinned":
        now["pinned"] = {"seq": entry["seq"], "until": pins.until_of(entry["body"])}
    elif entry["type"] == "unpinned":
        now["pinned"] = None
    else:
        _edit(now, entry)
    return now


def _blanked(now: Now, entry: ShownEntry) -> Now:
    return {
        "seq": entry["seq"],
        "content": "",
        "attachment": None,
        "edited_at": None,
        "edits": now["edits"],
        "reactions": {},
        "pinned": None,
        "deleted": True,
        "by": entry["sender_id"],
    }


def _edit(now: Now, entry: ShownEntry) -> None:
    body: MessageBody = ERASED if entry["body"] is None else entry["body"]
    now["content"], now["attachment"] = body["content"], body["attachment"]
    now["edited_at"] = entry["created_at"]
    now.pop("mentions", None)
    if "mentions" in body:
        now["mentions"] = body["mentions"]
    if "reply_to" in body:
        now["reply_to"] = body["reply_to"]
    if "forwarded" in body:
        now["forwarded"] = body["forwarded"]


def erased_by(entry: Entry, message: Entry) -> list[int]:
    """Return the entries whose texts this entry takes away, given the message as it is before it."""
    now = of(message)
    if entry["type"] == "message_deleted":
        return [message["seq"], *now["edits"]]
    if entry["type"] != "message_edited":
        return []
    if now["deleted"]:
        return [entry["seq"]]  # an edit that has crossed the deletion
    erases = entry["body"] is not None and entry["body"].get("erases")
    return [message["seq"], *now["edits"]] if erases else []


def store(state: Conversation, entries: Iterable[Entry], targets: dict[int, Entry]) -> bool:
    """Store what these entries make of the messages that they concern; return whether any text was erased.

    `targets` are these messages as they were read, by the seq of the entry; what is missing is read here. Each gets the
    `now` that is stored in the end. Raises Unavailable.
    """
    erased = [_store(state, entry, targets.get(entry["seq"])) for entry in entries if entry["type"] in OF_MESSAGES]
    return any(erased)


def _store(state: Conversation, entry: Entry, target: Entry | None) -> bool:
    recent.forget(entry["target_id"])
    message = target
    for _ in range(_ATTEMPTS):
        message = message or read_target(entry)
        if message is None:
            return False
        before, now = message.get("now"), of(message)
        if now["seq"] >= entry["seq"]:
            _note(target, now)
            return False  # somebody else has done it
        erased, now = erased_by(entry, message), folded(now, entry)
        if entry["type"] == "message_deleted" and "media" in message:
            erasing.erase_from_message(message)
            changed_messages.erase_media(state.id, message["_id"])
        if erased:
            _erase(state, entry, erased)
            search_erasing.erase(state.id, [entry["target_id"]])
        if changed_messages.set_now(state.id, message["_id"], before, now):
            _note(target, now)
            return bool(erased)
        message = None
    raise errors.Unavailable(errors.Code.SERVER_BUSY, "Too many people change this message at once. Try again.", 1)


def _note(target: Entry | None, now: Now) -> None:
    """Let whoever has appended the entry see what the message is by then."""
    if target is not None:
        target["now"] = now


def read_target(entry: Entry) -> Entry | None:
    """Return the message that an entry concerns, as it is stored now."""
    return entry_store.find_in_conversation(entry["conversation_id"], entry["target_id"])


def _erase(state: Conversation, entry: Entry, seqs: list[int]) -> None:
    """Take the texts of these entries away, and the copies that former members have as the last message they saw."""
    changed_messages.erase(state.id, seqs)
    if entry["seq"] in seqs:
        entry["body"] = None  # it is announced next
    former = [
        member.user_id
        for member in state.members.values()
        if member.left_seq is not None and entry["target_seq"] <= member.left_seq < entry["seq"]
    ]
    if former:
        departure_store.erase_last_message(state.id, former, entry["target_id"])

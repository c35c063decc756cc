"""Entries that change messages, as clients see what they change."""

from collections.abc import Callable

from chatapp import clock, emojis
from chatapp.schemas.views.entries import Change, MessageDeleted, MessageEdited, Pinned, Reacted, TargetView, Unpinned
from chatapp.services.log import mentions
from chatapp.stores.documents.entries import MessageBody, PinnedBody, ReactionBody, ShownEntry


def change_of(entry: ShownEntry, *, withheld: bool) -> Change:
    """Return the change that an entry makes. `withheld`: without what only those may know who see the message."""
    target: TargetView = {
        "messageId": str(entry["target_id"]),
        "targetSeq": entry["target_seq"],
        "targetMseq": entry["target_mseq"],
    }
    return _CHANGES[entry["type"]](target, entry, withheld)


def _edited(target: TargetView, entry: ShownEntry, withheld: bool) -> MessageEdited:
    body: MessageBody | None = None if withheld else entry["body"]
    shown: MessageEdited = {
        **target,  # type: ignore[typeddict-item]  # mypy misses the keys that are not required
        "content": "" if body is None else body["content"],
        "editedAt": clock.iso(entry["created_at"]),
    }
    if body is None:
        shown["withheld"] = True
    elif "mentions" in body:
        shown["mentions"] = mentions.shown(body["mentions"])
    return shown


def _deleted(target: TargetView, entry: ShownEntry, withheld: bool) -> MessageDeleted:
    return {**target}


def _reacted(target: TargetView, entry: ShownEntry, withheld: bool) -> Reacted:
    body: ReactionBody = entry["body"]
    if withheld:
        return {**target, "emoji": "", "on": body["on"], "withheld": True}
    return {**target, "emoji": emojis.shown(body["emoji"]), "on": body["on"]}


def _pinned(target: TargetView, entry: ShownEntry, withheld: bool) -> Pinned:
    body: PinnedBody = entry["body"]
    shown: Pinned = {**target}  # type: ignore[typeddict-item]  # it has no key `until`
    if withheld:
        shown["withheld"] = True
    elif "until" in body:
        shown["until"] = body["until"]
    return shown


def _unpinned(target: TargetView, entry: ShownEntry, withheld: bool) -> Unpinned:
    return {**target}


_CHANGES: dict[str, Callable[[TargetView, ShownEntry, bool], Change]] = {
    "message_edited": _edited,
    "message_deleted": _deleted,
    "reaction": _reacted,
    "pinned": _pinned,
    "unpinned": _unpinned,
}

"""Entries as apps of the first protocol know them: messages by their kind, and the events that they get instead."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from chatapp.schemas.views.entries import ChangeView, MessageView
from chatapp.schemas.views.last_message import LastMessageView
from chatapp.schemas.views.media import AttachmentView
from chatapp.services.log.kinds import TEXT, VOICE

Shown = TypeVar("Shown", MessageView, LastMessageView)
Find = Callable[[], MessageView | None]
Made = tuple[str, dict[str, object]] | None


class OldEvent(NamedTuple):
    """An event of the old contract."""

    name: str
    payload: dict[str, object]


def message_of(message: Shown) -> Shown:
    """Return a message as old apps know it: its kind, where that is not text, is its type."""
    if message["kind"] == TEXT:
        return message
    shown = message.copy()
    shown["type"] = message["kind"]
    files: list[AttachmentView] = message.get("attachments") or []  # type: ignore[assignment]  # the last message has none
    if message["kind"] == VOICE and files:
        note: Any = shown
        note["audioUrl"], note["audioDuration"] = files[0]["url"], files[0]["duration"]
    return shown


def name_of(message: MessageView) -> str:
    """Return the event by which old apps hear of a message: voice notes of this server's own have one of theirs."""
    return "voice:received" if message["kind"] == VOICE and "attachments" in message else "newMessage"


def of(entry: ChangeView, find_message: Find) -> OldEvent | None:
    """Return the event for an entry; None where an old app learns of it in another way, or not at all.

    `find_message` returns the message that the entry concerns, as it is after it.
    """
    make = _EVENTS.get(entry["type"])
    if make is None:
        return None
    change: Any = entry["change"]
    made = None if change.get("withheld") else make(change, find_message)
    if made is None:
        return None
    name, fields = made
    told = {"success": True, "messageId": change["messageId"], "conversationId": entry["conversationId"]}
    return OldEvent(name, {**told, **fields})


def _edited(change: Any, find_message: Find) -> Made:
    return "message:edited", {"newContent": change["content"], "editedAt": change["editedAt"]}


def _deleted(change: Any, find_message: Find) -> Made:
    return "message:deleted", {"deleteFor": "everyone"}


def _reacted(change: Any, find_message: Find) -> Made:
    message = find_message()
    return None if message is None else ("reaction:updated", {"reactions": message.get("reactions", [])})


def _pinned(change: Any, find_message: Find) -> Made:
    message = find_message()
    if message is None or "pinned" not in message:  # it was deleted, or unpinned, by then
        return None
    return "message:pinned", {"message": message_of(message)}


def _unpinned(change: Any, find_message: Find) -> Made:
    return "message:unpinned", {}


_EVENTS: dict[str, Callable[[Any, Find], Made]] = {
    "message_edited": _edited,
    "message_deleted": _deleted,
    "reaction": _reacted,
    "pinned": _pinned,
    "unpinned": _unpinned,
}

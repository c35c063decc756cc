"""The messages that are pinned in a conversation, and until when."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from chatapp.stores.documents.conversations import PinRow
from chatapp.stores.documents.entries import PinnedBody, ShownEntry

EVERYONE, ADMINS = "everyone", "admins"  # who may pin in a group


class Pin(NamedTuple):
    """The entry that has pinned a message, and when the pin ends, if it does."""

    seq: int
    until: datetime | None


Pins = Mapping[int, Pin]  # by the seq of the message, the oldest pin first; never changed, but replaced


def until_of(body: PinnedBody) -> datetime | None:
    """Return when a pin ends, None where it stays."""
    return datetime.fromisoformat(body["until"].removesuffix("Z")) if "until" in body else None


def is_over(until: datetime | None, at: datetime) -> bool:
    """Return whether a pin has run out at this time."""
    return until is not None and until <= at


def current(pins: Pins, at: datetime) -> dict[int, Pin]:
    """Return the pins that have not run out."""
    return {seq: pin for seq, pin in pins.items() if not is_over(pin.until, at)}


def with_pin(pins: Pins, entry: ShownEntry) -> Pins:
    """Return the pins after an entry `pinned`, without those that have run out by then."""
    others = without(current(pins, entry["created_at"]), entry["target_seq"])
    return {**others, entry["target_seq"]: Pin(entry["seq"], until_of(entry["body"]))}


def without(pins: Pins, message_seq: int) -> Pins:
    """Return the pins without that of a message."""
    return {seq: pin for seq, pin in pins.items() if seq != message_seq} if message_seq in pins else pins


def rows(pins: Pins) -> list[PinRow]:
    """Return the pins as they are stored with their conversation."""
    return [{"message_seq": seq, "seq": pin.seq, "until": pin.until} for seq, pin in pins.items()]


def from_rows(stored: list[PinRow]) -> Pins:
    """Return the pins that are stored."""
    return {row["message_seq"]: Pin(row["seq"], row["until"]) for row in stored}

"""Ways to build this server wrongly, each a promise broken: the checker has to see every one of them.

Each replaces one part of the running (lab) process; nothing outside the lab imports this.
"""

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import gevent
from bson import ObjectId

from chatapp.bus.exchange import Exchange
from chatapp.database import db
from chatapp.realtime import publish
from chatapp.realtime.order import Order, Tell
from chatapp.schemas.views.entries import MessageAnswer, MessageView
from chatapp.schemas.views.envelope import Data
from chatapp.schemas.views.sync import Synced
from chatapp.services import drafts, messages, sending_files
from chatapp.services.log import announcements, rounds
from chatapp.services.log.append import append_entry
from chatapp.services.log.catch_up import load
from chatapp.services.log.draft import Appended, Draft
from chatapp.services.log.member import Member
from chatapp.services.log.quotes import Quoted
from chatapp.services.log.state import Conversation
from chatapp.services.sync import answer as sync
from chatapp.stores import entries as entry_store
from chatapp.stores.documents.entries import Entry


def _acknowledge_before_the_write() -> None:
    """Answer at once and write later: what is not written when the process dies is lost."""

    def write(conversation_id: ObjectId, draft: Draft) -> None:
        gevent.sleep(0.5)
        append_entry(conversation_id, draft)

    def promise(conversation_id: ObjectId, draft: Draft) -> Appended:
        state = load(conversation_id)
        entry = rounds.make_entry(state, draft, draft.body_in(state), "")
        gevent.spawn(write, conversation_id, draft)
        return Appended(entry, state, duplicate=False)

    sending_files.append_entry = promise  # type: ignore[attr-defined]


def _count_instead_of_append() -> None:
    """Take the number from a counter, then insert: a crash in between leaves a hole."""
    insert_run = entry_store.insert_run

    def next_numbers(run: list[Entry]) -> int:
        for entry in run:
            key = {"_id": f"counter:{entry['conversation_id']}"}
            db().meta.update_one(key, {"$inc": {"value": 1}}, upsert=True)
            row = db().meta.find_one(key)
            entry["seq"] = row["value"] if row else 1
        gevent.sleep(0.02)
        return insert_run(run)

    entry_store.insert_run = next_numbers


def _forget_client_ids() -> None:
    """Store every repeat as a new message."""

    send = messages.send

    def send_anew(user_id: ObjectId, conversation: str, content: str | None, *_: Any, **more: Any) -> MessageAnswer:
        return send(user_id, conversation, content, **more)

    messages.send = send_anew  # type: ignore[assignment]


def _reorder_the_fan_out() -> None:
    """Tell each entry in a greenlet of its own, up to half a second late."""

    def offer_later(self: Order, conversation_id: ObjectId, seq: int, tell: Tell, too_late: Tell) -> None:
        gevent.spawn_later(random.uniform(0, 0.5), tell)  # noqa: S311 - no secret

    Order.offer = offer_later  # type: ignore[method-assign]


def _drop_on_reconnect() -> None:
    """Tell whoever comes back that there is nothing new."""
    real = sync.answer

    def answer(user_id: ObjectId, seconds: float, **has: Any) -> Data[Synced]:
        found = real(user_id, seconds, **has)
        known = has.get("cursors") or {}
        for row in found["data"]["conversations"]:
            if row["id"] in known and row["entries"]:
                row |= {
                    "entries": [],
                    "limited": True,
                    "gap": {"after": row["head"]["seq"], "before": row["head"]["seq"]},
                }
        return found

    sync.answer = answer


def _count_unread() -> None:
    """Count unread messages up in memory instead of subtracting."""
    counts: Counter[tuple[ObjectId, ObjectId]] = Counter()
    publish = announcements.publish

    def count(
        conversation: Conversation, entry: Entry, target: Entry | None = None, quoted: Quoted | None = None
    ) -> MessageView | None:
        for user_id in conversation.member_ids:
            counts[conversation.id, user_id] += entry["sender_id"] != user_id
        return publish(conversation, entry, target, quoted)

    def unread(self: Conversation, member: Member) -> int:
        return counts[self.id, member.user_id]

    announcements.publish = count
    Conversation.unread = unread  # type: ignore[method-assign]


def _miss_a_receipt() -> None:
    """Leave one receipt out of what a sync says has changed."""
    real = sync.answer

    def answer(user_id: ObjectId, seconds: float, **has: Any) -> Data[Synced]:
        found = real(user_id, seconds, **has)
        for row in found["data"]["conversations"] if has.get("since") else ():
            del row["receipts"][:1]
        return found

    sync.answer = answer


def _keep_private_state_from_other_devices() -> None:
    """Tell no device of what is changed on another one, now or later."""
    real = sync.answer

    def answer(user_id: ObjectId, seconds: float, **has: Any) -> Data[Synced]:
        found = real(user_id, seconds, **has)
        for row in found["data"]["conversations"] if has.get("since") else ():
            row.pop("own", None)
        return found

    sync.answer = answer
    publish.own_changed = lambda *_: None


def _keep_drafts_that_were_sent() -> None:
    """Let a draft stay where its message was sent, whichever comes first."""
    drafts.was_sent = lambda *_: None
    drafts._keep = drafts._store


def _send_no_heartbeat() -> None:
    """Let nobody know of a lost last batch, or that this process lives."""
    Exchange._send_heartbeat = lambda *_: None  # type: ignore[method-assign]


def _tell_as_heard() -> None:
    """Tell each entry when it is heard of, whatever is missing before it."""

    def offer(self: Order, conversation_id: ObjectId, seq: int, tell: Tell, too_late: Tell) -> None:
        tell()

    Order.offer = offer  # type: ignore[method-assign]


SABOTAGES: dict[str, Callable[[], None]] = {
    "ack before write": _acknowledge_before_the_write,
    "counter": _count_instead_of_append,
    "no idempotency": _forget_client_ids,
    "reordered fan-out": _reorder_the_fan_out,
    "drop on reconnect": _drop_on_reconnect,
    "unread counter": _count_unread,
    "missed receipt": _miss_a_receipt,
    "private state untold": _keep_private_state_from_other_devices,
    "drafts that come back": _keep_drafts_that_were_sent,
}

SABOTAGES_OF_SEVERAL: dict[str, Callable[[], None]] = {
    "no heartbeat": _send_no_heartbeat,
    "no receive rule": _tell_as_heard,
}
"""Those that only several processes can have."""

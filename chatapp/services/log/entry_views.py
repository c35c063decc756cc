"""Entries as clients see them, and pages of the log."""

from bisect import bisect_left
from collections.abc import Callable
from functools import cached_property

from bson import ObjectId

from chatapp import clock, limits
from chatapp.schemas.views import (
    Change,
    ChangeView,
    EntriesPage,
    EntryView,
    GroupChanged,
    MemberGone,
    MembersAdded,
    MessageView,
    ParticipantView,
    Person,
    PlaceView,
    RolesChanged,
)
from chatapp.services import access
from chatapp.services.log.conversation_views import SHOWN_HASH
from chatapp.services.log.member import Member, profile_view, shows_reads
from chatapp.services.log.state import Conversation
from chatapp.stores import entries as entry_store
from chatapp.stores.documents import AddedBody, ChangedBody, GoneBody, MessageBody, RolesBody, ShownEntry

PAGE, LARGEST_PAGE = 200, 500


def view(entry: ShownEntry, conversation: Conversation, for_user: ObjectId | None) -> EntryView:
    """Return any entry as the API shows it; a message's status is for its sender."""
    return Views(conversation, for_user).of(entry)


def for_sender(message: MessageView, conversation: Conversation) -> MessageView:
    """Return a new message, as its sender sees what all members were shown: nobody has it yet."""
    return message if conversation.type == "direct" else {**message, "deliveredTo": 0, "readBy": 0}


class Views:
    """Entries of one conversation as one user sees them (None: all its members). Shared parts are made once."""

    def __init__(self, conversation: Conversation, for_user: ObjectId | None) -> None:
        self._viewer = conversation.members[for_user] if for_user is not None else None
        if self._viewer is not None:
            conversation.require_seen_by(self._viewer)
        self._conversation = conversation
        self._conversation_id = str(conversation.id)
        self._for_user = for_user
        self._people: dict[ObjectId, Person] = {}

    def of(self, entry: ShownEntry) -> EntryView:
        """Return any entry."""
        if entry["type"] == "message":
            return self.of_message(entry)
        return self.of_change(entry)

    def of_change(self, entry: ShownEntry) -> ChangeView:
        """Return an entry that is no message."""
        change = _CHANGES[entry["type"]](entry, self._conversation, self._viewer)
        return {**self._place(entry), "actor": self._person(entry["sender_id"]), "change": change}

    def of_message(self, entry: ShownEntry) -> MessageView:
        """Return a message."""
        body: MessageBody = entry["body"]
        answer: MessageView = {
            **self._place(entry),  # type: ignore[typeddict-item]  # mypy misses the keys that are not required
            "content": body["content"],
            "attachment": body["attachment"],
            "sender": self._person(entry["sender_id"]),
            "status": "sent",
        }
        if self._for_user == entry["sender_id"]:
            status, delivered, read = self._audience.status(entry["seq"])
            answer["status"] = status
            if self._conversation.type != "direct":
                answer["deliveredTo"], answer["readBy"] = delivered, read
        return answer

    def _place(self, entry: ShownEntry) -> PlaceView:
        """Return the fields that every entry has."""
        entry_id = str(entry["_id"])
        return {
            "id": entry_id,
            "_id": entry_id,
            "conversationId": self._conversation_id,
            "seq": entry["seq"],
            "mseq": entry["mseq"],
            "hash": entry["hash"][:SHOWN_HASH],
            "clientMsgId": entry["client_msg_id"],
            "type": entry["type"],
            "createdAt": clock.iso(entry["created_at"]),
        }

    def _person(self, user_id: ObjectId) -> Person:
        person = self._people.get(user_id)
        if person is None:
            person = self._people[user_id] = self._conversation.person(user_id)
        return person

    @cached_property
    def _audience(self) -> "_Audience":
        assert self._for_user is not None  # asked for the sender of an entry only
        return _Audience(self._conversation, self._conversation.members[self._for_user])


class _Audience:
    """How far one sender's messages have come with the other members."""

    def __init__(self, conversation: Conversation, sender: Member) -> None:
        self._others = [  # (joined, delivered up to, read up to), by when they joined
            (row.joined_seq, conversation.delivered_mark(row, sender), _read_mark(conversation, row, sender))
            for row in sorted(conversation.current_members, key=lambda row: row.joined_seq)
            if row is not sender
        ]
        self._newest_joined = self._others[-1][0] if self._others else 0
        self._delivered = sorted(row[1] for row in self._others)
        self._read = sorted(row[2] for row in self._others)

    def status(self, seq: int) -> tuple[str, int, int]:
        """Return the status of the sender's message, how many have it, and how many have read it."""
        if seq > self._newest_joined:
            count = len(self._others)
            delivered = count - bisect_left(self._delivered, seq)
            read = count - bisect_left(self._read, seq)
        else:
            others = [row for row in self._others if row[0] < seq]
            count = len(others)
            delivered = sum(row[1] >= seq for row in others)
            read = sum(row[2] >= seq for row in others)
        status = "sent"
        if count and delivered == count:
            status = "read" if read == count else "delivered"
        return status, delivered, read


def _read_mark(conversation: Conversation, member: Member, sender: Member) -> int:
    """Return the member's read mark as the sender may know it: 0 for nothing."""
    return conversation.read_marks(member)[0] if shows_reads(member, sender) else 0


def _added(entry: ShownEntry, conversation: Conversation, viewer: Member | None) -> MembersAdded:
    is_member = viewer is None or viewer.is_current
    members: list[ParticipantView] = []
    body: AddedBody = entry["body"]
    for user_id in body["user_ids"]:
        added = conversation.members.get(user_id)
        profile = entry["profiles"][str(user_id)].copy()
        shares = is_member and added is not None and added.is_current
        if added is not None and shares:
            profile["email"] = added.profile["email"]
        members.append({**profile_view(user_id, profile, shares=shares), "role": "member"})
    return {"members": members}


def _gone(entry: ShownEntry, conversation: Conversation, viewer: Member | None) -> MemberGone:
    body: GoneBody = entry["body"]
    user_id = body["user_id"]
    return {"userId": str(user_id), "user": conversation.person(user_id)}


def _roles(entry: ShownEntry, conversation: Conversation, viewer: Member | None) -> RolesChanged:
    body: RolesBody = entry["body"]
    return {"roles": [{"userId": str(row["user_id"]), "role": row["role"]} for row in body["roles"]]}


def _changed(entry: ShownEntry, conversation: Conversation, viewer: Member | None) -> GroupChanged:
    body: ChangedBody = entry["body"]
    return {**body}


_CHANGES: dict[str, Callable[[ShownEntry, Conversation, Member | None], Change]] = {
    "member_added": _added,
    "member_removed": _gone,
    "member_left": _gone,
    "role_changed": _roles,
    "conversation_changed": _changed,
}


def page(
    user_id: ObjectId, conversation_text: str, *, after: int | None = None, before: int | None = None, limit: int = PAGE
) -> EntriesPage:
    """Return entries of every type, ascending: `{data, meta: {firstSeq, headSeq, hasMore}}`.

    `after` and `before` are seqs, both exclusive. With `after` alone those that follow it, else the last ones before
    `before`. Raises NotFound CONVERSATION_NOT_FOUND.
    """
    conversation, member = access.load_for_reader(user_id, conversation_text)
    first, last = member.first_visible, member.last_visible(conversation.seq)
    low = max(first, (after or 0) + 1)
    high = min(last, (last + 1 if before is None else before) - 1)
    window = (
        (low, min(high, low + limit - 1))
        if after is not None and before is None
        else (max(low, high - limit + 1), high)
    )
    found = entry_store.find_range(conversation.id, *window)
    limits.charge(user_id, rows=len(found))
    views = Views(conversation, user_id)
    return {
        "data": [views.of(entry) for entry in found],
        "meta": {"firstSeq": first, "headSeq": last, "hasMore": bool(found) and window != (low, high)},
    }

"""Entries as clients see them, and pages of the log."""

from collections.abc import Callable, Sequence
from functools import cached_property

from bson import ObjectId

from chatapp import clock, limits
from chatapp.schemas.views.entries import (
    Change,
    ChangeView,
    EntriesPage,
    EntryView,
    GroupChanged,
    MemberGone,
    MembersAdded,
    MessageView,
    PlaceView,
    RolesChanged,
)
from chatapp.schemas.views.users import ParticipantView, Person
from chatapp.services import access
from chatapp.services.log import changed_message_views, mentions, reactions
from chatapp.services.log.apply import OF_MESSAGES
from chatapp.services.log.changes import forwarded_of, is_gone
from chatapp.services.log.conversation_views import SHOWN_HASH
from chatapp.services.log.former_versions import FormerVersions
from chatapp.services.log.kinds import kind_of, kind_with
from chatapp.services.log.member import Member, profile_view
from chatapp.services.log.message_status import Audience
from chatapp.services.log.pins import is_over
from chatapp.services.log.quotes import Quotes, reference_of
from chatapp.services.log.state import ERASED, Conversation
from chatapp.services.media import addresses
from chatapp.stores import entries as entry_store
from chatapp.stores.documents.entries import (
    AddedBody,
    ChangedBody,
    GoneBody,
    MessageBody,
    RolesBody,
    ShownEntry,
)

PAGE, LARGEST_PAGE = 200, 500


def view(entry: ShownEntry, conversation: Conversation, for_user: ObjectId | None) -> EntryView:
    """Return any entry as the API shows it; a message's status is for its sender."""
    return Views(conversation, for_user).of(entry)


def _hide(message: MessageView) -> None:
    """Leave out what a message that the viewer has deleted for themselves says."""
    message["content"], message["attachment"], message["kind"], message["hidden"] = "", None, "text", True
    for name in ("editedAt", "edits", "reactions", "replyTo", "mentions", "forwarded", "pinned", "pinnedUntil"):
        message.pop(name, None)  # type: ignore[misc]  # none of these is required


def for_sender(message: MessageView, conversation: Conversation) -> MessageView:
    """Return a new message, as its sender sees what all members were shown: nobody has it yet."""
    return message if conversation.type == "direct" else {**message, "deliveredTo": 0, "readBy": 0}


class Views:
    """Entries of one conversation as one user sees them (None: all its members). Shared parts are made once.

    `quoted` are messages that the entries reply to, as far as they are at hand.
    """

    def __init__(
        self, conversation: Conversation, for_user: ObjectId | None, quoted: Sequence[ShownEntry] = ()
    ) -> None:
        self._quoted = quoted
        self._viewer = conversation.members[for_user] if for_user is not None else None
        if self._viewer is not None:
            conversation.require_seen_by(self._viewer)
        self._conversation = conversation
        self._conversation_id = str(conversation.id)
        self._for_user = for_user
        self._people: dict[ObjectId, Person] = {}

    def of_all(self, entries: Sequence[ShownEntry]) -> list[EntryView]:
        """Return these entries."""
        self._former.read(entries)
        self._quotes.read_with(entries)
        return [self.of(entry) for entry in entries]

    def of_messages(self, entries: Sequence[ShownEntry]) -> list[MessageView]:
        """Return these messages."""
        self._former.read(entries)
        self._quotes.read_with(entries)
        return [self.of_message(entry) for entry in entries]

    def of(self, entry: ShownEntry) -> EntryView:
        """Return any entry."""
        if entry["type"] == "message":
            return self.of_message(entry)
        return self.of_change(entry)

    def of_change(self, entry: ShownEntry, *, withheld: bool = False) -> ChangeView:
        """Return an entry that is no message. `withheld`: without the text of a message that the viewer may not see."""
        if entry["type"] in OF_MESSAGES:
            return self._of_target(entry, withheld)
        show = _CHANGES.get(entry["type"], _unknown)
        change = show(entry, self._conversation, self._viewer)
        return {**self._place(entry), "actor": self._person(entry["sender_id"]), "change": change}

    def of_message(self, entry: ShownEntry, *, quotes: bool = True) -> MessageView:
        """Return a message, without what it replies to where nobody asks for `quotes`."""
        body: MessageBody = entry["body"] or ERASED
        answer: MessageView = {
            **self._place(entry),  # type: ignore[typeddict-item]  # mypy misses the keys that are not required
            "content": body["content"],
            "attachment": body["attachment"],
            "kind": "text",
            "sender": self._person(entry["sender_id"]),
            "status": "sent",
        }
        if self._for_user == entry["sender_id"]:
            status, delivered, read = self._audience.status(entry["seq"])
            answer["status"] = status
            if self._conversation.type != "direct":
                answer["deliveredTo"], answer["readBy"] = delivered, read
        reference = reference_of(entry) if quotes else None
        if reference is not None:
            answer["replyTo"] = self._quotes.of(entry, reference)
        forwarded = forwarded_of(entry)
        if forwarded is not None:
            answer["forwarded"] = {"hops": forwarded["hops"]}
        if "now" in entry or entry["body"] is None:
            self._show_now(answer, entry)
        elif "mentions" in body:
            answer["mentions"] = mentions.shown(body["mentions"])
        if self._viewer is not None and entry["mseq"] in self._viewer.hidden:
            _hide(answer)
        elif self._viewer is not None and entry["mseq"] in self._viewer.starred and "deleted" not in answer:
            answer["starred"] = True
        if "media" in entry and not ("deleted" in answer or "hidden" in answer):
            answer["attachments"] = [addresses.view(row, self._conversation_id) for row in entry["media"]]
            answer["attachment"] = answer["attachments"][0]["url"]
            answer["kind"] = kind_with(entry["media"], None)
        elif answer["attachment"] is not None:
            answer["kind"] = kind_of(answer["attachment"])
        return answer

    def _show_now(self, answer: MessageView, entry: ShownEntry) -> None:
        """Show what later entries have made of a message, a former member those that they saw."""
        now = self._former.now(entry)
        if is_gone(entry, now):
            answer["content"], answer["attachment"], answer["deleted"] = "", None, True
            answer.pop("replyTo", None)
            answer.pop("forwarded", None)
        else:
            answer["content"], answer["attachment"] = now["content"], now["attachment"]
            if "mentions" in now:
                answer["mentions"] = mentions.shown(now["mentions"])
        if now["edited_at"] is not None:
            answer["editedAt"], answer["edits"] = clock.iso(now["edited_at"]), len(now["edits"])
        if now["reactions"]:
            answer["reactions"] = reactions.view(now["reactions"])
        if now["pinned"] is not None and not is_over(now["pinned"]["until"], clock.now()):
            answer["pinned"] = True
            if now["pinned"]["until"] is not None:
                answer["pinnedUntil"] = clock.iso(now["pinned"]["until"])
        if now["seq"] > entry["seq"]:
            answer["changedSeq"] = now["seq"]

    def _of_target(self, entry: ShownEntry, withheld: bool) -> ChangeView:
        """Return an entry that changes a message."""
        withheld = withheld or (self._viewer is not None and not self._viewer.may_see(entry["target_seq"]))
        change = changed_message_views.change_of(entry, withheld=withheld)
        return {**self._place(entry), "actor": self._person(entry["sender_id"]), "change": change}

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
    def _former(self) -> FormerVersions:
        last = self._viewer.left_seq if self._viewer is not None else None
        return FormerVersions(self._conversation.id, last)

    @cached_property
    def _quotes(self) -> Quotes:
        quotes = Quotes(self._conversation.id, self._viewer, self._former, self._person)
        quotes.know(self._quoted)
        return quotes

    @cached_property
    def _audience(self) -> Audience:
        assert self._for_user is not None  # asked for the sender of an entry only
        return Audience(self._conversation, self._conversation.members[self._for_user])


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
    changed: GroupChanged = {}
    for name in ("name", "avatar", "history"):
        if name in body:
            changed[name] = body[name]
    if "who_may_pin" in body:
        changed["whoMayPin"] = body["who_may_pin"]
    return changed


def _unknown(entry: ShownEntry, conversation: Conversation, viewer: Member | None) -> GroupChanged:
    """Return nothing of an entry of a later version: clients of this one pass over it."""
    return {}


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
        "data": views.of_all(found),
        "meta": {"firstSeq": first, "headSeq": last, "hasMore": bool(found) and window != (low, high)},
    }

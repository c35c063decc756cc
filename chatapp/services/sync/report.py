"""The report of one conversation in a sync, and the members of whom the client may not know everything."""

from datetime import datetime
from typing import Literal

from bson import ObjectId

from chatapp.schemas.views.sync import SyncedConversation
from chatapp.schemas.views.users import ProfileView
from chatapp.services.log import entry_views, last_messages, own_views
from chatapp.services.log.conversation_views import LISTED, head_view, view
from chatapp.services.log.member import Member, profile_view, was_deleted
from chatapp.services.log.state import Conversation
from chatapp.services.log.stored_state import head_document
from chatapp.services.sync.position import Place
from chatapp.stores import memberships as membership_store
from chatapp.stores.documents.memberships import MembershipDocument

_Stamp = Literal["changed_at", "delivered_at", "profile_at"]


def changed_members(user_id: ObjectId, chosen: list[Place]) -> dict[ObjectId, list[MembershipDocument]]:
    """Return the memberships whose marks or profile the client may not know; it knows its user's own marks."""
    rows: dict[ObjectId, list[MembershipDocument]] = {place.id: [] for place in chosen}
    looked_at = {place.id: place for place in chosen if place.has_changed() and not place.is_left}
    changed = {key: place.since for key, place in looked_at.items()}
    known = [since for since in changed.values() if since is not None]
    if known:
        for row in membership_store.find_changed([key for key, since in changed.items() if since], min(known), user_id):
            rows[row["conversation_id"]].append(row)
            if row["user_id"] == user_id:
                looked_at[row["conversation_id"]].private = row.get("own")
    return {key: _told(found, user_id, changed[key]) if found else [] for key, found in rows.items()}


def _told(rows: list[MembershipDocument], user_id: ObjectId, since: datetime | None) -> list[MembershipDocument]:
    """Return the rows of a conversation in which something has changed that the caller may know.

    Marks that a member hides never count as a change for others.
    """
    assert since is not None
    viewer_hides = any(row["user_id"] == user_id and row["profile"].get("hide_reads") for row in rows)

    def is_told(row: MembershipDocument) -> bool:
        if _is_since(row, "profile_at", since):
            return True
        if row["user_id"] == user_id:
            return False
        reads = not viewer_hides and not row["profile"].get("hide_reads")
        return (reads and _is_since(row, "changed_at", since)) or (
            not row["profile"].get("hide_seen") and _is_since(row, "delivered_at", since)
        )

    return list(filter(is_told, rows))


def _is_since(row: MembershipDocument, name: _Stamp, since: datetime) -> bool:
    moment = row.get(name)
    return moment is not None and moment > since


def take_marks(
    user_id: ObjectId,
    states: dict[ObjectId, Conversation],
    telling: list[Place],
    changed: dict[ObjectId, list[MembershipDocument]],
) -> None:
    """Take over what another process has stored beside the log, and of which this one has not heard yet."""
    for place in telling:
        state = states.get(place.id)
        if state is not None and place.since is not None and not place.is_left:
            for row in changed[place.id]:
                state.raise_marks(row["user_id"], {name: row[name] for name in membership_store.MARKS})
            if user_id in state.members:
                state.members[user_id].renew_own(place.private)


def of(
    place: Place, conversation: Conversation, member: Member, changed: list[MembershipDocument] | None
) -> SyncedConversation:
    """Return the report of one conversation; `changed`: memberships whose marks the client may not know (None: all).

    A conversation that was left is reported as it was then.
    """
    is_all = changed is None or place.is_limited or place.is_cut  # missed messages moved their senders' marks
    told = None if is_all else {row["user_id"] for row in changed or ()}
    if told is not None and member.user_id in told:
        told = None  # they may have changed what they hide, and so may know more, or less, of everybody
    head = place.head if member.is_current else head_document(conversation)["head"]
    read_seq, read_mseq = conversation.read_marks(member)[0], conversation.read_mseq(member)
    mentioning = conversation.mentions_of(member, head["mseq"])
    views = entry_views.Views(conversation, member.user_id, place.quoted)
    deleted = [row for row in conversation.gone_after(member, read_mseq, head["seq"]) if row <= head["mseq"]]
    instead = last_messages.find(conversation, member) if place.shows_last_message() else None
    answer: SyncedConversation = {
        "id": place.text,
        "head": head_view(head),
        "firstSeq": place.first,
        "entries": views.of_all(place.entries),
        "limited": place.is_limited,
        "gap": place.gap(),
        "changedBeforeGap": place.is_changed_before_gap(),
        "reset": place.is_reset,
        "hidden": was_deleted(member.cleared_seq, member.cleared_mseq, head["mseq"]),
        "readSeq": read_seq,
        "readMseq": read_mseq,
        "deletedMseqs": deleted,
        "unreadCount": max(0, head["mseq"] - read_mseq - len(deleted)),
        "mentionCount": len(mentioning),
        "mentionMseqs": mentioning,
        "receipts": [
            conversation.receipt(row, member)
            for row in conversation.current_members
            if told is None or row.user_id in told
        ],
    }
    if member.own is not None and place.has_private_change():
        answer["own"] = own_views.view(conversation, member, instead)
    if place.is_limited or place.is_cut:
        answer["conversation"] = view(conversation, member, most=LISTED, instead=instead)
    return answer


def rows(report: SyncedConversation) -> int:
    """Return the number of rows that a conversation of the answer is charged for."""
    return 1 + len(report["entries"]) + len(report["receipts"])


def changed_profiles(rows: list[MembershipDocument], since: datetime | None) -> dict[str, ProfileView]:
    """Return the changed profiles among those who are members now."""
    if since is None:
        return {}
    changed = [row for row in rows if _is_since(row, "profile_at", since)]
    return {
        str(row["user_id"]): profile_view(row["user_id"], row["profile"], shares=True)
        for row in changed
        if row["left_seq"] is None
    }

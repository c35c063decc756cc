"""The stored documents of a conversation (`conversations`, `memberships`), and the state that they describe."""

from collections.abc import Iterable

from bson import ObjectId

from chatapp import clock
from chatapp.services.log import hash_chain, pins, shared_profiles
from chatapp.services.log.member import Member
from chatapp.services.log.state import Conversation
from chatapp.stores.documents.conversations import (
    ChangesDocument,
    ConversationDocument,
    ConversationState,
    GroupDocument,
    HeadDocument,
)
from chatapp.stores.documents.memberships import MembershipDocument, MemberState


def from_documents(document: ConversationState, member_rows: Iterable[MemberState]) -> Conversation:
    """Return the state that the stored documents describe."""
    head = document["head"]
    members = {row["user_id"]: _member(row) for row in member_rows}
    for founder in document["founders"]:  # a crash may have come before their memberships were stored
        if founder["user_id"] not in members:
            members[founder["user_id"]] = Member(founder["user_id"], founder["role"], founder["profile"])
    deleted = dict(document.get("deleted", ()))
    return Conversation(
        id=document["_id"],
        type=document["type"],
        name=document["name"],
        avatar=document["avatar"],
        history=document["history"],
        created_by=document["created_by"],
        created_at=document["created_at"],
        last_activity=document["last_activity"],
        entry_at=document["last_activity"],
        seq=head["seq"],
        mseq=head["mseq"],
        hash=head["hash"],
        last_message=document["last_message"],
        members=members,
        touched_at=document["touched_at"],
        sent={ObjectId(key): (row["seq"], row["mseq"]) for key, row in document["sent"].items()},
        last_change_seq=document.get("last_change_seq", 0),
        deleted=deleted,
        mentioned={mseq: whom for mseq, whom in document.get("mentioned", ()) if mseq not in deleted},
        pins=pins.from_rows(document.get("pins", [])),
        who_may_pin=document.get("who_may_pin", pins.EVERYONE),
    )


def at_the_beginning(document: ConversationDocument) -> ConversationDocument:
    """Return the stored conversation as it was before its first entry."""
    return {
        **document,
        **document["founded"],
        "head": {"seq": 0, "mseq": 0, "hash": hash_chain.genesis(document["_id"])},
        "last_message": None,
        "last_activity": document["created_at"],
        "sent": {},
        "last_change_seq": 0,
        "deleted": [],
        "pins": [],
        "who_may_pin": pins.EVERYONE,
        "mentioned": [],
    }


def _member(row: MemberState) -> Member:
    return Member(
        user_id=row["user_id"],
        role=row["role"],
        profile=shared_profiles.share(row["user_id"], row["profile"]),
        joined_seq=row["joined_seq"],
        left_seq=row["left_seq"],
        visible_from=row["visible_from"],
        delivered_seq=row["delivered_seq"],
        read_seq=row["read_seq"],
        read_mseq=row["read_mseq"],
        cleared_seq=row["cleared_seq"],
        cleared_mseq=row["cleared_mseq"],
        changed_seq=row["changed_seq"],
        own=row.get("own"),
    )


def membership_document(conversation_id: ObjectId, member: Member) -> MembershipDocument:
    """Return the membership as it is stored."""
    return {
        "conversation_id": conversation_id,
        "user_id": member.user_id,
        "role": member.role,
        "profile": member.profile,
        "joined_seq": member.joined_seq,
        "left_seq": member.left_seq,
        "visible_from": member.visible_from,
        "delivered_seq": member.delivered_seq,
        "read_seq": member.read_seq,
        "read_mseq": member.read_mseq,
        "cleared_seq": member.cleared_seq,
        "cleared_mseq": member.cleared_mseq,
        "changed_seq": member.changed_seq,
        "changed_at": clock.tick(),
    }


def head_document(conversation: Conversation) -> HeadDocument:
    """Return the part of the state that `advance_head` stores after every entry."""
    return {
        "head": {"seq": conversation.seq, "mseq": conversation.mseq, "hash": conversation.hash},
        "last_activity": conversation.last_activity,
        "last_message": conversation.last_message,
    }


def changes_document(conversation: Conversation) -> ChangesDocument:
    """Return the part that it stores besides after entries that change messages."""
    return {
        "last_change_seq": conversation.last_change_seq,
        "deleted": sorted(conversation.deleted.items()),
        "pins": pins.rows(conversation.pins),
    }


def group_document(conversation: Conversation) -> GroupDocument:
    """Return the part that it stores besides after entries other than messages."""
    return {
        "name": conversation.name,
        "avatar": conversation.avatar,
        "history": conversation.history,
        "participants": conversation.member_ids,
        "who_may_pin": conversation.who_may_pin,
    }

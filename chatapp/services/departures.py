"""Departures: a former member goes on seeing the conversation as it was at the last entry that was for them.

It is kept when the entry that takes somebody out is stored. Where it is missing (an older version stored the entry) the
log is replayed once, and the result is kept; people then have the names that the log knows, and no marks.
"""

from bson import ObjectId

from chatapp.services.log import mentions
from chatapp.services.log.apply import apply
from chatapp.services.log.member import Member
from chatapp.services.log.pins import EVERYONE
from chatapp.services.log.state import Conversation
from chatapp.services.log.stored_state import at_the_beginning, changes_document, from_documents, head_document
from chatapp.stores import conversations as conversation_store
from chatapp.stores import departures as store
from chatapp.stores import entries as entry_store
from chatapp.stores.batches import in_steps
from chatapp.stores.documents.departures import DepartedMember, DepartureState
from chatapp.stores.documents.memberships import MemberState
from chatapp.stores.key_locks import turn

_MOST_FORMER_MEMBERS = 1_000
_REPLAYED_AT_ONCE = 64


def snapshot(conversation: Conversation) -> DepartureState:
    """Return the conversation as it is now, for a former member: with the last thousand of those who left before."""
    former = [member for member in conversation.members.values() if not member.is_current]
    former.sort(key=lambda member: member.left_seq or 0)
    people = [*conversation.current_members, *former[-_MOST_FORMER_MEMBERS:]]
    sent = {member.user_id: conversation.sent.get(member.user_id) for member in people}
    return {
        **head_document(conversation),
        "name": conversation.name,
        "avatar": conversation.avatar,
        "history": conversation.history,
        "who_may_pin": conversation.who_may_pin,
        "sent": {str(key): {"seq": place[0], "mseq": place[1]} for key, place in sent.items() if place},
        "people": [_kept(member) for member in people],
        "deleted": changes_document(conversation)["deleted"],
        "mentioned": mentions.to_rows(conversation.mentioned),
    }


def _kept(member: Member) -> DepartedMember:
    return {
        "user_id": member.user_id,
        "role": member.role,
        "profile": member.profile,
        "joined_seq": member.joined_seq,
        "left_seq": member.left_seq,
        "delivered_seq": member.delivered_seq,
        "read_seq": member.read_seq,
        "read_mseq": member.read_mseq,
    }


def keep(conversation_id: ObjectId, departed: list[tuple[ObjectId, int, DepartureState]]) -> None:
    """Store what those who were taken out go on seeing: (user, the entry that took them out, snapshot)."""
    for user_id, seq, state in departed:
        store.keep(conversation_id, user_id, seq, state)


def state_for(conversation: Conversation, member: Member) -> Conversation:
    """Return the conversation at the entry that took this former member out."""
    seq = member.left_seq
    assert seq is not None
    kept = store.find(conversation.id, member.user_id, seq)
    if kept is None:
        with turn(f"replay {conversation.id}"):
            kept = store.find(conversation.id, member.user_id, seq) or _replay(conversation.id, member.user_id, seq)
    state = from_documents(
        {
            "_id": conversation.id,
            "type": conversation.type,
            "created_by": conversation.created_by,
            "created_at": conversation.created_at,
            "touched_at": conversation.touched_at,
            "founders": [],
            "name": kept["name"],
            "avatar": kept["avatar"],
            "history": kept["history"],
            "who_may_pin": kept.get("who_may_pin", EVERYONE),
            "head": kept["head"],
            "last_activity": kept["last_activity"],
            "last_message": kept["last_message"],
            "sent": kept["sent"],
            "deleted": kept.get("deleted", []),
            "mentioned": kept.get("mentioned", []),
        },
        [_member(row) for row in kept["people"]],
    )
    state.members[member.user_id] = member
    return state


def _member(row: DepartedMember) -> MemberState:
    return {"visible_from": 1, "cleared_seq": -1, "cleared_mseq": 0, "changed_seq": 0, "own": None, **row}


def _replay(conversation_id: ObjectId, user_id: ObjectId, seq: int) -> DepartureState:
    (document,) = conversation_store.find_many([conversation_id])
    state = from_documents(at_the_beginning(document), [])
    for step in in_steps(range(1, seq + 1), _REPLAYED_AT_ONCE):
        for entry in entry_store.find_range(conversation_id, step[0], step[-1]):
            apply(state, entry)
    kept = snapshot(state)
    store.keep(conversation_id, user_id, seq, kept)
    return kept

"""Conversations: list, open, hide."""

from bson import ObjectId

from chatapp import errors, limits
from chatapp.ids import object_id
from chatapp.realtime import publish
from chatapp.schemas.views.conversations import (
    ConversationRef,
    ConversationsPage,
    ConversationView,
    HiddenAnswer,
    MembersPage,
)
from chatapp.schemas.views.envelope import Data
from chatapp.services import access
from chatapp.services.log import cache, foreign, last_messages, old_events
from chatapp.services.log.conversation_views import LISTED, LISTED_FOR_OLD_APPS, head_view, view
from chatapp.services.log.member import Member, was_deleted
from chatapp.services.log.state import Conversation
from chatapp.services.sync import change_times
from chatapp.stores import conversations as conversation_store
from chatapp.stores import memberships as membership_store
from chatapp.stores.batches import giving_way
from chatapp.stores.documents.conversations import ConversationPlace

PAGE = LARGEST_PAGE = 200


def list_for(user_id: ObjectId, *, skip: int = 0, limit: int = PAGE, for_old_app: bool = False) -> ConversationsPage:
    """Return the caller's conversations, last active first: `{data, pagination, meta?}`, LARGEST_PAGE at most.

    Each with some of its members: `get` has them all. Hidden ones are not there, and not counted by `skip`: a page is
    filled past them.
    """
    limit = min(limit, LARGEST_PAGE)
    most = LISTED_FOR_OLD_APPS if for_old_app else LISTED
    heads, shown = _page(user_id, skip, limit, _hidden_ids(user_id) if skip else [])
    if not skip and len(shown) < limit < len(heads):  # some are hidden: others take their places
        heads, shown = _page(user_id, skip, limit, _hidden_ids(user_id))
    data = [
        view(conversation, member, most=most, instead=last_messages.find(conversation, member))
        for conversation, member in giving_way(shown)
        if member.is_current  # still: others have had their turns
    ]
    if for_old_app:
        for row in data:
            last = row["lastMessage"]
            row["lastMessage"] = None if last is None else old_events.message_of(last)
    limits.charge(user_id, rows=sum(1 + len(row["participants"]) for row in data))
    answer: ConversationsPage = {
        "data": data,
        "pagination": {"skip": skip, "limit": limit, "hasMore": len(heads) > limit},
    }
    if not data and not skip and len(heads) <= limit:
        answer["meta"] = {
            "code": "NO_CONVERSATIONS",
            "message": "No conversations yet. Choose a contact and say hello!",
        }
    return answer


def _page(
    user_id: ObjectId, skip: int, limit: int, hidden: list[ObjectId]
) -> tuple[list[ConversationPlace], list[tuple[Conversation, Member]]]:
    """Return the heads of a page and one more, without the `hidden` ones, and the conversations to show on the page."""
    heads = conversation_store.find_page_of_user(user_id, skip, limit + 1, hidden)
    states = cache.current(heads[:limit])
    shown = []
    for conversation in filter(None, (states.get(head["_id"]) for head in heads[:limit])):
        member = conversation.members.get(user_id)
        if member is not None and member.is_current and not conversation.is_deleted_for(member):
            shown.append((conversation, member))
    return heads, shown


def _hidden_ids(user_id: ObjectId) -> list[ObjectId]:
    """Return the caller's conversations that they have hidden and that have had no message since."""
    cleared = {row["conversation_id"]: row for row in membership_store.find_cleared(user_id)}
    limits.charge(user_id, rows=len(cleared))
    hidden = []
    for head in conversation_store.find_heads(list(cleared), user_id) if cleared else ():
        own = cleared[head["_id"]]
        if was_deleted(own["cleared_seq"], own["cleared_mseq"], head["head"]["mseq"]):
            hidden.append(head["_id"])
    return hidden


def get(user_id: ObjectId, conversation_text: str) -> Data[ConversationView]:
    """Return one conversation. Raises NotFound, or Forbidden for a former member."""
    return {"data": whole(*access.load_for_member(user_id, conversation_text))}


def whole(conversation: Conversation, member: Member, *, is_new: bool | None = None) -> ConversationView:
    """Return the conversation as the member sees it."""
    return view(conversation, member, is_new=is_new, instead=last_messages.find(conversation, member))


def members(
    user_id: ObjectId, conversation_text: str, *, after: str | None = None, limit: int = LARGEST_PAGE
) -> MembersPage:
    """Return a page of the current members, by id: `{data, participantCount, head, pagination}`.

    `after`: the id of the last one of the page before. Raises NotFound, or Forbidden for a former member.
    """
    conversation, member = access.load_for_member(user_id, conversation_text)
    last = object_id(after)
    if after and last is None:
        raise errors.invalid("after", "Send pagination.nextAfter of the page before.")
    rows = sorted(row for row in conversation.member_ids if last is None or row > last)
    page = [conversation.members[row].view(member) for row in rows[:limit]]
    limits.charge(user_id, rows=len(page))
    has_more = len(rows) > limit
    return {
        "data": page,
        "participantCount": len(conversation.member_ids),
        "head": head_view({"seq": conversation.seq, "mseq": conversation.mseq, "hash": conversation.hash}),
        "pagination": {"limit": limit, "hasMore": has_more, "nextAfter": page[-1]["id"] if has_more else None},
    }


def hide(user_id: ObjectId, conversation_text: str) -> HiddenAnswer:
    """Hide the conversation and its past for the caller, on all their devices, until the next message."""
    conversation, member = access.load_for_member(user_id, conversation_text)
    marks = {"cleared_seq": conversation.seq, "cleared_mseq": conversation.mseq}
    change_times.stored(lambda moment: membership_store.raise_marks(conversation.id, member.user_id, marks, moment))
    cache.raise_marks(conversation.id, member.user_id, marks)
    foreign.tell_marks(conversation.id, member.user_id, marks)
    data: ConversationRef = {"conversationId": str(conversation.id)}
    publish.hidden(user_id, data)
    return {"data": data, "msg": "Conversation deleted"}


def ids_for(user_id: ObjectId) -> list[ObjectId]:
    """Return ids of the caller's current conversations."""
    return conversation_store.find_ids_of_user(user_id)

"""Access to conversations: services reach them on behalf of a person only through these functions.

Views are made of the state that `visible_state` returns, and refuse any other: for a former member that is the
conversation as it was at the entry that took them out.
"""

from bson import ObjectId

from chatapp import errors
from chatapp.ids import object_id
from chatapp.services import departures
from chatapp.services.log import cache
from chatapp.services.log.member import Member
from chatapp.services.log.state import Conversation
from chatapp.stores import entries as entry_store
from chatapp.stores import memberships as membership_store
from chatapp.stores.documents.entries import Entry, ShownEntry


def parse_conversation_id(text: object) -> ObjectId:
    """Return the id in a client's text; a malformed one is answered like an unknown one. Raises NotFound."""
    found = object_id(text)
    if found is None:
        raise errors.not_a_conversation()
    return found


def load_for_reader(user_id: ObjectId, conversation_text: str) -> tuple[Conversation, Member]:
    """Return the stored conversation as somebody who is or was a member sees it. Raises NotFound."""
    return visible_state(user_id, cache.load(parse_conversation_id(conversation_text)))


def load_for_member(user_id: ObjectId, conversation_text: str) -> tuple[Conversation, Member]:
    """Return the stored conversation for a current member. Raises NotFound, or Forbidden for a former member."""
    conversation, member = find_member(user_id, cache.load(parse_conversation_id(conversation_text)))
    return conversation, _not_former(member)


def visible_state(user_id: ObjectId, conversation: Conversation | None) -> tuple[Conversation, Member]:
    """Return the conversation as the user may see it, for a former member as of their last entry. Raises NotFound."""
    conversation, member = find_member(user_id, conversation)
    if member.is_current:
        return conversation, member
    return departures.state_for(conversation, member), member


def known_for_member(user_id: ObjectId, conversation_text: str) -> tuple[Conversation, Member]:
    """Do as `load_for_member`, from what this process remembers: for signals that change nothing (typing)."""
    found = parse_conversation_id(conversation_text)
    known = cache.known(found)
    if known is None or user_id not in known.members:
        return load_for_member(user_id, conversation_text)
    return known, _not_former(known.members[user_id])


def known_among(user_id: ObjectId, conversation_ids: list[ObjectId]) -> dict[ObjectId, tuple[Conversation, Member]]:
    """Return the conversations that the user is a member of, from memory where possible, in at most two commands."""
    unknown = [row for row in conversation_ids if cache.peek(row) is None]
    if unknown:
        cache.remember_all([row["conversation_id"] for row in membership_store.find_own(user_id, unknown)])
    found = {}
    for conversation_id in conversation_ids:
        state = cache.peek(conversation_id)
        member = state.members.get(user_id) if state else None
        if state is not None and member is not None and member.is_current:
            found[conversation_id] = (state, member)
    return found


def find_member(user_id: ObjectId, conversation: Conversation | None) -> tuple[Conversation, Member]:
    """Return the member that the user is or was in this conversation. Raises NotFound."""
    member = conversation.members.get(user_id) if conversation else None
    if conversation is None or member is None:
        raise errors.not_a_conversation()
    return conversation, member


def current_member(user_id: ObjectId, conversation: Conversation) -> Member:
    """Return the user's current membership. Raises NotFound, or Forbidden for a former member."""
    return _not_former(find_member(user_id, conversation)[1])


def load_message(user_id: ObjectId, message_text: str) -> tuple[Conversation, Member, Entry]:
    """Return a message that the user may see, with its conversation. Raises NotFound MESSAGE_NOT_FOUND."""
    message_id = object_id(message_text)
    entry = entry_store.find_of_member(user_id, message_id) if message_id else None
    conversation = cache.load(entry["conversation_id"]) if entry else None
    member = conversation.members.get(user_id) if conversation else None
    if entry is None or conversation is None or member is None or not is_visible(conversation, member, entry):
        raise errors.NotFound(errors.Code.MESSAGE_NOT_FOUND, "Message not found")
    return *visible_state(user_id, conversation), entry


def find_message(
    user_id: ObjectId, message_text: str, conversation_text: str | None = None, *, may_be_hidden: bool = False
) -> Entry:
    """Return a message to act on, which the user may see. Raises NotFound MESSAGE_NOT_FOUND.

    Whether they may act is for the caller to ask, of the state that the act is appended to. Where the client names the
    conversation, the message is looked for there alone. `may_be_hidden`: also one that they have deleted
    for themselves.
    """
    message_id, conversation_id = object_id(message_text), object_id(conversation_text)
    entry = None
    if message_id and conversation_id:
        entry = entry_store.find_in_conversation(conversation_id, message_id)
    elif message_id and conversation_text is None:
        entry = entry_store.find_of_member(user_id, message_id)
    if entry is not None:
        for find in (cache.known, cache.load):
            state = find(entry["conversation_id"])
            member = state.members.get(user_id) if state else None
            if state is None or member is None:
                continue
            if is_visible(state, member, entry) or (may_be_hidden and entry["mseq"] in member.hidden):
                return entry
    raise errors.NotFound(errors.Code.MESSAGE_NOT_FOUND, "Message not found")


def load_message_in(conversation: Conversation, member: Member, message_text: str) -> Entry:
    """Return a message of this conversation that the member may see. Raises NotFound MESSAGE_NOT_FOUND."""
    message_id = object_id(message_text)
    entry = entry_store.find_in_conversation(conversation.id, message_id) if message_id else None
    if entry is None or not is_visible(conversation, member, entry):
        raise errors.NotFound(errors.Code.MESSAGE_NOT_FOUND, "Message not found")
    return entry


def is_visible(conversation: Conversation, member: Member, entry: ShownEntry) -> bool:
    """Return whether the member may see this entry, and it is a message."""
    visible = range(member.first_visible, member.last_visible(conversation.seq) + 1)
    return entry["type"] == "message" and entry["seq"] in visible and entry["mseq"] not in member.hidden


def _not_former(member: Member) -> Member:
    if not member.is_current:
        raise errors.Forbidden(errors.Code.NOT_ALLOWED, "You are no longer a member of this conversation")
    return member

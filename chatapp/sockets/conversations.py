"""Conversations over sockets."""

from typing import Any

from chatapp.realtime import emitting
from chatapp.schemas.answers.conversations import ConversationOut, ConversationsOut, HiddenOut, MembersOut
from chatapp.schemas.conversations import ConversationIdIn, ConversationIn, EmptyIn, ListIn, MembersIn
from chatapp.schemas.pushed import CountPushed, JoinedPushed
from chatapp.services import access, conversations, founding
from chatapp.services.accounts import sessions
from chatapp.sockets.dispatch import Answer, Caller, event


@event("getConversations", ListIn, reply="getConversations", out=ConversationsOut, reads=True)
def get_conversations(caller: Caller, skip: int = 0, limit: int = conversations.PAGE) -> Answer:
    """Return the caller's conversations, last active first."""
    for_old_app = sessions.is_of_old_app(caller.identity.session_id)
    return conversations.list_for(caller.user_id, skip=skip, limit=limit, for_old_app=for_old_app)


@event("newConversation", ConversationIn, failure="newConversation", out=ConversationOut)
def new_conversation(
    caller: Caller,
    type: str,
    participants: list[str],
    name: str | None = None,
    avatar: str | None = None,
    history: str = "all",
    client_msg_id: str | None = None,
) -> Answer:
    """Open a direct conversation or found a group; a new one is emitted to every member."""
    answer, is_new = founding.create(caller.user_id, type, participants, name, avatar, history, client_msg_id)
    if not is_new:
        emitting.reply(caller.sid, "newConversation", {"success": True, **answer})
    return answer


@event(
    "getConversation",
    ConversationIdIn,
    reply="getConversation",
    bare="conversationId",
    out=ConversationOut,
    reads=True,
)
def get_conversation(caller: Caller, conversation_id: str) -> Answer:
    """Return one conversation."""
    return conversations.get(caller.user_id, conversation_id)


@event("getMembers", MembersIn, reply="getMembers", bare="conversationId", out=MembersOut, reads=True)
def get_members(caller: Caller, conversation_id: str, **page: Any) -> Answer:
    """Return a page of a conversation's members, by id; `after` is the last one of the page before."""
    return conversations.members(caller.user_id, conversation_id, **page)


@event("joinConversation", ConversationIdIn, reply="conversationJoined", bare="conversationId", out=JoinedPushed)
def join_conversation(caller: Caller, conversation_id: str) -> Answer:
    """Confirm membership. The server decides by itself who hears what; old apps ask for this first."""
    access.load_for_member(caller.user_id, conversation_id)
    return {"conversationId": conversation_id}


@event("leaveConversation", ConversationIdIn, reply="conversationLeft", bare="conversationId", out=JoinedPushed)
def leave_conversation(caller: Caller, conversation_id: str) -> Answer:
    """Leave the old live room; the membership stays as it is."""
    access.load_for_reader(caller.user_id, conversation_id)
    return {"conversationId": conversation_id}


@event("rejoinConversations", EmptyIn, reply="rejoinedConversations", out=CountPushed, reads=True)
def rejoin_conversations(caller: Caller) -> Answer:
    """Confirm all memberships after a reconnect."""
    return {"count": len(conversations.ids_for(caller.user_id))}


@event("deleteConversation", ConversationIdIn, reply="deleteConversation", bare="conversationId", out=HiddenOut)
def delete_conversation(caller: Caller, conversation_id: str) -> Answer:
    """Hide the conversation and its past for the caller until the next message."""
    return conversations.hide(caller.user_id, conversation_id)

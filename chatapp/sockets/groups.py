"""Life of a group over sockets."""

from typing import Any

from chatapp.schemas.answers.conversations import GroupChangedOut
from chatapp.schemas.groups import (
    AddMembersIn,
    ChangeIn,
    LeaveIn,
    MemberIn,
    RoleIn,
)
from chatapp.services import groups
from chatapp.sockets.dispatch import Answer, Caller, event


@event("updateConversation", ChangeIn, out=GroupChangedOut)
def update_conversation(
    caller: Caller, conversation_id: str, client_msg_id: str | None = None, **changes: Any
) -> Answer:
    """Change a group's name, avatar or history, or who may pin messages in it."""
    return groups.change(caller.user_id, conversation_id, changes, client_msg_id)


@event("addMembers", AddMembersIn, out=GroupChangedOut)
def add_members(caller: Caller, conversation_id: str, user_ids: list[str], client_msg_id: str | None = None) -> Answer:
    """Add people to a group."""
    return groups.add_members(caller.user_id, conversation_id, user_ids, client_msg_id)


@event("removeMember", MemberIn, out=GroupChangedOut)
def remove_member(caller: Caller, conversation_id: str, user_id: str, client_msg_id: str | None = None) -> Answer:
    """Take somebody out of a group."""
    return groups.remove_member(caller.user_id, conversation_id, user_id, client_msg_id)


@event("leaveGroup", LeaveIn, bare="conversationId", out=GroupChangedOut)
def leave_group(caller: Caller, conversation_id: str, client_msg_id: str | None = None) -> Answer:
    """Leave a group (leaveConversation only leaves the old live room)."""
    return groups.leave(caller.user_id, conversation_id, client_msg_id)


@event("changeRole", RoleIn, out=GroupChangedOut)
def change_role(
    caller: Caller, conversation_id: str, user_id: str, role: str, client_msg_id: str | None = None
) -> Answer:
    """Promote or demote a member."""
    return groups.change_role(caller.user_id, conversation_id, user_id, role, client_msg_id)


@event("handOver", MemberIn, out=GroupChangedOut)
def hand_over(caller: Caller, conversation_id: str, user_id: str, client_msg_id: str | None = None) -> Answer:
    """Make another member owner, and oneself admin."""
    return groups.hand_over(caller.user_id, conversation_id, user_id, client_msg_id)

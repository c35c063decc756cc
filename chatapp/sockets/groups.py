"""Life of a group over sockets."""

from typing import Any

from chatapp.schemas.answers import GroupChangedOut
from chatapp.schemas.groups import (
    AddMembersEventIn,
    ChangeRoleIn,
    HandOverEventIn,
    LeaveIn,
    RemoveMemberIn,
    UpdateConversationIn,
)
from chatapp.services import groups
from chatapp.sockets.dispatch import Answer, Caller, event


@event("updateConversation", UpdateConversationIn, out=GroupChangedOut)
def update_conversation(caller: Caller, conversationId: str, clientMsgId: str | None = None, **changes: Any) -> Answer:
    """Change a group's name, avatar or history."""
    return groups.change(caller.user_id, conversationId, changes, clientMsgId)


@event("addMembers", AddMembersEventIn, out=GroupChangedOut)
def add_members(caller: Caller, conversationId: str, userIds: list[str], clientMsgId: str | None = None) -> Answer:
    """Add people to a group."""
    return groups.add_members(caller.user_id, conversationId, userIds, clientMsgId)


@event("removeMember", RemoveMemberIn, out=GroupChangedOut)
def remove_member(caller: Caller, conversationId: str, userId: str, clientMsgId: str | None = None) -> Answer:
    """Take somebody out of a group."""
    return groups.remove_member(caller.user_id, conversationId, userId, clientMsgId)


@event("leaveGroup", LeaveIn, bare="conversationId", out=GroupChangedOut)
def leave_group(caller: Caller, conversationId: str, clientMsgId: str | None = None) -> Answer:
    """Leave a group (leaveConversation only leaves the old live room)."""
    return groups.leave(caller.user_id, conversationId, clientMsgId)


@event("changeRole", ChangeRoleIn, out=GroupChangedOut)
def change_role(caller: Caller, conversationId: str, userId: str, role: str, clientMsgId: str | None = None) -> Answer:
    """Promote or demote a member."""
    return groups.change_role(caller.user_id, conversationId, userId, role, clientMsgId)


@event("handOver", HandOverEventIn, out=GroupChangedOut)
def hand_over(caller: Caller, conversationId: str, userId: str, clientMsgId: str | None = None) -> Answer:
    """Make another member owner, and oneself admin."""
    return groups.hand_over(caller.user_id, conversationId, userId, clientMsgId)

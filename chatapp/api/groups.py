"""Life of a group: each is a service call with an entry of the log, the same as the socket events."""

from typing import Any

from flask import Blueprint

from chatapp.api.endpoint import Answer, endpoint
from chatapp.errors import Code
from chatapp.schemas.answers import GroupChangedOut
from chatapp.schemas.groups import AddMembersIn, ChangeIn, HandOverIn, RepeatableIn, RepeatableQuery, RoleIn
from chatapp.services import groups
from chatapp.services.accounts.tokens import Identity

bp = Blueprint("groups", __name__)
_CODES = (Code.CONVERSATION_NOT_FOUND, Code.NOT_ALLOWED, Code.IDEMPOTENCY_MISMATCH, Code.SERVER_BUSY)


@bp.patch("/conversations/<conversation_id>")
@endpoint(body=ChangeIn, out=GroupChangedOut, codes=_CODES)
def change_group(caller: Identity, conversation_id: str, clientMsgId: str | None = None, **changes: Any) -> Answer:
    """Change a group's name, avatar or history."""
    return groups.change(caller.user_id, conversation_id, changes, clientMsgId)


@bp.post("/conversations/<conversation_id>/members")
@endpoint(body=AddMembersIn, out=GroupChangedOut, codes=(*_CODES, Code.USER_NOT_FOUND, Code.GROUP_TOO_LARGE))
def add_members(caller: Identity, conversation_id: str, userIds: list[str], clientMsgId: str | None = None) -> Answer:
    """Add people to a group."""
    return groups.add_members(caller.user_id, conversation_id, userIds, clientMsgId)


@bp.delete("/conversations/<conversation_id>/members/<user_id>")
@endpoint(query=RepeatableQuery, out=GroupChangedOut, codes=(*_CODES, Code.MEMBER_NOT_FOUND, Code.LAST_OWNER))
def remove_member(caller: Identity, conversation_id: str, user_id: str, clientMsgId: str | None = None) -> Answer:
    """Take somebody out of a group."""
    return groups.remove_member(caller.user_id, conversation_id, user_id, clientMsgId)


@bp.patch("/conversations/<conversation_id>/members/<user_id>")
@endpoint(body=RoleIn, out=GroupChangedOut, codes=(*_CODES, Code.MEMBER_NOT_FOUND, Code.LAST_OWNER))
def change_role(
    caller: Identity, conversation_id: str, user_id: str, role: str, clientMsgId: str | None = None
) -> Answer:
    """Promote or demote a member."""
    return groups.change_role(caller.user_id, conversation_id, user_id, role, clientMsgId)


@bp.post("/conversations/<conversation_id>/hand-over")
@endpoint(body=HandOverIn, out=GroupChangedOut, codes=(*_CODES, Code.MEMBER_NOT_FOUND))
def hand_over(caller: Identity, conversation_id: str, userId: str, clientMsgId: str | None = None) -> Answer:
    """Make another member owner, and oneself admin."""
    return groups.hand_over(caller.user_id, conversation_id, userId, clientMsgId)


@bp.post("/conversations/<conversation_id>/leave")
@endpoint(body=RepeatableIn, out=GroupChangedOut, codes=(*_CODES, Code.LAST_OWNER))
def leave_group(caller: Identity, conversation_id: str, clientMsgId: str | None = None) -> Answer:
    """Leave a group."""
    return groups.leave(caller.user_id, conversation_id, clientMsgId)

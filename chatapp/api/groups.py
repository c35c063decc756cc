"""Life of a group: each is a service call with an entry of the log, the same as the socket events."""

from typing import Any

from flask import Blueprint

from chatapp.api.endpoint import Answer, endpoint
from chatapp.errors import Code
from chatapp.schemas.answers.conversations import GroupChangedOut
from chatapp.schemas.groups import AddMembersIn, ChangeIn, LeaveIn, MemberIn, RoleIn
from chatapp.services import groups
from chatapp.services.accounts.tokens import Identity

bp = Blueprint("groups", __name__)
_PATH, _PATH_OF_MEMBER = ("conversation_id",), ("conversation_id", "user_id")
_CODES = (Code.CONVERSATION_NOT_FOUND, Code.NOT_ALLOWED, Code.IDEMPOTENCY_MISMATCH, Code.SERVER_BUSY)


@bp.patch("/conversations/<conversation_id>")
@endpoint(body=ChangeIn, without=_PATH, out=GroupChangedOut, codes=_CODES)
def change_group(caller: Identity, conversation_id: str, client_msg_id: str | None = None, **changes: Any) -> Answer:
    """Change a group's name, avatar or history, or who may pin messages in it."""
    return groups.change(caller.user_id, conversation_id, changes, client_msg_id)


@bp.post("/conversations/<conversation_id>/members")
@endpoint(
    body=AddMembersIn, without=_PATH, out=GroupChangedOut, codes=(*_CODES, Code.USER_NOT_FOUND, Code.GROUP_TOO_LARGE)
)
def add_members(
    caller: Identity, conversation_id: str, user_ids: list[str], client_msg_id: str | None = None
) -> Answer:
    """Add people to a group."""
    return groups.add_members(caller.user_id, conversation_id, user_ids, client_msg_id)


@bp.delete("/conversations/<conversation_id>/members/<user_id>")
@endpoint(
    query=MemberIn,
    without=_PATH_OF_MEMBER,
    out=GroupChangedOut,
    codes=(*_CODES, Code.MEMBER_NOT_FOUND, Code.LAST_OWNER),
)
def remove_member(caller: Identity, conversation_id: str, user_id: str, client_msg_id: str | None = None) -> Answer:
    """Take somebody out of a group."""
    return groups.remove_member(caller.user_id, conversation_id, user_id, client_msg_id)


@bp.patch("/conversations/<conversation_id>/members/<user_id>")
@endpoint(
    body=RoleIn, without=_PATH_OF_MEMBER, out=GroupChangedOut, codes=(*_CODES, Code.MEMBER_NOT_FOUND, Code.LAST_OWNER)
)
def change_role(
    caller: Identity, conversation_id: str, user_id: str, role: str, client_msg_id: str | None = None
) -> Answer:
    """Promote or demote a member."""
    return groups.change_role(caller.user_id, conversation_id, user_id, role, client_msg_id)


@bp.post("/conversations/<conversation_id>/hand-over")
@endpoint(body=MemberIn, without=_PATH, out=GroupChangedOut, codes=(*_CODES, Code.MEMBER_NOT_FOUND))
def hand_over(caller: Identity, conversation_id: str, user_id: str, client_msg_id: str | None = None) -> Answer:
    """Make another member owner, and oneself admin."""
    return groups.hand_over(caller.user_id, conversation_id, user_id, client_msg_id)


@bp.post("/conversations/<conversation_id>/leave")
@endpoint(body=LeaveIn, without=_PATH, out=GroupChangedOut, codes=(*_CODES, Code.LAST_OWNER))
def leave_group(caller: Identity, conversation_id: str, client_msg_id: str | None = None) -> Answer:
    """Leave a group."""
    return groups.leave(caller.user_id, conversation_id, client_msg_id)

"""Acts on a message, the same as the socket events."""

from typing import Any

from flask import Blueprint

from chatapp.api.endpoint import Answer, endpoint
from chatapp.errors import Code
from chatapp.schemas.actions import ActIn, DeleteQuery, EditIn, ForwardIn
from chatapp.schemas.answers.entries import ForwardedOut, MessageChangedOut, VersionsOut
from chatapp.services import actions, forwards
from chatapp.services.accounts import sessions
from chatapp.services.accounts.tokens import Identity

bp = Blueprint("actions", __name__)
_CODES = (Code.MESSAGE_NOT_FOUND, Code.NOT_ALLOWED, Code.IDEMPOTENCY_MISMATCH, Code.SERVER_BUSY)


@bp.patch("/messages/<message_id>")
@endpoint(
    body=EditIn,
    without=("message_id", "new_content"),
    large=True,
    out=MessageChangedOut,
    codes=(
        *_CODES,
        Code.CONTENT_TOO_LARGE,
        Code.MESSAGE_DELETED,
        Code.EDIT_WINDOW_PASSED,
        Code.TOO_MANY_EDITS,
    ),
)
def edit_message(
    caller: Identity,
    message_id: str,
    content: str | None = None,
    client_msg_id: str | None = None,
    conversation_id: str | None = None,
    **more: Any,
) -> Answer:
    """Give one's own message another text."""
    return actions.edit(caller.user_id, message_id, content, client_msg_id, conversation_id, **more)


@bp.delete("/messages/<message_id>")
@endpoint(
    query=DeleteQuery,
    without=("message_id",),
    out=MessageChangedOut,
    codes=(*_CODES, Code.DELETE_WINDOW_PASSED, Code.TOO_MANY_HIDDEN),
)
def delete_message(
    caller: Identity,
    message_id: str,
    client_msg_id: str | None = None,
    conversation_id: str | None = None,
    **whom: Any,
) -> Answer:
    """Delete a message for everyone (its sender may, and a group's owner and admins), or for oneself."""
    return actions.delete(
        caller.user_id, message_id, client_msg_id=client_msg_id, conversation_text=conversation_id, **whom
    )


@bp.put("/messages/<message_id>/reactions/<emoji>")
@endpoint(
    body=ActIn,
    without=("message_id",),
    out=MessageChangedOut,
    codes=(*_CODES, Code.MESSAGE_DELETED, Code.TOO_MANY_REACTIONS),
)
def set_reaction(
    caller: Identity,
    message_id: str,
    emoji: str,
    client_msg_id: str | None = None,
    conversation_id: str | None = None,
) -> Answer:
    """React to a message with an emoji."""
    return actions.react(caller.user_id, message_id, emoji, True, client_msg_id, conversation_id)


@bp.delete("/messages/<message_id>/reactions/<emoji>")
@endpoint(query=ActIn, without=("message_id",), out=MessageChangedOut, codes=_CODES)
def take_reaction_back(
    caller: Identity,
    message_id: str,
    emoji: str,
    client_msg_id: str | None = None,
    conversation_id: str | None = None,
) -> Answer:
    """Take one's own reaction to a message back."""
    return actions.react(caller.user_id, message_id, emoji, False, client_msg_id, conversation_id)


@bp.get("/messages/<message_id>/edits")
@endpoint(out=VersionsOut, codes=(Code.MESSAGE_NOT_FOUND, Code.MESSAGE_DELETED))
def get_edits(caller: Identity, message_id: str) -> Answer:
    """Return the texts that a message has had, the first one first."""
    return actions.versions(caller.user_id, message_id)


@bp.post("/messages/<message_id>/forward")
@endpoint(
    body=ForwardIn,
    without=("message_id",),
    out={201: ForwardedOut, 200: ForwardedOut},
    codes=(*_CODES, Code.CONVERSATION_NOT_FOUND, Code.MESSAGE_DELETED),
)
def forward_message(
    caller: Identity, message_id: str, conversation_ids: list[str], client_msg_id: str | None = None
) -> tuple[Answer, int]:
    """Forward a message to other conversations; a repeat with the same clientMsgId gets the same messages with 200."""
    for_old_app = sessions.is_of_old_app(caller.session_id)
    answer = forwards.forward(caller.user_id, message_id, conversation_ids, client_msg_id, for_old_app=for_old_app)
    return answer, 200 if answer.get("duplicate") else 201

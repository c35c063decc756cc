"""Conversations and messages."""

from typing import Any

from flask import Blueprint

from chatapp.api.endpoint import Answer, endpoint
from chatapp.errors import Code
from chatapp.schemas.answers.conversations import ConversationOut, ConversationsOut, HiddenOut, MembersOut
from chatapp.schemas.answers.entries import HistoryOut, MessageOut
from chatapp.schemas.answers.receipts import ReadOut
from chatapp.schemas.conversations import ConversationIn, HistoryIn, ListIn, MembersIn, MessageIn, ReadIn
from chatapp.services import conversations, founding, messages, receipts
from chatapp.services.accounts import sessions
from chatapp.services.accounts.tokens import Identity

bp = Blueprint("conversations", __name__)
_PATH = ("conversation_id",)


@bp.get("/user/conversations")
@endpoint(query=ListIn, out=ConversationsOut)
def list_conversations(caller: Identity, skip: int = 0, limit: int = conversations.PAGE) -> Answer:
    """Return the caller's conversations with last message and unread count, last active first."""
    for_old_app = sessions.is_of_old_app(caller.session_id)
    return conversations.list_for(caller.user_id, skip=skip, limit=limit, for_old_app=for_old_app)


@bp.post("/user/conversations")
@endpoint(
    body=ConversationIn,
    out={201: ConversationOut, 200: ConversationOut},
    codes=(Code.IDEMPOTENCY_MISMATCH, Code.GROUP_TOO_LARGE, Code.ACCOUNT_GONE),
)
def create_conversation(
    caller: Identity, type: str, participants: list[str], client_msg_id: str | None = None, **group: Any
) -> tuple[Answer, int]:
    """Open the direct conversation with somebody (200 when it was there), or found a group."""
    answer, is_new = founding.create(caller.user_id, type, participants, client_msg_id=client_msg_id, **group)
    return answer, 201 if is_new else 200


@bp.get("/conversations/<conversation_id>")
@endpoint(out=ConversationOut, codes=(Code.CONVERSATION_NOT_FOUND, Code.NOT_ALLOWED))
def get_conversation(caller: Identity, conversation_id: str) -> Answer:
    """Return one conversation."""
    return conversations.get(caller.user_id, conversation_id)


@bp.get("/conversations/<conversation_id>/members")
@endpoint(query=MembersIn, without=_PATH, out=MembersOut, codes=(Code.CONVERSATION_NOT_FOUND, Code.NOT_ALLOWED))
def get_members(caller: Identity, conversation_id: str, **page: Any) -> Answer:
    """Return a page of a conversation's members, by id; `after` is the last one of the page before."""
    return conversations.members(caller.user_id, conversation_id, **page)


@bp.delete("/conversations/<conversation_id>")
@endpoint(out=HiddenOut, codes=(Code.CONVERSATION_NOT_FOUND, Code.NOT_ALLOWED))
def hide_conversation(caller: Identity, conversation_id: str) -> Answer:
    """Hide the conversation and its past for the caller until the next message."""
    return conversations.hide(caller.user_id, conversation_id)


@bp.get("/conversations/<conversation_id>/messages")
@bp.get("/user/messages/<conversation_id>", endpoint="get_messages_legacy")
@endpoint(query=HistoryIn, without=(*_PATH, "skip"), out=HistoryOut, codes=(Code.CONVERSATION_NOT_FOUND,))
def get_messages(caller: Identity, conversation_id: str, **page: Any) -> Answer:
    """Return a page of messages, newest first; `before` and `after` are seqs."""
    for_old_app = sessions.is_of_old_app(caller.session_id)
    return messages.history(caller.user_id, conversation_id, **page, for_old_app=for_old_app)


@bp.post("/conversations/<conversation_id>/messages")
@bp.post("/user/messages/<conversation_id>", endpoint="send_message_legacy")
@endpoint(
    body=MessageIn,
    without=(*_PATH, "temp_id"),
    large=True,
    out={201: MessageOut, 200: MessageOut},
    codes=(
        Code.CONVERSATION_NOT_FOUND,
        Code.MESSAGE_NOT_FOUND,
        Code.NOT_ALLOWED,
        Code.CONTENT_TOO_LARGE,
        Code.IDEMPOTENCY_MISMATCH,
        Code.MESSAGE_DELETED,
        Code.MEDIA_NOT_FOUND,
        Code.MEDIA_NOT_READY,
        Code.MEDIA_GONE,
        Code.MEDIA_REFUSED,
        Code.SERVER_BUSY,
    ),
)
def send_message(
    caller: Identity,
    conversation_id: str,
    content: str | None = None,
    attachment: str | None = None,
    client_msg_id: str | None = None,
    **more: Any,
) -> tuple[Answer, int]:
    """Send a message; a repeat with the same clientMsgId gets the original with 200."""
    for_old_app = sessions.is_of_old_app(caller.session_id)
    answer = messages.send(
        caller.user_id, conversation_id, content, attachment, client_msg_id, for_old_app=for_old_app, **more
    )
    return answer, 200 if answer.get("duplicate") else 201


@bp.post("/conversations/<conversation_id>/read")
@endpoint(body=ReadIn, without=_PATH, out=ReadOut, codes=(Code.CONVERSATION_NOT_FOUND, Code.NOT_ALLOWED))
def mark_read(caller: Identity, conversation_id: str, seq: int | None = None) -> Answer:
    """Mark as read up to `seq`, or to the end."""
    return receipts.mark_read(caller.user_id, conversation_id, seq)

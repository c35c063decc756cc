"""Pinned messages, the same as the socket events."""

from datetime import datetime

from flask import Blueprint

from chatapp.api.endpoint import Answer, endpoint
from chatapp.errors import Code
from chatapp.schemas.actions import ActIn, PinIn
from chatapp.schemas.answers.entries import MessageChangedOut, PinsOut
from chatapp.services import pins
from chatapp.services.accounts import sessions
from chatapp.services.accounts.tokens import Identity

bp = Blueprint("pins", __name__)
_PATH = ("message_id",)
_CODES = (Code.MESSAGE_NOT_FOUND, Code.NOT_ALLOWED, Code.IDEMPOTENCY_MISMATCH, Code.SERVER_BUSY)


@bp.put("/messages/<message_id>/pin")
@endpoint(body=PinIn, without=_PATH, out=MessageChangedOut, codes=(*_CODES, Code.MESSAGE_DELETED, Code.TOO_MANY_PINS))
def pin_message(
    caller: Identity,
    message_id: str,
    until: datetime | None = None,
    client_msg_id: str | None = None,
    conversation_id: str | None = None,
) -> Answer:
    """Pin a message: both may in a direct conversation, in a group those whom `whoMayPin` names."""
    return pins.pin(caller.user_id, message_id, until, client_msg_id, conversation_id)


@bp.delete("/messages/<message_id>/pin")
@endpoint(query=ActIn, without=_PATH, out=MessageChangedOut, codes=_CODES)
def unpin_message(
    caller: Identity, message_id: str, client_msg_id: str | None = None, conversation_id: str | None = None
) -> Answer:
    """Unpin a message: who may pin it may."""
    return pins.unpin(caller.user_id, message_id, client_msg_id, conversation_id)


@bp.get("/conversations/<conversation_id>/pins")
@endpoint(out=PinsOut, codes=(Code.CONVERSATION_NOT_FOUND, Code.NOT_ALLOWED))
def get_pins(caller: Identity, conversation_id: str) -> Answer:
    """Return the pinned messages, those pinned last first."""
    for_old_app = sessions.is_of_old_app(caller.session_id)
    return pins.pinned(caller.user_id, conversation_id, for_old_app=for_old_app)

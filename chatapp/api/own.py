"""The caller's private state in a conversation."""

from typing import Any

from flask import Blueprint

from chatapp.api.endpoint import Answer, endpoint
from chatapp.errors import Code
from chatapp.schemas.answers.entries import MessageOut, StarsOut
from chatapp.schemas.answers.own import OwnChangedOut
from chatapp.schemas.own import DraftIn, SettingsIn, StarIn, StarsIn
from chatapp.services import drafts, own, stars
from chatapp.services.accounts.tokens import Identity

bp = Blueprint("own", __name__)
_PATH = ("conversation_id",)
_CODES = (Code.CONVERSATION_NOT_FOUND, Code.NOT_ALLOWED)


@bp.put("/conversations/<conversation_id>/settings")
@endpoint(body=SettingsIn, without=_PATH, out=OwnChangedOut, codes=(*_CODES, Code.TOO_MANY_PINS))
def put_settings(caller: Identity, conversation_id: str, **settings: Any) -> Answer:
    """Mute, archive, pin or mark a conversation as unread, for oneself; what is not sent stays."""
    return own.update_settings(caller.user_id, conversation_id, **settings)


@bp.put("/conversations/<conversation_id>/draft")
@endpoint(body=DraftIn, without=_PATH, out=OwnChangedOut, codes=(*_CODES, Code.CONTENT_TOO_LARGE))
def put_draft(caller: Identity, conversation_id: str, text: str, draft_id: str | None = None) -> Answer:
    """Keep the caller's unsent text for their other devices; an empty one removes it."""
    return drafts.save(caller.user_id, conversation_id, text, draft_id)


@bp.put("/messages/<message_id>/star")
@endpoint(
    body=StarIn,
    without=("message_id", "on"),
    out=MessageOut,
    codes=(Code.MESSAGE_NOT_FOUND, Code.NOT_ALLOWED, Code.MESSAGE_DELETED, Code.TOO_MANY_STARS),
)
def star_message(caller: Identity, message_id: str, conversation_id: str | None = None) -> Answer:
    """Star a message, for oneself."""
    return stars.star(caller.user_id, message_id, True, conversation_id)


@bp.delete("/messages/<message_id>/star")
@endpoint(query=StarIn, without=("message_id", "on"), out=MessageOut, codes=(Code.MESSAGE_NOT_FOUND,))
def unstar_message(caller: Identity, message_id: str, conversation_id: str | None = None) -> Answer:
    """Take a star back."""
    return stars.star(caller.user_id, message_id, False, conversation_id)


@bp.get("/user/stars")
@endpoint(query=StarsIn, out=StarsOut)
def get_stars(caller: Identity, **page: Any) -> Answer:
    """Return a page of the messages that the caller has starred, those starred last first."""
    return stars.page(caller.user_id, **page)

"""Files that were uploaded."""

from typing import Any

from flask import Blueprint

from chatapp.api.endpoint import Answer, endpoint
from chatapp.errors import Code
from chatapp.schemas.answers.media import GalleryOut, MediaOut
from chatapp.schemas.media import GalleryIn
from chatapp.services.accounts.tokens import Identity
from chatapp.services.media import gallery, uploads

bp = Blueprint("media", __name__)


@bp.get("/media/<media_id>")
@endpoint(out=MediaOut, codes=(Code.MEDIA_NOT_FOUND, Code.MEDIA_GONE))
def get_media(caller: Identity, media_id: str) -> Answer:
    """Return a file of one's own: whether it is ready to be sent, and what it is."""
    return {"data": uploads.get(caller.user_id, media_id)}


@bp.get("/conversations/<conversation_id>/media")
@endpoint(query=GalleryIn, out=GalleryOut, codes=(Code.CONVERSATION_NOT_FOUND,))
def get_gallery(caller: Identity, conversation_id: str, **page: Any) -> Answer:
    """Return a page of the files of a conversation, newest first."""
    return gallery.page(caller.user_id, conversation_id, **page)

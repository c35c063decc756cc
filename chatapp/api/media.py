"""Files that were uploaded."""

from flask import Blueprint

from chatapp.api.endpoint import Answer, endpoint
from chatapp.errors import Code
from chatapp.schemas.answers.media import MediaOut
from chatapp.services.accounts.tokens import Identity
from chatapp.services.media import uploads

bp = Blueprint("media", __name__)


@bp.get("/media/<media_id>")
@endpoint(out=MediaOut, codes=(Code.MEDIA_NOT_FOUND, Code.MEDIA_GONE))
def get_media(caller: Identity, media_id: str) -> Answer:
    """Return a file of one's own: whether it is ready to be sent, and what it is."""
    return {"data": uploads.get(caller.user_id, media_id)}

"""Previews of links, for the composer."""

from flask import Blueprint

from chatapp.api.endpoint import Answer, endpoint
from chatapp.errors import Code
from chatapp.schemas.answers.link_previews import LinkPreviewOut
from chatapp.schemas.link_previews import LinkPreviewIn
from chatapp.services import link_previews
from chatapp.services.accounts.tokens import Identity

bp = Blueprint("link_previews", __name__)


@bp.get("/link-preview")
@endpoint(
    query=LinkPreviewIn,
    out=LinkPreviewOut,
    codes=(Code.LINK_PREVIEW_NOT_FOUND, Code.NOT_ALLOWED, Code.SERVER_BUSY),
)
def get_link_preview(caller: Identity, url: str) -> Answer:
    """Return the title and description that a page gives of itself."""
    return link_previews.preview(caller, url)

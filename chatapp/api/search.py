"""Finding messages again."""

from typing import Any

from flask import Blueprint

from chatapp.api.endpoint import Answer, endpoint
from chatapp.errors import Code
from chatapp.schemas.answers.search import SearchOut
from chatapp.schemas.search import SearchIn
from chatapp.services.accounts.tokens import Identity
from chatapp.services.search import finding

bp = Blueprint("search", __name__)


@bp.get("/search")
@endpoint(query=SearchIn, out=SearchOut, codes=(Code.CONVERSATION_NOT_FOUND,))
def get_search(caller: Identity, text: str, **wanted: Any) -> Answer:
    """Return a page of the messages that match, newest first, of all conversations or one."""
    return finding.page(caller.user_id, text, **wanted)

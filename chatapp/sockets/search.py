"""Finding messages again."""

from typing import Any

from chatapp.schemas.answers.search import SearchOut
from chatapp.schemas.search import SearchIn
from chatapp.services.search import finding
from chatapp.sockets.dispatch import Answer, Caller, event


@event("searchMessages", SearchIn, out=SearchOut, reads=True)
def search_messages(caller: Caller, text: str, **wanted: Any) -> Answer:
    """Return a page of the messages that match, newest first, of all conversations or one."""
    return finding.page(caller.user_id, text, **{name: value for name, value in wanted.items() if value is not None})

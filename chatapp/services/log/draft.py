"""An entry before it has a place in the log, and the result of appending it."""

from collections.abc import Callable
from dataclasses import dataclass

from bson import ObjectId

from chatapp.schemas.views.entries import MessageView
from chatapp.services.log.quotes import Quoted
from chatapp.services.log.state import Conversation
from chatapp.stores import entries as entry_store
from chatapp.stores.documents.entries import Body, Entry, MediaShown
from chatapp.stores.documents.users import MemberProfile

Check = Callable[[Conversation], Body | None]


@dataclass(slots=True)
class Draft:
    """An entry before it has a place.

    `check(state)` raises when the state of the conversation forbids the entry: a ChatError, or Unchanged. A body that
    depends on the state (which of these people are members already) is None here, and `check` returns it.
    `profiles` are those of users whom the entry brings in; they stand beside the hashed body, because people change
    theirs. `target` is the message that it concerns, as it was read; `quoted` the one that it replies to;
    `media` describes the files that its body names.
    """

    sender_id: ObjectId
    type: str
    body: Body | None
    check: Check
    client_msg_id: str | None = None
    profiles: dict[str, MemberProfile] | None = None
    target: Entry | None = None
    quoted: Quoted | None = None
    media: list[MediaShown] | None = None

    def body_in(self, state: Conversation) -> Body:
        """Return the body for this state of the conversation. Raises what `check` raises."""
        found = self.check(state)
        body = found if self.body is None else self.body
        assert body is not None
        return body


@dataclass(slots=True)
class Appended:
    """An entry in its place, the state right after it, and whether it was there before this call.

    `announced` is the message as all members were shown it, when this call announced one.
    """

    entry: Entry
    conversation: Conversation
    duplicate: bool
    announced: MessageView | None = None


class Unchanged(Exception):
    """A change that is already in effect: nothing is appended. `state` is the conversation."""

    def __init__(self, state: Conversation) -> None:
        super().__init__()
        self.state = state


def earlier_entry(conversation_id: ObjectId, draft: Draft) -> Entry | None:
    """Return the entry that an earlier attempt to append this draft to this conversation has stored, or None."""
    if not draft.client_msg_id:
        return None
    return entry_store.find_by_client_msg_id(conversation_id, draft.sender_id, draft.client_msg_id)

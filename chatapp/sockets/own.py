"""The caller's private state in a conversation, over sockets. All devices of the user hear `ownChanged`."""

from typing import Any

from chatapp.schemas.answers.entries import MessageOut, StarsOut
from chatapp.schemas.answers.own import OwnChangedOut
from chatapp.schemas.own import DraftIn, SettingsIn, StarIn, StarsIn
from chatapp.services import drafts, own, stars
from chatapp.sockets.dispatch import Answer, Caller, event


@event("updateSettings", SettingsIn, out=OwnChangedOut)
def update_settings(caller: Caller, conversation_id: str, **settings: Any) -> Answer:
    """Mute, archive, pin or mark a conversation as unread, for oneself; what is not sent stays."""
    return own.update_settings(caller.user_id, conversation_id, **settings)


@event("saveDraft", DraftIn, out=OwnChangedOut)
def save_draft(caller: Caller, conversation_id: str, text: str, draft_id: str | None = None) -> Answer:
    """Keep the caller's unsent text for their other devices; an empty one removes it."""
    return drafts.save(caller.user_id, conversation_id, text, draft_id)


@event("starMessage", StarIn, out=MessageOut)
def star_message(caller: Caller, message_id: str, conversation_id: str | None = None, *, on: bool) -> Answer:
    """Star a message for oneself, or take the star back (`on` false)."""
    return stars.star(caller.user_id, message_id, on, conversation_id)


@event("getStars", StarsIn, out=StarsOut, reads=True)
def get_stars(caller: Caller, **page: Any) -> Answer:
    """Return a page of the messages that the caller has starred, those starred last first."""
    return stars.page(caller.user_id, **page)

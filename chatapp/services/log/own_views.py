"""A member's private state as they see it. Parts of it end by themselves: by what the log says, and by the time."""

from datetime import datetime

from chatapp import clock
from chatapp.schemas.views.last_message import LastMessageView
from chatapp.schemas.views.own import DraftView, OwnView, SettingsView
from chatapp.services.log.member import Member
from chatapp.services.log.state import Conversation
from chatapp.stores.documents.memberships import OwnState

_NOTHING: OwnState = {"version": 0}


def view(conversation: Conversation, member: Member, instead: LastMessageView | None = None) -> OwnView:
    """Return all of a member's private state. `instead`: the last message where the newest one is hidden."""
    own = member.own or _NOTHING
    gone = member.hidden.values()
    answer: OwnView = {
        "version": own["version"],
        "settings": settings(conversation, member),
        "hidden": [str(row["id"]) for row in gone],
        "hiddenSeqs": [row["seq"] for row in gone],
        "stars": stars(own),
        "draft": draft(own),
    }
    if hides_last_message(conversation, member):
        answer["lastMessage"] = instead
    return answer


def hides_last_message(conversation: Conversation, member: Member) -> bool:
    """Return whether the newest message is deleted for this member alone."""
    last = conversation.last_message
    return last is not None and last["mseq"] in member.hidden


def draft(own: OwnState) -> DraftView | None:
    """Return the text that a member has not sent yet."""
    found = own.get("draft")
    return {"draftId": found["id"], "text": found["text"], "updatedAt": clock.iso(found["at"])} if found else None


def stars(own: OwnState) -> list[str]:
    """Return the ids of the messages that a member has starred."""
    return list(dict.fromkeys(str(row["id"]) for row in own.get("starred", ())))


def settings(conversation: Conversation, member: Member) -> SettingsView:
    """Return the member's settings of the conversation, as of now."""
    own = member.own or _NOTHING
    muted_until, pinned_at = own.get("muted_until"), own.get("pinned_at")
    return {
        "mutedUntil": _time(muted_until) if is_muted(own) else None,
        "muteMentions": own.get("mute_mentions", False),
        "archived": is_archived(own, conversation.mseq),
        "archivedMseq": own.get("archived_mseq"),
        "pinned": pinned_at is not None,
        "pinnedAt": _time(pinned_at),
        "markedUnread": is_marked_unread(conversation, member),
        "markedUnreadSeq": own.get("unread_seq"),
    }


def is_muted(own: OwnState) -> bool:
    """Return whether the conversation is muted now."""
    until = own.get("muted_until")
    return until is not None and until > clock.now()


def is_archived(own: OwnState, mseq: int) -> bool:
    """Return whether the conversation is archived: no message has followed, or it is muted."""
    archived = own.get("archived_mseq")
    return archived is not None and (mseq <= archived or is_muted(own))


def is_marked_unread(conversation: Conversation, member: Member) -> bool:
    """Return whether the member has marked it as unread, and has not read in it since."""
    marked = (member.own or _NOTHING).get("unread_seq")
    return marked is not None and read_seq(conversation, member) <= marked


def read_seq(conversation: Conversation, member: Member) -> int:
    """Return the seq up to which the member has read, written or deleted."""
    return max(conversation.read_marks(member)[0], member.cleared_seq)


def _time(moment: datetime | None) -> str | None:
    return clock.iso(moment) if moment is not None else None

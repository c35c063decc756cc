"""A member's private state in a conversation."""

from typing import NotRequired, TypedDict

from chatapp.schemas.views.last_message import LastMessageView


class SettingsView(TypedDict):
    """A member's settings of a conversation; see docs/protocol.md, section 13."""

    mutedUntil: str | None
    muteMentions: bool
    archived: bool
    archivedMseq: int | None
    pinned: bool
    pinnedAt: str | None
    markedUnread: bool
    markedUnreadSeq: int | None


class DraftView(TypedDict):
    """A text that is not sent yet; it will be with `draftId` as its clientMsgId."""

    draftId: str
    text: str
    updatedAt: str


class OwnView(TypedDict):
    """All private state of a member in a conversation. `version` is 0 before its first change.

    `hidden` and `hiddenSeqs`: messages that are deleted for the member alone, in the same order. `lastMessage`, where
    the conversation's newest message is one of them: the one to show instead.
    """

    version: int
    settings: SettingsView
    hidden: list[str]
    hiddenSeqs: list[int]
    stars: list[str]
    draft: DraftView | None
    lastMessage: NotRequired[LastMessageView | None]


class OwnChanged(TypedDict):
    """The part of the private state that was changed, for all devices of the user."""

    conversationId: str
    version: int
    settings: NotRequired[SettingsView]
    hidden: NotRequired[list[str]]
    hiddenSeqs: NotRequired[list[int]]
    stars: NotRequired[list[str]]
    draft: NotRequired[DraftView | None]
    deletedMseqs: NotRequired[list[int]]
    lastMessage: NotRequired[LastMessageView | None]

"""The answer to a sync, and the proof that a log is whole."""

from typing import NotRequired, TypedDict

from chatapp.schemas.views.conversations import ConversationRef, ConversationView
from chatapp.schemas.views.entries import EntryView, HeadView
from chatapp.schemas.views.own import OwnView
from chatapp.schemas.views.receipts import ReceiptView
from chatapp.schemas.views.users import ProfileView


class GapView(TypedDict):
    """Entries that are left out: after < seq < before."""

    after: int
    before: int


class SyncedConversation(TypedDict):
    """One conversation of a sync."""

    id: str
    head: HeadView
    firstSeq: int
    entries: list[EntryView]
    limited: bool
    gap: GapView | None
    changedBeforeGap: bool
    reset: bool
    hidden: bool
    readSeq: int
    readMseq: int
    deletedMseqs: list[int]
    unreadCount: int
    mentionCount: int
    mentionMseqs: list[int]
    receipts: list[ReceiptView]
    own: NotRequired[OwnView]
    conversation: NotRequired[ConversationView]


class Synced(TypedDict):
    """A sync's answer."""

    epoch: str
    reset: bool
    conversations: list[SyncedConversation]
    left: list[str]
    users: list[ProfileView]
    next: str
    more: bool
    serverTime: str


class ProofView(ConversationRef):
    """The log up to a place."""

    seq: int
    mseq: int
    hash: str
    count: int
    head: HeadView

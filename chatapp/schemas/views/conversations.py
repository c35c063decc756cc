"""Conversations, their lists and their members."""

from typing import NotRequired, TypedDict

from chatapp.schemas.views.entries import EntryView, HeadView
from chatapp.schemas.views.envelope import Data, WhyEmpty
from chatapp.schemas.views.last_message import LastMessageView
from chatapp.schemas.views.own import OwnView
from chatapp.schemas.views.users import ParticipantView


class ConversationView(TypedDict):
    """A conversation as one of its members sees it."""

    _id: str
    id: str
    type: str
    name: str | None
    avatar: str | None
    history: str
    whoMayPin: str
    participants: list[ParticipantView]
    participantCount: int
    lastMessage: LastMessageView | None
    unreadCount: int
    mentionCount: int
    mentionMseqs: list[int]
    head: HeadView
    firstSeq: int
    readSeq: int
    readMseq: int
    deletedMseqs: list[int]
    createdBy: str
    createdAt: str
    updatedAt: str
    own: OwnView
    isNew: NotRequired[bool]


class ConversationRef(TypedDict):
    """Names a conversation."""

    conversationId: str


class SkipPagination(TypedDict):
    """Paging by number."""

    skip: int
    limit: int
    hasMore: bool


class ConversationsPage(Data[list[ConversationView]]):
    """A page of conversations."""

    pagination: SkipPagination
    meta: NotRequired[WhyEmpty]


class MembersPagination(TypedDict):
    """The start of the next page of members."""

    limit: int
    hasMore: bool
    nextAfter: str | None


class MembersPage(Data[list[ParticipantView]]):
    """A page of members."""

    participantCount: int
    head: HeadView
    pagination: MembersPagination


class HiddenAnswer(Data[ConversationRef]):
    """A conversation that was deleted for the caller."""

    msg: str


class GroupAnswer(Data[ConversationView]):
    """A group after a change; without an entry when the change was in effect already."""

    entry: NotRequired[EntryView]

"""The entries of a conversation's log, messages among them."""

from typing import NotRequired, TypedDict

from chatapp.errors import Failure
from chatapp.schemas.views.envelope import Data
from chatapp.schemas.views.media import AttachmentView
from chatapp.schemas.views.users import ParticipantView, Person


class HeadView(TypedDict):
    """A place in a log."""

    seq: int
    mseq: int
    hash: str


class PlaceView(TypedDict):
    """The fields that every entry has."""

    id: str
    _id: str
    conversationId: str
    seq: int
    mseq: int
    hash: str
    clientMsgId: str
    type: str
    createdAt: str


class ReactionView(TypedDict):
    """An emoji, and the users who have reacted with it."""

    emoji: str
    count: int
    users: list[str]


class QuoteView(TypedDict):
    """The message that a reply refers to, as it is now; `changedSeq` as of a message.

    Only its id, and that it is `unavailable`, where it is deleted, or not for the reader to see.
    """

    id: str
    unavailable: NotRequired[bool]
    seq: NotRequired[int]
    sender: NotRequired[Person]
    kind: NotRequired[str]
    preview: NotRequired[str]
    changedSeq: NotRequired[int]


class MentionView(TypedDict):
    """Somebody named at a place in a text, in UTF-16 units; `everyone` for all."""

    userId: str
    offset: int
    length: int


class ForwardedView(TypedDict):
    """The number of times that a message was forwarded until it came here."""

    hops: int


class MessageView(PlaceView):
    """A message; the counts are for its sender, in groups.

    `changedSeq`, where later entries have changed it: the last one that is counted in. `edits` is how often it was
    edited, `editedAt` when last; one that is `deleted` has neither, nor a text. `reactions`, where there are any.
    `pinned`, while it is, and `pinnedUntil`, where that ends. `audioUrl` and `audioDuration` are for old apps.
    """

    content: str
    attachment: str | None
    kind: str
    sender: Person
    status: str
    deliveredTo: NotRequired[int]
    readBy: NotRequired[int]
    changedSeq: NotRequired[int]
    editedAt: NotRequired[str]
    edits: NotRequired[int]
    deleted: NotRequired[bool]
    reactions: NotRequired[list[ReactionView]]
    replyTo: NotRequired[QuoteView]
    hidden: NotRequired[bool]
    pinned: NotRequired[bool]
    pinnedUntil: NotRequired[str]
    mentions: NotRequired[list[MentionView]]
    starred: NotRequired[bool]
    forwarded: NotRequired[ForwardedView]
    attachments: NotRequired[list[AttachmentView]]
    audioUrl: NotRequired[str]
    audioDuration: NotRequired[float | None]


class MembersAdded(TypedDict):
    """The change of `member_added`."""

    members: list[ParticipantView]


class MemberGone(TypedDict):
    """The change of `member_removed` and `member_left`."""

    userId: str
    user: Person


class RoleView(TypedDict):
    """A member's role."""

    userId: str
    role: str


class RolesChanged(TypedDict):
    """The change of `role_changed`."""

    roles: list[RoleView]


class GroupChanged(TypedDict, total=False):
    """The change of `conversation_changed`: the fields that it sets."""

    name: str
    avatar: str | None
    history: str
    whoMayPin: str


class TargetView(TypedDict):
    """The message that a change concerns; with `withheld` it is not told what has changed."""

    messageId: str
    targetSeq: int
    targetMseq: int
    withheld: NotRequired[bool]


class MessageEdited(TargetView):
    """The change of `message_edited`."""

    content: str
    mentions: NotRequired[list[MentionView]]
    editedAt: str


class MessageDeleted(TargetView):
    """The change of `message_deleted`."""


class Reacted(TargetView):
    """The change of `reaction`: set, or taken back."""

    emoji: str
    on: bool


class Pinned(TargetView):
    """The change of `pinned`; `until`, where it ends."""

    until: NotRequired[str]


class Unpinned(TargetView):
    """The change of `unpinned`."""


ChangeOfMessage = MessageEdited | MessageDeleted | Reacted | Pinned | Unpinned
Change = ChangeOfMessage | MembersAdded | MemberGone | RolesChanged | GroupChanged


class ChangeView(PlaceView):
    """Any other entry. `change` is by type; see docs/protocol.md, section 5."""

    actor: Person
    change: Change


EntryView = MessageView | ChangeView


class MessageAnswer(Data[MessageView]):
    """A message that was sent, or is a repeat of one."""

    duplicate: NotRequired[bool]


class FailedForward(TypedDict):
    """A conversation that a message could not be forwarded to."""

    conversationId: str
    error: Failure


class ForwardAnswer(Data[list[MessageView]]):
    """The new messages, and the conversations that did not get one."""

    failed: list[FailedForward]
    duplicate: NotRequired[bool]


class MessageChanged(MessageAnswer):
    """A message after an act, and the act's entry; without one when the act was in effect already."""

    entry: NotRequired[EntryView]


class VersionView(TypedDict):
    """A text that a message has or had, of the entry `seq`."""

    seq: int
    content: str
    createdAt: str


class SeqPagination(TypedDict):
    """The start of the next page of a history."""

    limit: int
    hasMore: bool
    nextBefore: int | None
    nextAfter: int | None


class HistoryPage(Data[list[MessageView]]):
    """A page of messages."""

    pagination: SeqPagination


class StarsPagination(TypedDict):
    """The start of the next page of starred messages."""

    limit: int
    hasMore: bool
    nextAfter: str | None


class StarsPage(Data[list[MessageView]]):
    """A page of starred messages."""

    pagination: StarsPagination


class EntriesMeta(TypedDict):
    """The bounds of a log as the caller may see it."""

    firstSeq: int
    headSeq: int
    hasMore: bool


class EntriesPage(Data[list[EntryView]]):
    """A page of a log."""

    meta: EntriesMeta

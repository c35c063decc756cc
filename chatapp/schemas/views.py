"""The shapes of answers and of pushed events, as types. `answers` and `pushed` document the same shapes for clients."""

from typing import Generic, NotRequired, TypedDict, TypeVar

T_co = TypeVar("T_co", covariant=True)


class Data(TypedDict, Generic[T_co]):
    """An answer that is `data` and nothing else."""

    data: T_co


class Person(TypedDict):
    """A user as the sender of something."""

    id: str
    _id: str
    name: str
    avatar: str | None


class ProfileView(Person):
    """A member's profile."""

    email: str


class UserView(ProfileView):
    """A user."""

    created: str


class OwnUserView(UserView):
    """The caller, with a token that has the new claims."""

    token: str


class ParticipantView(ProfileView):
    """A member of a conversation."""

    role: str


class HeadView(TypedDict):
    """A place in a log."""

    seq: int
    mseq: int
    hash: str


class LastMessageView(TypedDict):
    """The newest message of a conversation."""

    _id: str
    id: str
    seq: int
    content: str
    senderId: str
    attachment: str | None
    type: str
    createdAt: str


class ConversationView(TypedDict):
    """A conversation as one of its members sees it."""

    _id: str
    id: str
    type: str
    name: str | None
    avatar: str | None
    history: str
    participants: list[ParticipantView]
    participantCount: int
    lastMessage: LastMessageView | None
    unreadCount: int
    head: HeadView
    firstSeq: int
    readSeq: int
    readMseq: int
    createdBy: str
    createdAt: str
    updatedAt: str
    isNew: NotRequired[bool]


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


class MessageView(PlaceView):
    """A message; the counts are for its sender, in groups."""

    content: str
    attachment: str | None
    sender: Person
    status: str
    deliveredTo: NotRequired[int]
    readBy: NotRequired[int]


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


Change = MembersAdded | MemberGone | RolesChanged | GroupChanged


class ChangeView(PlaceView):
    """Any other entry. `change` is by type; see docs/protocol.md, section 5."""

    actor: Person
    change: Change


EntryView = MessageView | ChangeView


class ConversationRef(TypedDict):
    """Names a conversation."""

    conversationId: str


class WhyEmpty(TypedDict, total=False):
    """The next page's cursor, or why there is nothing."""

    next: str
    code: str
    message: str


class MessageAnswer(Data[MessageView]):
    """A message that was sent, or is a repeat of one."""

    duplicate: NotRequired[bool]


class SeqPagination(TypedDict):
    """Where the next page of a history begins."""

    limit: int
    hasMore: bool
    nextBefore: int | None
    nextAfter: int | None


class HistoryPage(Data[list[MessageView]]):
    """A page of messages."""

    pagination: SeqPagination


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
    """Where the next page of members begins."""

    limit: int
    hasMore: bool
    nextAfter: str | None


class MembersPage(Data[list[ParticipantView]]):
    """A page of members."""

    participantCount: int
    head: HeadView
    pagination: MembersPagination


class ContactsPage(Data[list[UserView]]):
    """A page of people."""

    meta: NotRequired[WhyEmpty]


class HiddenAnswer(Data[ConversationRef]):
    """A conversation that was deleted for the caller."""

    msg: str


class GroupAnswer(Data[ConversationView]):
    """A group after a change; without an entry when the change was in effect already."""

    entry: NotRequired[EntryView]


class ReadView(ConversationRef):
    """How far the caller has read."""

    readSeq: int
    readMseq: int
    unreadCount: int


class EntriesMeta(TypedDict):
    """The bounds of a log as the caller may see it."""

    firstSeq: int
    headSeq: int
    hasMore: bool


class EntriesPage(Data[list[EntryView]]):
    """A page of a log."""

    meta: EntriesMeta


class GapView(TypedDict):
    """Entries that are left out: after < seq < before."""

    after: int
    before: int


class ReceiptView(TypedDict):
    """A member's marks."""

    userId: str
    deliveredSeq: int
    readSeq: int


class PushedReceipt(ReceiptView):
    """A member's marks that have moved."""

    conversationId: str
    timestamp: str


class PushedRead(TypedDict):
    """Publish the same by message, for old apps."""

    messageId: str
    conversationId: str
    readBy: str
    timestamp: str


class SyncedConversation(TypedDict):
    """One conversation of a sync."""

    id: str
    head: HeadView
    firstSeq: int
    entries: list[EntryView]
    limited: bool
    gap: GapView | None
    reset: bool
    hidden: bool
    readSeq: int
    readMseq: int
    unreadCount: int
    receipts: list[ReceiptView]
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


class MemberReceipt(Person):
    """How far a message has come with one member."""

    status: str
    deliveredAt: str | None
    readAt: str | None


class MessageReceipts(ConversationRef):
    """How far a message has come with each member."""

    messageId: str
    seq: int
    members: list[MemberReceipt]


class AcceptedStep(TypedDict):
    """When a message was accepted, and by which request."""

    at: str
    requestId: str


class StoredStep(TypedDict):
    """Where a message was stored, and when."""

    seq: int
    hash: str
    at: str | None


class AnnouncedStep(TypedDict):
    """When a message was announced."""

    at: str


class TraceSteps(TypedDict):
    """The steps of a message through this process."""

    accepted: AcceptedStep
    stored: StoredStep
    announced: AnnouncedStep | None


class TraceView(MessageReceipts, TraceSteps):
    """How far a message has come."""


class PresenceView(TypedDict):
    """Whether a user is online, or when they were."""

    userId: str
    status: str
    lastSeen: str | None


class PrivacyView(TypedDict):
    """The facts about themselves that a user hides."""

    hideLastSeen: bool
    hideReadReceipts: bool


class TypingView(TypedDict):
    """Somebody types, or stopped."""

    userId: str
    userEmail: str
    userName: str
    conversationId: str
    isTyping: bool
    expiresIn: int


class Tokens(TypedDict):
    """The tokens of a session."""

    token: str
    accessToken: NotRequired[str]
    refreshToken: NotRequired[str]
    expiresIn: int


class SignedIn(Tokens):
    """Tokens, and whose they are."""

    msg: str
    data: UserView


class SessionView(TypedDict):
    """One log-in on one device."""

    id: str
    deviceName: str | None
    client: str | None
    address: str | None
    createdAt: str
    lastSeenAt: str
    expiresAt: str
    current: bool


class Ended(TypedDict):
    """How many sessions were ended."""

    sessionsEnded: int


class ProfileChanged(Data[OwnUserView]):
    """The caller's profile after a change."""

    msg: str

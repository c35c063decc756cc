"""Receipts of messages, and a message's steps through the server."""

from typing import TypedDict

from chatapp.schemas.views.conversations import ConversationRef
from chatapp.schemas.views.users import Person


class ReadView(ConversationRef):
    """The position up to which the caller has read."""

    readSeq: int
    readMseq: int
    unreadCount: int


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


class MemberReceipt(Person):
    """One member's receipt of a message."""

    status: str
    deliveredAt: str | None
    readAt: str | None


class MessageReceipts(ConversationRef):
    """Every member's receipt of a message."""

    messageId: str
    seq: int
    members: list[MemberReceipt]


class AcceptedStep(TypedDict):
    """The time at which a message was accepted, and the request that sent it."""

    at: str
    requestId: str


class StoredStep(TypedDict):
    """The place at which a message was stored, and the time."""

    seq: int
    hash: str
    at: str | None


class AnnouncedStep(TypedDict):
    """The time at which a message was announced."""

    at: str


class TraceSteps(TypedDict):
    """The steps of a message through this process."""

    accepted: AcceptedStep
    stored: StoredStep
    announced: AnnouncedStep | None


class TraceView(MessageReceipts, TraceSteps):
    """The steps that a message has taken so far."""

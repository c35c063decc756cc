"""The answer to a sync, and the proof that a log is whole."""

from marshmallow import Schema, fields

from chatapp.schemas.answers.conversations import Conversation, ConversationRef
from chatapp.schemas.answers.entries import Entry, Head
from chatapp.schemas.answers.envelope import Out
from chatapp.schemas.answers.fields import date_time, identifier, number, text
from chatapp.schemas.answers.own import Own
from chatapp.schemas.answers.receipts import Receipt
from chatapp.schemas.answers.users import Profile


class Gap(Schema):
    """Entries that are left out: after < seq < before."""

    after = number()
    before = number()


class SyncedConversation(Schema):
    """One conversation of a sync."""

    id = identifier()
    head = fields.Nested(Head, required=True)
    firstSeq = number()
    entries = fields.List(fields.Nested(Entry), required=True)
    limited = fields.Boolean(required=True)
    gap = fields.Nested(Gap, required=True, allow_none=True)
    changedBeforeGap = fields.Boolean(
        required=True, metadata={"description": "Messages that the client has may have changed: fetch them again"}
    )
    reset = fields.Boolean(required=True)
    hidden = fields.Boolean(required=True)
    readSeq = number()
    readMseq = number()
    deletedMseqs = fields.List(fields.Integer(), required=True)
    unreadCount = number()
    mentionCount = number()
    mentionMseqs = fields.List(fields.Integer(), required=True)
    receipts = fields.List(fields.Nested(Receipt), required=True)
    own = fields.Nested(Own, metadata={"description": "Where it has changed: the caller's private state"})
    conversation = fields.Nested(Conversation)


class Synced(Schema):
    epoch = text()
    reset = fields.Boolean(required=True)
    conversations = fields.List(fields.Nested(SyncedConversation), required=True)
    left = fields.List(fields.String(), required=True)
    users = fields.List(fields.Nested(Profile), required=True)
    next = text()
    more = fields.Boolean(required=True)
    serverTime = date_time()


class SyncOut(Out):
    data = fields.Nested(Synced, required=True)


class Proof(ConversationRef):
    """The log up to a place: its last entry's whole hash, and how many entries there are."""

    seq = number()
    mseq = number()
    hash = text()
    count = number()
    head = fields.Nested(Head, required=True)


class ProofOut(Out):
    data = fields.Nested(Proof, required=True)

"""Conversations, their lists and their members."""

from marshmallow import Schema, fields

from chatapp.schemas.answers.entries import Entry, Head
from chatapp.schemas.answers.envelope import Out, WhyEmpty
from chatapp.schemas.answers.fields import date_time, identifier, maybe_text, number, text
from chatapp.schemas.answers.last_message import LastMessage
from chatapp.schemas.answers.own import Own
from chatapp.schemas.answers.users import Participant


class Conversation(Schema):
    """A conversation as one of its members sees it."""

    id = identifier()
    _id = fields.String(required=True)
    type = text(metadata={"enum": ["direct", "group"]})
    name = maybe_text()
    avatar = maybe_text()
    history = text(metadata={"enum": ["all", "since_join"]})
    whoMayPin = text(metadata={"enum": ["everyone", "admins"]})
    participants = fields.List(
        fields.Nested(Participant),
        required=True,
        metadata={
            "description": "All members when one conversation is asked for; in lists, sync and newConversation some of "
            "them: the caller, who wrote last, and those who joined first"
        },
    )
    participantCount = number(metadata={"description": "How many members there are"})
    lastMessage = fields.Nested(LastMessage, required=True, allow_none=True)
    unreadCount = number()
    mentionCount = number(metadata={"description": "How many of the unread messages mention the caller"})
    mentionMseqs = fields.List(fields.Integer(), required=True, metadata={"description": "Their mseqs"})
    head = fields.Nested(Head, required=True)
    firstSeq = number(metadata={"description": "The first entry that the caller may see"})
    readSeq = number()
    readMseq = number(metadata={"description": "unreadCount is head.mseq - readMseq, less the deletedMseqs"})
    deletedMseqs = fields.List(
        fields.Integer(), required=True, metadata={"description": "Messages above readMseq that are deleted"}
    )
    createdBy = identifier()
    createdAt = date_time()
    updatedAt = date_time()
    own = fields.Nested(Own, required=True)
    isNew = fields.Boolean()


class ConversationOut(Out):
    data = fields.Nested(Conversation, required=True)


class MembersPagination(Schema):
    limit = number()
    hasMore = fields.Boolean(required=True)
    nextAfter = fields.String(required=True, allow_none=True)


class MembersOut(Out):
    data = fields.List(fields.Nested(Participant), required=True)
    participantCount = number(metadata={"description": "How many members there are"})
    head = fields.Nested(Head, required=True, metadata={"description": "Where in the log these are the members"})
    pagination = fields.Nested(MembersPagination, required=True)


class SkipPagination(Schema):
    skip = number()
    limit = number()
    hasMore = fields.Boolean(required=True)


class ConversationsOut(Out):
    data = fields.List(fields.Nested(Conversation), required=True)
    pagination = fields.Nested(SkipPagination, required=True)
    meta = fields.Nested(WhyEmpty)


class ConversationRef(Schema):
    conversationId = identifier()


class HiddenOut(Out):
    msg = text()
    data = fields.Nested(ConversationRef, required=True)


class GroupChangedOut(Out):
    """The group as it is now, and the entry; without one when it was so already."""

    data = fields.Nested(Conversation, required=True)
    entry = fields.Nested(Entry)

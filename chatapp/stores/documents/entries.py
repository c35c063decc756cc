"""The documents of `entries`, and their bodies by type."""

from datetime import datetime
from typing import Any, NotRequired, TypedDict

from bson import ObjectId

from chatapp.stores.documents.users import MemberProfile


class Reference(TypedDict):
    """The message that a reply refers to."""

    id: ObjectId
    seq: int


class Mention(TypedDict):
    """Somebody, or `everyone`, named at a place in a text, in UTF-16 units."""

    user_id: ObjectId | str
    offset: int
    length: int


class Forwarded(TypedDict):
    """The message that a copy was made of, and the number of times that its text was forwarded until it came here."""

    hops: int
    source: ObjectId


class MediaReference(TypedDict):
    """A file of a message, as its body names it: by its content."""

    id: ObjectId
    sha256: str


class MediaShown(MediaReference):
    """A file of a message, as it stands beside the body. `thumbs` are the widths of its pictures."""

    kind: str
    mime: str
    name: str
    size: int
    width: int | None
    height: int | None
    duration: float | None
    thumbhash: str | None
    waveform: list[int] | None
    thumbs: list[int]


class MessageBody(TypedDict):
    """The body of a `message`; what a message does not have is absent, so that plain ones stay as they were."""

    content: str
    attachment: str | None
    reply_to: NotRequired[Reference]
    mentions: NotRequired[list[Mention]]
    forwarded: NotRequired[Forwarded]
    attachments: NotRequired[list[MediaReference]]


class AddedBody(TypedDict):
    """The body of `member_added`."""

    user_ids: list[ObjectId]


class GoneBody(TypedDict):
    """The body of `member_removed` and `member_left`."""

    user_id: ObjectId


class Role(TypedDict):
    """A member's role."""

    user_id: ObjectId
    role: str


class RolesBody(TypedDict):
    """The body of `role_changed`."""

    roles: list[Role]


class ChangedBody(TypedDict, total=False):
    """The body of `conversation_changed`: the fields that it sets."""

    name: str
    avatar: str | None
    history: str
    who_may_pin: str


class EditedBody(MessageBody):
    """The body of `message_edited`: the whole message from here on. `erases`: earlier versions lose theirs.

    An edit has mentions of its own. It keeps what else the first body says only where it erases that.
    """

    erases: NotRequired[bool]


class DeletedBody(TypedDict):
    """The body of `message_deleted`, which says nothing: the entry's header names the message."""


class ReactionBody(TypedDict):
    """The body of `reaction`: its sender has set the emoji (its key), or taken it back."""

    emoji: str
    on: bool


class PinnedBody(TypedDict):
    """The body of `pinned`. `until`: when it ends, in ISO 8601."""

    until: NotRequired[str]


class UnpinnedBody(TypedDict):
    """The body of `unpinned`, which says nothing: the entry's header names the message."""


BodyOfChange = EditedBody | DeletedBody | ReactionBody | PinnedBody | UnpinnedBody  # of a message
Body = BodyOfChange | MessageBody | AddedBody | GoneBody | RolesBody | ChangedBody


class PinNow(TypedDict):
    """The pin of a message: the entry that has pinned it, and when it ends, if it does."""

    seq: int
    until: datetime | None


Reactions = dict[str, list[ObjectId]]  # emoji key → users, in the order in which they came


class Now(TypedDict):
    """A message as later entries have made it, up to and with `seq`; see `chatapp.services.log.changes`.

    Rows of earlier versions have neither `reactions` nor `pinned`. `reply_to` and `forwarded` are here only where the
    first body is erased.
    """

    seq: int
    content: str
    attachment: str | None
    edited_at: datetime | None
    edits: list[int]
    reactions: Reactions
    pinned: PinNow | None
    deleted: bool
    by: ObjectId | None
    reply_to: NotRequired[Reference]
    mentions: NotRequired[list[Mention]]
    forwarded: NotRequired[Forwarded]


class UnsealedEntry(TypedDict):
    """An entry before it has its place in the hash chain. `media` describes the files that its body names.

    One that concerns a message names it: the hash is made of `target_seq`, from which the other two follow.
    """

    _id: ObjectId
    conversation_id: ObjectId
    seq: int
    mseq: int
    type: str
    sender_id: ObjectId
    client_msg_id: str
    body: Any  # a Body, by `type`
    created_at: datetime
    profiles: NotRequired[dict[str, MemberProfile]]
    target_seq: NotRequired[int]
    target_id: NotRequired[ObjectId]
    target_mseq: NotRequired[int]
    now: NotRequired[Now]
    media: NotRequired[list[MediaShown]]


class CommittedEntry(UnsealedEntry):
    """An entry whose body is committed to: what `hash` is made of."""

    body_hash: str


class ShownEntry(UnsealedEntry):
    """An entry without the fields that only the chain and the trace need."""

    hash: str


class Seal(TypedDict):
    """The fields that put an entry into the hash chain."""

    salt: str
    body_hash: str
    hash: str


class Entry(CommittedEntry):
    """A whole entry of a conversation's log."""

    request_id: str
    salt: str
    hash: str


class EntryPlace(TypedDict):
    """An entry's place in the log."""

    _id: ObjectId
    conversation_id: ObjectId
    seq: int


def content_of(entry: UnsealedEntry) -> str:
    """Return the text that an entry brings; empty where there is none, or where it was erased."""
    body = entry["body"]
    return str(body.get("content") or "") if body else ""

"""Entries as changes of a conversation's state: the one place that says what an entry means."""

from collections.abc import Callable

from chatapp.services.log import pins as pinning
from chatapp.services.log.member import MEMBER, Member
from chatapp.services.log.state import ERASED, MOST_DELETED, Conversation
from chatapp.stores.documents.conversations import LastMessage
from chatapp.stores.documents.entries import AddedBody, Entry, GoneBody, MessageBody, RolesBody


def apply(conversation: Conversation, entry: Entry) -> None:
    """Bring the state forward by the next entry."""
    conversation.seq = entry["seq"]
    conversation.mseq = entry["mseq"]
    conversation.hash = entry["hash"]
    conversation.entry_at = max(conversation.entry_at, entry["created_at"])
    change = _APPLY.get(entry["type"])
    if change is None:
        return  # of a later version: its processes store what it means
    if entry["type"] in OF_MESSAGES:
        conversation.touched_at = max(conversation.touched_at, entry["created_at"])
        conversation.last_change_seq = entry["seq"]
        change(conversation, entry)
        return
    conversation.last_activity = max(conversation.last_activity, entry["created_at"])
    change(conversation, entry)


def _apply_message(conversation: Conversation, entry: Entry) -> None:
    conversation.sent[entry["sender_id"]] = (entry["seq"], entry["mseq"])
    conversation.last_message = {
        "_id": entry["_id"],
        "seq": entry["seq"],
        "mseq": entry["mseq"],
        "sender_id": entry["sender_id"],
        "body": _message_body(entry),
        "created_at": entry["created_at"],
    }
    if "media" in entry:
        conversation.last_message["media"] = entry["media"][0]
    if entry["body"] is None:
        conversation.last_message["deleted"] = True
    elif "mentions" in entry["body"]:
        conversation.note_mentions(entry["mseq"], entry, entry["body"])


def _message_body(entry: Entry) -> MessageBody:
    body: MessageBody | None = entry["body"]
    return ERASED if body is None else {"content": body["content"], "attachment": body["attachment"]}


def _apply_edited(conversation: Conversation, entry: Entry) -> None:
    """Renew the last message, if it is this one. An edit that has lost its text is of a message that is deleted."""
    if entry["target_mseq"] in conversation.deleted:
        return
    conversation.note_mentions(entry["target_mseq"], entry, entry["body"])
    last = conversation.last_message
    if last is not None and last["seq"] == entry["target_seq"]:
        shown: LastMessage = {**last, "body": _message_body(entry)}
        shown.pop("deleted", None)
        if entry["body"] is None:
            shown["deleted"] = True
        conversation.last_message = shown


def _apply_deleted(conversation: Conversation, entry: Entry) -> None:
    """Count the message as read by everybody, and blank it where it is the last one.

    What all members have read needs no counting; nor do more than the newest thousand of what somebody never reads.
    """
    last = conversation.last_message
    if last is not None and last["seq"] == entry["target_seq"]:
        blanked: LastMessage = {**last, "body": ERASED, "deleted": True}
        blanked.pop("media", None)
        conversation.last_message = blanked
    conversation.pins = pinning.without(conversation.pins, entry["target_seq"])
    gone = conversation.deleted
    gone[entry["target_mseq"]] = entry["seq"]
    conversation.note_mentions(entry["target_mseq"], entry, None)
    least = conversation.least_read()
    for mseq in [mseq for mseq in gone if mseq <= least]:
        del gone[mseq]
    for mseq in sorted(gone)[:-MOST_DELETED]:
        del gone[mseq]


def _apply_reaction(conversation: Conversation, entry: Entry) -> None:
    """Change nothing: only the message shows it."""


def _apply_pinned(conversation: Conversation, entry: Entry) -> None:
    conversation.pins = pinning.with_pin(conversation.pins, entry)


def _apply_unpinned(conversation: Conversation, entry: Entry) -> None:
    conversation.pins = pinning.without(conversation.pins, entry["target_seq"])


def _apply_added(conversation: Conversation, entry: Entry) -> None:
    conversation.membership_changed()
    conversation.newest_joined_seq = entry["seq"]
    body: AddedBody = entry["body"]
    for user_id in body["user_ids"]:
        profile = entry["profiles"][str(user_id)]
        member = conversation.members.setdefault(user_id, Member(user_id, MEMBER, profile))
        member.role, member.left_seq = MEMBER, None
        member.joined_seq = member.changed_seq = entry["seq"]
        member.visible_from = 1 if conversation.history == "all" else entry["seq"]
        member.read_seq, member.read_mseq = entry["seq"], entry["mseq"]  # older messages are not unread


def _apply_gone(conversation: Conversation, entry: Entry) -> None:
    conversation.membership_changed()
    body: GoneBody = entry["body"]
    member = conversation.members[body["user_id"]]
    member.left_seq = member.changed_seq = entry["seq"]


def _apply_roles(conversation: Conversation, entry: Entry) -> None:
    body: RolesBody = entry["body"]
    for change in body["roles"]:
        member = conversation.members[change["user_id"]]
        member.role, member.changed_seq = change["role"], entry["seq"]


def _apply_changed(conversation: Conversation, entry: Entry) -> None:
    for name, value in entry["body"].items():
        setattr(conversation, name, value)


_APPLY: dict[str, Callable[[Conversation, Entry], None]] = {
    "message": _apply_message,
    "message_edited": _apply_edited,
    "message_deleted": _apply_deleted,
    "reaction": _apply_reaction,
    "pinned": _apply_pinned,
    "unpinned": _apply_unpinned,
    "member_added": _apply_added,
    "member_removed": _apply_gone,
    "member_left": _apply_gone,
    "role_changed": _apply_roles,
    "conversation_changed": _apply_changed,
}
ENTRY_TYPES = frozenset(_APPLY)
OF_MESSAGES = frozenset(  # the types that change a message
    {"message_edited", "message_deleted", "reaction", "pinned", "unpinned"}
)
OF_MEMBERS = (
    ENTRY_TYPES - OF_MESSAGES - {"message"}
)  # the types that change members, or what the conversation is called

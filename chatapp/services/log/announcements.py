"""Tell the devices of a conversation's members about a stored entry."""

import structlog
from bson import ObjectId

from chatapp import metrics
from chatapp.realtime import announcing
from chatapp.realtime.connections import ALL, NEW, OLD, Sessions
from chatapp.schemas.views.entries import ChangeView, MessageView
from chatapp.services.log import changes as message_changes
from chatapp.services.log import entry_views, last_messages, message_trace, old_events
from chatapp.services.log.apply import OF_MESSAGES
from chatapp.services.log.conversation_views import LISTED_FOR_OLD_APPS
from chatapp.services.log.conversation_views import view as conversation_view
from chatapp.services.log.quotes import Quoted, hidden, reference_of
from chatapp.services.log.state import Conversation
from chatapp.services.search import waiting
from chatapp.stores.documents.entries import AddedBody, Entry, GoneBody

logger = structlog.get_logger("chatapp.log")


def announce(
    conversation: Conversation, entry: Entry, target: Entry | None = None, quoted: Quoted | None = None
) -> MessageView | None:
    """Tell every device of every current member, and of the one whom the entry takes out.

    `target` is the message that the entry concerns, after it, `quoted` the one that it replies to, as it was before;
    where one is needed and not given, it is read. Return the message as they were shown it; None for another entry, and
    when that failed. The entry is stored, so a failure fails nobody's call; clients get the entry by their next sync.
    """
    waiting.note(conversation.id)
    try:
        return publish(conversation, entry, target, quoted)
    except Exception:
        metrics.side_failures.labels("announce").inc()
        logger.exception("an entry could not be announced", conversation=str(conversation.id), seq=entry["seq"])
        return None


def publish(
    conversation: Conversation, entry: Entry, target: Entry | None = None, quoted: Quoted | None = None
) -> MessageView | None:
    """Publish the entry, and return it if it is a message. Raises what a view or the transport raises."""
    is_fresh = quoted is not None and conversation.last_change_seq <= quoted.as_of
    known = [quoted.message] if quoted is not None and is_fresh else []
    views, message = entry_views.Views(conversation, None, known), None
    if entry["type"] == "message":
        message = views.of_message(entry)
        pushes = _pushes_of_message(conversation, entry, message)
    elif entry["type"] in OF_MESSAGES:
        pushes = _pushes_about_message(conversation, entry, views, target)
    else:
        pushes = _pushes_of_change(conversation, entry, views.of_change(entry))
    announcing.announce(conversation.id, entry["seq"], pushes)
    message_trace.announced(entry)
    return message


def _pushes_of_message(conversation: Conversation, entry: Entry, message: MessageView) -> list[announcing.Push]:
    """Return the pushes of a message: whoever may not see what it replies to gets no quote of it."""
    present, reference = conversation.present_at(entry["seq"]), reference_of(entry)
    if reference is None:
        return _to_all(message, present)
    seeing, blind = _parted(conversation, present, reference["seq"])
    redacted: MessageView = {**message, "replyTo": hidden(reference)}
    return _to_all(message, seeing) + (_to_all(redacted, blind) if blind else [])


def _parted(conversation: Conversation, present: list[ObjectId], seq: int) -> tuple[list[ObjectId], list[ObjectId]]:
    """Return those who may see this entry, and those who may not."""
    blind = [key for key in present if not conversation.members[key].may_see(seq)]
    return [key for key in present if key not in set(blind)] if blind else present, blind


def _to_all(message: MessageView, user_ids: list[ObjectId]) -> list[announcing.Push]:
    """Return the pushes of a message to all devices of these users, those of old apps by its kind."""
    for_old = old_events.message_of(message)
    if for_old is message:
        return [_push("newMessage", user_ids, message)]
    return [_push("newMessage", user_ids, message, NEW), _push(old_events.name_of(message), user_ids, for_old, OLD)]


def _pushes_of_change(conversation: Conversation, entry: Entry, data: ChangeView) -> list[announcing.Push]:
    pushes: list[announcing.Push] = []
    if entry["type"] == "member_added":
        added: AddedBody = entry["body"]
        for user_id in added["user_ids"]:
            member = conversation.members[user_id]
            instead = last_messages.find(conversation, member)
            shown = conversation_view(conversation, member, is_new=True, most=LISTED_FOR_OLD_APPS, instead=instead)
            pushes.append(_push("newConversation", [user_id], shown))
    gone: list[ObjectId] = []
    if entry["type"] in ("member_removed", "member_left"):
        body: GoneBody = entry["body"]
        gone = [body["user_id"]]
    pushes.append(_push("entry", [*conversation.present_at(entry["seq"]), *gone], data))
    return pushes


def _pushes_about_message(
    conversation: Conversation, entry: Entry, views: entry_views.Views, target: Entry | None
) -> list[announcing.Push]:
    """Return the pushes of an entry that changes a message: whoever may not see the message gets no text of it.

    Apps of the first protocol get the event that they know instead.
    """
    present = conversation.present_at(entry["seq"])
    seeing, blind = _parted(conversation, present, entry["target_seq"])
    shown = views.of_change(entry)
    pushes = [_push("entry", seeing, shown, NEW)]
    if blind:
        pushes.append(_push("entry", blind, views.of_change(entry, withheld=True), NEW))
    known = old_events.of(shown, lambda: _shown_target(entry, views, target))
    if known is not None:
        pushes.append(announcing.Push(known.name, seeing, known.payload, OLD))
    return pushes


def _shown_target(entry: Entry, views: entry_views.Views, target: Entry | None) -> MessageView | None:
    """Return the message that an entry concerns, for events of old apps, which know no quotes."""
    message = target or message_changes.read_target(entry)
    return None if message is None else views.of_message(message, quotes=False)


def _push(event: str, user_ids: list[ObjectId], data: object, sessions: Sessions = ALL) -> announcing.Push:
    return announcing.Push(event, user_ids, {"success": True, "data": data}, sessions)

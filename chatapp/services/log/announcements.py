"""Tell the devices of a conversation's members about a stored entry."""

import structlog
from bson import ObjectId

from chatapp import metrics, realtime
from chatapp.schemas.views import ChangeView, MessageView
from chatapp.services.log import entry_views, message_trace
from chatapp.services.log.conversation_views import LISTED_FOR_OLD_APPS
from chatapp.services.log.conversation_views import view as conversation_view
from chatapp.services.log.state import Conversation
from chatapp.stores.documents import AddedBody, Entry, GoneBody

logger = structlog.get_logger("chatapp.log")


def announce(conversation: Conversation, entry: Entry) -> MessageView | None:
    """Tell every device of every current member, and of the one whom the entry takes out.

    Return the message as they were shown it; None for another entry, and when that failed. The entry is stored, so
    a failure fails nobody's call; clients get the entry by their next sync.
    """
    try:
        return publish(conversation, entry)
    except Exception:
        metrics.side_failures.labels("announce").inc()
        logger.exception("an entry could not be announced", conversation=str(conversation.id), seq=entry["seq"])
        return None


def publish(conversation: Conversation, entry: Entry) -> MessageView | None:
    """Publish the entry, and return it if it is a message. Raises what a view or the transport raises."""
    views, message = entry_views.Views(conversation, None), None
    if entry["type"] == "message":
        message = views.of_message(entry)
        pushes: list[realtime.Push] = [("newMessage", conversation.present_at(entry["seq"]), message)]
    else:
        pushes = _pushes_of_change(conversation, entry, views.of_change(entry))
    realtime.announce(conversation.id, entry["seq"], pushes)
    message_trace.announced(entry)
    return message


def _pushes_of_change(conversation: Conversation, entry: Entry, data: ChangeView) -> list[realtime.Push]:
    pushes: list[realtime.Push] = []
    if entry["type"] == "member_added":
        added: AddedBody = entry["body"]
        for user_id in added["user_ids"]:
            member = conversation.members[user_id]
            shown = conversation_view(conversation, member, is_new=True, most=LISTED_FOR_OLD_APPS)
            pushes.append(("newConversation", [user_id], shown))
    gone: list[ObjectId] = []
    if entry["type"] in ("member_removed", "member_left"):
        body: GoneBody = entry["body"]
        gone = [body["user_id"]]
    pushes.append(("entry", [*conversation.present_at(entry["seq"]), *gone], data))
    return pushes

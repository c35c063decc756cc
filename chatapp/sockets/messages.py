"""Messages over sockets."""

from typing import Any

from chatapp import errors, realtime
from chatapp.schemas.answers import HistoryOut, MessageOut, ReadOut
from chatapp.schemas.conversations import (
    HistoryIn,
    LegacyRelayIn,
    MarkAsReadIn,
    MessageReadIn,
    NewMessageIn,
    TypingIn,
)
from chatapp.schemas.pushed import ReceiptOut, TypingOut
from chatapp.services import messages, presence, receipts
from chatapp.sockets.dispatch import Answer, Caller, event


@event("getMessages", HistoryIn, reply="getMessages", bare="conversationId", out=HistoryOut, reads=True)
def get_messages(caller: Caller, conversationId: str, **page: Any) -> Answer:
    """A page of messages, newest first."""
    return messages.history(caller.user_id, conversationId, **page)


@event("newMessage", NewMessageIn, out=MessageOut)
def new_message(
    caller: Caller,
    conversationId: str,
    content: str | None = None,
    attachment: str | None = None,
    clientMsgId: str | None = None,
    tempId: str | None = None,
) -> Answer:
    """Send a message; it is emitted as `newMessage` to every device of every member, the sender's too."""
    answer = messages.send(caller.user_id, conversationId, content, attachment, clientMsgId or tempId)
    if tempId:
        message = answer["data"]
        queued = {"tempId": tempId, "seq": message["seq"], "timestamp": message["createdAt"]}
        realtime.reply(caller.sid, "messageQueued", queued)
    return answer


@event("sendMessage", LegacyRelayIn, failure="newMessage", out=MessageOut)
def send_message(caller: Caller, conversationId: str, message: Any, tempId: str | None = None) -> Answer:
    """The oldest apps' name for newMessage; `message` is the text, or an object with content and attachment."""
    fields = {"content": message} if isinstance(message, str) else message
    if not isinstance(fields, dict):
        raise errors.invalid("message", "Send a text, or an object with content.")
    loaded = NewMessageIn().load({**fields, "conversationId": conversationId})
    return new_message(caller, **{"tempId": tempId, **loaded})


@event("markAsRead", MarkAsReadIn, reply="markAsRead", bare="conversationId", out=ReadOut)
def mark_as_read(caller: Caller, conversationId: str, seq: int | None = None) -> Answer:
    """Mark the conversation as read, up to `seq` or to the end."""
    return receipts.mark_read(caller.user_id, conversationId, seq)


@event("messageRead", MessageReadIn, out=ReceiptOut)
def message_read(caller: Caller, conversationId: str, messageId: str) -> Answer:
    """Mark as read up to this message; members get `messageReadReceipt`."""
    return receipts.mark_message_read(caller.user_id, conversationId, messageId)


@event("typing", TypingIn, out=TypingOut)
def typing(caller: Caller, conversationId: str, isTyping: bool) -> Answer:
    """Tell the other members that the caller types, or stopped."""
    return presence.typing(caller.user_id, conversationId, isTyping)

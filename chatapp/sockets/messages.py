"""Messages over sockets."""

from typing import Any

from chatapp import errors
from chatapp.realtime import emitting
from chatapp.schemas.answers.entries import HistoryOut, MessageOut
from chatapp.schemas.answers.receipts import ReadOut
from chatapp.schemas.conversations import (
    HistoryIn,
    LegacyRelayIn,
    MessageIn,
    MessageReadIn,
    ReadIn,
    TypingIn,
)
from chatapp.schemas.pushed import ReceiptOut, TypingOut
from chatapp.services import messages, presence, receipts
from chatapp.services.accounts import sessions
from chatapp.sockets.dispatch import Answer, Caller, event


@event("getMessages", HistoryIn, reply="getMessages", bare="conversationId", out=HistoryOut, reads=True)
def get_messages(caller: Caller, conversation_id: str, **page: Any) -> Answer:
    """Return a page of messages, newest first."""
    for_old_app = sessions.is_of_old_app(caller.identity.session_id)
    return messages.history(caller.user_id, conversation_id, **page, for_old_app=for_old_app)


@event("newMessage", MessageIn, out=MessageOut)
def new_message(
    caller: Caller,
    conversation_id: str,
    content: str | None = None,
    attachment: str | None = None,
    client_msg_id: str | None = None,
    temp_id: str | None = None,
    **more: Any,
) -> Answer:
    """Send a message; it is emitted as `newMessage` to every device of every member, the sender's too."""
    for_old_app = sessions.is_of_old_app(caller.identity.session_id)
    answer = messages.send(
        caller.user_id, conversation_id, content, attachment, client_msg_id or temp_id, for_old_app=for_old_app, **more
    )
    if temp_id:
        message = answer["data"]
        queued = {"tempId": temp_id, "seq": message["seq"], "timestamp": message["createdAt"]}
        emitting.reply(caller.sid, "messageQueued", queued)
    return answer


@event("sendMessage", LegacyRelayIn, failure="newMessage", out=MessageOut)
def send_message(caller: Caller, conversation_id: str, message: Any, temp_id: str | None = None) -> Answer:
    """Send a message, under the oldest apps' name; `message` is the text, or an object with content and attachment."""
    fields = {"content": message} if isinstance(message, str) else message
    if not isinstance(fields, dict):
        raise errors.invalid("message", "Send a text, or an object with content.")
    loaded = MessageIn().load({**fields, "conversationId": conversation_id})
    return new_message(caller, **{"temp_id": temp_id, **loaded})


@event("markAsRead", ReadIn, reply="markAsRead", bare="conversationId", out=ReadOut)
def mark_as_read(caller: Caller, conversation_id: str, seq: int | None = None) -> Answer:
    """Mark the conversation as read, up to `seq` or to the end."""
    return receipts.mark_read(caller.user_id, conversation_id, seq)


@event("messageRead", MessageReadIn, out=ReceiptOut)
def message_read(caller: Caller, conversation_id: str, message_id: str) -> Answer:
    """Mark as read up to this message; members get `messageReadReceipt`."""
    return receipts.mark_message_read(caller.user_id, conversation_id, message_id)


@event("typing", TypingIn, out=TypingOut)
def typing(caller: Caller, conversation_id: str, is_typing: bool) -> Answer:
    """Tell the other members that the caller types, or stopped."""
    return presence.typing(caller.user_id, conversation_id, is_typing)

"""Forward a message to other conversations: a copy of what it says now, which does not tell where it comes from."""

from bson import ObjectId

from chatapp import errors, logs
from chatapp.schemas.views.entries import FailedForward, ForwardAnswer
from chatapp.services import messages


def forward(
    user_id: ObjectId,
    message_text: str,
    conversation_texts: list[str],
    client_msg_id: str | None = None,
    *,
    for_old_app: bool = False,
) -> ForwardAnswer:
    """Send a message on to these conversations, each by itself: `{data: [message], failed: [{conversationId, error}]}`.

    One client_msg_id is for all of them, because it belongs to a sender in a conversation. Raises what the first one
    failed with where all have failed: what `messages.send` raises.
    """
    answer: ForwardAnswer = {"data": [], "failed": []}
    first: errors.ChatError | None = None
    duplicates = 0
    for conversation_text in dict.fromkeys(conversation_texts):
        try:
            sent = messages.send(
                user_id,
                conversation_text,
                None,
                client_msg_id=client_msg_id,
                forward_of=message_text,
                for_old_app=for_old_app,
            )
        except errors.ChatError as error:
            first = first or error
            answer["failed"].append(_failed(conversation_text, error))
        else:
            answer["data"].append(sent["data"])
            duplicates += "duplicate" in sent
    if first is not None and not answer["data"]:
        raise first
    if duplicates and duplicates == len(answer["data"]):
        answer["duplicate"] = True
    return answer


def _failed(conversation_text: str, error: errors.ChatError) -> FailedForward:
    return {
        "conversationId": conversation_text,
        "error": errors.envelope(error, logs.current_request_id())["error"],
    }

"""Voice notes and documents, under the old apps' names."""

from typing import Any

from chatapp.realtime import emitting
from chatapp.schemas.answers.entries import MessageOut
from chatapp.schemas.media import DocumentIn, VoiceIn
from chatapp.schemas.views.entries import MessageAnswer
from chatapp.services import messages
from chatapp.services.accounts import sessions
from chatapp.sockets.dispatch import Answer, Caller, event


@event("voice:send", VoiceIn, failure="voice:error", out=MessageOut)
def send_voice(
    caller: Caller, conversation_id: str, audio_url: str, client_msg_id: str | None = None, **_: Any
) -> Answer:
    """Send a voice note; old apps hear it as `voice:received`, others as `newMessage`."""
    answer = _send(caller, conversation_id, audio_url, client_msg_id)
    if "attachments" not in answer["data"]:  # of a file elsewhere nobody knows what it is: its sender does
        emitting.reply(caller.sid, "voice:received", {"success": True, "data": answer["data"]})
    return answer


@event("document:send", DocumentIn, failure="document:error", out=MessageOut)
def send_document(
    caller: Caller, conversation_id: str, document: dict[str, Any], client_msg_id: str | None = None
) -> Answer:
    """Send a document; all members hear it as `newMessage`."""
    return _send(caller, conversation_id, document["url"], client_msg_id)


def _send(caller: Caller, conversation_id: str, address: str, client_msg_id: str | None) -> MessageAnswer:
    for_old_app = sessions.is_of_old_app(caller.identity.session_id)
    return messages.send(caller.user_id, conversation_id, None, address, client_msg_id, for_old_app=for_old_app)

"""Messages: send, read the history."""

from bson import ObjectId

from chatapp import errors, limits, links, metrics, text
from chatapp.schemas.views import HistoryPage, MessageAnswer
from chatapp.services import access, presence
from chatapp.services.log import entry_views
from chatapp.services.log.append import append_entry
from chatapp.services.log.draft import Draft
from chatapp.services.log.state import Conversation
from chatapp.settings import config
from chatapp.stores import entries as entry_store
from chatapp.stores.documents import Entry, MessageBody

PAGE, LARGEST_PAGE = 100, 200
_OTHER_ENTRIES_IN_A_PAGE = 400


def send(
    user_id: ObjectId,
    conversation_text: str,
    content: str | None,
    attachment: str | None = None,
    client_msg_id: str | None = None,
) -> MessageAnswer:
    """Append a message and deliver it to every member: `{data: message, duplicate?: true}`.

    A repeat with the same client_msg_id returns the original. Raises NotFound CONVERSATION_NOT_FOUND,
    BadRequest, TooLarge CONTENT_TOO_LARGE, Conflict IDEMPOTENCY_MISMATCH, RateLimited.
    """
    conversation_id = access.parse_conversation_id(conversation_text)
    body = _body(content, attachment)
    limits.spend("messages", str(user_id), config().RATE_SENDS)
    draft = Draft(user_id, "message", body, lambda state: _check_writer(user_id, state), client_msg_id)
    appended = append_entry(conversation_id, draft)
    presence.stopped_typing(user_id, conversation_id)
    if appended.duplicate and not _is_same(appended.entry, conversation_id, body):
        raise errors.Conflict(errors.Code.IDEMPOTENCY_MISMATCH, "This clientMsgId was used for another message")
    metrics.send("duplicate" if appended.duplicate else "stored")
    if appended.announced is not None:
        return {"data": entry_views.for_sender(appended.announced, appended.conversation)}
    conversation, _ = access.visible_state(user_id, appended.conversation)
    message = entry_views.Views(conversation, user_id).of_message(appended.entry)
    return {"data": message, "duplicate": True} if appended.duplicate else {"data": message}


def _check_writer(user_id: ObjectId, state: Conversation) -> None:
    access.current_member(user_id, state)


def _is_same(entry: Entry, conversation_id: ObjectId, body: MessageBody) -> bool:
    return bool(entry["conversation_id"] == conversation_id and entry["body"] == body)


def _body(content: str | None, attachment: str | None) -> MessageBody:
    """Return the stored body of a message. Raises BadRequest and TooLarge."""
    words = content or ""
    if len(words) > config().MAX_TEXT_LENGTH or len(words.encode()) > config().MAX_TEXT_BYTES:
        raise errors.TooLarge(
            errors.Code.CONTENT_TOO_LARGE,
            f"A message has at most {config().MAX_TEXT_LENGTH} characters and {config().MAX_TEXT_BYTES} bytes",
        )
    if attachment and not links.is_allowed(attachment):
        raise errors.invalid("attachment", f"Send an https: address of at most {links.LONGEST_BYTES} bytes.")
    if not attachment and text.is_blank(words):
        raise errors.invalid("content", "Write something, or attach something.")
    return {"content": words, "attachment": attachment or None}


def history(
    user_id: ObjectId,
    conversation_text: str,
    *,
    before: int | None = None,
    after: int | None = None,
    limit: int = PAGE,
    skip: int = 0,
) -> HistoryPage:
    """Return a page of messages, newest first: `{data, pagination: {hasMore, nextBefore, limit}}`.

    `before` and `after` are seqs, both exclusive. With `after` alone the page is the one that follows it.
    `skip` leaves so many messages of it out, for old apps that page by number.
    """
    conversation, member = access.load_for_reader(user_id, conversation_text)
    first = max(member.first_visible, (after or 0) + 1)
    last = min(member.last_visible(conversation.seq), (conversation.seq + 1 if before is None else before) - 1)
    forward = after is not None and before is None
    width = skip + limit + 1 + min(conversation.seq - conversation.mseq, _OTHER_ENTRIES_IN_A_PAGE)
    window = (first, min(last, first + width - 1)) if forward else (max(first, last - width + 1), last)
    found = entry_store.find_messages_in_range(
        conversation.id, *window, limit=skip + limit + 1, descending=not forward
    )[skip:]
    page = found[:limit]
    cut = len(found) > limit or (window[1] < last if forward else window[0] > first)
    if forward:
        page.reverse()
    limits.charge(user_id, rows=len(page))
    views = entry_views.Views(conversation, user_id)
    return {
        "data": [views.of_message(entry) for entry in page],
        "pagination": {
            "limit": limit,
            "hasMore": cut,
            "nextBefore": (page[-1]["seq"] if page else window[0]) if cut and not forward else None,
            "nextAfter": (page[0]["seq"] if page else window[1]) if cut and forward else None,
        },
    }

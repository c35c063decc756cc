"""Messages: send, read the history."""

from bson import ObjectId

from chatapp import errors, limits, links, metrics, text
from chatapp.schemas.views.entries import HistoryPage, MessageAnswer, MessageView
from chatapp.services import access, drafts, presence, sending_files
from chatapp.services.log import cache, changes, entry_views, old_events
from chatapp.services.log import mentions as log_mentions
from chatapp.services.log.draft import Appended, Draft, earlier_entry
from chatapp.services.log.former_versions import FormerVersions
from chatapp.services.log.member import ADMIN, OWNER
from chatapp.services.log.mentions import GivenMention
from chatapp.services.log.quotes import Quoted, reference_of
from chatapp.services.log.state import ERASED, Conversation
from chatapp.services.media import attaching
from chatapp.services.media.attaching import Files
from chatapp.settings import config
from chatapp.stores import entries as entry_store
from chatapp.stores.documents.entries import Entry, Forwarded, MessageBody, Reference

PAGE, LARGEST_PAGE = 100, 200


def send(
    user_id: ObjectId,
    conversation_text: str,
    content: str | None,
    attachment: str | None = None,
    client_msg_id: str | None = None,
    *,
    reply_to: str | None = None,
    mentions: list[GivenMention] | None = None,
    forward_of: str | None = None,
    attachments: list[str] | None = None,
    for_old_app: bool = False,
) -> MessageAnswer:
    """Append a message and deliver it to every member: `{data: message, duplicate?: true}`.

    A repeat with the same client_msg_id returns the original. `reply_to` is the id of a message of the conversation;
    `mentions` are of its members, an owner or admin may mention everyone of a group. `forward_of` is the id of a
    message of any conversation, which is copied, its files too. `attachments` are ids of the sender's own files.
    `for_old_app` the message has its kind as its type. Raises NotFound CONVERSATION_NOT_FOUND, MESSAGE_NOT_FOUND or
    MEDIA_NOT_FOUND, Gone MEDIA_GONE, Forbidden NOT_ALLOWED, BadRequest, TooLarge CONTENT_TOO_LARGE, Conflict
    IDEMPOTENCY_MISMATCH, MESSAGE_DELETED or MEDIA_NOT_READY, ChatError MEDIA_REFUSED, RateLimited.
    """
    conversation_id = access.parse_conversation_id(conversation_text)
    if attachment and not attachments and (own := attaching.own_address(user_id, attachment)):
        attachment, attachments = None, [own]
    if forward_of is None:
        body = checked_body(content, attachment, has_files=bool(attachments))
    elif content or attachment or mentions or attachments:
        raise errors.invalid("forwardOf", "A forwarded message says what its source says. Send it without a text.")
    limits.spend("messages", str(user_id), config().RATE_SENDS)
    files: Files | None = None
    if forward_of is not None:
        body, files = _forwarded(user_id, conversation_id, forward_of, client_msg_id)
    elif mentions:
        body["mentions"] = log_mentions.read(mentions, body["content"])
    if attachments:
        files = sending_files.find(user_id, conversation_id, attachments, client_msg_id)
    draft = Draft(user_id, "message", body, lambda state: check_writer(user_id, state, body), client_msg_id)
    if reply_to is not None:
        body["reply_to"], draft.quoted = _find_quoted(conversation_id, draft, reply_to)
    appended = sending_files.append(conversation_id, draft, files)
    presence.stopped_typing(user_id, conversation_id)
    if appended.duplicate and not _is_same(appended.entry, body):
        raise errors.Conflict(errors.Code.IDEMPOTENCY_MISMATCH, "This clientMsgId was used for another message")
    metrics.send("duplicate" if appended.duplicate else "stored")
    drafts.was_sent(appended.conversation, user_id, client_msg_id)
    message = _shown_to_sender(user_id, appended)
    if for_old_app:
        message = old_events.message_of(message)
    return {"data": message, "duplicate": True} if appended.duplicate else {"data": message}


def _forwarded(
    user_id: ObjectId, conversation_id: ObjectId, message_text: str, client_msg_id: str | None
) -> tuple[MessageBody, Files | None]:
    """Return the body of a copy of a message, as its reader sees it, and its files.

    A repeat gets the body that it had at first, whatever has become of its source. Raises NotFound MESSAGE_NOT_FOUND,
    Conflict MESSAGE_DELETED.
    """
    earlier = entry_store.find_by_client_msg_id(conversation_id, user_id, client_msg_id) if client_msg_id else None
    if earlier is not None and earlier["type"] == "message":
        body: MessageBody = earlier["body"] or ERASED
        if earlier["body"] is None:
            return {**body}, None
        if "forwarded" in body and str(body["forwarded"]["source"]) == message_text.lower():
            copied: MessageBody = {**body}
            copied.pop("reply_to", None)
            return copied, None
    conversation, member, message = access.load_message(user_id, message_text)
    now = FormerVersions(conversation.id, member.left_seq).now(message)
    if changes.is_gone(message, now):
        raise errors.Conflict(errors.Code.MESSAGE_DELETED, "This message was deleted")
    before = changes.forwarded_of(message)
    hops = 1 if before is None else before["hops"] + 1
    forwarded: Forwarded = {"hops": hops, "source": message["_id"]}
    files = attaching.of_shown(message["media"]) if "media" in message else None
    return {"content": now["content"], "attachment": now["attachment"], "forwarded": forwarded}, files


def _find_quoted(conversation_id: ObjectId, draft: Draft, message_text: str) -> tuple[Reference, Quoted | None]:
    """Return the message that the draft replies to. A repeat may name one that its sender can't see any more.

    Raises NotFound MESSAGE_NOT_FOUND.
    """
    known = cache.known(conversation_id)
    try:
        message = access.find_message(draft.sender_id, message_text, str(conversation_id))
    except errors.NotFound:
        earlier = earlier_entry(conversation_id, draft)
        reference = reference_of(earlier) if earlier is not None and earlier["type"] == "message" else None
        if reference is None or str(reference["id"]) != message_text.lower():
            raise
        return reference, None
    quoted = Quoted(message, known.seq if known is not None else 0)
    return quoted.reference, quoted


def _shown_to_sender(user_id: ObjectId, appended: Appended) -> MessageView:
    if appended.announced is not None:
        return entry_views.for_sender(appended.announced, appended.conversation)
    conversation, _ = access.visible_state(user_id, appended.conversation)
    return entry_views.Views(conversation, user_id).of_message(appended.entry)


def _is_same(entry: Entry, body: MessageBody) -> bool:
    """Return whether this entry is the message with this body, as far as it can be told: its text may be erased."""
    return entry["type"] == "message" and (entry["body"] is None or entry["body"] == body)


def check_writer(user_id: ObjectId, state: Conversation, body: MessageBody) -> None:
    """Check that the user may write this here and now. Raises NotFound, Forbidden NOT_ALLOWED, BadRequest."""
    writer = access.current_member(user_id, state)
    for user in log_mentions.people_in(body) if "mentions" in body else ():
        if user == log_mentions.EVERYONE:
            if state.type != "group" or writer.role not in (OWNER, ADMIN):
                raise errors.Forbidden(
                    errors.Code.NOT_ALLOWED, "Only a group's owner and admins may mention everyone in it"
                )
        elif not isinstance(user, ObjectId) or user not in state.members or not state.members[user].is_current:
            raise log_mentions.not_a_member()


def checked_body(content: str | None, attachment: str | None, *, has_files: bool = False) -> MessageBody:
    """Return the stored body of a message, without its files. Raises BadRequest and TooLarge."""
    words = content or ""
    if len(words) > config().MAX_TEXT_LENGTH or len(words.encode()) > config().MAX_TEXT_BYTES:
        raise errors.TooLarge(
            errors.Code.CONTENT_TOO_LARGE,
            f"A message has at most {config().MAX_TEXT_LENGTH} characters and {config().MAX_TEXT_BYTES} bytes",
        )
    if attachment and not links.is_allowed(attachment):
        raise errors.invalid("attachment", f"Send an https: address of at most {links.LONGEST_BYTES} bytes.")
    if attachment and has_files:
        raise errors.invalid("attachment", "Send an address, or attachments, not both.")
    if not attachment and not has_files and text.is_blank(words):
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
    for_old_app: bool = False,
) -> HistoryPage:
    """Return a page of messages, newest first: `{data, pagination: {hasMore, nextBefore, limit}}`.

    `before` and `after` are seqs, both exclusive. With `after` alone the page is the one that follows it.
    `skip` leaves so many messages of it out, for old apps that page by number; `for_old_app` they have their kinds.
    """
    conversation, member = access.load_for_reader(user_id, conversation_text)
    first = max(member.first_visible, (after or 0) + 1)
    last = min(member.last_visible(conversation.seq), (conversation.seq + 1 if before is None else before) - 1)
    forward = after is not None and before is None
    found = entry_store.find_messages_in_range(
        conversation.id,
        first,
        last,
        limit=skip + limit + 1,
        descending=not forward,
        others=conversation.seq - conversation.mseq,
        without={row["seq"] for row in member.hidden.values()},
    )[skip:]
    page, cut = found[:limit], len(found) > limit
    if forward:
        page.reverse()
    limits.charge(user_id, rows=len(page))
    shown = entry_views.Views(conversation, user_id).of_messages(page)
    return {
        "data": [old_events.message_of(message) for message in shown] if for_old_app else shown,
        "pagination": {
            "limit": limit,
            "hasMore": cut,
            "nextBefore": page[-1]["seq"] if cut and not forward else None,
            "nextAfter": page[0]["seq"] if cut and forward else None,
        },
    }

"""A member's private state in a conversation: nobody else is told of it; all of the user's devices are.

Each change has a version, by which devices and processes know which one came last.
"""

from datetime import datetime

from bson import ObjectId

from chatapp import clock, errors, limits
from chatapp.database import Document
from chatapp.realtime import publish
from chatapp.schemas.views.envelope import Data
from chatapp.schemas.views.own import OwnChanged
from chatapp.services import access
from chatapp.services.log import cache, foreign, own_views
from chatapp.services.log.member import Member
from chatapp.services.log.state import Conversation
from chatapp.services.sync import change_times
from chatapp.settings import config
from chatapp.stores import memberships as membership_store
from chatapp.stores.documents.memberships import OwnState
from chatapp.stores.key_locks import turn

MOST_PINNED = 10


def update_settings(
    user_id: ObjectId,
    conversation_text: str,
    *,
    mute_mentions: bool | None = None,
    archived: bool | None = None,
    pinned: bool | None = None,
    marked_unread: bool | None = None,
    **muted: datetime | None,
) -> Data[OwnChanged]:
    """Change what is given of the caller's settings of a conversation: `{data: {conversationId, version, settings}}`.

    `muted_until` is a time or None. What is so already changes nothing. Raises NotFound, Forbidden, RateLimited,
    Conflict TOO_MANY_PINS.
    """
    limits.spend("actions", str(user_id), config().RATE_ACTIONS)
    conversation, member = access.load_for_member(user_id, conversation_text)
    wanted: OwnState = {}
    if "muted_until" in muted:
        until = muted["muted_until"]
        wanted["muted_until"] = until if until is not None and until > clock.now() else None
    if mute_mentions is not None:
        wanted["mute_mentions"] = mute_mentions
    now = own_views.settings(conversation, member)
    if archived is not None and archived != now["archived"]:
        wanted["archived_mseq"] = conversation.mseq if archived else None
    if marked_unread is not None and marked_unread != now["markedUnread"]:
        wanted["unread_seq"] = own_views.read_seq(conversation, member) if marked_unread else None
    is_pin = pinned is not None and pinned != now["pinned"]
    if is_pin:
        wanted["pinned_at"] = clock.now() if pinned else None
    if is_pin and pinned:
        _pin(conversation, member, wanted)
    elif any((member.own or {}).get(name) != value for name, value in wanted.items()):
        _store(conversation, member, wanted)
    return {"data": _settings_changed(conversation, member)}


def _pin(conversation: Conversation, member: Member, wanted: OwnState) -> None:
    """Store settings that pin the conversation, and take the pin back where there are too many then.

    Counted afterwards, two devices that pin at once can't get beyond the limit.
    """
    with turn(f"pins of {member.user_id}"):
        if membership_store.count_pinned(member.user_id) >= MOST_PINNED:
            raise _too_many_pins()
        _store(conversation, member, wanted)
        if membership_store.count_pinned(member.user_id) > MOST_PINNED:
            _store(conversation, member, {"pinned_at": None})
            raise _too_many_pins()


def _too_many_pins() -> errors.Conflict:
    return errors.Conflict(errors.Code.TOO_MANY_PINS, f"At most {MOST_PINNED} conversations can be pinned")


def has_read(conversation: Conversation, member: Member) -> None:
    """End the mark as unread, which a read ends even where there was nothing new to read."""
    if own_views.is_marked_unread(conversation, member):
        _store(conversation, member, {"unread_seq": None})


def _store(conversation: Conversation, member: Member, fields: OwnState) -> None:
    """Store changed settings, and tell the user's devices."""
    store(conversation, member, fields=fields)
    publish.own_changed(member.user_id, _settings_changed(conversation, member))


def store(
    conversation: Conversation,
    member: Member,
    *,
    fields: OwnState | None = None,
    add: Document | None = None,
    remove: Document | None = None,
) -> OwnState:
    """Store changed private state, tell the other processes, and return all of it as it is then."""
    with change_times.change() as moment:
        own = membership_store.change_own(
            conversation.id, member.user_id, moment, fields=fields, add=add, remove=remove
        )
    if own is None:
        raise errors.not_a_conversation()
    member.renew_own(own)
    cache.renew_own(conversation.id, member.user_id, own)
    foreign.tell_own(conversation.id, member.user_id, own)
    foreign.flush()  # the user's next call may come to one of them
    return own


def _settings_changed(conversation: Conversation, member: Member) -> OwnChanged:
    own = own_views.view(conversation, member)
    return {"conversationId": str(conversation.id), "version": own["version"], "settings": own["settings"]}

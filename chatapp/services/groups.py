"""Life of a group: its name, its members, their roles. Every change is an entry of the log.

A group always has an owner: the last one hands over before leaving. Owners may do everything; admins change name and
avatar, add people, and remove those who are neither owner nor admin. A change that is already in effect succeeds
without writing an entry.
"""

from collections.abc import Callable
from typing import cast

from bson import ObjectId

from chatapp import errors
from chatapp.ids import object_id
from chatapp.schemas.views.conversations import GroupAnswer
from chatapp.services import access
from chatapp.services.accounts.profiles import reachable_to_add
from chatapp.services.log import entry_views, foreign, last_messages
from chatapp.services.log.append import append_entry
from chatapp.services.log.conversation_views import view
from chatapp.services.log.draft import Draft, Unchanged
from chatapp.services.log.member import ADMIN, MEMBER, OWNER, Member
from chatapp.services.log.state import Conversation
from chatapp.settings import config
from chatapp.stores import users as user_store
from chatapp.stores.documents.entries import Body, ChangedBody, Role
from chatapp.stores.documents.users import MemberProfile

Prepare = Callable[[Conversation, Member], Body]


def change(
    user_id: ObjectId, conversation_text: str, changes: dict[str, str | None], client_msg_id: str | None = None
) -> GroupAnswer:
    """Set name, avatar, history or who may pin. Raises Forbidden NOT_ALLOWED, BadRequest, Unavailable."""
    if not changes:
        raise errors.invalid("name", "Send a name, an avatar, a history or whoMayPin to set.")
    if "who_may_pin" in changes:
        foreign.require_understood("pinned")
    name = changes.get("name", "x")
    if name is None or not name.strip():
        raise errors.invalid("name", "A group needs a name.")

    def prepare(state: Conversation, member: Member) -> Body:
        _require(member, OWNER if "history" in changes else ADMIN)
        new = {name: value for name, value in changes.items() if getattr(state, name) != value}
        if not new:
            raise Unchanged(state)
        return cast(ChangedBody, new)

    return _append(user_id, conversation_text, "conversation_changed", prepare, client_msg_id)


def add_members(
    user_id: ObjectId, conversation_text: str, user_texts: list[str], client_msg_id: str | None = None
) -> GroupAnswer:
    """Add people (ids, or whole e-mail addresses) who exist; others are left out.

    Raises Forbidden, NotFound USER_NOT_FOUND, TooLarge, RateLimited.
    """
    access.load_for_member(user_id, conversation_text)  # before anything is told about users
    try:
        _, *others = reachable_to_add(user_id, user_texts)
    except errors.RateLimited as limited:
        return _append(user_id, conversation_text, "member_added", _only_repeats(limited), client_msg_id)
    if not others and str(user_id) not in user_texts:
        raise errors.NotFound(errors.Code.USER_NOT_FOUND, "None of these users exists")

    def prepare(state: Conversation, member: Member) -> Body:
        _require(member, ADMIN)
        new = [row["_id"] for row in others if not _is_member(state, row["_id"])]
        if not new:
            raise Unchanged(state)
        if len(state.member_ids) + len(new) > config().MAX_GROUP_SIZE:
            raise errors.TooLarge(errors.Code.GROUP_TOO_LARGE, f"A group has at most {config().MAX_GROUP_SIZE} members")
        return {"user_ids": new}

    profiles = {str(row["_id"]): user_store.profile_fields(row) for row in others}
    return _append(user_id, conversation_text, "member_added", prepare, client_msg_id, profiles)


def remove_member(
    user_id: ObjectId, conversation_text: str, member_text: str, client_msg_id: str | None = None
) -> GroupAnswer:
    """Take somebody out. Raises Forbidden NOT_ALLOWED, NotFound MEMBER_NOT_FOUND, Conflict for oneself."""
    target = object_id(member_text)
    if target == user_id:
        return leave(user_id, conversation_text, client_msg_id)

    def prepare(state: Conversation, member: Member) -> Body:
        _require(member, ADMIN)
        gone = _member(state, target)
        if member.role == ADMIN and gone.role != MEMBER:
            raise _not_allowed("Only an owner may remove an owner or admin")
        if not gone.is_current:
            raise Unchanged(state)
        return {"user_id": gone.user_id}

    return _append(user_id, conversation_text, "member_removed", prepare, client_msg_id)


def leave(user_id: ObjectId, conversation_text: str, client_msg_id: str | None = None) -> GroupAnswer:
    """Leave for oneself. Raises Conflict LAST_OWNER."""

    def prepare(state: Conversation, member: Member) -> Body:
        if not member.is_current:
            raise Unchanged(state)
        _keep_an_owner(state, member)
        return {"user_id": user_id}

    return _append(user_id, conversation_text, "member_left", prepare, client_msg_id, former=True)


def change_role(
    user_id: ObjectId, conversation_text: str, member_text: str, role: str, client_msg_id: str | None = None
) -> GroupAnswer:
    """Promote or demote a member. Raises Forbidden, NotFound MEMBER_NOT_FOUND, Conflict LAST_OWNER."""
    target = object_id(member_text)

    def prepare(state: Conversation, member: Member) -> Body:
        _require(member, OWNER)
        changed = _current(state, target)
        if changed.role == role:
            raise Unchanged(state)
        if role != OWNER:
            _keep_an_owner(state, changed)
        return {"roles": [{"user_id": changed.user_id, "role": role}]}

    return _append(user_id, conversation_text, "role_changed", prepare, client_msg_id)


def hand_over(
    user_id: ObjectId, conversation_text: str, member_text: str, client_msg_id: str | None = None
) -> GroupAnswer:
    """Make another member owner and oneself admin, in one entry. Raises Forbidden, NotFound MEMBER_NOT_FOUND."""
    target = object_id(member_text)

    def prepare(state: Conversation, member: Member) -> Body:
        heir = _current(state, target)
        if heir.role == OWNER and member.role == ADMIN:
            raise Unchanged(state)
        _require(member, OWNER)
        if heir is member:
            raise Unchanged(state)
        roles: list[Role] = [{"user_id": heir.user_id, "role": OWNER}, {"user_id": user_id, "role": ADMIN}]
        return {"roles": roles}

    return _append(user_id, conversation_text, "role_changed", prepare, client_msg_id)


def _append(
    user_id: ObjectId,
    conversation_text: str,
    kind: str,
    prepare: Prepare,
    client_msg_id: str | None,
    profiles: dict[str, MemberProfile] | None = None,
    former: bool = False,
) -> GroupAnswer:
    """Append a change to a group: `{data: conversation, entry?: entry}`. `former`: of a former member too."""

    def prepare_for_caller(state: Conversation) -> Body:
        member = access.find_member(user_id, state)[1] if former else access.current_member(user_id, state)
        if state.type != "group":
            raise _not_allowed("A direct conversation stays between its two members")
        return prepare(state, member)

    conversation_id = access.parse_conversation_id(conversation_text)
    draft = Draft(user_id, kind, None, prepare_for_caller, client_msg_id, profiles)
    try:
        appended = append_entry(conversation_id, draft)
    except Unchanged as unchanged:
        state, member = access.visible_state(user_id, unchanged.state)
        return {"data": view(state, member, instead=last_messages.find(state, member))}
    if appended.entry["type"] != kind:
        raise errors.Conflict(errors.Code.IDEMPOTENCY_MISMATCH, "This clientMsgId was used for something else")
    state, member = access.visible_state(user_id, appended.conversation)
    return {
        "data": view(state, member, instead=last_messages.find(state, member)),
        "entry": entry_views.view(appended.entry, state, user_id),
    }


_RANKS = {MEMBER: 0, ADMIN: 1, OWNER: 2}


def _require(member: Member, role: str) -> None:
    if _RANKS[member.role] < _RANKS[role]:
        raise _not_allowed(f"Only an {'owner' if role == OWNER else 'owner or admin'} may do that")


def _not_allowed(sentence: str) -> errors.Forbidden:
    return errors.Forbidden(errors.Code.NOT_ALLOWED, sentence)


def _only_repeats(refusal: errors.ChatError) -> Prepare:
    """Return a preparation that refuses the change. The repeat of one that was made is answered before it is asked."""

    def refuse(state: Conversation, member: Member) -> Body:
        raise refusal

    return refuse


def _is_member(state: Conversation, user_id: ObjectId) -> bool:
    return user_id in state.members and state.members[user_id].is_current


def _member(state: Conversation, user_id: ObjectId | None) -> Member:
    """Return somebody who is or was a member."""
    if user_id is None or user_id not in state.members:
        raise errors.NotFound(errors.Code.MEMBER_NOT_FOUND, "This user is not a member")
    return state.members[user_id]


def _current(state: Conversation, user_id: ObjectId | None) -> Member:
    member = _member(state, user_id)
    if not member.is_current:
        raise errors.NotFound(errors.Code.MEMBER_NOT_FOUND, "This user is not a member")
    return member


def _keep_an_owner(state: Conversation, member: Member) -> None:
    if member.role == OWNER and len(state.owners()) == 1:
        raise errors.Conflict(errors.Code.LAST_OWNER, "Hand the group over to another member first")

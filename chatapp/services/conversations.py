"""Conversations: list, open, create, hide."""

from typing import Any

from bson import ObjectId

from chatapp import clock, errors, realtime
from chatapp.extensions import Document, config, object_id
from chatapp.services import access, chain, conversation_cache
from chatapp.services.conversation import (
    MEMBER,
    OWNER,
    Conversation,
    Member,
    from_documents,
    membership_document,
    view,
)
from chatapp.stores import conversations as store
from chatapp.stores import memberships, users

PAGE, LARGEST_PAGE = 200, 1000
DIRECT, GROUP = "direct", "group"


def list_for(user_id: ObjectId, *, skip: int = 0, limit: int = PAGE) -> dict[str, Any]:
    """The caller's conversations, last active first: `{data, pagination, meta?}`, in two commands."""
    documents = store.find_page_of_user(user_id, skip, limit + 1)
    rows = memberships.find_in_conversations([row["_id"] for row in documents[:limit]])
    by_conversation: dict[ObjectId, list[Document]] = {}
    for row in rows:
        by_conversation.setdefault(row["conversation_id"], []).append(row)
    data = []
    for document in documents[:limit]:
        conversation = from_documents(document, by_conversation.get(document["_id"], []))
        member = conversation.members[user_id]
        if not _is_hidden(conversation, member):
            data.append(view(conversation, member))
    answer: dict[str, Any] = {
        "data": data,
        "pagination": {"skip": skip, "limit": limit, "hasMore": len(documents) > limit},
    }
    if not data and not skip:
        answer["meta"] = {
            "code": "NO_CONVERSATIONS",
            "message": "No conversations yet. Choose a contact and say hello!",
        }
    return answer


def _is_hidden(conversation: Conversation, member: Member) -> bool:
    """Was it deleted by this member, without a message since?"""
    return member.cleared_seq >= 0 and conversation.mseq <= member.cleared_mseq


def get(user_id: ObjectId, conversation_text: str) -> dict[str, Any]:
    """One conversation. Raises NotFound, or Forbidden for a former member."""
    return {"data": view(*access.current(user_id, conversation_text))}


def create(
    user_id: ObjectId,
    kind: str,
    participants: list[str],
    name: str | None = None,
    avatar: str | None = None,
    history: str = "all",
) -> tuple[dict[str, Any], bool]:
    """Open the direct conversation with somebody, or found a group: `({data}, is it new?)`.

    Unknown participants are dropped, the caller is always one. Raises BadRequest, TooLarge GROUP_TOO_LARGE.
    """
    if kind == DIRECT:
        return _open_direct(user_id, participants)
    return _found_group(user_id, participants, name, avatar, history), True


def _profiles(user_id: ObjectId, participants: list[str]) -> list[Document]:
    """The caller's profile first, then those of the others that exist, in the order given."""
    wanted = list(dict.fromkeys(filter(None, map(object_id, participants))))
    found = {row["_id"]: row for row in users.find_profiles([user_id, *wanted])}
    if user_id not in found:
        raise errors.Unauthorized(errors.Code.ACCOUNT_GONE, "This account no longer exists")
    others = [found[other] for other in wanted if other in found and other != user_id]
    return [found[user_id], *others]


def _open_direct(user_id: ObjectId, participants: list[str]) -> tuple[dict[str, Any], bool]:
    profiles = _profiles(user_id, participants)
    if len(profiles) != 2:
        raise errors.invalid("participants", "A direct conversation needs exactly one other user who exists.")
    direct_key = ":".join(sorted(str(row["_id"]) for row in profiles))
    existing = store.find_direct(direct_key)
    if existing is None:
        document = _document(DIRECT, user_id, profiles, role=MEMBER, direct_key=direct_key)
        if store.insert(document):
            return _opened(document, user_id), True
        existing = store.find_direct(direct_key)
        assert existing is not None
    conversation = conversation_cache.load(existing["_id"])
    assert conversation is not None
    _store_missing_members(conversation)
    return {"data": view(conversation, conversation.members[user_id], is_new=False)}, False


def _found_group(
    user_id: ObjectId, participants: list[str], name: str | None, avatar: str | None, history: str
) -> dict[str, Any]:
    if not name or not name.strip():
        raise errors.invalid("name", "A group needs a name.")
    if len(participants) > 2 * config().MAX_GROUP_SIZE:
        raise _too_large()
    profiles = _profiles(user_id, participants)
    if len(profiles) < 3:
        raise errors.invalid("participants", "A group needs at least two other users who exist.")
    if len(profiles) > config().MAX_GROUP_SIZE:
        raise _too_large()
    document = _document(GROUP, user_id, profiles, role=OWNER, name=name, avatar=avatar, history=history)
    store.insert(document)
    return _opened(document, user_id)


def _too_large() -> errors.TooLarge:
    return errors.TooLarge(errors.Code.GROUP_TOO_LARGE, f"A group has at most {config().MAX_GROUP_SIZE} members")


def _document(
    kind: str,
    creator: ObjectId,
    profiles: list[Document],
    *,
    role: str,
    name: str | None = None,
    avatar: str | None = None,
    history: str = "all",
    direct_key: str | None = None,
) -> Document:
    """A conversation without entries. `role` is the creator's."""
    now, conversation_id = clock.now(), ObjectId()
    document = {
        "_id": conversation_id,
        "type": kind,
        "name": name,
        "avatar": avatar,
        "history": history,
        "created_by": creator,
        "created_at": now,
        "founders": [
            {
                "user_id": row["_id"],
                "role": role if row["_id"] == creator else MEMBER,
                "profile": users.profile_fields(row),
            }
            for row in profiles
        ],
        "participants": [row["_id"] for row in profiles],
        "head": {"seq": 0, "mseq": 0, "hash": chain.genesis(conversation_id)},
        "last_message": None,
        "last_activity": now,
        "sent": {},
    }
    return document | {"direct_key": direct_key} if direct_key else document


def _opened(document: Document, user_id: ObjectId) -> dict[str, Any]:
    """Store the founders' memberships and tell every founder."""
    conversation = from_documents(document, [])
    _store_missing_members(conversation)
    data = view(conversation, conversation.members[user_id], is_new=True)
    realtime.publish_conversation(conversation.member_ids, data)
    return {"data": data}


def _store_missing_members(conversation: Conversation) -> None:
    """A crash may have come between a conversation and its memberships."""
    memberships.insert_missing([membership_document(conversation.id, row) for row in conversation.members.values()])


def hide(user_id: ObjectId, conversation_text: str) -> dict[str, Any]:
    """Hide the conversation and its past for the caller, on all their devices, until the next message."""
    conversation, member = access.current(user_id, conversation_text)
    marks = {"cleared_seq": conversation.seq, "cleared_mseq": conversation.mseq}
    memberships.raise_marks(conversation.id, member.user_id, marks)
    data = {"conversationId": str(conversation.id)}
    realtime.publish_hidden(user_id, data)
    return {"data": data, "msg": "Conversation deleted"}


def ids_for(user_id: ObjectId) -> list[ObjectId]:
    """Ids of the caller's current conversations."""
    return store.find_ids_of_user(user_id)

"""Founding conversations: direct ones, of which two people have one, and groups."""

from bson import ObjectId

from chatapp import clock, errors, limits
from chatapp.ids import new_id, object_id
from chatapp.realtime import publish
from chatapp.schemas.views.conversations import ConversationView
from chatapp.schemas.views.envelope import Data
from chatapp.services import access, conversation_ids
from chatapp.services.accounts.profiles import reachable, reachable_to_add
from chatapp.services.conversations import whole
from chatapp.services.log import cache, hash_chain
from chatapp.services.log.conversation_views import LISTED_FOR_OLD_APPS, view
from chatapp.services.log.member import MEMBER, OWNER
from chatapp.services.log.pins import EVERYONE
from chatapp.services.log.stored_state import from_documents, membership_document
from chatapp.settings import config
from chatapp.stores import conversations as conversation_store
from chatapp.stores import memberships as membership_store
from chatapp.stores import users as user_store
from chatapp.stores.batches import giving_way
from chatapp.stores.documents.conversations import ConversationDocument, ConversationKey, Founded
from chatapp.stores.documents.users import UserProfile
from chatapp.stores.key_locks import turn

DIRECT, GROUP = "direct", "group"


def create(
    user_id: ObjectId,
    kind: str,
    participants: list[str],
    name: str | None = None,
    avatar: str | None = None,
    history: str = "all",
    client_msg_id: str | None = None,
) -> tuple[Data[ConversationView], bool]:
    """Open the direct conversation with somebody, or found a group; return `({data}, whether it is new)`.

    Participants are ids or whole e-mail addresses; unknown ones are dropped, the caller is always one. A group with a
    client_msg_id is founded once, however often it is asked for. Raises BadRequest, TooLarge GROUP_TOO_LARGE,
    RateLimited.
    """
    if kind == DIRECT:
        return _open_direct(user_id, participants)
    key = None if client_msg_id is None else conversation_ids.key_of_founding(user_id, client_msg_id)
    try:
        document = _group(key, user_id, participants, name, avatar, history)
    except errors.RateLimited:
        existing = conversation_ids.find(key) if key is not None else None
        if existing is None or not _is_repeat(existing, participants, name, avatar, history):
            raise
        return _existing(existing["_id"], user_id), False
    if key is None:
        conversation_store.insert(document)
        return _opened(document, user_id), True
    older = conversation_ids.find_older(key)
    return _same_founding(older, document, user_id) if older else _insert_or_find(key, document, user_id)


def _open_direct(user_id: ObjectId, participants: list[str]) -> tuple[Data[ConversationView], bool]:
    people = reachable(user_id, participants)
    if len(people) != 2:
        raise errors.invalid("participants", "A direct conversation needs exactly one other user who exists.")
    key = conversation_ids.key_of_direct(*(row["_id"] for row in people))
    existing = conversation_ids.find(key)
    if existing is not None:
        return _existing(existing["_id"], user_id), False
    limits.spend(
        "people added", str(user_id), config().RATE_GROUP_ADDS
    )  # or a client could try all addresses, one after the other
    return _insert_or_find(key, _document(DIRECT, key, user_id, people, role=MEMBER), user_id)


def _insert_or_find(
    key: ConversationKey, document: ConversationDocument, user_id: ObjectId
) -> tuple[Data[ConversationView], bool]:
    """Store a new conversation, or find the one that has its key already."""
    with turn(str(document["_id"])):
        if conversation_store.insert(document):
            return _opened(document, user_id), True
    existing = conversation_ids.find(key)
    assert existing is not None
    return _same_founding(existing, document, user_id)


def _same_founding(
    existing: ConversationDocument, document: ConversationDocument, user_id: ObjectId
) -> tuple[Data[ConversationView], bool]:
    """Return the conversation that is there. Raises Conflict when another group was founded with this client_msg_id."""
    if document["type"] == GROUP and _founding(existing) != _founding(document):
        raise errors.Conflict(errors.Code.IDEMPOTENCY_MISMATCH, "This clientMsgId was used to found another group")
    return _existing(existing["_id"], user_id), False


def _founding(document: ConversationDocument) -> tuple[str, Founded, set[ObjectId]]:
    """Return the fields and members that a group was founded with."""
    return document["type"], document["founded"], {row["user_id"] for row in document["founders"]}


def _is_repeat(
    existing: ConversationDocument, participants: list[str], name: str | None, avatar: str | None, history: str
) -> bool:
    """Return whether this is the repeat of a founding, as far as can be told without a look at the people."""
    known = {object_id(row) for row in participants} | {existing["created_by"]}
    others = {row["user_id"] for row in existing["founders"]} - known
    addresses = sum("@" in row for row in participants)  # whose owners nobody looks up now
    founded: Founded = {"name": name, "avatar": avatar, "history": history}
    return existing["founded"] == founded and len(others) <= addresses


def _existing(conversation_id: ObjectId, user_id: ObjectId) -> Data[ConversationView]:
    return {"data": whole(*access.visible_state(user_id, cache.load(conversation_id)), is_new=False)}


def _group(
    key: ConversationKey | None,
    user_id: ObjectId,
    participants: list[str],
    name: str | None,
    avatar: str | None,
    history: str,
) -> ConversationDocument:
    """Return a group without entries."""
    if not name or not name.strip():
        raise errors.invalid("name", "A group needs a name.")
    if len(participants) > 2 * config().MAX_GROUP_SIZE:
        raise _too_large()
    people = reachable_to_add(user_id, participants)
    if len(people) < 3:
        raise errors.invalid("participants", "A group needs at least two other users who exist.")
    if len(people) > config().MAX_GROUP_SIZE:
        raise _too_large()
    return _document(GROUP, key, user_id, people, role=OWNER, name=name, avatar=avatar, history=history)


def _too_large() -> errors.TooLarge:
    return errors.TooLarge(errors.Code.GROUP_TOO_LARGE, f"A group has at most {config().MAX_GROUP_SIZE} members")


def _document(
    kind: str,
    key: ConversationKey | None,
    creator: ObjectId,
    people: list[UserProfile],
    *,
    role: str,
    name: str | None = None,
    avatar: str | None = None,
    history: str = "all",
) -> ConversationDocument:
    """Return a conversation without entries. `role` is the creator's."""
    now, conversation_id = clock.now(), new_id() if key is None else conversation_ids.made_of(key)
    return {
        **(key or {}),
        "_id": conversation_id,
        "type": kind,
        "name": name,
        "avatar": avatar,
        "history": history,
        "created_by": creator,
        "created_at": now,
        "founded": {"name": name, "avatar": avatar, "history": history},
        "founders": [
            {
                "user_id": row["_id"],
                "role": role if row["_id"] == creator else MEMBER,
                "profile": user_store.profile_fields(row),
            }
            for row in people
        ],
        "participants": [row["_id"] for row in people],
        "head": {"seq": 0, "mseq": 0, "hash": hash_chain.genesis(conversation_id)},
        "last_message": None,
        "last_activity": now,
        "touched_at": clock.tick(),
        "sent": {},
        "last_change_seq": 0,
        "deleted": [],
        "pins": [],
        "who_may_pin": EVERYONE,
        "mentioned": [],
    }


def _opened(document: ConversationDocument, user_id: ObjectId) -> Data[ConversationView]:
    """Store the founders' memberships and tell every founder."""
    conversation = from_documents(document, [])
    members = giving_way(conversation.members.values())
    membership_store.insert_missing(conversation.id, [membership_document(conversation.id, row) for row in members])
    data = view(conversation, conversation.members[user_id], is_new=True, most=LISTED_FOR_OLD_APPS)
    publish.conversation(conversation.member_ids, data)
    return {"data": data}

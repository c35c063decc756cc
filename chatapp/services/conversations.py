"""Conversations: list, open, create, hide."""

from bson import ObjectId

from chatapp import clock, errors, limits, realtime
from chatapp.ids import new_id, object_id
from chatapp.schemas.views import ConversationRef, ConversationsPage, ConversationView, Data, HiddenAnswer, MembersPage
from chatapp.services import access
from chatapp.services.accounts.profiles import reachable
from chatapp.services.log import cache, foreign, hash_chain
from chatapp.services.log.conversation_views import LISTED, LISTED_FOR_OLD_APPS, head_view, view
from chatapp.services.log.member import MEMBER, OWNER, Member, was_deleted
from chatapp.services.log.state import Conversation
from chatapp.services.log.stored_state import from_documents, membership_document
from chatapp.services.sync import change_times
from chatapp.settings import config
from chatapp.stores import conversations as conversation_store
from chatapp.stores import memberships as membership_store
from chatapp.stores import users as user_store
from chatapp.stores.batches import giving_way
from chatapp.stores.documents import ConversationDocument, ConversationPlace, Founded, UserProfile
from chatapp.stores.key_locks import turn

PAGE = LARGEST_PAGE = 200
DIRECT, GROUP = "direct", "group"


def list_for(user_id: ObjectId, *, skip: int = 0, limit: int = PAGE, for_old_app: bool = False) -> ConversationsPage:
    """Return the caller's conversations, last active first: `{data, pagination, meta?}`, LARGEST_PAGE at most.

    Each with some of its members: `get` has them all. Hidden ones are not there, and not counted by `skip`: a page is
    filled past them.
    """
    limit = min(limit, LARGEST_PAGE)
    most = LISTED_FOR_OLD_APPS if for_old_app else LISTED
    heads, shown = _page(user_id, skip, limit, _hidden_ids(user_id) if skip else [])
    if not skip and len(shown) < limit < len(heads):  # some are hidden: others take their places
        heads, shown = _page(user_id, skip, limit, _hidden_ids(user_id))
    data = [
        view(conversation, member, most=most)
        for conversation, member in giving_way(shown)
        if member.is_current  # still: others have had their turns
    ]
    limits.charge(user_id, rows=sum(1 + len(row["participants"]) for row in data))
    answer: ConversationsPage = {
        "data": data,
        "pagination": {"skip": skip, "limit": limit, "hasMore": len(heads) > limit},
    }
    if not data and not skip and len(heads) <= limit:
        answer["meta"] = {
            "code": "NO_CONVERSATIONS",
            "message": "No conversations yet. Choose a contact and say hello!",
        }
    return answer


def _page(
    user_id: ObjectId, skip: int, limit: int, hidden: list[ObjectId]
) -> tuple[list[ConversationPlace], list[tuple[Conversation, Member]]]:
    """Return the heads of a page and one more, without the `hidden` ones, and the conversations to show on the page."""
    heads = conversation_store.find_page_of_user(user_id, skip, limit + 1, hidden)
    states = cache.current(heads[:limit])
    shown = []
    for conversation in filter(None, (states.get(head["_id"]) for head in heads[:limit])):
        member = conversation.members.get(user_id)
        if member is not None and member.is_current and not conversation.is_deleted_for(member):
            shown.append((conversation, member))
    return heads, shown


def _hidden_ids(user_id: ObjectId) -> list[ObjectId]:
    """Return the caller's conversations that they have hidden and that have had no message since."""
    cleared = {row["conversation_id"]: row for row in membership_store.find_cleared(user_id)}
    limits.charge(user_id, rows=len(cleared))
    hidden = []
    for head in conversation_store.find_heads(list(cleared), user_id) if cleared else ():
        own = cleared[head["_id"]]
        if was_deleted(own["cleared_seq"], own["cleared_mseq"], head["head"]["mseq"]):
            hidden.append(head["_id"])
    return hidden


def get(user_id: ObjectId, conversation_text: str) -> Data[ConversationView]:
    """Return one conversation. Raises NotFound, or Forbidden for a former member."""
    return {"data": view(*access.load_for_member(user_id, conversation_text))}


def members(
    user_id: ObjectId, conversation_text: str, *, after: str | None = None, limit: int = LARGEST_PAGE
) -> MembersPage:
    """Return a page of the current members, by id: `{data, participantCount, head, pagination}`.

    `after`: the id of the last one of the page before. Raises NotFound, or Forbidden for a former member.
    """
    conversation, member = access.load_for_member(user_id, conversation_text)
    last = object_id(after)
    if after and last is None:
        raise errors.invalid("after", "Send pagination.nextAfter of the page before.")
    rows = sorted(row for row in conversation.member_ids if last is None or row > last)
    page = [conversation.members[row].view(member) for row in rows[:limit]]
    limits.charge(user_id, rows=len(page))
    has_more = len(rows) > limit
    return {
        "data": page,
        "participantCount": len(conversation.member_ids),
        "head": head_view({"seq": conversation.seq, "mseq": conversation.mseq, "hash": conversation.hash}),
        "pagination": {"limit": limit, "hasMore": has_more, "nextAfter": page[-1]["id"] if has_more else None},
    }


def create(
    user_id: ObjectId,
    kind: str,
    participants: list[str],
    name: str | None = None,
    avatar: str | None = None,
    history: str = "all",
    client_msg_id: str | None = None,
) -> tuple[Data[ConversationView], bool]:
    """Open the direct conversation with somebody, or found a group: `({data}, is it new?)`.

    Participants are ids or whole e-mail addresses; unknown ones are dropped, the caller is always one. A group with a
    client_msg_id is founded once, however often it is asked for. Raises BadRequest, TooLarge GROUP_TOO_LARGE,
    RateLimited.
    """
    if kind == DIRECT:
        return _open_direct(user_id, participants)
    document = _group(user_id, participants, name, avatar, history)
    if client_msg_id is not None:
        document["creation_key"] = f"{user_id}:{client_msg_id}"
    return _insert_or_find(document, user_id)


def _open_direct(user_id: ObjectId, participants: list[str]) -> tuple[Data[ConversationView], bool]:
    people = reachable(user_id, participants)
    if len(people) != 2:
        raise errors.invalid("participants", "A direct conversation needs exactly one other user who exists.")
    direct_key = ":".join(sorted(str(row["_id"]) for row in people))
    existing = conversation_store.find_direct(direct_key)
    if existing is not None:
        return _existing(existing["_id"], user_id), False
    limits.spend(
        "people added", str(user_id), config().RATE_GROUP_ADDS
    )  # or a client could try all addresses, one after the other
    document = _document(DIRECT, user_id, people, role=MEMBER)
    document["direct_key"] = direct_key
    return _insert_or_find(document, user_id)


def _insert_or_find(document: ConversationDocument, user_id: ObjectId) -> tuple[Data[ConversationView], bool]:
    """Store a new conversation, or find the one that holds its key already."""
    with turn(document.get("direct_key") or document.get("creation_key") or str(document["_id"])):
        if conversation_store.insert(document):
            return _opened(document, user_id), True
    existing = conversation_store.find_by_key(document)
    assert existing is not None
    if "creation_key" in document and _founding(existing) != _founding(document):
        raise errors.Conflict(errors.Code.IDEMPOTENCY_MISMATCH, "This clientMsgId was used to found another group")
    return _existing(existing["_id"], user_id), False


def _founding(document: ConversationDocument) -> tuple[str, Founded, set[ObjectId]]:
    """Return the fields and members that a group was founded with."""
    return document["type"], document["founded"], {row["user_id"] for row in document["founders"]}


def _existing(conversation_id: ObjectId, user_id: ObjectId) -> Data[ConversationView]:
    return {"data": view(*access.visible_state(user_id, cache.load(conversation_id)), is_new=False)}


def _group(
    user_id: ObjectId, participants: list[str], name: str | None, avatar: str | None, history: str
) -> ConversationDocument:
    """Return a group without entries."""
    if not name or not name.strip():
        raise errors.invalid("name", "A group needs a name.")
    if len(participants) > 2 * config().MAX_GROUP_SIZE:
        raise _too_large()
    people = reachable(user_id, participants)
    if len(people) < 3:
        raise errors.invalid("participants", "A group needs at least two other users who exist.")
    if len(people) > config().MAX_GROUP_SIZE:
        raise _too_large()
    limits.spend("people added", str(user_id), config().RATE_GROUP_ADDS, cost=len(people) - 1)
    return _document(GROUP, user_id, people, role=OWNER, name=name, avatar=avatar, history=history)


def _too_large() -> errors.TooLarge:
    return errors.TooLarge(errors.Code.GROUP_TOO_LARGE, f"A group has at most {config().MAX_GROUP_SIZE} members")


def _document(
    kind: str,
    creator: ObjectId,
    people: list[UserProfile],
    *,
    role: str,
    name: str | None = None,
    avatar: str | None = None,
    history: str = "all",
) -> ConversationDocument:
    """Return a conversation without entries. `role` is the creator's."""
    now, conversation_id = clock.now(), new_id()
    return {
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
    }


def _opened(document: ConversationDocument, user_id: ObjectId) -> Data[ConversationView]:
    """Store the founders' memberships and tell every founder."""
    conversation = from_documents(document, [])
    members = giving_way(conversation.members.values())
    membership_store.insert_missing(conversation.id, [membership_document(conversation.id, row) for row in members])
    data = view(conversation, conversation.members[user_id], is_new=True, most=LISTED_FOR_OLD_APPS)
    realtime.publish_conversation(conversation.member_ids, data)
    return {"data": data}


def hide(user_id: ObjectId, conversation_text: str) -> HiddenAnswer:
    """Hide the conversation and its past for the caller, on all their devices, until the next message."""
    conversation, member = access.load_for_member(user_id, conversation_text)
    marks = {"cleared_seq": conversation.seq, "cleared_mseq": conversation.mseq}
    with change_times.change() as moment:
        membership_store.raise_marks(conversation.id, member.user_id, marks, moment)
    cache.raise_marks(conversation.id, member.user_id, marks)
    foreign.tell_marks(conversation.id, member.user_id, marks)
    data: ConversationRef = {"conversationId": str(conversation.id)}
    realtime.publish_hidden(user_id, data)
    return {"data": data, "msg": "Conversation deleted"}


def ids_for(user_id: ObjectId) -> list[ObjectId]:
    """Return ids of the caller's current conversations."""
    return conversation_store.find_ids_of_user(user_id)

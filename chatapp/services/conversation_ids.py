"""Ids of conversations that follow from what these are: the one of two people, the group of one founding.

The primary key alone lets there be one then, also where the collection is sharded and nothing else can be unique. The
id is a keyed hash. The key is the database's own (`meta`), made once and never changed: a key made of JWT_SECRET would
change with it, and every id as well. Nobody who knows two users can compute the id of their conversation, so neither
an answer nor the time that it takes tells whether there is one.

Conversations that earlier versions have made keep the ids that they got. As long as a process of those may live (until
migration 0008), the unique indexes on `direct_key` and `creation_key` decide between old and new ids; from then on
`older_conversations` says which conversation stands for an id: `{_id: the id that it would have, conversation_id}`.
"""

from hashlib import blake2b

from bson import ObjectId

from chatapp.state import on_reset
from chatapp.stores import conversations as conversation_store
from chatapp.stores import meta as meta_store
from chatapp.stores.documents.conversations import ConversationDocument, ConversationKey

_ID_BYTES = 12


class _Known:
    key: bytes | None = None
    has_older: bool | None = None  # None: earlier versions may still make some


@on_reset
def reset() -> None:
    """Ask the database again."""
    _Known.key = _Known.has_older = None


def _look() -> bytes:
    key, _Known.has_older = meta_store.find_or_make_id_key()
    _Known.key = key
    return key


def earlier_versions_are_gone() -> bool:
    """Return whether migration 0008 has run, as far as is known here: no process of an earlier version lives then."""
    if _Known.key is None:
        _look()
    return _Known.has_older is not None


def key_of_direct(one: ObjectId, other: ObjectId) -> ConversationKey:
    """Return the key of the direct conversation of two people."""
    return {"direct_key": ":".join(sorted((str(one), str(other))))}


def key_of_founding(founder: ObjectId, client_msg_id: str) -> ConversationKey:
    """Return the key of the group that somebody founds with this client_msg_id."""
    return {"creation_key": f"{founder}:{client_msg_id}"}


def made_of(key: ConversationKey) -> ObjectId:
    """Return the id of the conversation with this key."""
    ((name, text),) = key.items()
    secret = _Known.key or _look()
    return ObjectId(blake2b(f"{name} {text}".encode(), key=secret, digest_size=_ID_BYTES).digest())


def find(key: ConversationKey) -> ConversationDocument | None:
    """Return the conversation with this key."""
    return conversation_store.find_by_id(made_of(key)) or find_older(key)


def find_older(key: ConversationKey) -> ConversationDocument | None:
    """Return the conversation with this key if an earlier version has made it, under another id."""
    if _Known.has_older is None:
        _look()
    if _Known.has_older is None:
        return conversation_store.find_by_key(key)
    return conversation_store.find_older(made_of(key)) if _Known.has_older else None

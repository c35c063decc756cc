"""The hash chain over a conversation's log.

    body_hash = SHA-256(salt ‖ canonical(body))
    hash      = SHA-256(hash of the entry before ‖ canonical(the entry's fixed fields with body_hash))

`canonical` is JSON in UTF-8 with sorted keys and no white space. The body goes in through its salted hash,
so erasing a text (body and salt) later leaves the chain verifiable and the text unguessable. `targetSeq` is a fixed
field where an entry has one: what an erased edit concerned stays proved.
"""

import hashlib
import secrets
from collections.abc import Mapping

import orjson
from bson import ObjectId

from chatapp import clock
from chatapp.stores.documents.entries import Body, CommittedEntry, Seal, UnsealedEntry


def genesis(conversation_id: ObjectId) -> str:
    """Return the hash that stands for "the entry before" at seq 1."""
    return hashlib.sha256(f"chatapp conversation {conversation_id}".encode()).hexdigest()


def seal(entry: UnsealedEntry, previous_hash: str) -> Seal:
    """Return salt, body_hash and hash of an entry that has everything else."""
    salt = secrets.token_hex(16)
    committed: CommittedEntry = {**entry, "body_hash": body_hash(salt, entry["body"])}
    return {"salt": salt, "body_hash": committed["body_hash"], "hash": entry_hash(committed, previous_hash)}


def body_hash(salt: str, body: Body) -> str:
    """Return the commitment to the body."""
    return hashlib.sha256(salt.encode() + _canonical(body)).hexdigest()


def entry_hash(entry: CommittedEntry, previous_hash: str) -> str:
    """Return the hash that an entry has to carry after this predecessor."""
    fixed: dict[str, object] = {
        "id": str(entry["_id"]),
        "conversationId": str(entry["conversation_id"]),
        "seq": entry["seq"],
        "mseq": entry["mseq"],
        "type": entry["type"],
        "senderId": str(entry["sender_id"]),
        "clientMsgId": entry["client_msg_id"],
        "createdAt": clock.iso(entry["created_at"]),
        "bodyHash": entry["body_hash"],
    }
    if "target_seq" in entry:
        fixed["targetSeq"] = entry["target_seq"]
    return hashlib.sha256(previous_hash.encode() + _canonical(fixed)).hexdigest()


def _canonical(value: Mapping[str, object]) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS, default=str)

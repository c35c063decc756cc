"""An envelope: who sends it, its number, what it carries, and a seal that only processes with the same key can make.

The bytes are a version, a keyed BLAKE2b of what follows, and a BSON document `{type, sender, number, body}`.
"""

import hashlib
import hmac
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import bson
from nacl.secret import SecretBox

from chatapp.database import Document

VERSION = b"\x01"
MOST_BYTES = 16_000_000
_SEAL_BYTES = 16


class Type(StrEnum):
    """`batch`: the sender's messages number so and so. `heartbeat`: the sender lives, and `number` was its last batch.
    `ask`: send me your batches from `number` to body.last again. `gone`: those up to `number` are kept no longer.
    `bye`: the sender stops; its last batch was `number`. `direct`: a message to the process body.to alone, its
    `number` among all such messages of the sender."""

    BATCH = "batch"
    HEARTBEAT = "heartbeat"
    ASK = "ask"
    GONE = "gone"
    BYE = "bye"
    DIRECT = "direct"


class Unacceptable(Exception):
    """Bytes that are no envelope for this process. `reason` is a label for a metric."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Envelope:
    """`sender` is the boot id of a process; `number` counts its batches from 1."""

    type: Type
    sender: str
    number: int
    body: Document


def derive_key(secret: str, database_id: str) -> bytes:
    """Return the key of all processes that share a secret and a database."""
    return hashlib.blake2b(f"{database_id}\n{secret}".encode(), digest_size=32, person=b"chatapp bus").digest()


def seal(key: bytes, envelope: Envelope) -> bytes:
    """Return the bytes to send."""
    content = bson.encode(
        {"type": str(envelope.type), "sender": envelope.sender, "number": envelope.number, "body": envelope.body}
    )
    return VERSION + _seal_of(key, content) + content


def open_sealed(key: bytes, data: bytes) -> Envelope:
    """Return the envelope. Raises Unacceptable for a wrong seal, another version, or anything malformed."""
    if len(data) > MOST_BYTES:
        raise Unacceptable("too large")
    if data[:1] != VERSION:
        raise Unacceptable("version")
    seal_given, content = data[1 : 1 + _SEAL_BYTES], data[1 + _SEAL_BYTES :]
    if not hmac.compare_digest(seal_given, _seal_of(key, content)):
        raise Unacceptable("seal")
    try:
        row = bson.decode(content)
        envelope = Envelope(Type(row["type"]), row["sender"], row["number"], row["body"])
    except (bson.errors.BSONError, KeyError, ValueError, TypeError):
        raise Unacceptable("malformed") from None
    if not isinstance(envelope.sender, str) or not isinstance(envelope.number, int):
        raise Unacceptable("malformed")
    if not isinstance(envelope.body, dict):
        raise Unacceptable("malformed")
    return envelope


def _seal_of(key: bytes, content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=_SEAL_BYTES, key=key).digest()


def conceal(key: bytes, data: bytes) -> bytes:
    """Return the data so that only processes with the same key can read it (XSalsa20 with Poly1305, by libsodium)."""
    return bytes(_box(key).encrypt(data))


def reveal(key: bytes, data: bytes) -> bytes:
    """Return what was concealed. Raises CryptoError for anything else."""
    return _box(key).decrypt(data)


@lru_cache(maxsize=4)
def _box(key: bytes) -> SecretBox:
    """Return the box of this key, whose own key seals nothing else."""
    return SecretBox(hashlib.blake2b(digest_size=SecretBox.KEY_SIZE, key=key, person=b"chatapp conceal").digest())

"""Password hashing: argon2id in gevent's thread pool, bounded, so that a log-in storm does not stall chat.

Parameters at or above OWASP's floor (19 MiB, 2 passes, 1 lane), see the Password Storage Cheat Sheet.
"""

import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from gevent.threadpool import ThreadPool

from chatapp import errors
from chatapp.extensions import config, on_reset


class _Hashing:
    """One hasher with the configured parameters, its threads, and how many calls wait for them."""

    def __init__(self) -> None:
        settings = config()
        self.hasher = PasswordHasher(
            time_cost=settings.ARGON2_TIME_COST,
            memory_cost=settings.ARGON2_MEMORY_KIB,
            parallelism=settings.ARGON2_PARALLELISM,
        )
        self.pool = ThreadPool(settings.PASSWORD_HASH_THREADS)
        self.waiting = 0
        self.nobodys_hash = self.hasher.hash(secrets.token_hex(16))


_hashing: _Hashing | None = None


@on_reset
def reset() -> None:
    """Take up the parameters of newly opened settings."""
    global _hashing
    if _hashing is not None:
        _hashing.pool.kill()
    _hashing = None


def _ready() -> _Hashing:
    global _hashing
    if _hashing is None:
        _hashing = _Hashing()
    return _hashing


def hash_password(password: str) -> str:
    """The argon2id hash in PHC format. Raises Unavailable when too many wait."""
    hashing = _ready()
    return str(_in_pool(hashing, hashing.hasher.hash, password))


def matches(password_hash: str | None, password: str) -> bool:
    """Is it this password? Without a hash (unknown user) it takes as long and is False."""
    hashing = _ready()
    ok = _in_pool(hashing, _verify, hashing.hasher, password_hash or hashing.nobodys_hash, password)
    return bool(ok) and password_hash is not None


def needs_rehash(password_hash: str) -> bool:
    """Have the parameters grown since this hash was made?"""
    return _ready().hasher.check_needs_rehash(password_hash)


def _verify(hasher: PasswordHasher, password_hash: str, password: str) -> bool:
    try:
        return hasher.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


def _in_pool(hashing: _Hashing, function: object, *arguments: object) -> object:
    if hashing.waiting >= config().PASSWORD_HASH_QUEUE:
        raise errors.Unavailable(errors.Code.SERVER_BUSY, "Too many people are logging in. Try again soon.", 2)
    hashing.waiting += 1
    try:
        return hashing.pool.apply(function, arguments)
    finally:
        hashing.waiting -= 1

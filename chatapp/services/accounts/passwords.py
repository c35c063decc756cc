"""Password hashing: argon2id in gevent's thread pool, bounded, so that a log-in storm does not stall chat.

Threads are given to those who wait in turn: one call of each before the second of any.
Parameters at or above OWASP's floor (19 MiB, 2 passes, 1 lane), see the Password Storage Cheat Sheet.
"""

import secrets
import unicodedata
from collections import Counter, OrderedDict, deque
from collections.abc import Iterator
from contextlib import contextmanager

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from gevent.event import Event
from gevent.threadpool import ThreadPool

from chatapp import errors
from chatapp.settings import config
from chatapp.state import on_reset

_CALLS_OF_ONE = 10  # that may be under way at once


class _Hashing:
    """One hasher with the configured parameters, its threads, and who waits for them."""

    def __init__(self) -> None:
        settings = config()
        self.hasher = PasswordHasher(
            time_cost=settings.ARGON2_TIME_COST,
            memory_cost=settings.ARGON2_MEMORY_KIB,
            parallelism=settings.ARGON2_PARALLELISM,
        )
        self.pool = ThreadPool(settings.PASSWORD_HASH_THREADS)
        self.waiting = 0  # calls under way, in a thread or not
        self.calls: Counter[str] = Counter()  # the same of each caller
        self.free_threads = settings.PASSWORD_HASH_THREADS
        self.lines: OrderedDict[str, deque[Event]] = OrderedDict()  # the caller whose turn is next first
        self.nobodys_hash = self.hasher.hash(secrets.token_hex(16))

    @contextmanager
    def call(self, caller: str) -> Iterator[None]:
        """Count a call. Raises Unavailable when too many are under way, RateLimited when too many of the caller are."""
        if self.calls[caller] >= _CALLS_OF_ONE:
            raise errors.RateLimited("Too many passwords at once. Try again in 1 s.", 1)
        if self.waiting >= config().PASSWORD_HASH_QUEUE:
            raise errors.Unavailable(errors.Code.SERVER_BUSY, "Too many people are logging in. Try again soon.", 2)
        self.waiting += 1
        self.calls[caller] += 1
        try:
            yield
        finally:
            self.waiting -= 1
            self.calls[caller] -= 1
            if not self.calls[caller]:
                del self.calls[caller]

    @contextmanager
    def thread(self, caller: str) -> Iterator[None]:
        """Hold a thread once it is the caller's turn."""
        self._take_thread(caller)
        try:
            yield
        finally:
            self._give_thread()

    def _take_thread(self, caller: str) -> None:
        if self.free_threads:
            self.free_threads -= 1
            return
        turn = Event()
        self.lines.setdefault(caller, deque()).append(turn)
        try:
            turn.wait()
        except BaseException:  # the greenlet is killed: the thread is, or will be, another's
            if turn.is_set():
                self._give_thread()
            else:
                self._leave(caller, turn)
            raise

    def _leave(self, caller: str, turn: Event) -> None:
        self.lines[caller].remove(turn)
        if not self.lines[caller]:
            del self.lines[caller]

    def _give_thread(self) -> None:
        if not self.lines:
            self.free_threads += 1
            return
        caller, line = self.lines.popitem(last=False)
        turn = line.popleft()
        if line:
            self.lines[caller] = line
        turn.set()


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


def hash_password(password: str, caller: str = "") -> str:
    """Return the argon2id hash of the password in NFC, in PHC format. `caller` is charged with the turn.

    Raises Unavailable when too many wait, RateLimited when too many of the caller do.
    """
    hashing = _ready()
    return str(_in_pool(hashing, caller, hashing.hasher.hash, _normal(password)))


def matches(password_hash: str | None, password: str, caller: str = "") -> bool:
    """Return whether it is this password; without a hash (unknown user), False after as long. Else as `hash_password`.

    Keyboards write the same letters in different characters; hashes of before are of what was typed then.
    """
    hashing = _ready()
    spellings = dict.fromkeys((_normal(password), password))
    tried = password_hash or hashing.nobodys_hash
    ok = any(_in_pool(hashing, caller, _verify, hashing.hasher, tried, spelling) for spelling in spellings)
    return ok and password_hash is not None


def needs_rehash(password_hash: str) -> bool:
    """Return whether the parameters have grown since this hash was made."""
    return _ready().hasher.check_needs_rehash(password_hash)


def is_of_another_spelling(password_hash: str, password: str, caller: str = "") -> bool:
    """Return whether this hash, which the password matches, was made of the password as typed instead of its NFC."""
    return not unicodedata.is_normalized("NFC", password) and not matches(password_hash, _normal(password), caller)


def _normal(password: str) -> str:
    return unicodedata.normalize("NFC", password)


def _verify(hasher: PasswordHasher, password_hash: str, password: str) -> bool:
    try:
        return hasher.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


def _in_pool(hashing: _Hashing, caller: str, function: object, *arguments: object) -> object:
    with hashing.call(caller), hashing.thread(caller):
        return hashing.pool.apply(function, arguments)

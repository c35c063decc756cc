"""The machines that use the same Redis for a chat and can't be heard: another JWT_SECRET, another database.

All say hello on one channel, without content: their name, version, and a hash of their database's name. Nothing of it
is trusted, it only becomes a sentence for the operator.
"""

import string
from collections.abc import Callable
from dataclasses import dataclass

import orjson
import structlog

from chatapp import clock
from chatapp.bus.peer import machine_of

logger = structlog.get_logger("chatapp.bus")
_MOST_BYTES = 500
_MOST = 100
_DOUBT_SECONDS = 3.0  # a process that was not heard on the bus so long after its hello is not going to be
_FORGET_SECONDS = 60.0
_CHARACTERS = frozenset(string.ascii_letters + string.digits + "-.+")


@dataclass(slots=True)
class _Stranger:
    database: str
    version: str
    since: float
    heard_at: float


class Strangers:
    """The hellos of others, as one process hears them. `is_peer(name)` says whether the bus hears that process."""

    def __init__(self, me: str, database: str, version: str, is_peer: Callable[[str], bool]) -> None:
        self._me = me
        self._database = database
        self._version = version
        self._is_peer = is_peer
        self._known: dict[str, _Stranger] = {}
        self._told: set[str] = set()

    def hello(self) -> bytes:
        """Return what this process says."""
        return orjson.dumps({"process": self._me, "version": self._version, "database": self._database})

    def heard(self, data: bytes) -> bool:
        """Take what somebody says; return whether they were not known, and may not know this process."""
        row = _read(data)
        if row is None or row["process"] == self._me or self._is_peer(row["process"]):
            return False
        now = clock.monotonic()
        known = self._known.get(row["process"])
        if known is not None:
            known.heard_at = now
        elif len(self._known) < _MOST:
            self._known[row["process"]] = _Stranger(row["database"], row["version"], now, now)
            return True
        return False

    def sentences(self) -> list[str]:
        """Return a sentence for each machine that is there and can't be heard. A new one is logged."""
        now = clock.monotonic()
        self._known = {
            name: row
            for name, row in self._known.items()
            if now - row.heard_at < _FORGET_SECONDS and not self._is_peer(name)
        }
        doubtful = {machine_of(name): row for name, row in self._known.items() if now - row.since >= _DOUBT_SECONDS}
        found = {self._sentence(machine, row) for machine, row in doubtful.items()}
        for sentence in sorted(found - self._told):
            logger.warning("another machine on this Redis can't be heard", why=sentence)
        self._told = found
        return sorted(found)

    def _sentence(self, machine: str, row: _Stranger) -> str:
        if row.database != self._database:
            return (
                f"The machine {machine} uses this Redis with another MONGO_DATABASE: "
                "it is another chat, or one of the two has the wrong setting."
            )
        return (
            f"The machine {machine} (chatapp {row.version}) uses this Redis with the same MONGO_DATABASE, but can't be "
            "heard: it has another JWT_SECRET, or a version that this one does not understand."
        )


def _read(data: bytes) -> dict[str, str] | None:
    """Return a hello, None for anything else."""
    if len(data) > _MOST_BYTES:
        return None
    try:
        row = orjson.loads(data)
    except ValueError:
        return None
    if not isinstance(row, dict):
        return None
    texts = {name: row.get(name) for name in ("process", "version", "database")}
    are_plain = all(isinstance(text, str) and text and set(text) <= _CHARACTERS for text in texts.values())
    return texts if are_plain else None  # type: ignore[return-value]  # checked one by one

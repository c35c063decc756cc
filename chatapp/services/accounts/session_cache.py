"""Sessions that were found live within the last seconds, so that not every call asks the database."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile

from bson import ObjectId
from cachetools import FIFOCache

from chatapp import clock
from chatapp.state import on_reset
from chatapp.stores.documents.sessions import SessionDocument

RECHECK_SECONDS = 30.0
RENEW_SECONDS = 10.0  # before that the sessions in use are looked up together
REMEMBERED = 20_000  # each of them some 500 bytes: 10 MB
_FRESH = 500  # whole sessions, of a few KB each, that wait for their first call: 2 MB
_PAIRS = 4  # of one session that are remembered as good


@dataclass(slots=True)
class Row:
    """A session that is live until `known_until`, as far as is known. `pairs`: numbers of token pairs that are good."""

    user_id: ObjectId
    ends_at: datetime
    known_until: float
    protocol: int
    pairs: tuple[int, ...] = ()

    def takes(self, pair: int | None) -> bool:
        """Return whether this pair is known to be good. (None: a token without a pair.)"""
        return pair is None or pair in self.pairs

    def allow(self, pair: int | None) -> None:
        """Take the tokens of this pair without asking the database."""
        if pair is not None and pair not in self.pairs:
            self.pairs = (*self.pairs[1 - _PAIRS :], pair)


class SessionCache:
    """The sessions, those looked up last at the end."""

    def __init__(self) -> None:
        self.rows: OrderedDict[ObjectId, Row] = OrderedDict()  # by known_until, as `due` reads it
        self.fresh: FIFOCache[ObjectId, SessionDocument] = FIFOCache(
            _FRESH
        )  # just stored: their first call need not read them
        self.used: set[ObjectId] = set()  # since they were looked up together with others
        self.forgotten = 0  # grows with every revocation

    def find(self, session_id: ObjectId) -> Row | None:
        """Return the session, if it is known to be live; it counts as used."""
        row = self.rows.get(session_id)
        if row is None or row.ends_at <= clock.now() or row.known_until < clock.monotonic():
            return None
        self.used.add(session_id)
        return row

    def take_stored(self, session_id: ObjectId) -> SessionDocument | None:
        """Return the session as this process has just stored it, once."""
        return self.fresh.pop(session_id, None)

    def add(self, session: SessionDocument, *, is_new: bool = False) -> Row:
        """Take in a live session. `is_new`: it was stored just now, and nobody can have changed it since."""
        known_until = clock.monotonic() + RECHECK_SECONDS
        row = Row(session["user_id"], session["expires_at"], known_until, session.get("protocol", 1))
        before = self.rows.get(session["_id"])
        row.pairs = before.pairs if before is not None else ()  # a pair that was used is never killed
        self.fresh.pop(session["_id"], None)
        if is_new:
            self.fresh[session["_id"]] = session
        self.rows[session["_id"]] = row
        self.rows.move_to_end(session["_id"])
        if len(self.rows) > REMEMBERED:
            self.forget(next(iter(self.rows)), revoked=False)
        return row

    def due(self) -> dict[ObjectId, Row]:
        """Return the sessions in use that have to be looked up soon; forget unused ones whose time is over."""
        now, due = clock.monotonic(), {}
        soon = takewhile(lambda item: item[1].known_until < now + RENEW_SECONDS, self.rows.items())
        for session_id, row in list(soon):
            if session_id in self.used:
                due[session_id] = row
            elif row.known_until < now:
                self.forget(session_id, revoked=False)
        return due

    def renew(self, session_id: ObjectId, row: Row, ends_at: datetime) -> None:
        """Extend the life of a row that was found live, unless it was forgotten meanwhile, which means revoked."""
        self.used.discard(session_id)
        if self.rows.get(session_id) is row:
            row.ends_at, row.known_until = ends_at, clock.monotonic() + RECHECK_SECONDS
            self.rows.move_to_end(session_id)

    def forget(self, session_id: ObjectId, *, revoked: bool = True) -> None:
        """Forget a session that was revoked or is not needed."""
        self.forgotten += revoked
        self.rows.pop(session_id, None)
        self.fresh.pop(session_id, None)
        self.used.discard(session_id)

    def forget_all(self) -> None:
        """Look every session up again before its next call: one of them may have been revoked."""
        self.forgotten += 1
        self.rows.clear()
        self.fresh.clear()
        self.used.clear()


cache = SessionCache()


@on_reset
def reset() -> None:
    """Forget every session."""
    cache.forget_all()

"""Sessions: one log-in on one device, from its first tokens to its end."""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any

from bson import ObjectId

from chatapp import clock, errors, realtime
from chatapp.addresses import address_key
from chatapp.extensions import Document, config, on_reset
from chatapp.ids import new_id
from chatapp.services import tokens
from chatapp.services.tokens import Identity
from chatapp.stores import sessions as store
from chatapp.stores import users
from chatapp.stores.steps import batches

LEGACY, ROTATING = 1, 2
_RECHECK_SECONDS = 30.0
_RENEW_SECONDS = 10.0  # before that the sessions in use are looked up together
_REMEMBERED = 20_000


@dataclass(frozen=True, slots=True)
class Device:
    """What a client says of itself when it logs in."""

    protocol: int = LEGACY
    name: str | None = None
    client: str | None = None
    address: str | None = None
    id: str | None = None  # random, made and kept by the device: nobody else knows it

    @property
    def hash(self) -> str | None:
        """What is kept of the device's id."""
        return hashlib.sha256(self.id.encode()).hexdigest() if self.id else None


_Row = tuple[ObjectId, datetime, float]  # user, when the session ends, until when it is known to be live


class _Known:
    """Sessions that were found live within the last seconds, so that not every call asks the database."""

    def __init__(self) -> None:
        self.rows: OrderedDict[ObjectId, _Row] = OrderedDict()  # the last looked up last
        self.used: set[ObjectId] = set()  # since they were looked up together with others
        self.unconfirmed: dict[ObjectId, int] = {}  # generations of which no token was seen yet
        self.forgotten = 0  # grows with every revocation

    def user_of(self, session_id: ObjectId) -> ObjectId | None:
        row = self.rows.get(session_id)
        if row is None or row[1] <= clock.now() or row[2] < clock.monotonic():
            return None
        self.used.add(session_id)
        return row[0]

    def add(self, session: Document) -> None:
        self._put(session["_id"], session["user_id"], session["expires_at"])
        refresh = session["refresh"]
        if refresh is not None and refresh.get("confirmed_at") is None:
            self.unconfirmed[session["_id"]] = refresh["generation"]
        if len(self.rows) > _REMEMBERED:
            self.forget(next(iter(self.rows)), revoked=False)

    def _put(self, session_id: ObjectId, user_id: ObjectId, expires_at: datetime) -> None:
        self.rows[session_id] = (user_id, expires_at, clock.monotonic() + _RECHECK_SECONDS)
        self.rows.move_to_end(session_id)

    def due(self) -> dict[ObjectId, _Row]:
        """Those in use whose time is nearly over; others whose time is over are forgotten."""
        now, due = clock.monotonic(), {}
        for session_id, row in list(takewhile(lambda item: item[1][2] < now + _RENEW_SECONDS, self.rows.items())):
            if session_id in self.used:
                due[session_id] = row
            elif row[2] < now:
                self.forget(session_id, revoked=False)
        return due

    def renew(self, session_id: ObjectId, row: _Row, expires_at: datetime) -> None:
        """It was found live once more; unless it has been forgotten meanwhile, for it was revoked then."""
        self.used.discard(session_id)
        if self.rows.get(session_id) is row:
            self._put(session_id, row[0], expires_at)

    def forget(self, session_id: ObjectId, *, revoked: bool = True) -> None:
        self.forgotten += revoked
        self.rows.pop(session_id, None)
        self.used.discard(session_id)
        self.unconfirmed.pop(session_id, None)


_known = _Known()


@on_reset
def reset() -> None:
    """Forget every session."""
    _known.rows.clear()
    _known.used.clear()
    _known.unconfirmed.clear()


def begin(user: Document, device: Device) -> dict[str, Any]:
    """Make a session and give its first tokens: `{token, accessToken?, refreshToken?, expiresIn}`."""
    now = clock.now()
    session_id = new_id()
    rotating = device.protocol >= ROTATING
    seconds = config().REFRESH_TOKEN_SECONDS if rotating else config().LEGACY_TOKEN_SECONDS
    session = {
        "_id": session_id,
        "user_id": user["_id"],
        "protocol": device.protocol,
        "device_name": device.name,
        "device_hash": device.hash,
        "client": device.client,
        "address": device.address,
        "address_key": address_key(device.address),
        "created_at": now,
        "last_seen_at": now,
        "expires_at": now + timedelta(seconds=seconds),
        "revoked_at": None,
        "refresh": _refresh_state(session_id, 0, None, now) if rotating else None,
    }
    store.insert(session)
    _known.add(session)
    return _answer(user, session, now)


def _refresh_state(session_id: ObjectId, generation: int, previous_hash: str | None, now: datetime) -> Document:
    return {
        "generation": generation,
        "hash": tokens.digest(tokens.refresh_token(session_id, generation)),
        "previous_hash": previous_hash,
        "rotated_at": now,
    }


def _answer(user: Document, session: Document, now: datetime) -> dict[str, Any]:
    """The tokens of a session as it stands: asked twice in a short time, it is the same to the byte."""
    refresh = session["refresh"]
    if refresh is None:
        seconds = config().LEGACY_TOKEN_SECONDS
        token = tokens.access_token(user, session["_id"], session["created_at"], seconds, "0")
        return {"token": token, "expiresIn": seconds}
    seconds = config().ACCESS_TOKEN_SECONDS
    grace = timedelta(seconds=config().REFRESH_GRACE_SECONDS)
    issued = refresh["rotated_at"] if now - refresh["rotated_at"] <= grace else now
    token = tokens.access_token(user, session["_id"], issued, seconds, str(refresh["generation"]))
    return {
        "token": token,
        "accessToken": token,
        "refreshToken": tokens.refresh_token(session["_id"], refresh["generation"]),
        "expiresIn": seconds,
    }


def refresh(token: str) -> dict[str, Any]:
    """Exchange a refresh token for new tokens.

    The token before gives the same answer again (the first may have been lost) until REFRESH_GRACE_SECONDS after the
    new ones were used first. Later, or an older one, means that it was copied: the whole session is revoked.
    Raises Unauthorized INVALID_REFRESH_TOKEN, TOKEN_REVOKED or TOKEN_EXPIRED.
    """
    session_id = tokens.session_of_refresh_token(token)
    session = store.find_by_id(session_id) if session_id else None
    if session is None or session["refresh"] is None:
        raise errors.Unauthorized(errors.Code.INVALID_REFRESH_TOKEN, "Log in again: unknown refresh token")
    now, presented = clock.now(), tokens.digest(token)
    _refuse_ended(session, now)
    user = users.find_by_id(session["user_id"])
    if user is None:
        raise errors.Unauthorized(errors.Code.ACCOUNT_GONE, "This account no longer exists")
    if presented == session["refresh"]["hash"]:
        session = _rotate(session, presented, now)
    if presented != session["refresh"]["previous_hash"] or not _in_grace(session, now):
        _end([session["_id"]], session["user_id"], "A refresh token was used twice")
        raise errors.Unauthorized(errors.Code.TOKEN_REVOKED, "This session was ended. Log in again.")
    return _answer(user, session, now)


def _rotate(session: Document, presented: str, now: datetime) -> Document:
    generation = session["refresh"]["generation"] + 1
    state = _refresh_state(session["_id"], generation, presented, now)
    expires = now + timedelta(seconds=config().REFRESH_TOKEN_SECONDS)
    if store.rotate_refresh(session["_id"], presented, state, expires):
        rotated = session | {"refresh": state, "expires_at": expires}
        _known.add(rotated)
        return rotated
    current = store.find_by_id(session["_id"])  # a parallel call was faster: give what it gave
    if current is None:
        raise tokens.invalid_token()
    _refuse_ended(current, now)
    return current


def _in_grace(session: Document, now: datetime) -> bool:
    """May the token before be shown again? Nobody has used the new ones, or only just now."""
    refresh = session["refresh"]
    confirmed = refresh.get("confirmed_at")
    return confirmed is None or now - confirmed <= timedelta(seconds=config().REFRESH_GRACE_SECONDS)


def _refuse_ended(session: Document, now: datetime) -> None:
    if session["revoked_at"] is not None:
        raise errors.Unauthorized(errors.Code.TOKEN_REVOKED, "This session was ended. Log in again.")
    if session["expires_at"] <= now:
        raise errors.Unauthorized(errors.Code.TOKEN_EXPIRED, "This session is over. Log in again.")


def authenticate(token: str) -> Identity:
    """The caller behind an access token whose session still works. Raises Unauthorized."""
    return verify(tokens.verify(token))


def verify(identity: Identity) -> Identity:
    """Raise Unauthorized TOKEN_REVOKED unless the session still works."""
    user_id = _known.user_of(identity.session_id)
    if user_id is None:
        forgotten = _known.forgotten
        session = store.find_live(identity.session_id, clock.now())
        if session is not None:
            user_id = session["user_id"]
            if forgotten == _known.forgotten:  # else it may have been revoked since it was read
                _known.add(session)
                _known.used.add(session["_id"])
    if user_id != identity.user_id:
        raise errors.Unauthorized(
            errors.Code.TOKEN_REVOKED, "This session was ended. Log in again.", session_id=identity.session_id
        )
    if _known.unconfirmed and _known.unconfirmed.get(identity.session_id, -1) == identity.generation:
        del _known.unconfirmed[identity.session_id]
        store.confirm_refresh(identity.session_id, identity.generation, clock.now())
    return identity


def renew() -> None:
    """Look up the sessions in use, many at once, before each would have to be for its next call; called every second.

    Notes that they were seen. Those that were ended by another process are ended here too.
    """
    due = _known.due()
    for session_ids in batches(list(due)):
        now = clock.now()
        ends = store.find_ends(session_ids, now)
        for session_id in session_ids:
            row = due[session_id]
            if session_id in ends:
                _known.renew(session_id, row, ends[session_id])
            elif row[1] <= now:
                _known.forget(session_id, revoked=False)  # its time is over, which its token says too
            elif _known.rows.get(session_id) is row:
                _close([session_id], "The session was ended")
        if ends:
            store.touch(list(ends), now)


def renewed_token(user: Document, identity: Identity) -> str:
    """A token for the same session and time with the user's new name and avatar in it."""
    now = clock.now()
    return tokens.access_token(user, identity.session_id, now, identity.expires_at - clock.timestamp(), str(new_id()))


def of_user(identity: Identity) -> list[dict[str, Any]]:
    """All sessions of the caller that work, last seen first."""
    return [_view(row, identity) for row in store.find_live_of_user(identity.user_id, clock.now())]


def _view(session: Document, identity: Identity) -> dict[str, Any]:
    return {
        "id": str(session["_id"]),
        "deviceName": session["device_name"],
        "client": session["client"],
        "address": session["address"],
        "createdAt": clock.iso(session["created_at"]),
        "lastSeenAt": clock.iso(session["last_seen_at"]),
        "expiresAt": clock.iso(session["expires_at"]),
        "current": session["_id"] == identity.session_id,
    }


def revoke(identity: Identity, session_id: ObjectId | None) -> None:
    """End one of the caller's sessions. Raises NotFound SESSION_NOT_FOUND."""
    if session_id is None or not store.revoke(session_id, identity.user_id, clock.now()):
        raise errors.NotFound(errors.Code.SESSION_NOT_FOUND, "Session not found")
    _close([session_id], "The session was ended")


def revoke_all(user_id: ObjectId, reason: str, *, keep: ObjectId | None = None) -> int:
    """End all of the user's sessions but `keep`; gives how many."""
    ended = store.revoke_all(user_id, clock.now(), keep=keep)
    _close(ended, reason)
    return len(ended)


def _end(session_ids: list[ObjectId], user_id: ObjectId, reason: str) -> None:
    for session_id in session_ids:
        store.revoke(session_id, user_id, clock.now())
    _close(session_ids, reason)


def _close(session_ids: list[ObjectId], reason: str) -> None:
    for session_id in session_ids:
        _known.forget(session_id)
        realtime.close_session(session_id, errors.Code.TOKEN_REVOKED, reason)


def tidy() -> int:
    """Delete sessions that ended a week ago; gives how many."""
    return store.delete_over(clock.now() - timedelta(days=7))

"""Sessions: one log-in on one device, from its first tokens to its end."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from bson import ObjectId

from chatapp import clock, errors
from chatapp.addresses import address_key
from chatapp.bus.exchange import Exchange
from chatapp.ids import new_id
from chatapp.realtime import connections
from chatapp.schemas.views.accounts import SessionView, Tokens
from chatapp.services import conversation_ids
from chatapp.services.accounts import revocation, rotation, tokens
from chatapp.services.accounts.session_cache import cache
from chatapp.services.accounts.tokens import Identity
from chatapp.settings import config
from chatapp.stores import sessions as session_store
from chatapp.stores import users as user_store
from chatapp.stores.batches import batches
from chatapp.stores.documents.sessions import RefreshState, SessionDocument
from chatapp.stores.documents.users import UserProfile
from chatapp.stores.key_locks import turn

LEGACY, ROTATING = 1, 2


@dataclass(frozen=True, slots=True)
class Device:
    """A device, as its client describes it at log-in."""

    protocol: int = LEGACY
    name: str | None = None
    client: str | None = None
    address: str | None = None
    id: str | None = None  # random, made and kept by the device: nobody else knows it

    @property
    def hash(self) -> str | None:
        """The digest under which the device's id is stored."""
        return hashlib.sha256(self.id.encode()).hexdigest() if self.id else None


def is_of_old_app(session_id: ObjectId) -> bool:
    """Return whether an app of the first protocol uses this session, which was verified for the running call."""
    row = cache.rows.get(session_id)
    return row is not None and row.protocol < ROTATING


def begin(user: UserProfile, device: Device) -> Tokens:
    """Make a session and return its first tokens."""
    now = clock.now()
    session_id = new_id()
    rotating = device.protocol >= ROTATING
    seconds = config().LEGACY_TOKEN_SECONDS
    if rotating:
        seconds = min(config().REFRESH_TOKEN_SECONDS, config().REFRESH_ABSOLUTE_SECONDS)
    session: SessionDocument = {
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
        "refresh": rotation.first(session_id, now) if rotating else None,
    }
    session_store.insert(session)
    cache.add(session, is_new=True)
    _make_room(user["_id"], session_id)
    return _answer(user, session, now)


def _last_end(created_at: datetime) -> datetime:
    """Return the time at which a session ends, however often it is refreshed."""
    return created_at + timedelta(seconds=config().REFRESH_ABSOLUTE_SECONDS)


def _make_room(user_id: ObjectId, newest: ObjectId) -> None:
    """End the user's sessions beyond MAX_SESSIONS_PER_USER, those first that were not used for the longest time."""
    most = config().MAX_SESSIONS_PER_USER
    if not session_store.has_more_than(user_id, most):
        return
    session_store.delete_ended(user_id, clock.now())
    live = [row for row in session_store.find_last_uses(user_id, clock.now()) if row["_id"] != newest]
    live.sort(key=lambda row: (_is_connected(row["_id"]), row["last_seen_at"]), reverse=True)
    if too_many := [row["_id"] for row in live[most - 1 :]]:
        revocation.end(too_many, user_id, "There were too many sessions: this one was not used for the longest time")


def _is_connected(session_id: ObjectId) -> bool:
    """Return whether the session has a socket here."""
    return bool(connections.here.of_session(session_id))


def _answer(user: UserProfile, session: SessionDocument, now: datetime) -> Tokens:
    """Return the tokens of a session; a second call within a short time returns the same bytes."""
    refresh = session["refresh"]
    if refresh is None:
        seconds = config().LEGACY_TOKEN_SECONDS
        token = tokens.access_token(user, session["_id"], session["created_at"], seconds, "0")
        return {"token": token, "expiresIn": seconds}
    grace = timedelta(seconds=config().REFRESH_GRACE_SECONDS)
    issued = refresh["rotated_at"] if now - refresh["rotated_at"] <= grace else now
    seconds = min(config().ACCESS_TOKEN_SECONDS, int((session["expires_at"] - issued).total_seconds()))
    token = tokens.access_token(user, session["_id"], issued, seconds, str(refresh["generation"]))
    return {
        "token": token,
        "accessToken": token,
        "refreshToken": _refresh_token(session, refresh),
        "expiresIn": seconds,
    }


def _refresh_token(session: SessionDocument, state: RefreshState) -> str:
    """Return the token for the client. It says whose it is as soon as no process lives that does not know such ones."""
    token = tokens.refresh_token(session["_id"], state["generation"])
    return tokens.with_owner(token, session["user_id"]) if conversation_ids.earlier_versions_are_gone() else token


def refresh(token: str) -> Tokens:
    """Exchange a refresh token for new tokens.

    The token before yields a pair of its own each time (the answer may have been lost), and the present one again until
    REFRESH_GRACE_SECONDS after that was used first. Later, or with one that was killed (see `rotation`), somebody has
    a copy: the whole session ends. Raises Unauthorized INVALID_REFRESH_TOKEN, TOKEN_REVOKED or TOKEN_EXPIRED.
    """
    shown = tokens.read_refresh_token(token)
    if shown is None:
        raise _unknown_refresh_token()
    with turn(str(shown.session_id)):
        while True:
            session = _load(shown)
            before = session["refresh"] if session else None
            if session is None or before is None:
                raise _unknown_refresh_token()
            now = clock.now()
            _refuse_ended(session, now)
            user = user_store.find_by_id(session["user_id"])
            if user is None:
                raise errors.Unauthorized(errors.Code.ACCOUNT_GONE, "This account no longer exists")
            state = _exchanged(session, before, shown.pair, now)
            if state is before:
                return _answer(user, session, now)
            expires = min(now + timedelta(seconds=config().REFRESH_TOKEN_SECONDS), _last_end(session["created_at"]))
            if session_store.exchange_refresh(session, before, state, expires):
                session |= {"refresh": state, "expires_at": expires}
                revocation.tell_others(session["_id"])
                cache.add(session, is_new=True)
                return _answer(user, session, now)


def _load(shown: tokens.RefreshToken) -> SessionDocument | None:
    if shown.user_id is None:
        return session_store.find_of_anybody(shown.session_id)
    return session_store.find(shown.session_id, shown.user_id)


def _exchanged(session: SessionDocument, state: RefreshState, pair: int, now: datetime) -> RefreshState:
    """Return the refresh state after this pair's token was shown. Ends the session when the token was copied."""
    if rotation.is_present(state, pair):
        return rotation.after(session["_id"], pair, now)
    if tokens.digest(tokens.refresh_token(session["_id"], pair)) == state["previous_hash"]:
        confirmed = state.get("confirmed_at")
        if confirmed is None and (sibling := rotation.sibling(session["_id"], state)):
            return sibling
        if confirmed is not None and now - confirmed <= timedelta(seconds=config().REFRESH_GRACE_SECONDS):
            return state
    raise revocation.end_reused(session["_id"], session["user_id"])


def _unknown_refresh_token() -> errors.Unauthorized:
    return errors.Unauthorized(errors.Code.INVALID_REFRESH_TOKEN, "Log in again: unknown refresh token")


def _refuse_ended(session: SessionDocument, now: datetime) -> None:
    if session["revoked_at"] is not None:
        raise revocation.ended_error(session, session["_id"])
    if session["expires_at"] <= now or _last_end(session["created_at"]) <= now:
        raise errors.Unauthorized(errors.Code.TOKEN_EXPIRED, "This session is over. Log in again.")


def authenticate(token: str) -> Identity:
    """Return the caller behind an access token whose session still works. Raises Unauthorized."""
    return verify(tokens.verify(token))


def verify(identity: Identity) -> Identity:
    """Raise Unauthorized TOKEN_REVOKED unless the session still works, and this pair of its tokens."""
    row = cache.find(identity.session_id)
    if row is None or row.user_id != identity.user_id or not row.takes(identity.generation):
        _look_up(identity)
    return identity


def _look_up(identity: Identity) -> None:
    """Check session and pair against what is stored, and remember them. The first use of a pair kills its siblings."""
    while True:
        forgotten, now = cache.forgotten, clock.now()
        session = cache.take_stored(identity.session_id)
        session = session or session_store.find_live(identity.session_id, identity.user_id, now)
        if session is None or session["user_id"] != identity.user_id:
            stored = session_store.find(identity.session_id, identity.user_id)
            raise revocation.ended_error(stored, identity.session_id)
        if _is_settled(session, identity, now):
            break
    if forgotten == cache.forgotten:  # else it may have been revoked since it was read
        cache.add(session).allow(identity.generation)
        cache.used.add(session["_id"])


def _is_settled(session: SessionDocument, identity: Identity, now: datetime) -> bool:
    """Return whether the pair is good; False when another call was faster, so that the session has to be read again."""
    state, pair = session["refresh"], identity.generation
    if state is None or pair is None:
        return True
    standing = rotation.standing(state, pair)
    if standing is rotation.Standing.KILLED:
        raise revocation.end_reused(session["_id"], session["user_id"])
    if standing is rotation.Standing.GOOD:
        return True
    refresh_hash = tokens.digest(tokens.refresh_token(session["_id"], pair))
    is_confirmed = session_store.confirm_refresh(session, state["previous_hash"], pair, refresh_hash, now)
    revocation.tell_others(session["_id"])
    return is_confirmed


def renew() -> None:
    """Look up the sessions in use, many at once, before each would have to be for its next call; called every second.

    Notes that they were seen. Those that were ended by another process are ended here too.
    """
    due = cache.due()
    for session_ids in batches(list(due)):
        now, owners = clock.now(), {session_id: due[session_id].user_id for session_id in session_ids}
        ends = session_store.find_ends(owners, now)
        for session_id in session_ids:
            row = due[session_id]
            if session_id in ends:
                cache.renew(session_id, row, ends[session_id])
            elif row.ends_at <= now:
                cache.forget(session_id, revoked=False)  # it has expired, as its token says too
            elif cache.rows.get(session_id) is row:
                revocation.forget([session_id], "The session was ended")
        if ends:
            session_store.touch({session_id: owners[session_id] for session_id in ends}, now)


def renewed_token(user: UserProfile, identity: Identity) -> str:
    """Return a token for the same session and time with the user's new name and avatar in it."""
    now = clock.now()
    return tokens.access_token(user, identity.session_id, now, identity.expires_at - clock.timestamp(), str(new_id()))


def of_user(identity: Identity) -> list[SessionView]:
    """Return all sessions of the caller that work, last seen first."""
    return [_view(row, identity) for row in session_store.find_live_of_user(identity.user_id, clock.now())]


def _view(session: SessionDocument, identity: Identity) -> SessionView:
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


def hear_others(exchange: Exchange) -> None:
    """Look a session up again that another process has ended, or whose tokens it has exchanged."""
    exchange.handle("session changed", lambda _, data: cache.forget(data["session"], revoked=data["is_over"]))
    exchange.on_gap(lambda _: cache.forget_all())


def tidy() -> int:
    """Delete sessions that ended a week ago; return how many."""
    return session_store.delete_over(clock.now() - timedelta(days=7))

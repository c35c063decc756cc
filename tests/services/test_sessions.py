"""Sessions: listed, ended one by one or all, and what their end does to REST and sockets at once."""

from datetime import timedelta

import gevent
import gevent.event
import pytest
from bson import ObjectId

from chatapp import clock
from chatapp.database import db
from chatapp.services.accounts import session_cache, sessions
from chatapp.stores import sessions as session_store
from tests.conftest import PASSWORD

FIELDS = {"id", "deviceName", "client", "address", "createdAt", "lastSeenAt", "expiresAt", "current"}


@pytest.fixture
def phone(client, ann):
    """The token of a second session of Ann's."""
    body = {"email": "ann@test.com", "password": PASSWORD, "deviceName": "Ann's phone", "client": "app 1.0"}
    return client.post("/api/auth/login", json=body, environ_base={"REMOTE_ADDR": "192.0.2.9"}).json["token"]


@pytest.fixture
def code_of(client):
    """The error code that a token gets, None when it works."""

    def code(token):
        answer = client.get("/api/user/profile", headers={"Authorization": f"Bearer {token}"})
        return (answer.json.get("error") or {}).get("code")

    return code


def other_session(ann):
    """Return the id of Ann's session that is not the calling one."""
    return next(row["id"] for row in ann.get("/api/auth/sessions")["data"] if not row["current"])


def test_sessions_say_device_client_times_and_address(ann, phone):
    rows = ann.get("/api/auth/sessions")["data"]
    there = next(row for row in rows if not row["current"])
    assert set(there) >= FIELDS and len(rows) == 2
    assert (there["deviceName"], there["client"], there["address"]) == ("Ann's phone", "app 1.0", "192.0.2.9")
    assert there["createdAt"] <= there["lastSeenAt"] < there["expiresAt"]


def test_a_session_without_a_client_shows_the_user_agent(client, ann):
    body = {"email": "ann@test.com", "password": PASSWORD}
    client.post("/api/auth/login", json=body, headers={"User-Agent": "okhttp/4.9 " + "x" * 500})
    clients = [row["client"] for row in ann.get("/api/auth/sessions")["data"] if not row["current"]]
    assert clients[0].startswith("okhttp/4.9") and len(clients[0]) <= 200


def test_last_seen_moves_with_use(ann, phone, code_of):
    before = next(row["lastSeenAt"] for row in ann.get("/api/auth/sessions")["data"] if not row["current"])
    clock.move(timedelta(minutes=5))
    code_of(phone)
    clock.move(timedelta(seconds=25))
    sessions.renew()
    after = next(row["lastSeenAt"] for row in ann.get("/api/auth/sessions")["data"] if not row["current"])
    assert after > before


def test_a_session_is_not_listed_once_it_is_over(ann, phone, code_of):
    ann.rest("DELETE", f"/api/auth/sessions/{other_session(ann)}")
    assert [row["current"] for row in ann.get("/api/auth/sessions")["data"]] == [True]


def test_one_session_is_ended_from_another(ann, phone, code_of):
    answer = ann.rest("DELETE", f"/api/auth/sessions/{other_session(ann)}")
    assert answer.status_code == 200 and answer.json["success"]
    assert code_of(phone) == "TOKEN_REVOKED" and code_of(ann.token) is None


@pytest.mark.parametrize("session_id", ["0" * 24, "nonsense", "$ne"])
def test_a_session_that_is_not_there_is_not_found(ann, session_id):
    answer = ann.rest("DELETE", f"/api/auth/sessions/{session_id}")
    assert (answer.status_code, answer.json["error"]["code"]) == (404, "SESSION_NOT_FOUND")


def test_nobody_ends_another_users_session(ann, bob, phone, code_of):
    answer = bob.rest("DELETE", f"/api/auth/sessions/{other_session(ann)}")
    assert (answer.status_code, answer.json["error"]["code"]) == (404, "SESSION_NOT_FOUND")
    assert code_of(phone) is None


def test_log_out_ends_this_session_only(ann, phone, code_of):
    here = ann.token
    assert ann.post("/api/auth/logout")["success"]
    assert code_of(here) == "TOKEN_REVOKED" and code_of(phone) is None


def test_log_out_everywhere_ends_all(ann, phone, code_of):
    assert ann.post("/api/auth/logout-all")["data"] == {"sessionsEnded": 2}
    assert code_of(phone) == code_of(ann.token) == "TOKEN_REVOKED"


def end_by_log_out(ann):
    ann.post("/api/auth/logout")


def end_everywhere(ann):
    ann.post("/api/auth/logout-all")


def end_from_another_device(ann):
    mine = next(row["id"] for row in ann.get("/api/auth/sessions")["data"] if row["current"])
    body = {"email": "ann@test.com", "password": PASSWORD}
    token = ann.app.test_client().post("/api/auth/login", json=body).json["token"]
    headers = {"Authorization": f"Bearer {token}"}
    ann.app.test_client().delete(f"/api/auth/sessions/{mine}", headers=headers)


def end_by_a_changed_password(ann):
    body = {"email": "ann@test.com", "password": PASSWORD}
    token = ann.app.test_client().post("/api/auth/login", json=body).json["token"]
    change = {"currentPassword": PASSWORD, "newPassword": "another-password"}
    ann.app.test_client().post("/api/auth/password", json=change, headers={"Authorization": f"Bearer {token}"})


ENDINGS = [end_by_log_out, end_everywhere, end_from_another_device, end_by_a_changed_password]


@pytest.mark.parametrize("end", ENDINGS)
def test_an_ended_session_is_refused_at_once_and_its_sockets_are_told_and_closed(end, ann, bob, code_of):
    conversation = ann.direct(bob)
    first, second, others = ann.socket(), ann.socket(), bob.socket()
    end(ann)
    assert code_of(ann.token) == "TOKEN_REVOKED"
    for socket in (first, second):
        (told,) = socket.received("sessionRevoked")
        assert told["code"] == "TOKEN_REVOKED" and told["reason"] and not socket.connected
    bob.send(conversation, "for members only")
    assert "for members only" not in str(first.received()) and others.connected


@pytest.mark.parametrize("end", ENDINGS)
def test_an_ended_session_does_not_connect(end, ann, knock):
    end(ann)
    refused = knock({"token": ann.token})
    assert refused["message"] == "Authentication error: session ended"
    assert refused["data"]["code"] == "TOKEN_REVOKED" and refused["data"]["requestId"]


def test_a_session_that_ends_while_its_socket_connects_is_not_let_in(ann, knock, monkeypatch):
    inner = sessions.authenticate

    def authenticate(token):
        identity = inner(token)
        end_by_log_out(ann)
        return identity

    monkeypatch.setattr(sessions, "authenticate", authenticate)
    assert knock({"token": ann.token})["data"]["code"] == "TOKEN_REVOKED"


def test_a_session_that_ends_while_it_is_looked_up_stays_ended(ann, phone, code_of, monkeypatch):
    inner, reached, go = session_store.find_live, gevent.event.Event(), gevent.event.Event()

    def slow(*arguments):
        found = inner(*arguments)
        reached.set()
        go.wait(10)
        return found

    session_cache.reset()
    monkeypatch.setattr(session_store, "find_live", slow)
    overlapping = gevent.spawn(code_of, phone)
    reached.wait(10)
    monkeypatch.setattr(session_store, "find_live", inner)
    ann.post("/api/auth/logout-all")
    go.set()
    overlapping.join()
    assert code_of(phone) == "TOKEN_REVOKED"


@pytest.fixture
def lookups(monkeypatch):
    """The sessions that calls looked up one by one."""
    inner, looked_up = session_store.find_live, []

    def find_live(session_id, user_id, now):
        looked_up.append(session_id)
        return inner(session_id, user_id, now)

    monkeypatch.setattr(session_store, "find_live", find_live)
    return looked_up


def test_a_session_in_use_is_looked_up_beside_its_calls(phone, code_of, lookups):
    code_of(phone)
    for _ in range(4):
        clock.move(timedelta(seconds=25))
        sessions.renew()
        assert code_of(phone) is None
    assert not lookups


def test_a_device_that_uses_its_old_and_its_new_token_is_not_looked_up_each_time(client, ann, code_of, lookups):
    body = {"email": "ann@test.com", "password": PASSWORD, "protocol": 2}
    old = client.post("/api/auth/login", json=body).json
    new = client.post("/api/auth/refresh", json={"refreshToken": old["refreshToken"]}).json
    assert [code_of(pair["token"]) for pair in [old, new] * 5] == [None] * 10
    assert len(lookups) <= 2


def test_a_session_that_nobody_uses_is_not_looked_up(ann, phone, code_of, lookups, monkeypatch):
    asked = []
    monkeypatch.setattr(session_store, "find_ends", lambda ids, now: asked.append(ids) or {})
    sessions.renew()
    for _ in range(2):
        clock.move(timedelta(seconds=25))
        sessions.renew()
    assert not asked
    assert code_of(phone) is None and len(lookups) == 1


def end_elsewhere(ann):
    """Another process ends all sessions of Ann."""
    db().sessions.update_many({"user_id": ObjectId(ann.id)}, {"$set": {"revoked_at": clock.now()}})


def test_a_session_in_use_that_another_process_has_ended_ends_here_too(ann):
    socket = ann.socket()
    ann.get("/api/auth/sessions")
    clock.move(timedelta(seconds=25))
    end_elsewhere(ann)
    sessions.renew()
    (told,) = socket.received("sessionRevoked")
    assert told["code"] == "TOKEN_REVOKED" and not socket.connected


def test_a_session_that_ends_while_it_is_looked_up_with_others_stays_ended(ann, phone, code_of, monkeypatch):
    inner = session_store.find_ends

    def find_ends(owners, now):
        found = inner(owners, now)
        ann.post("/api/auth/logout-all")
        return found

    assert code_of(phone) is None
    clock.move(timedelta(seconds=25))
    monkeypatch.setattr(session_store, "find_ends", find_ends)
    sessions.renew()
    assert code_of(phone) == "TOKEN_REVOKED"


def test_a_session_whose_time_is_over_is_not_said_to_be_revoked(ann):
    socket = ann.socket()
    ann.get("/api/auth/sessions")
    clock.move(timedelta(days=400))
    sessions.renew()
    assert not socket.received("sessionRevoked")


def test_ended_sessions_are_tidied_away_in_time(ann, phone):
    clock.move(timedelta(days=7 + 6))
    assert sessions.tidy() == 0
    clock.move(timedelta(days=2))
    assert sessions.tidy() == 2


@pytest.mark.parametrize(
    ("auth", "code", "message"),
    [
        (None, "TOKEN_MISSING", "Authentication error: no token provided"),
        ({}, "TOKEN_MISSING", "Authentication error: no token provided"),
        ({"token": None}, "TOKEN_MISSING", "Authentication error: no token provided"),
        ({"token": ""}, "TOKEN_MISSING", "Authentication error: no token provided"),
        ({"token": 5}, "TOKEN_MISSING", "Authentication error: no token provided"),
        ({"token": ["x"]}, "TOKEN_MISSING", "Authentication error: no token provided"),
        ({"token": {"$ne": None}}, "TOKEN_MISSING", "Authentication error: no token provided"),
        ("token", "TOKEN_MISSING", "Authentication error: no token provided"),
        ([], "TOKEN_MISSING", "Authentication error: no token provided"),
        ({"token": "x"}, "TOKEN_INVALID", "Authentication error: invalid token"),
        ({"token": "\ud800"}, "TOKEN_INVALID", "Authentication error: invalid token"),
        ({"token": "x" * 100_000}, "TOKEN_INVALID", "Authentication error: invalid token"),
    ],
)
def test_a_socket_without_a_good_token_is_refused_with_a_reason(knock, auth, code, message):
    refused = knock(auth)
    assert (refused["message"], refused["data"]["code"]) == (message, code)


@pytest.mark.parametrize("error", [TypeError, ValueError, KeyError, RuntimeError, AttributeError, RecursionError])
@pytest.mark.parametrize("place", ["authenticate", "verify"])
def test_nobody_is_let_in_by_a_failure_inside(knock, ann, monkeypatch, error, place):
    calls = []

    def fail(*_):
        calls.append(1)
        raise error("an inner detail")

    monkeypatch.setattr(sessions, place, fail)
    refused = knock({"token": ann.token})
    assert refused["data"]["code"] == "INTERNAL_ERROR" and "inner detail" not in str(refused)
    assert len(calls) == 1


def test_a_socket_is_told_what_it_needs_when_it_is_let_in(ann):
    ready = ann.socket().received("ready")[0]
    assert set(ready) >= {"sessionId", "epoch", "serverTime", "limits"} and ready["userId"] == ann.id
    assert ready["processes"] == 1


def test_connections_are_limited_per_address(knock, ann, settings):
    settings(RATE_CONNECTS_ADDRESS="2 per hour")
    assert knock({"token": ann.token}) is None and knock({"token": "x"})["data"]["code"] == "TOKEN_INVALID"
    refused = knock({"token": ann.token})
    assert refused["data"]["code"] == "RATE_LIMITED" and refused["data"]["details"]["retryAfter"] > 0
    assert "Try again" in refused["message"]


def log_in_as(client, person, **more):
    """Return the token of one more session."""
    email = person.user["email"]
    return client.post("/api/auth/login", json={"email": email, "password": PASSWORD, **more}).json["token"]


def test_the_session_unused_for_the_longest_time_goes_when_there_are_too_many(client, ann, bob, code_of, settings):
    settings(MAX_SESSIONS_PER_USER=3)
    tokens = [ann.token]
    for _ in range(2):
        clock.move(timedelta(minutes=1))
        tokens.append(log_in_as(client, ann))
    code_of(ann.token)
    clock.move(timedelta(seconds=25))
    sessions.renew()
    clock.move(timedelta(minutes=1))
    tokens.append(log_in_as(client, ann))
    assert [code_of(token) for token in tokens] == [None, "TOKEN_REVOKED", None, None]
    assert len(ann.get("/api/auth/sessions")["data"]) == 3 and code_of(bob.token) is None


def test_a_session_with_a_socket_counts_as_used(client, ann, code_of, settings):
    settings(MAX_SESSIONS_PER_USER=2)
    socket = ann.socket()
    clock.move(timedelta(hours=1))
    second = log_in_as(client, ann)
    clock.move(timedelta(hours=1))
    third = log_in_as(client, ann)
    assert socket.connected and code_of(second) == "TOKEN_REVOKED" and code_of(third) is None


def test_ended_sessions_make_room_first_and_do_not_pile_up(client, ann, code_of, settings):
    settings(MAX_SESSIONS_PER_USER=3)
    kept = log_in_as(client, ann)
    for _ in range(10):
        clock.move(timedelta(minutes=1))
        client.post("/api/auth/logout", headers={"Authorization": f"Bearer {log_in_as(client, ann)}"})
    assert code_of(kept) is None and code_of(ann.token) is None
    assert db().sessions.count_documents({}) <= 4


def test_a_database_with_more_sessions_than_allowed_comes_down_with_the_next_log_in(client, ann, settings):
    old = db().sessions.find_one({})
    for field in ("address_key", "device_hash"):
        del old[field]
    moment = clock.now() - timedelta(days=1)
    db().sessions.insert_many([old | {"_id": ObjectId(), "last_seen_at": moment} for _ in range(150)])
    ann.token = log_in_as(client, ann)
    assert len(ann.get("/api/auth/sessions")["data"]) == 100

"""Accounts and sessions, through REST and sockets."""

from datetime import timedelta

import gevent
import jwt
import pytest

from chatapp import clock, database, extensions
from chatapp.realtime import closing
from chatapp.services.accounts import passwords, sessions
from chatapp.settings import config as current_config
from config import Config
from tests.conftest import PASSWORD

TWO = {"X-Client-Protocol": "2"}


def log_in(client, email="ann@test.com", password=PASSWORD, **kwargs):
    return client.post("/api/auth/login", json={"email": email, "password": password}, **kwargs)


def test_register_answers_what_old_apps_read(client):
    answer = client.post("/auth/register", json={"email": "Ann@Test.com", "password": PASSWORD, "name": "Ann"})
    assert answer.status_code == 201
    assert set(answer.json["data"]) >= {"id", "_id", "email", "name", "avatar", "created"}
    claims = jwt.decode(answer.json["token"], options={"verify_signature": False})
    assert claims["sub"] == claims["userId"] == claims["user"]["id"] == answer.json["data"]["id"]
    assert claims["email"] == "ann@test.com" and claims["name"] == "Ann" and claims["sid"]
    assert claims["exp"] - claims["iat"] == 7 * 24 * 3600
    assert "refreshToken" not in answer.json


def test_emails_are_unique_whatever_their_case(client, ann):
    answer = client.post("/api/auth/register", json={"email": "ANN@TEST.COM", "password": PASSWORD})
    assert (answer.status_code, answer.json["error"]["code"]) == (409, "EMAIL_IN_USE")
    assert answer.json["msg"] == "Email already in use"


def test_one_of_many_simultaneous_registrations_wins(app):
    body = {"email": "race@test.com", "password": PASSWORD}
    calls = [gevent.spawn(lambda: app.test_client().post("/api/auth/register", json=body)) for _ in range(8)]
    gevent.joinall(calls)
    assert sorted(call.value.status_code for call in calls) == [201] + [409] * 7


def test_log_in_with_another_case(client, ann):
    assert log_in(client, "ANN@test.com").status_code == 200


def test_unknown_user_and_wrong_password_look_the_same(client, ann, monkeypatch):
    verified = []
    inner = passwords._verify
    monkeypatch.setattr(passwords, "_verify", lambda *args: verified.append(1) or inner(*args))
    answers = [log_in(client, "nobody@test.com"), log_in(client, password="wrong-password")]
    bodies = [{**row.json, "error": {**row.json["error"], "requestId": ""}} for row in answers]
    assert bodies[0] == bodies[1] and bodies[0]["msg"] == "Invalid credentials"
    assert [row.status_code for row in answers] == [401, 401] and len(verified) == 2


def test_passwords_are_argon2id_at_owasps_floor():
    config = Config(JWT_SECRET="x" * 32)
    assert config.ARGON2_MEMORY_KIB >= 19456 and config.ARGON2_TIME_COST >= 2 and config.ARGON2_PARALLELISM >= 1
    assert passwords.hash_password("x").startswith("$argon2id$")


def test_a_log_in_takes_up_grown_parameters(client, ann, monkeypatch):
    old = database.db().users.find_one({"email": "ann@test.com"})["password_hash"]
    monkeypatch.setattr(passwords, "needs_rehash", lambda _: True)
    assert log_in(client).status_code == 200
    assert database.db().users.find_one({"email": "ann@test.com"})["password_hash"] != old
    assert log_in(client).status_code == 200


def test_a_log_in_storm_is_bounded(client, ann, monkeypatch):
    monkeypatch.setattr(passwords._ready(), "waiting", current_config().PASSWORD_HASH_QUEUE)
    answer = log_in(client)
    assert (answer.status_code, answer.json["error"]["code"]) == (503, "SERVER_BUSY")
    assert int(answer.headers["Retry-After"]) >= 1


def test_protocol_two_gets_a_short_and_a_refresh_token(client, ann):
    for answer in (
        log_in(client, headers=TWO),
        client.post("/api/auth/login", json={"email": "ann@test.com", "password": PASSWORD, "protocol": 2}),
    ):
        assert answer.json["expiresIn"] == 3600 and answer.json["accessToken"] == answer.json["token"]
        assert answer.json["refreshToken"]


def test_a_refresh_token_used_later_ends_the_session_and_its_sockets(client, ann):
    first = log_in(client, headers=TWO).json
    ann.token = first["token"]
    socket = ann.socket()
    ann.token = client.post("/api/auth/refresh", json={"refreshToken": first["refreshToken"]}).json["token"]
    ann.get("/api/user/profile")
    clock.move(timedelta(seconds=31))
    answer = client.post("/api/auth/refresh", json={"refreshToken": first["refreshToken"]})
    assert (answer.status_code, answer.json["error"]["code"]) == (401, "TOKEN_REVOKED")
    assert ann.get("/api/user/profile")["error"]["code"] == "TOKEN_REVOKED"
    assert socket.received("sessionRevoked") or not socket.connected


def test_forged_refresh_tokens_are_refused_and_end_nothing(client, ann):
    first = log_in(client, headers=TWO).json["refreshToken"]
    session_id = first.split(".")[0]
    for forged in ("x", first[:-2], f"{session_id}.7.abc", f"{session_id}.x.y", first + "x", "é.1.2"):
        answer = client.post("/api/auth/refresh", json={"refreshToken": forged})
        assert answer.json["error"]["code"] == "INVALID_REFRESH_TOKEN", forged
    assert client.post("/api/auth/refresh", json={"refreshToken": first}).status_code == 200


def test_refresh_tokens_are_stored_hashed(client, ann):
    token = log_in(client, headers=TWO).json["refreshToken"]
    assert token not in str(list(database.db().sessions.find({})))


def test_forged_access_tokens_are_refused(client, ann):
    key = current_config().JWT_SECRET
    claims = jwt.decode(ann.token, key, algorithms=["HS256"])
    refresh = log_in(client, headers=TWO).json["refreshToken"]
    forged = [
        jwt.encode(claims, "x" * 40, algorithm="HS256"),
        jwt.encode(claims, key * 2, algorithm="HS512"),
        jwt.encode(claims, "", algorithm="none"),
        jwt.encode({**claims, "type": "refresh"}, key, algorithm="HS256"),
        jwt.encode({key_: value for key_, value in claims.items() if key_ != "sub"}, key, algorithm="HS256"),
        jwt.encode({key_: value for key_, value in claims.items() if key_ != "sid"}, key, algorithm="HS256"),
        jwt.encode({key_: value for key_, value in claims.items() if key_ != "exp"}, key, algorithm="HS256"),
        jwt.encode({**claims, "sub": "nobody"}, key, algorithm="HS256"),
        ann.token[:-4] + "AAAA",
        refresh,
        "a.b.c",
    ]
    for token in forged:
        answer = client.get("/api/user/profile", headers={"Authorization": f"Bearer {token}"})
        assert (answer.status_code, answer.json["error"]["code"]) == (401, "TOKEN_INVALID"), token
        socket = extensions.socketio.test_client(client.application, auth={"token": token})
        assert not socket.is_connected()
    expired = jwt.encode({**claims, "exp": claims["iat"] - 1}, key, algorithm="HS256")
    answer = client.get("/api/user/profile", headers={"Authorization": f"Bearer {expired}"})
    assert answer.json["error"]["code"] == "TOKEN_EXPIRED"
    other_user = jwt.encode({**claims, "sub": "0" * 24}, key, algorithm="HS256")
    answer = client.get("/api/user/profile", headers={"Authorization": f"Bearer {other_user}"})
    assert answer.json["error"]["code"] == "TOKEN_REVOKED"


def test_log_out_ends_this_session_only(client, ann):
    other = log_in(client).json["token"]
    socket = ann.socket()
    assert ann.post("/api/auth/logout")["success"]
    assert ann.get("/api/user/profile")["error"]["code"] == "TOKEN_REVOKED"
    assert not socket.connected
    assert client.get("/api/user/profile", headers={"Authorization": f"Bearer {other}"}).status_code == 200


def test_log_out_everywhere(client, ann):
    other = log_in(client).json["token"]
    assert ann.post("/api/auth/logout-all")["data"]["sessionsEnded"] == 2
    answer = client.get("/api/user/profile", headers={"Authorization": f"Bearer {other}"})
    assert answer.json["error"]["code"] == "TOKEN_REVOKED"


def test_a_changed_password_ends_all_other_sessions(client, ann):
    other = log_in(client).json["token"]
    body = {"currentPassword": PASSWORD, "newPassword": "another-password"}
    assert (
        ann.post("/api/auth/password", {**body, "currentPassword": "wrong"})["error"]["code"] == "INVALID_CREDENTIALS"
    )
    assert ann.post("/api/auth/password", body)["data"]["sessionsEnded"] == 1
    assert ann.get("/api/user/profile")["success"]
    answer = client.get("/api/user/profile", headers={"Authorization": f"Bearer {other}"})
    assert answer.json["error"]["code"] == "TOKEN_REVOKED"
    assert log_in(client).status_code == 401
    assert log_in(client, password="another-password").status_code == 200


def test_sessions_are_listed_and_one_is_revoked(client, ann, bob):
    body = {"email": "ann@test.com", "password": PASSWORD, "deviceName": "Ann's phone", "client": "app 1.0"}
    phone = client.post("/api/auth/login", json=body).json["token"]
    rows = ann.get("/api/auth/sessions")["data"]
    assert [row["deviceName"] for row in rows if not row["current"]] == ["Ann's phone"]
    assert {"id", "client", "createdAt", "lastSeenAt", "expiresAt", "address"} <= set(rows[0])
    theirs = next(row["id"] for row in rows if not row["current"])
    assert bob.rest("DELETE", f"/api/auth/sessions/{theirs}").json["error"]["code"] == "SESSION_NOT_FOUND"
    assert ann.rest("DELETE", f"/api/auth/sessions/{theirs}").status_code == 200
    answer = client.get("/api/user/profile", headers={"Authorization": f"Bearer {phone}"})
    assert answer.json["error"]["code"] == "TOKEN_REVOKED"


def test_a_socket_is_told_before_its_token_expires_and_may_go_on(client, ann):
    ann.token = log_in(client, headers=TWO).json["token"]
    socket = ann.socket()
    clock.move(timedelta(seconds=3550))
    closing.sweep_expired(60)
    assert socket.received("tokenExpiring")
    fresh = log_in(client, headers=TWO).json["token"]
    assert socket.call("auth:refresh", {"token": fresh})["success"]
    clock.move(timedelta(seconds=100))
    closing.sweep_expired(60)
    assert socket.connected


def test_a_socket_is_closed_with_a_reason_when_its_token_expires(client, ann):
    ann.token = log_in(client, headers=TWO).json["token"]
    socket = ann.socket()
    clock.move(timedelta(seconds=3601))
    socket.forget()
    closing.sweep_expired(60)
    assert not socket.connected


def test_auth_refresh_takes_no_other_users_token(ann, bob):
    assert ann.socket().call("auth:refresh", {"token": bob.token})["error"]["code"] == "NOT_ALLOWED"


def test_nobody_gets_in_when_connect_fails(app, ann, monkeypatch):
    for error in (TypeError("boom"), ValueError("boom"), KeyError("boom")):
        monkeypatch.setattr(sessions, "authenticate", lambda _, error=error: (_ for _ in ()).throw(error))
        assert not extensions.socketio.test_client(app, auth={"token": ann.token}).is_connected()


@pytest.mark.parametrize("auth", [None, {}, {"token": None}, {"token": 5}, {"token": "x"}, "x", []])
def test_connect_without_a_good_token_is_refused(app, auth):
    assert not extensions.socketio.test_client(app, auth=auth).is_connected()


def test_profile_changes_reach_those_who_share_a_conversation(ann, bob, eve):
    ann.direct(bob)
    hears, deaf = bob.socket(), eve.socket()
    answer = ann.rest("PUT", "/api/user/profile", json={"name": "Anna"}).json
    assert answer["data"]["name"] == "Anna" and answer["data"]["token"]
    claims = jwt.decode(answer["data"]["token"], options={"verify_signature": False})
    assert claims["name"] == "Anna"
    assert hears.received("userProfileUpdated") == [{"userId": ann.id, "name": "Anna", "avatar": None}]
    assert deaf.received("userProfileUpdated") == []
    names = [row["name"] for row in bob.get("/api/user/conversations")["data"][0]["participants"]]
    assert "Anna" in names


def test_profile_over_the_socket(ann, bob):
    answer = ann.socket().call("updateProfile", {"name": "Anna", "avatar": "https://example.com/a.png"})
    assert answer["data"]["avatar"] == "https://example.com/a.png" and answer["msg"]
    taken = ann.rest("PUT", "/api/user/profile", json={"email": "BOB@test.com", "currentPassword": PASSWORD})
    assert (taken.status_code, taken.json["error"]["code"]) == (409, "EMAIL_IN_USE")


def test_contacts_are_paged_without_gaps_and_never_the_caller(register, ann):
    names = [register(f"friend{number}").user["name"] for number in range(7)]
    seen, after = [], ""
    while True:
        answer = ann.get(f"/api/user/contacts?limit=3&after={after}")
        seen += [row["name"] for row in answer["data"]]
        after = answer.get("meta", {}).get("next")
        if not after:
            break
    assert seen == sorted(names)


def test_contacts_search_and_empty_lists_explain_themselves(ann):
    assert ann.get("/api/user/contacts")["meta"]["code"] == "NO_USERS"
    assert ann.socket().call("getContacts", None)["meta"]["message"].startswith("No other users found")
    assert ann.get("/api/user/contacts?search=zz")["meta"]["code"] == "NO_MATCH"


def test_contacts_search_by_name_and_email(ann, bob, eve):
    for search in ("bo", "BOB@test.com", "bob"):
        assert [row["id"] for row in ann.get(f"/api/user/contacts?search={search}")["data"]] == [bob.id]
    assert ann.get("/api/user/contacts?search=.*")["data"] == []
    assert ann.get("/api/user/contacts?after=rubbish")["error"]["code"] == "VALIDATION_ERROR"

"""Register, log in, change the password."""

import threading

import argon2
import gevent
import gevent.monkey
import jwt
import pytest

from chatapp import database
from chatapp.services.accounts import passwords
from config import Config
from tests.conftest import PASSWORD, eventually

RealEvent = gevent.monkey.get_original("threading", "Event")


def log_in(client, email="ann@test.com", password=PASSWORD, **more):
    """Return the answer to a log-in."""
    return client.post("/api/auth/login", json={"email": email, "password": password, **more})


def outcome(answer):
    """Status and error code of an answer."""
    return answer.status_code, (answer.json.get("error") or {}).get("code")


def checks_wait(number):
    """Wait until so many password checks are in the pool or wait for it."""
    eventually(lambda: passwords._ready().waiting == number)


@pytest.fixture
def blocked_hashing(app, monkeypatch):
    """Every password check waits, each in its thread, until the event is set."""
    go = RealEvent()
    inner = passwords._verify

    def verify(*arguments):
        assert go.wait(20)
        return inner(*arguments)

    monkeypatch.setattr(passwords, "_verify", verify)
    yield go
    go.set()


@pytest.mark.parametrize("prefix", ["/auth", "/api/auth"])
def test_a_new_account_is_logged_in(client, prefix):
    body = {"email": "new@test.com", "password": PASSWORD, "name": "New", "avatar": "https://example.com/a.png"}
    answer = client.post(f"{prefix}/register", json=body)
    assert answer.status_code == 201 and answer.json["success"] and answer.json["msg"]
    assert answer.json["data"] | {"email": "new@test.com", "name": "New"} == answer.json["data"]
    assert answer.json["data"]["avatar"] == body["avatar"] and answer.json["data"]["created"].endswith("Z")
    headers = {"Authorization": f"Bearer {answer.json['token']}"}
    assert client.get("/api/user/profile", headers=headers).json["data"]["id"] == answer.json["data"]["id"]


def test_no_answer_shows_a_password_or_its_hash(client):
    body = {"email": "new@test.com", "password": PASSWORD}
    text = client.post("/api/auth/register", json=body).text + client.post("/api/auth/login", json=body).text
    assert "password" not in text and "argon2" not in text


def test_without_a_name_the_e_mail_gives_one(client):
    answer = client.post("/api/auth/register", json={"email": "jo.doe@test.com", "password": PASSWORD})
    assert answer.json["data"]["name"] == "jo.doe"


@pytest.mark.parametrize("email", ["ANN@test.com", "ann@TEST.com", "  Ann@Test.Com "])
def test_e_mails_are_unique_whatever_their_case(client, ann, email):
    answer = client.post("/api/auth/register", json={"email": email, "password": PASSWORD})
    assert outcome(answer) == (409, "EMAIL_IN_USE") and answer.json["msg"] == "Email already in use"


def test_of_simultaneous_registrations_in_any_case_one_wins(app):
    def register(email):
        return app.test_client().post("/api/auth/register", json={"email": email, "password": PASSWORD}).status_code

    emails = ["race@test.com", "RACE@test.com", "Race@Test.com", "rAcE@tEsT.cOm"] * 2
    calls = [gevent.spawn(register, email) for email in emails]
    gevent.joinall(calls, raise_error=True)
    assert sorted(call.value for call in calls) == [201] + [409] * 7


@pytest.mark.parametrize("email", ["ann@test.com", "Ann@TEST.com", " ann@test.com "])
def test_log_in_takes_the_e_mail_in_any_case(client, ann, email):
    answer = log_in(client, email)
    assert answer.status_code == 200 and answer.json["data"]["id"] == ann.id and answer.json["msg"]


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"email": "no-address", "password": PASSWORD}, {"email"}),
        ({"email": "a@test.com", "password": "12345"}, {"password"}),
        ({"email": "a@test.com", "password": "x" * 257}, {"password"}),
        ({"email": "a@test.com", "password": PASSWORD, "name": "  "}, {"name"}),
        ({"email": "a@test.com", "password": PASSWORD, "name": "x" * 101}, {"name"}),
        ({"password": 12345678}, {"email", "password"}),
        ({}, {"email", "password"}),
    ],
)
def test_registration_says_which_field_is_wrong(client, fields, wrong):
    answer = client.post("/api/auth/register", json=fields)
    assert outcome(answer) == (400, "VALIDATION_ERROR")
    assert set(answer.json["error"]["details"]) == wrong


def test_unknown_user_and_wrong_password_look_and_cost_the_same(client, ann, monkeypatch):
    checked = []
    inner = passwords._verify
    monkeypatch.setattr(
        passwords, "_verify", lambda hasher, known, given: checked.append(known) or inner(hasher, known, given)
    )
    unknown, wrong = log_in(client, "nobody@test.com"), log_in(client, password="wrong-password")
    assert outcome(unknown) == outcome(wrong) == (401, "INVALID_CREDENTIALS")
    bodies = [answer.json | {"error": answer.json["error"] | {"requestId": ""}} for answer in (unknown, wrong)]
    assert bodies[0] == bodies[1] and wrong.json["msg"] == "Invalid credentials"
    first, second = (argon2.extract_parameters(known) for known in checked)
    assert first == second


def test_password_hashing_is_at_owasps_floor_or_above():
    settings = Config()
    assert settings.ARGON2_MEMORY_KIB >= 19_456
    assert settings.ARGON2_TIME_COST >= 2
    assert settings.ARGON2_PARALLELISM >= 1


def test_the_configured_parameters_are_those_of_the_stored_hash(client, settings):
    settings(ARGON2_MEMORY_KIB=128, ARGON2_TIME_COST=3)
    client.post("/api/auth/register", json={"email": "a@test.com", "password": PASSWORD})
    stored = database.db().users.find_one({"email": "a@test.com"})["password_hash"]
    parameters = argon2.extract_parameters(stored)
    assert parameters.type is argon2.Type.ID
    assert (parameters.memory_cost, parameters.time_cost) == (128, 3)


def test_a_log_in_takes_up_grown_parameters(client, ann, settings):
    settings(ARGON2_TIME_COST=2)
    assert log_in(client).status_code == 200
    stored = database.db().users.find_one({"email": "ann@test.com"})["password_hash"]
    assert argon2.extract_parameters(stored).time_cost == 2
    assert log_in(client).status_code == 200
    assert database.db().users.find_one({"email": "ann@test.com"})["password_hash"] == stored


def test_others_are_served_while_passwords_are_checked(app, ann, bob, blocked_hashing):
    conversation, socket = ann.direct(bob), bob.socket()
    log_ins = [gevent.spawn(log_in, app.test_client()) for _ in range(10)]
    checks_wait(10)
    assert ann.send(conversation, "during the storm")["success"]
    assert socket.call("getConversations")["data"][0]["lastMessage"]["content"] == "during the storm"
    assert not any(row.ready() for row in log_ins)
    blocked_hashing.set()
    gevent.joinall(log_ins, raise_error=True)
    assert [row.value.status_code for row in log_ins] == [200] * 10


def test_a_log_in_storm_has_a_bound(app, client, ann, settings, blocked_hashing):
    settings(PASSWORD_HASH_QUEUE=3)
    waiting = [gevent.spawn(log_in, app.test_client()) for _ in range(3)]
    checks_wait(3)
    refused = log_in(client)
    assert outcome(refused) == (503, "SERVER_BUSY")
    assert int(refused.headers["Retry-After"]) == refused.json["error"]["details"]["retryAfter"] > 0
    blocked_hashing.set()
    gevent.joinall(waiting, raise_error=True)
    assert [row.value.status_code for row in waiting] == [200] * 3
    assert log_in(client).status_code == 200


def test_hashing_has_no_more_threads_than_configured(app, ann, settings, monkeypatch):
    settings(PASSWORD_HASH_THREADS=2)
    threads = set()
    inner = passwords._verify

    def verify(*arguments):
        threads.add(threading.get_native_id())
        return inner(*arguments)

    monkeypatch.setattr(passwords, "_verify", verify)
    calls = [gevent.spawn(log_in, app.test_client()) for _ in range(8)]
    gevent.joinall(calls, raise_error=True)
    assert 1 <= len(threads) <= 2 and threading.get_native_id() not in threads


def at(number):
    """Return where a call comes from."""
    return {"environ_base": {"REMOTE_ADDR": f"192.0.2.{number}"}}


def log_in_at(client, number, password=PASSWORD, email="ann@test.com", **more):
    """Return the status of a log-in from an address."""
    body = {"email": email, "password": password, **more}
    return client.post("/api/auth/login", json=body, **at(number)).status_code


def test_failed_log_ins_are_limited_per_account_and_address(client, ann, bob, settings):
    settings(RATE_LOGIN_ACCOUNT="3 per hour")
    assert [log_in(client, password="wrong").status_code for _ in range(3)] == [401] * 3
    for email in ("ann@test.com", "ANN@test.com", " ann@test.com"):
        refused = log_in(client, email)
        assert outcome(refused) == (429, "RATE_LIMITED")
        assert int(refused.headers["Retry-After"]) == refused.json["error"]["details"]["retryAfter"] > 0
    assert log_in(client, "bob@test.com").status_code == 200
    assert log_in_at(client, 9) == 200


def test_a_strangers_guesses_do_not_lock_the_owner_out(client, ann, settings):
    settings(RATE_LOGIN_ACCOUNT="20 per hour", RATE_LOGIN_ACCOUNT_ANYWHERE="30 per hour")
    guesses = [log_in_at(client, 50 + number // 10, "a guess") for number in range(40)]
    assert guesses == [401] * 30 + [429] * 10
    assert log_in_at(client, 99) == 429
    assert log_in(client).status_code == 200


def test_a_device_that_was_in_gets_in_from_anywhere_whatever_others_guess(client, ann, settings):
    assert log_in_at(client, 1, deviceId="anns-own-phone") == 200
    settings(RATE_LOGIN_ACCOUNT="2 per hour", RATE_LOGIN_ACCOUNT_ANYWHERE="4 per hour", RATE_LOGIN_ADDRESS="3 per hour")
    for number in (7, 8, 9):
        assert log_in_at(client, number, "a guess") in (401, 429)
        assert log_in_at(client, number, "a guess") in (401, 429)
    assert log_in_at(client, 7) == 429
    assert log_in_at(client, 7, deviceId="another") == 429
    assert log_in_at(client, 7, deviceId="anns-own-phone") == 200
    assert log_in_at(client, 8, "a guess", deviceId="anns-own-phone") == 401
    assert log_in_at(client, 9, "a guess", deviceId="anns-own-phone") == 401
    assert log_in_at(client, 10, deviceId="anns-own-phone") == 429


def test_what_a_device_calls_itself_is_kept_from_everybody(client, ann):
    log_in_at(client, 1, deviceId="anns-own-phone")
    assert "anns-own-phone" not in str(list(database.db().sessions.find({})))
    rows = str(ann.get("/api/auth/sessions"))
    assert "hash" not in rows and "anns-own-phone" not in rows


def test_sessions_of_before_addresses_had_keys_still_let_their_owner_in(client, ann, settings):
    database.db().sessions.update_many({}, {"$unset": {"address_key": "", "device_hash": ""}})
    settings(RATE_LOGIN_ACCOUNT_ANYWHERE="2 per hour")
    assert [log_in_at(client, 50, "a guess") for _ in range(3)] == [401, 401, 429]
    assert log_in(client).status_code == 200


def test_right_passwords_have_a_limit_of_their_own(client, ann, settings):
    settings(RATE_LOGIN_SUCCESSES="3 per hour")
    assert [log_in(client).status_code for _ in range(4)] == [200] * 3 + [429]
    assert log_in_at(client, 9) == 200


def test_password_changes_are_counted_right_or_wrong(ann, client, settings):
    settings(RATE_LOGIN_ACCOUNT="2 per hour")
    body = {"currentPassword": PASSWORD, "newPassword": PASSWORD}
    codes = [outcome(ann.rest("POST", "/api/auth/password", json=body))[0] for _ in range(3)]
    assert codes == [200, 200, 429]
    ann.token = log_in_at(client, 9) and log_in(client).json["token"]
    assert ann.post("/api/auth/password", body)["success"]


def test_a_taken_e_mail_costs_no_hash(client, ann, monkeypatch):
    monkeypatch.setattr(passwords, "hash_password", lambda *_: pytest.fail("hashed"))
    answer = client.post("/api/auth/register", json={"email": "ann@test.com", "password": PASSWORD})
    assert outcome(answer) == (409, "EMAIL_IN_USE")


def test_threads_are_given_to_those_who_wait_in_turn(app, ann, bob, blocked_hashing, settings, monkeypatch):
    """Nine password checks of Bob's are under way when Ann logs in: hers comes after one of his, not after nine."""
    settings(PASSWORD_HASH_THREADS=1)
    inner, order = passwords._verify, []
    monkeypatch.setattr(passwords, "_verify", lambda *row: order.append(names[row[1]]) or inner(*row))
    rows = database.db().users.find({})
    names = {row["password_hash"]: row["name"] for row in rows}
    change = {"currentPassword": PASSWORD, "newPassword": PASSWORD}
    calls = [gevent.spawn(bob.post, "/api/auth/password", change | {"currentPassword": "a guess"}) for _ in range(9)]
    checks_wait(9)
    calls.append(gevent.spawn(log_in, app.test_client()))
    checks_wait(10)
    blocked_hashing.set()
    gevent.joinall(calls, raise_error=True)
    assert order.index("Ann") <= 2 and order.count("Bob") == 9 and calls[-1].value.status_code == 200


def test_nobody_has_more_than_ten_passwords_checked_at_once(app, ann, bob, blocked_hashing):
    body = {"currentPassword": "a guess", "newPassword": PASSWORD}
    calls = [gevent.spawn(bob.rest, "POST", "/api/auth/password", json=body) for _ in range(64)]
    checks_wait(10)
    eventually(lambda: sum(call.ready() for call in calls) == 54)
    mine = gevent.spawn(log_in, app.test_client())
    checks_wait(11)
    blocked_hashing.set()
    gevent.joinall([*calls, mine], raise_error=True)
    assert sorted(call.value.status_code for call in calls) == [401] * 10 + [429] * 54
    assert mine.value.status_code == 200


def test_who_goes_away_while_waiting_keeps_no_thread(app, ann, bob, blocked_hashing, settings):
    settings(PASSWORD_HASH_THREADS=1)
    first = gevent.spawn(log_in, app.test_client())
    checks_wait(1)
    gone = [gevent.spawn(passwords.matches, None, "x", name) for name in "aab"]
    checks_wait(4)
    gevent.killall(gone)
    checks_wait(1)
    blocked_hashing.set()
    first.join()
    assert first.value.status_code == 200 and log_in(app.test_client()).status_code == 200
    assert (passwords._ready().free_threads, passwords._ready().lines, passwords._ready().calls) == (1, {}, {})


def test_unknown_accounts_are_limited_like_known_ones(client, settings):
    settings(RATE_LOGIN_ACCOUNT="2 per hour")
    assert [log_in(client, "nobody@test.com").status_code for _ in range(3)] == [401, 401, 429]


def test_right_passwords_do_not_count(client, ann, settings):
    settings(RATE_LOGIN_ACCOUNT="2 per hour", RATE_LOGIN_ADDRESS="2 per hour")
    assert [log_in(client).status_code for _ in range(4)] == [200] * 4
    assert log_in(client, password="wrong").status_code == 401
    assert log_in(client).status_code == 200


def test_failed_log_ins_are_limited_per_address(client, ann, settings):
    settings(RATE_LOGIN_ADDRESS="3 per hour")
    there = {"environ_base": {"REMOTE_ADDR": "192.0.2.7"}}
    for number in range(3):
        body = {"email": f"nobody{number}@test.com", "password": "wrong"}
        assert client.post("/api/auth/login", json=body, **there).status_code == 401
    body = {"email": "ann@test.com", "password": PASSWORD}
    assert client.post("/api/auth/login", json=body, **there).status_code == 429
    assert client.post("/api/auth/login", json=body).status_code == 200


def test_guesses_made_at_once_are_not_more_than_guesses_in_turn(app, ann, settings):
    settings(RATE_LOGIN_ACCOUNT="3 per hour")
    calls = [gevent.spawn(log_in, app.test_client(), password=f"guess-{number}") for number in range(12)]
    gevent.joinall(calls, raise_error=True)
    assert sorted(call.value.status_code for call in calls) == [401] * 3 + [429] * 9


def test_a_changed_password_ends_the_other_sessions(client, ann):
    there = log_in(client).json["token"]
    body = {"currentPassword": PASSWORD, "newPassword": "another-password"}
    assert ann.post("/api/auth/password", body)["data"] == {"sessionsEnded": 1}
    assert ann.get("/api/user/profile")["success"]
    answer = client.get("/api/user/profile", headers={"Authorization": f"Bearer {there}"})
    assert outcome(answer) == (401, "TOKEN_REVOKED")
    assert log_in(client).status_code == 401
    assert log_in(client, password="another-password").status_code == 200


def test_a_password_is_changed_only_with_the_current_one(client, ann, settings):
    settings(RATE_LOGIN_ACCOUNT="2 per hour")
    body = {"currentPassword": "wrong", "newPassword": "another-password"}
    answers = [ann.rest("POST", "/api/auth/password", json=body) for _ in range(3)]
    assert [outcome(answer)[1] for answer in answers] == ["INVALID_CREDENTIALS"] * 2 + ["RATE_LIMITED"]
    assert log_in(client).status_code == 200


def test_a_new_password_has_the_length_of_a_first_one(ann):
    answer = ann.rest("POST", "/api/auth/password", json={"currentPassword": PASSWORD, "newPassword": "12345"})
    assert outcome(answer) == (400, "VALIDATION_ERROR") and set(answer.json["error"]["details"]) == {"newPassword"}


def test_of_simultaneous_password_changes_one_wins(ann):
    def change(number):
        body = {"currentPassword": PASSWORD, "newPassword": f"password-{number}"}
        return ann.rest("POST", "/api/auth/password", json=body).status_code

    calls = [gevent.spawn(change, number) for number in range(5)]
    gevent.joinall(calls, raise_error=True)
    assert sorted(call.value for call in calls) == [200] + [401] * 4


def test_a_log_in_that_overlaps_a_password_change_gives_no_session(app, ann, blocked_hashing, monkeypatch):
    overlapping = gevent.spawn(log_in, app.test_client())
    checks_wait(1)
    stored = passwords.hash_password("another-password")
    database.db().users.update_one({"email": "ann@test.com"}, {"$set": {"password_hash": stored}})
    blocked_hashing.set()
    overlapping.join()
    assert outcome(overlapping.value) == (401, "INVALID_CREDENTIALS")
    assert [row["current"] for row in ann.get("/api/auth/sessions")["data"]] == [True]


def test_a_rehash_does_not_bring_an_old_password_back(app, ann, settings, blocked_hashing):
    settings(ARGON2_TIME_COST=2)
    overlapping = gevent.spawn(log_in, app.test_client())
    checks_wait(1)
    stored = passwords.hash_password("another-password")
    database.db().users.update_one({"email": "ann@test.com"}, {"$set": {"password_hash": stored}})
    blocked_hashing.set()
    overlapping.join()
    assert database.db().users.find_one({"email": "ann@test.com"})["password_hash"] == stored


def test_the_account_stands_in_the_claims_of_every_client_generation(ann):
    claims = jwt.decode(ann.token, options={"verify_signature": False})
    assert claims["sub"] == claims["userId"] == claims["user"]["id"] == ann.id
    assert claims["email"] == claims["user"]["email"] == "ann@test.com"
    assert claims["name"] == claims["user"]["name"] == "Ann" and "avatar" in claims["user"]
    assert claims["sid"] and claims["exp"] > claims["iat"]


def test_new_users_are_told_to_everybody_while_the_directory_is_open(client, ann, settings):
    socket = ann.socket()
    client.post("/api/auth/register", json={"email": "new@test.com", "password": PASSWORD, "name": "New"})
    (told,) = socket.received("newUserRegistered")
    assert told["name"] == "New" and told["_id"] == told["id"] and told["email"] == ""
    settings(DIRECTORY_OPEN=False)
    socket.forget()
    client.post("/api/auth/register", json={"email": "newer@test.com", "password": PASSWORD, "name": "Newer"})
    assert socket.received("newUserRegistered") == []


def test_old_apps_find_the_routes(client):
    assert client.get("/api/auth/test").json["success"] and client.get("/auth/test").json["message"]

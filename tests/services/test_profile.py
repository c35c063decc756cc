"""The caller's profile, over REST and over a socket."""

import gevent
import gevent.event
import jwt
import pytest

from chatapp import database
from chatapp.services.accounts import credentials, profiles
from chatapp.stores import users as user_store
from tests.conftest import PASSWORD

PICTURE = "https://example.com/a.png"


@pytest.fixture(params=["rest", "socket"])
def update(request, app):
    """Change somebody's profile over one of the transports; return the answer's JSON."""
    if request.param == "rest":
        return lambda person, fields: person.rest("PUT", "/api/user/profile", json=fields).json
    return lambda person, fields: person.socket().call("updateProfile", fields)


def test_the_profile_is_the_callers_own(ann):
    data = ann.get("/api/user/profile")["data"]
    assert data["id"] == data["_id"] == ann.id and "password_hash" not in data
    assert (data["name"], data["email"], data["avatar"]) == ("Ann", "ann@test.com", None)


def test_what_is_not_sent_stays(update, ann):
    assert update(ann, {"avatar": PICTURE})["data"]["name"] == "Ann"
    answer = update(ann, {"name": "Anna"})
    assert answer["success"] and answer["msg"]
    assert (answer["data"]["name"], answer["data"]["avatar"]) == ("Anna", PICTURE)
    assert ann.get("/api/user/profile")["data"]["email"] == "ann@test.com"


def test_an_avatar_is_removed_with_null(update, ann):
    update(ann, {"avatar": PICTURE})
    assert update(ann, {"avatar": None})["data"]["avatar"] is None
    assert ann.get("/api/user/profile")["data"]["avatar"] is None


def test_the_answer_has_a_token_with_the_new_claims_for_the_same_session(update, ann):
    before = jwt.decode(ann.token, options={"verify_signature": False})
    ann.token = update(ann, {"name": "Anna", "avatar": PICTURE})["data"]["token"]
    claims = jwt.decode(ann.token, options={"verify_signature": False})
    assert claims["name"] == claims["user"]["name"] == "Anna" and claims["user"]["avatar"] is None
    assert claims["sid"] == before["sid"] and abs(claims["exp"] - before["exp"]) <= 2
    assert ann.get("/api/user/profile")["success"]


def test_others_get_turns_before_a_change_is_copied_and_before_it_is_published(update, ann, monkeypatch):
    acts = []
    copy, publish = profiles.copy_to_memberships, profiles.publish.profile
    monkeypatch.setattr(profiles, "give_way", lambda: acts.append("turn"))
    monkeypatch.setattr(profiles, "copy_to_memberships", lambda user: acts.append("copy") or copy(user))
    monkeypatch.setattr(profiles.publish, "profile", lambda *about: acts.append("publish") or publish(*about))
    assert update(ann, {"name": "Anna"})["success"]
    assert acts == ["turn", "copy", "turn", "publish"]


@pytest.mark.parametrize("email", ["bob@test.com", "BOB@test.com"])
def test_a_taken_e_mail_is_refused(update, ann, bob, email):
    answer = update(ann, {"email": email, "name": "Changed", "currentPassword": PASSWORD})
    assert (answer["error"]["code"], answer["msg"]) == ("EMAIL_IN_USE", "Email already in use")
    assert ann.get("/api/user/profile")["data"]["name"] == "Ann"


def test_one_of_two_gets_an_e_mail_that_both_want(ann, bob):
    body = {"email": "best@test.com", "currentPassword": PASSWORD}
    calls = [gevent.spawn(row.rest, "PUT", "/api/user/profile", json=body) for row in (ann, bob)]
    gevent.joinall(calls, raise_error=True)
    assert sorted(call.value.status_code for call in calls) == [200, 409]


def test_a_new_e_mail_is_the_one_to_log_in_with(update, client, ann):
    update(ann, {"email": "Anna@Test.com", "currentPassword": PASSWORD})

    def log_in(email):
        return client.post("/api/auth/login", json={"email": email, "password": PASSWORD}).status_code

    assert (log_in("anna@test.com"), log_in("ann@test.com")) == (200, 401)


def test_an_access_token_alone_does_not_change_the_e_mail(update, ann):
    answer = update(ann, {"email": "thief@test.com", "name": "Thief"})
    assert (answer["error"]["code"], answer["error"]["statusCode"]) == ("PASSWORD_REQUIRED", 403)
    assert update(ann, {"email": "thief@test.com", "currentPassword": None})["error"]["code"] == "PASSWORD_REQUIRED"
    answer = update(ann, {"email": "thief@test.com", "currentPassword": "a guess"})
    assert (answer["error"]["code"], answer["error"]["statusCode"]) == ("INVALID_CREDENTIALS", 401)
    profile = ann.get("/api/user/profile")["data"]
    assert (profile["email"], profile["name"]) == ("ann@test.com", "Ann")


@pytest.mark.parametrize("same", ["ann@test.com", " ANN@Test.com "])
def test_a_form_that_sends_the_same_e_mail_needs_no_password(update, ann, same):
    assert update(ann, {"email": same, "name": "Anna"})["data"]["name"] == "Anna"


def test_passwords_guessed_for_an_e_mail_are_counted_like_those_of_log_ins(update, ann, settings):
    settings(RATE_LOGIN_ACCOUNT="3 per hour")
    guesses = [update(ann, {"email": "thief@test.com", "currentPassword": f"guess {number}"}) for number in range(4)]
    assert [row["error"]["code"] for row in guesses] == ["INVALID_CREDENTIALS"] * 3 + ["RATE_LIMITED"]
    answer = ann.post("/api/auth/password", {"currentPassword": "guess 5", "newPassword": "another-password"})
    assert answer["error"]["code"] == "RATE_LIMITED"


def test_all_devices_are_told_of_another_e_mail(update, ann, bob):
    ann.direct(bob)
    phone, others = ann.socket(), bob.socket()
    update(ann, {"email": "anna@test.com", "currentPassword": PASSWORD})
    (told,) = phone.received("emailChanged")
    assert (told["before"], told["email"]) == ("ann@test.com", "anna@test.com") and told["timestamp"]
    assert others.received("emailChanged") == []
    phone.forget()
    update(ann, {"name": "Anna", "email": "anna@test.com"})
    assert phone.received("emailChanged") == []


def test_a_password_that_changes_meanwhile_is_no_longer_good_for_an_e_mail(update, ann, monkeypatch):
    inner = credentials.of_caller

    def of_caller(*arguments):
        password_hash = inner(*arguments)
        database.db().users.update_one({"email": "ann@test.com"}, {"$set": {"password_hash": "another"}})
        return password_hash

    monkeypatch.setattr(credentials, "of_caller", of_caller)
    answer = update(ann, {"email": "thief@test.com", "currentPassword": PASSWORD})
    assert answer["error"]["code"] == "INVALID_CREDENTIALS"
    assert ann.get("/api/user/profile")["data"]["email"] == "ann@test.com"


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"name": ""}, "name"),
        ({"name": " \t"}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": {"$set": 1}}, "name"),
        ({"name": "\u3164\u200b"}, "name"),
        ({"name": "Ann\u202etxt"}, "name"),
        ({"name": "Ann\u200b"}, "name"),
        ({"name": "Ann\a"}, "name"),
        ({"name": "A" + 9 * "\u0301"}, "name"),
        ({"avatar": "https://a.example/" + 600 * "🙂"}, "avatar"),
        ({"avatar": "data:image/png;base64,AAAA"}, "avatar"),
        ({"email": "no-address"}, "email"),
        ({"avatar": 5}, "avatar"),
        ({"avatar": "x" * 2049}, "avatar"),
    ],
)
def test_wrong_fields_are_named(update, ann, fields, wrong):
    error = update(ann, fields)["error"]
    assert error["code"] == "VALIDATION_ERROR" and set(error["details"]) == {wrong}


def test_nobody_changes_somebody_else(update, ann, bob):
    update(ann, {"name": "Changed", "userId": bob.id, "id": bob.id, "_id": bob.id})
    assert bob.get("/api/user/profile")["data"]["name"] == "Bob"


def test_those_who_share_a_conversation_hear_of_it_and_see_it(update, ann, bob, eve):
    ann.direct(bob)
    hears, deaf = bob.socket(), eve.socket()
    update(ann, {"name": "Anna", "avatar": PICTURE})
    assert hears.received("userProfileUpdated") == [{"userId": ann.id, "name": "Anna", "avatar": PICTURE}]
    assert deaf.received("userProfileUpdated") == []
    (conversation,) = bob.get("/api/user/conversations")["data"]
    assert "Anna" in [row["name"] for row in conversation["participants"]]


def test_a_search_finds_the_new_name_and_not_the_old(update, ann, bob):
    update(ann, {"name": "Zoe"})
    assert [row["id"] for row in bob.get("/api/user/contacts?search=zo")["data"]] == [ann.id]
    update(ann, {"email": "other@test.com", "currentPassword": PASSWORD})
    assert bob.get("/api/user/contacts?search=ann")["data"] == []


def test_a_search_finds_what_simultaneous_changes_made(ann, bob, monkeypatch):
    inner, both_have_read, readers = user_store.find_by_id, gevent.event.Event(), []

    def read_before_the_other_writes(user_id):
        user = inner(user_id)
        readers.append(user)
        if len(readers) == 2:
            both_have_read.set()
        both_have_read.wait(10)
        return user

    monkeypatch.setattr(user_store, "find_by_id", read_before_the_other_writes)
    changes = [{"name": "Zoe"}, {"email": "quite-other@test.com", "currentPassword": PASSWORD}]
    calls = [gevent.spawn(ann.rest, "PUT", "/api/user/profile", json=fields) for fields in changes]
    gevent.joinall(calls, raise_error=True)
    for search in ("zoe", "quite-other@test.com"):
        assert [row["id"] for row in bob.get(f"/api/user/contacts?search={search}")["data"]] == [ann.id], search


def test_a_removed_account_says_so(update, ann):
    database.db().users.delete_one({"email": "ann@test.com"})
    assert update(ann, {"name": "Ghost"})["error"]["code"] == "ACCOUNT_GONE"
    assert ann.get("/api/user/profile")["error"]["code"] == "ACCOUNT_GONE"

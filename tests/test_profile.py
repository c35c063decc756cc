"""The caller's profile, over REST and over a socket."""

import gevent
import gevent.event
import jwt
import pytest

from chatapp import extensions
from chatapp.stores import users

PICTURE = "https://example.com/a.png"


@pytest.fixture(params=["rest", "socket"])
def update(request, app):
    """Change somebody's profile over one of the transports; gives the answer's JSON."""
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
    assert claims["name"] == claims["user"]["name"] == "Anna" and claims["user"]["avatar"] == PICTURE
    assert claims["sid"] == before["sid"] and abs(claims["exp"] - before["exp"]) <= 2
    assert ann.get("/api/user/profile")["success"]


@pytest.mark.parametrize("email", ["bob@test.com", "BOB@test.com"])
def test_a_taken_e_mail_is_refused(update, ann, bob, email):
    answer = update(ann, {"email": email, "name": "Changed"})
    assert (answer["error"]["code"], answer["msg"]) == ("EMAIL_IN_USE", "Email already in use")
    assert ann.get("/api/user/profile")["data"]["name"] == "Ann"


def test_one_of_two_gets_an_e_mail_that_both_want(ann, bob):
    calls = [gevent.spawn(row.rest, "PUT", "/api/user/profile", json={"email": "best@test.com"}) for row in (ann, bob)]
    gevent.joinall(calls, raise_error=True)
    assert sorted(call.value.status_code for call in calls) == [200, 409]


def test_a_new_e_mail_is_the_one_to_log_in_with(update, client, ann):
    update(ann, {"email": "Anna@Test.com"})

    def log_in(email):
        return client.post("/api/auth/login", json={"email": email, "password": "password123"}).status_code

    assert (log_in("anna@test.com"), log_in("ann@test.com")) == (200, 401)


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"name": ""}, "name"),
        ({"name": " \t"}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": {"$set": 1}}, "name"),
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
    update(ann, {"email": "other@test.com"})
    assert bob.get("/api/user/contacts?search=ann")["data"] == []


def test_a_search_finds_what_simultaneous_changes_made(ann, bob, monkeypatch):
    inner, both_have_read, readers = users.find_by_id, gevent.event.Event(), []

    def read_before_the_other_writes(user_id):
        user = inner(user_id)
        readers.append(user)
        if len(readers) == 2:
            both_have_read.set()
        both_have_read.wait(10)
        return user

    monkeypatch.setattr(users, "find_by_id", read_before_the_other_writes)
    changes = [{"name": "Zoe"}, {"email": "quite-other@test.com"}]
    calls = [gevent.spawn(ann.rest, "PUT", "/api/user/profile", json=fields) for fields in changes]
    gevent.joinall(calls, raise_error=True)
    for search in ("zoe", "quite-other@test.com"):
        assert [row["id"] for row in bob.get(f"/api/user/contacts?search={search}")["data"]] == [ann.id], search


def test_a_removed_account_says_so(update, ann):
    extensions.db().users.delete_one({"email": "ann@test.com"})
    assert update(ann, {"name": "Ghost"})["error"]["code"] == "ACCOUNT_GONE"
    assert ann.get("/api/user/profile")["error"]["code"] == "ACCOUNT_GONE"

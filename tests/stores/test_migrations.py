"""Databases of earlier versions of the server: brought forward, and read as they are until then."""

import importlib

import pytest

from chatapp.database import db
from tests.conftest import PASSWORD

NEW_FIELDS = {"email_key": "", "name_keys": ""}


def migrate():
    """Bring names and addresses forward, as the next start does."""
    importlib.import_module("migrations_seed.0005_names_and_addresses").up(db())


@pytest.fixture
def log_in(client):
    """Log in; return the user's id, or None."""

    def attempt(email):
        answer = client.post("/api/auth/login", json={"email": email, "password": PASSWORD}).json
        return answer["data"]["id"] if answer["success"] else None

    return attempt


def as_it_was(person, **fields):
    """Store the user as an earlier version, or a process of it beside this one, has stored them."""
    stored = {"search_keys": [f"{person.user['name'].lower()}@test.com", person.user["name"].lower()], **fields}
    db().users.update_one({"email": person.user["email"]}, {"$set": stored, "$unset": NEW_FIELDS})


def test_users_of_an_earlier_version_are_found_and_log_in(ann, bob, log_in):
    as_it_was(bob, email="Bob@Test.com", name="José Bob", name_key="josé bob")
    migrate()
    migrate()
    assert log_in("bob@test.com") == log_in("BOB@test.com") == bob.id
    for search in ("jose", "bob", "bob@test.com"):
        assert [row["id"] for row in ann.get(f"/api/user/contacts?search={search}")["data"]] == [bob.id]
    assert ann.get("/api/user/contacts?search=bob@te")["data"] == []


def test_an_address_of_an_earlier_version_cannot_be_registered_again(client, bob):
    as_it_was(bob, email="Bob@Test.com")
    migrate()
    answer = client.post("/api/auth/register", json={"email": "bob@test.com", "password": PASSWORD})
    assert answer.json["error"]["code"] == "EMAIL_IN_USE"


def test_two_spellings_of_one_address_stay_two_accounts_by_their_spelling(register, log_in):
    one, other = register("one"), register("two")
    as_it_was(one, email="x@xn--bcher-kva.de")
    as_it_was(other, email="x@bücher.de")
    migrate()
    assert (log_in("x@xn--bcher-kva.de"), log_in("x@bücher.de")) == (one.id, other.id)


def test_what_a_process_of_the_version_before_stores_meanwhile_is_mended_by_the_next_log_in(ann, bob, log_in):
    as_it_was(bob)
    assert ann.get("/api/user/contacts?search=bob@te")["data"] == []
    assert [row["name"] for row in ann.get("/api/user/contacts")["data"]] == ["Bob"]
    assert log_in("bob@test.com") == bob.id
    assert [row["id"] for row in ann.get("/api/user/contacts?search=bob")["data"]] == [bob.id]

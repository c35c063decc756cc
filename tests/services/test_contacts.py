"""The directory: everybody else by name, searched and paged, over REST and over a socket."""

from urllib.parse import urlencode

import pytest


@pytest.fixture(params=["rest", "all", "socket"])
def contacts(request, app):
    """Ask for somebody's contacts at one of the doors; return the JSON."""
    if request.param == "socket":
        return lambda person, **page: person.socket().call("getContacts", page or None)
    path = {"rest": "/api/user/contacts", "all": "/api/user/all"}[request.param]
    return lambda person, **page: person.get(f"{path}?{urlencode(page)}")


def names(answer):
    """Return the names in an answer, in order."""
    return [row["name"] for row in answer["data"]]


def test_everybody_but_the_caller_by_name(contacts, register):
    people = [register(name) for name in ("mia", "ann", "zoe", "bob")]
    answer = contacts(people[0])
    assert answer["success"] and names(answer) == ["Ann", "Bob", "Zoe"]
    assert all(row["id"] == row["_id"] and set(row) >= {"name", "email", "avatar"} for row in answer["data"])
    assert "password" not in str(answer)


def test_the_answer_is_ack_and_event(ann, bob):
    socket = ann.socket()
    ack = socket.call("getContacts")
    assert socket.received("getContacts") == [ack] and names(ack) == ["Bob"]


@pytest.mark.parametrize("search", ["bo", "BOB", "Bob@Test.com", " bob@test.com", "stone", "bob st", " bob  stone"])
def test_a_search_finds_starts_of_words_and_whole_e_mails(contacts, register, ann, eve, search):
    bob = register("bob", name="Bob Stone")
    assert [row["id"] for row in contacts(ann, search=search)["data"]] == [bob.id]


@pytest.mark.parametrize(
    "search",
    [".*", "^b", "b.b", "ob", "(", "\\", "[a-z]", "$ne", "test.com", "*", "b|e", "bob@te", "bob@test.co", "@test.com"],
)
def test_a_search_is_taken_literally_and_from_the_start(contacts, ann, bob, eve, search):
    answer = contacts(ann, search=search)
    assert answer["success"] and answer["data"] == []


def test_a_search_never_finds_the_caller(contacts, ann):
    assert contacts(ann, search="ann")["data"] == []


@pytest.mark.parametrize(
    ("name", "search"),
    [
        ("Éva Ünal", "ünal"),
        ("Éva Ünal", "eva u"),
        ("李小龍", "李"),
        ("李小龍", "小龍"),
        ("👩‍🚀 Ada", "👩‍🚀"),
        ("👩‍🚀 Ada", "ada"),
        ("Straße", "STRASSE"),
        ("Jean-Pierre Léaud", "pierre"),
        ("Jean-Pierre Léaud", "jean-pierre le"),
        ("Jean-Pierre Léaud", "Jean Pierre"),
        ("José Núñez", "jose nu"),
        ("Jos\u00e9", "Jose\u0301"),
        ("Anna van der Berg", "van der berg"),
        ("Anna van der Berg", "der b"),
        ("Conan O'Brien", "obrien"),
        ("Conan O'Brien", "brien"),
        ("Conan O'Brien", "o’brien"),
        ("Łukasz Ångström", "lukasz angstrom"),
        ("\uff21\uff44\uff41", "ada"),
        ("Ἀθηνᾶ", "αθηνα"),
        ("हिन्दी शर्मा", "शर्मा"),
        ("محمّد", "محمد"),
    ],
)
def test_names_in_any_script_are_found(contacts, register, ann, name, search):
    register("other", name=name)
    assert names(contacts(ann, search=search)) == [name]


@pytest.mark.parametrize("search", ["", "frie"])
@pytest.mark.parametrize("limit", [1, 3, 7, 8])
def test_pages_have_no_gaps_and_no_repeats(contacts, register, ann, search, limit):
    for number in range(4):
        register(f"friend{number}", name="Friend Same")
    for number in range(4, 7):
        register(f"friend{number}", name=f"Friend {number}")
    seen, after = [], None
    while True:
        page = {"limit": limit, "search": search} | ({"after": after} if after else {})
        answer = contacts(ann, **page)
        assert len(answer["data"]) <= limit
        seen += [row["id"] for row in answer["data"]]
        after = answer.get("meta", {}).get("next")
        if after is None:
            break
    assert len(seen) == len(set(seen)) == 7


def test_somebody_who_comes_meanwhile_shifts_no_page(contacts, register, ann):
    for name in ("bea", "cid", "dan", "eli"):
        register(name)
    first = contacts(ann, limit=2)
    register("abe")
    second = contacts(ann, limit=2, after=first["meta"]["next"])
    assert names(first) + names(second) == ["Bea", "Cid", "Dan", "Eli"]


def test_an_empty_directory_explains_itself(contacts, ann):
    answer = contacts(ann)
    assert answer["success"] and answer["data"] == []
    assert answer["meta"] == {"code": "NO_USERS", "message": "No other users found. Ask friends to sign up!"}


def test_a_search_that_finds_nobody_says_so(contacts, ann, bob):
    meta = contacts(ann, search="zz")["meta"]
    assert meta["code"] == "NO_MATCH" and meta["message"] != "No other users found. Ask friends to sign up!"


@pytest.mark.parametrize(
    ("page", "wrong"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": -1}, "limit"),
        ({"limit": 1001}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"after": "rubbish"}, "after"),
        ({"after": "WzEsMl0="}, "after"),
        ({"after": "é"}, "after"),
        ({"search": "x" * 101}, "search"),
    ],
)
def test_impossible_pages_are_refused(contacts, ann, page, wrong):
    error = contacts(ann, **page)["error"]
    assert error["code"] == "VALIDATION_ERROR" and set(error["details"]) == {wrong}


def test_a_closed_directory_has_only_those_who_share_a_conversation(contacts, ann, bob, eve, settings):
    settings(DIRECTORY_OPEN=False)
    assert contacts(ann)["data"] == []
    settings(DIRECTORY_OPEN=True)
    ann.direct(bob)
    settings(DIRECTORY_OPEN=False)
    assert names(contacts(ann)) == names(contacts(ann, search="b")) == ["Bob"]
    assert contacts(ann, search="eve")["meta"]["code"] == "NO_MATCH"
    assert contacts(eve)["meta"]["code"] == "NO_USERS"

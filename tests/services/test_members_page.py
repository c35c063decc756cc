"""A group's members, page by page, over REST and over a socket."""

from urllib.parse import urlencode

import pytest


@pytest.fixture(params=["rest", "socket"])
def page_of(request, app):
    """Ask for a page of a conversation's members at one of the doors; return the JSON."""
    if request.param == "socket":
        return lambda person, team, **page: person.socket().call("getMembers", {"conversationId": team, **page})
    return lambda person, team, **page: person.get(f"/api/conversations/{team}/members?{urlencode(page)}")


@pytest.fixture
def crowd(ann, register):
    """A group of fifteen: more than a list names."""
    people = [ann, *(register(f"m{number}") for number in range(14))]
    return ann.group(*people[1:]), people


def test_the_whole_list_page_by_page(page_of, ann, crowd):
    team, people = crowd
    found, after = [], {}
    while True:
        answer = page_of(ann, team, limit=4, **after)
        found += [row["id"] for row in answer["data"]]
        assert answer["participantCount"] == 15 and len(answer["data"]) <= 4
        if not answer["pagination"]["hasMore"]:
            break
        after = {"after": answer["pagination"]["nextAfter"]}
    assert answer["pagination"]["nextAfter"] is None
    assert found == sorted(person.id for person in people)


def test_a_page_says_of_which_place_in_the_log_it_is(page_of, ann, crowd):
    team, _ = crowd
    conversation = ann.get(f"/api/conversations/{team}")["data"]
    answer = page_of(ann, team)
    assert answer["head"] == conversation["head"] and not answer["pagination"]["hasMore"]
    by_id = {row["id"]: row for row in conversation["participants"]}
    assert {row["id"]: row for row in answer["data"]} == by_id


def test_who_stays_comes_once_whoever_goes_meanwhile(page_of, ann, crowd):
    team, people = crowd
    first = page_of(ann, team, limit=7)
    last = next(person for person in people if person.id == first["data"][-1]["id"])
    if last is ann:
        last = next(person for person in people if person.id == first["data"][-2]["id"])
    last.post(f"/api/conversations/{team}/leave")
    rest = page_of(ann, team, after=first["pagination"]["nextAfter"])
    both = [row["id"] for row in first["data"] + rest["data"]]
    assert both == sorted(person.id for person in people) and rest["participantCount"] == 14


@pytest.mark.parametrize("page", [{"after": "nobody"}, {"limit": 0}, {"limit": 201}, {"after": "x" * 65}])
def test_a_page_that_is_none_is_refused(page_of, ann, crowd, page):
    assert page_of(ann, crowd[0], **page)["error"]["code"] == "VALIDATION_ERROR"


def test_two_people_are_a_page(page_of, ann, bob):
    answer = page_of(ann, ann.direct(bob))
    assert sorted(row["id"] for row in answer["data"]) == sorted([ann.id, bob.id])
    assert {row["email"] for row in answer["data"]} == {"ann@test.com", "bob@test.com"}

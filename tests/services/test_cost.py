"""The work of one user's calls is bounded and has its price, so that others don't feel it."""

import pytest
from bson import ObjectId
from cachetools import FIFOCache
from marshmallow.fields import Dict, List

from chatapp.schemas import fields
from chatapp.services.accounts import session_cache
from chatapp.services.log import cache, shared_profiles
from chatapp.stores import users


@pytest.fixture(params=["rest", "socket"])
def ask(request):
    """Ask over one of the transports: `ask(person, "POST /api/sync", "sync", fields)` returns the JSON."""

    def ask(person, route, event, body):
        if request.param == "socket":
            return person.socket().call(event, body)
        method, path = route.split()
        return person.rest(method, path, json=body).json

    return ask


def reads_of(monkeypatch, element):
    """Return the elements that are looked at from now on."""
    seen, inner = [], element.deserialize
    monkeypatch.setattr(element, "deserialize", lambda *given, **more: seen.append(given) or inner(*given, **more))
    return seen


def test_a_list_is_measured_before_its_elements_are_looked_at(monkeypatch):
    several = fields.Several(fields.identifier(), most=3)
    seen = reads_of(monkeypatch, several.inner)
    with pytest.raises(fields.ValidationError, match="Longer than maximum length 3"):
        several.deserialize([{}] * 4)
    assert not seen


@pytest.mark.parametrize("given", [[7] * 1000, ["x", 7, 7], [{}], [None] * 5, [["x"]]])
def test_nothing_is_looked_at_after_the_first_wrong_element(monkeypatch, given):
    several = fields.Several(fields.identifier(), most=1000)
    seen = reads_of(monkeypatch, several.inner)
    with pytest.raises(fields.ValidationError) as refusal:
        several.deserialize(given)
    assert len(refusal.value.messages) == 1
    assert len(seen) == next(index for index, each in enumerate(given) if not isinstance(each, str)) + 1


def test_a_list_of_ids_is_taken_without_a_look_at_each_element(monkeypatch):
    several, ids = fields.Several(fields.person(), most=1000), [str(ObjectId()) for _ in range(200)]
    seen = reads_of(monkeypatch, several.inner)
    assert several.deserialize(ids) == ids and not seen
    assert several.deserialize([*ids, "ann@test.com"]) == [*ids, "ann@test.com"] and len(seen) == 201


@pytest.mark.parametrize("element", [7, None, "0" * 24 + "\0", "0" * 24 + "\ud800", "0" * 300, ""])
def test_what_is_no_id_is_found_among_ids(element):
    several = fields.Several(fields.person(), most=1000)
    with pytest.raises(fields.ValidationError) as refusal:
        several.deserialize([str(ObjectId()), element])
    assert list(refusal.value.messages) == [1]


LISTS = [
    ("POST /api/user/conversations", "newConversation", "participants", {"type": "group", "name": "Team"}),
    ("POST /api/conversations/{team}/members", "addMembers", "userIds", {"conversationId": "{team}"}),
]


@pytest.mark.parametrize(("route", "event", "field", "more"), LISTS, ids=[row[1] for row in LISTS])
@pytest.mark.parametrize("element", [{}, 7, None, [], "x" * 300, ""])
def test_a_list_of_wrong_elements_gets_one_message(ask, ann, bob, eve, route, event, field, more, element):
    team = ann.group(bob, eve)
    body = {name: value.format(team=team) for name, value in more.items()} | {field: [element] * 300}
    error = ask(ann, route.format(team=team), event, body)["error"]
    assert error["code"] == "VALIDATION_ERROR" and list(error["details"]) == [field]
    assert len(error["details"][field]) == 1
    error = ask(ann, route.format(team=team), event, body | {field: [7] * 2001})["error"]
    assert error["details"][field][0].startswith("Longer than maximum length")


@pytest.mark.parametrize("cursor", ["no", [1], [1, 2, 3], -1, None, {}, [1, "not a hash"], True])
def test_a_sync_stops_at_the_first_wrong_cursor(ask, ann, cursor):
    cursors = {f"{number:024x}": cursor for number in range(500)}
    error = ask(ann, "POST /api/sync", "sync", {"cursors": cursors})["error"]
    assert error["code"] == "VALIDATION_ERROR" and len(error["details"]["cursors"]) == 1


def test_a_sync_takes_so_many_cursors(ask, ann, settings):
    settings(SYNC_MAX_CURSORS=3)
    cursors = {f"{number:024x}": 1 for number in range(3)}
    assert ask(ann, "POST /api/sync", "sync", {"cursors": cursors})["success"]
    error = ask(ann, "POST /api/sync", "sync", {"cursors": cursors | {"f" * 24: 1}})["error"]
    assert error["details"] == {"cursors": ["Longer than maximum length 3."]}


def test_many_more_cursors_are_refused_before_they_are_parsed(ann, settings):
    settings(SYNC_MAX_CURSORS=3)
    body = '{"cursors": {' + '"a": 1, ' * 2_000  # the JSON has no end, and nobody gets that far
    answer = ann.rest("POST", "/api/sync", data=body, content_type="application/json").json
    assert answer["error"]["details"] == {"cursors": ["Longer than maximum length 3."]}


def test_cursors_in_a_query_are_bounded_too(ann, settings):
    settings(SYNC_MAX_CURSORS=1)
    answer = ann.get("/api/sync", query_string={"cursors": '{"a": 1, "b": 1}'})
    assert answer["error"]["details"] == {"cursors": ["Longer than maximum length 1."]}


def test_deliveries_are_looked_up_together(ann, bob, app):
    known = ann.direct(bob)
    bob.send(known, "hello")
    cursors = {f"{number:024x}": 1 for number in range(500)} | {known: 1}
    assert ann.socket().call("markAsDelivered", {"cursors": cursors})["success"]
    assert bob.post("/api/sync", {})["data"]["conversations"][0]["receipts"]


def test_founding_a_group_counts_as_adding_people(ask, ann, bob, eve, settings):
    settings(RATE_GROUP_ADDS="4 per hour")
    body = {"type": "group", "name": "Team", "participants": [bob.id, eve.id]}
    answers = [ask(ann, "POST /api/user/conversations", "newConversation", body) for _ in range(3)]
    assert [answer["success"] for answer in answers] == [True, True, False]
    assert answers[2]["error"]["code"] == "RATE_LIMITED"


def test_people_are_counted_before_they_are_looked_up(ask, ann, bob, eve, settings, monkeypatch):
    team = ann.group(bob, eve)
    settings(RATE_GROUP_ADDS="4 per hour")
    found = {"type": "group", "name": "Team", "participants": [bob.id, eve.id, "f" * 24]}
    assert ask(ann, "POST /api/user/conversations", "newConversation", found)["success"]
    looked_up = []
    monkeypatch.setattr(users, "find_profiles", looked_up.append)
    answers = [ask(ann, "POST /api/user/conversations", "newConversation", found)]
    answers += [ann.rest("POST", f"/api/conversations/{team}/members", json={"userIds": [bob.id, eve.id]}).json]
    assert [answer["error"]["code"] for answer in answers] == ["RATE_LIMITED"] * 2
    assert not looked_up


def test_the_repeat_of_what_was_done_is_answered_when_the_limit_is_spent(ask, ann, bob, eve, settings):
    team = ann.group(bob, eve)
    settings(RATE_GROUP_ADDS="3 per hour")
    found = {"type": "group", "name": "Team", "participants": [bob.id, eve.id], "clientMsgId": "found"}
    first, again = [ask(ann, "POST /api/user/conversations", "newConversation", found) for _ in range(2)]
    assert first["success"] and again["data"]["id"] == first["data"]["id"]
    found |= {"participants": [bob.user["email"], eve.id]}
    assert ask(ann, "POST /api/user/conversations", "newConversation", found)["data"]["id"] == first["data"]["id"]
    fewer = ask(ann, "POST /api/user/conversations", "newConversation", found | {"participants": [eve.id]})
    assert fewer["error"]["code"] == "RATE_LIMITED"
    another = ask(ann, "POST /api/user/conversations", "newConversation", found | {"name": "Other"})
    assert another["error"]["code"] == "RATE_LIMITED"
    new = ask(ann, "POST /api/user/conversations", "newConversation", found | {"clientMsgId": "another"})
    assert new["error"]["code"] == "RATE_LIMITED"
    add = {"userIds": [bob.id], "clientMsgId": "add"}
    assert ann.rest("POST", f"/api/conversations/{team}/members", json=add).status_code == 429


def test_people_who_were_added_are_not_refused_when_the_call_is_repeated(ann, bob, eve, register, settings):
    team, dan = ann.group(bob, eve), register("dan")
    settings(RATE_GROUP_ADDS="1 per hour")
    add = {"userIds": [dan.id], "clientMsgId": "add"}
    first, again = [ann.rest("POST", f"/api/conversations/{team}/members", json=add) for _ in range(2)]
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.json["entry"] == first.json["entry"]


def test_strangers_send_small_bodies(client):
    body = {"refreshToken": "x", **{f"field{number}": 1 for number in range(5_000)}}
    answer = client.post("/api/auth/refresh", json=body)
    assert (answer.status_code, answer.json["error"]["code"]) == (413, "CONTENT_TOO_LARGE")


def test_only_what_needs_a_large_body_takes_one(ann, bob):
    large = {"x": "x" * 200_000}
    assert ann.rest("PUT", "/api/user/profile", json=large).status_code == 413
    assert ann.rest("POST", "/api/sync", json=large).status_code == 200
    path = f"/api/conversations/{ann.direct(bob)}/messages"
    assert ann.rest("POST", path, json={"content": "hello", **large}).status_code == 201


def test_much_that_is_looked_at_costs_more(ann, bob, settings):
    settings(RATE_USER="12 per hour")
    cursors = {f"{number:024x}": 1 for number in range(2_200)}
    assert ann.rest("POST", "/api/sync", json={"cursors": cursors}).status_code == 200
    assert ann.rest("GET", "/api/user/profile").status_code == 429
    assert bob.rest("GET", "/api/user/profile").status_code == 200


def schemas(base=fields.In):
    """Return every schema of input."""
    return {base}.union(*map(schemas, base.__subclasses__()))


def test_every_list_of_every_schema_is_bounded():
    given = [field for schema in schemas() for field in schema().fields.values()]
    bounded = fields.Several | fields.Few | fields.ById
    loose = [row for row in given if isinstance(row, List | Dict) and not isinstance(row, bounded)]
    assert len(given) > 50 and not loose


@pytest.fixture
def large_group(register):
    """A group of 60, found by its founder (protocol 1) and a last member (protocol 2)."""
    founder, last = register("founder"), register("last", protocol=2)
    others = [register(f"member{number:02d}") for number in range(58)]
    return founder, last, founder.group(*others, last)


def list_of(person, transport):
    if transport == "socket":
        return person.socket().call("getConversations", None)["data"]
    return person.get("/api/user/conversations")["data"]


@pytest.mark.parametrize("transport", ["rest", "socket"])
def test_lists_name_some_members_and_say_how_many_there_are(large_group, transport):
    founder, last, group = large_group
    for person, named in ((founder, 50), (last, 12)):
        row = list_of(person, transport)[0]
        ids = [member["id"] for member in row["participants"]]
        assert (len(ids), len(set(ids)), row["participantCount"]) == (named, named, 60)
        assert person.id in ids
        whole = person.get(f"/api/conversations/{group}")["data"]
        assert (len(whole["participants"]), whole["participantCount"]) == (60, 60)


def test_who_wrote_last_is_named(large_group, register):
    founder, last, group = large_group
    last.send(group, "it was me")
    reader = register("reader", protocol=2)
    founder.post(f"/api/conversations/{group}/members", {"userIds": [reader.id]})
    row = list_of(reader, "rest")[0]
    assert {last.id, reader.id} <= {member["id"] for member in row["participants"]}
    synced = reader.post("/api/sync", {})["data"]["conversations"][0]
    assert len(synced["conversation"]["participants"]) == 12 and synced["conversation"]["participantCount"] == 61
    assert len(synced["receipts"]) == 61


def test_a_list_has_two_hundred_conversations_at_most(ann, bob):
    ann.direct(bob)
    assert ann.get("/api/user/conversations?limit=1000")["pagination"] == {"skip": 0, "limit": 200, "hasMore": False}


def test_a_profile_is_remembered_once_however_many_groups_show_it(ann, bob, eve, app):
    groups = [ObjectId(ann.group(bob, eve)) for _ in range(3)]
    cache.remember_all(groups)
    profiles = [cache.peek(group).members[ObjectId(bob.id)].profile for group in groups]
    assert profiles[0] is profiles[1] is profiles[2]


def test_what_is_remembered_is_bounded_by_its_bytes(ann, bob, eve, app, monkeypatch):
    monkeypatch.setattr(cache, "_MOST_BYTES", 4 * 3_200)
    groups = [ObjectId(ann.group(bob, eve)) for _ in range(10)]
    for group in groups:
        cache.remember_all([group])
    remembered = [group for group in groups if cache.peek(group)]
    assert 0 < len(remembered) <= 4 and groups[-1] in remembered
    assert ann.send(str(groups[0]), "all the same")["success"]


def test_conversations_that_are_only_written_to_are_bounded_likewise(ann, bob, eve, app, monkeypatch):
    groups = [ann.group(bob, eve) for _ in range(10)]
    cache.reset()
    monkeypatch.setattr(cache, "_MOST_BYTES", 4 * 3_200)
    for group in groups:
        assert ann.send(group, "hello")["success"]
    remembered = [group for group in groups if cache.peek(ObjectId(group))]
    assert 0 < len(remembered) <= 4 and groups[-1] in remembered
    assert all(bob.post(f"/api/conversations/{group}/read", {})["data"]["readSeq"] == 1 for group in groups)


def test_profiles_that_are_shared_are_bounded_by_their_bytes(ann, bob, eve, app, monkeypatch):
    group = ObjectId(ann.group(bob, eve))
    monkeypatch.setattr(shared_profiles, "_profiles", FIFOCache(2_500, getsizeof=shared_profiles._size_of))
    cache.remember_all([group])
    assert len(shared_profiles._profiles) == 2
    names = [member.profile["name"] for member in cache.peek(group).members.values()]
    assert names == ["Ann", "Bob", "Eve"]


def test_a_log_in_whose_first_call_comes_late_is_looked_up(ann, register, monkeypatch):
    monkeypatch.setattr(session_cache.cache, "fresh", FIFOCache(2))
    people = [register(name) for name in ("m1", "m2", "m3", "m4")]
    assert len(session_cache.cache.fresh) <= 2
    assert all(person.get("/api/user/profile")["success"] for person in people)

"""Life of a group, over both transports: roles, members, and what everybody hears of it."""

import gevent
import pytest

from chatapp.database import db


@pytest.fixture(params=["rest", "socket"])
def act(request):
    """Do something to a group over either transport: `act(person, "add", group, userIds=[…])` returns body or ack."""
    rest = {
        "change": lambda group, _: ("PATCH", f"/api/conversations/{group}"),
        "add": lambda group, _: ("POST", f"/api/conversations/{group}/members"),
        "remove": lambda group, fields: ("DELETE", f"/api/conversations/{group}/members/{fields.pop('userId')}"),
        "role": lambda group, fields: ("PATCH", f"/api/conversations/{group}/members/{fields.pop('userId')}"),
        "hand over": lambda group, _: ("POST", f"/api/conversations/{group}/hand-over"),
        "leave": lambda group, _: ("POST", f"/api/conversations/{group}/leave"),
    }
    events = {
        "change": "updateConversation",
        "add": "addMembers",
        "remove": "removeMember",
        "role": "changeRole",
        "hand over": "handOver",
        "leave": "leaveGroup",
    }

    def over_rest(person, what, group, **fields):
        method, path = rest[what](group, fields)
        if method == "DELETE":
            return person.rest(method, path, query_string=fields).json
        return person.rest(method, path, json=fields).json

    def over_socket(person, what, group, **fields):
        return person.socket().call(events[what], {"conversationId": group, **fields})

    return over_rest if request.param == "rest" else over_socket


@pytest.fixture
def team(ann, bob, eve):
    """A group that ann owns."""
    return ann.group(bob, eve, name="Team")


@pytest.fixture
def dan(register):
    """Somebody outside the group."""
    return register("dan")


def code(answer):
    return "OK" if answer["success"] else answer["error"]["code"]


def roles(person, group):
    rows = person.get(f"/api/conversations/{group}")["data"]["participants"]
    return {row["name"]: row["role"] for row in rows}


def log_of(person, group):
    return [row["type"] for row in person.get(f"/api/conversations/{group}/entries")["data"]]


def test_a_group_is_renamed_for_everybody(act, ann, bob, team):
    hears = bob.socket()
    answer = act(ann, "change", team, name="New name", avatar="https://example.com/a.png")
    assert (answer["data"]["name"], answer["entry"]["seq"]) == ("New name", 1)
    (told,) = hears.received("entry")
    assert told["data"] == answer["entry"]
    assert told["data"]["change"] == {"name": "New name", "avatar": "https://example.com/a.png"}
    assert told["data"]["actor"]["name"] == "Ann"
    assert bob.get("/api/user/conversations")["data"][0]["name"] == "New name"


def test_people_are_added_and_hear_of_it_first(act, ann, dan, team):
    hears = dan.socket()
    ann.send(team, "before")
    answer = act(ann, "add", team, userIds=[dan.id, "f" * 24])
    assert answer["entry"]["change"]["members"] == [
        {"id": dan.id, "_id": dan.id, "name": "Dan", "email": "dan@test.com", "avatar": None, "role": "member"}
    ]
    names = [row["name"] for row in hears.received() if row["name"] in ("newConversation", "entry")]
    assert names == ["newConversation", "entry"]
    assert roles(dan, team) == {"Ann": "owner", "Bob": "member", "Eve": "member", "Dan": "member"}
    assert dan.get("/api/user/conversations")["data"][0]["unreadCount"] == 0
    ann.send(team, "after")
    assert dan.get("/api/user/conversations")["data"][0]["unreadCount"] == 1


@pytest.mark.parametrize(("history", "seen"), [("all", ["after", "before"]), ("since_join", ["after"])])
def test_what_a_new_member_sees_of_the_past_is_the_groups_setting(ann, bob, eve, dan, history, seen):
    team = ann.group(bob, eve, history=history)
    ann.send(team, "before")
    ann.post(f"/api/conversations/{team}/members", {"userIds": [dan.id]})
    ann.send(team, "after")
    assert [row["content"] for row in dan.get(f"/api/conversations/{team}/messages")["data"]] == seen
    log = dan.get(f"/api/conversations/{team}/entries")
    assert log["data"][0]["seq"] == log["meta"]["firstSeq"] == (1 if history == "all" else 2)


def test_who_is_removed_hears_their_last_entry_and_nothing_after(act, ann, bob, eve, team):
    hears = eve.socket()
    ann.send(team, "before")
    answer = act(ann, "remove", team, userId=eve.id)
    person = {"id": eve.id, "_id": eve.id, "name": "Eve", "avatar": None}
    assert answer["entry"]["change"] == {"userId": eve.id, "user": person}
    ann.send(team, "after")
    assert [row["data"]["type"] for row in hears.received("entry")] == ["member_removed"]
    assert [row["data"]["content"] for row in hears.received("newMessage")] == ["before"]
    assert log_of(eve, team) == ["message", "member_removed"]
    assert code(eve.send(team, "x")) == "NOT_ALLOWED"
    assert eve.get("/api/user/conversations")["data"] == []


def test_who_comes_back_sees_what_they_may(act, ann, eve, team):
    ann.send(team, "one")
    act(ann, "remove", team, userId=eve.id)
    ann.send(team, "two")
    act(ann, "add", team, userIds=[eve.id])
    assert log_of(eve, team) == ["message", "member_removed", "message", "member_added"]
    assert eve.send(team, "hello again")["success"]


def test_members_leave(act, ann, bob, team):
    assert code(act(bob, "leave", team)) == "OK"
    assert roles(ann, team) == {"Ann": "owner", "Eve": "member"}
    again = act(bob, "leave", team)
    assert code(again) == "OK" and "entry" not in again


def test_the_last_owner_hands_over_before_leaving(act, ann, bob, eve, team):
    assert code(act(ann, "leave", team)) == "LAST_OWNER"
    assert code(act(ann, "role", team, userId=ann.id, role="member")) == "LAST_OWNER"
    assert code(act(ann, "remove", team, userId=ann.id)) == "LAST_OWNER"
    hears = eve.socket()
    answer = act(ann, "hand over", team, userId=bob.id)
    assert roles(ann, team) == {"Ann": "admin", "Bob": "owner", "Eve": "member"}
    roles_told = [{"userId": bob.id, "role": "owner"}, {"userId": ann.id, "role": "admin"}]
    assert hears.received("entry")[0]["data"]["change"] == answer["entry"]["change"] == {"roles": roles_told}
    assert code(act(ann, "leave", team)) == "OK"
    again = act(bob, "hand over", team, userId=bob.id)
    assert code(again) == "OK" and "entry" not in again


def test_roles_are_given_and_taken_by_owners(act, ann, bob, eve, team):
    assert code(act(bob, "role", team, userId=eve.id, role="admin")) == "NOT_ALLOWED"
    assert code(act(ann, "role", team, userId=bob.id, role="admin")) == "OK"
    assert code(act(bob, "role", team, userId=eve.id, role="admin")) == "NOT_ALLOWED"
    assert code(act(ann, "role", team, userId=eve.id, role="owner")) == "OK"
    assert code(act(eve, "role", team, userId=ann.id, role="member")) == "OK"
    assert roles(bob, team) == {"Ann": "member", "Bob": "admin", "Eve": "owner"}


@pytest.mark.parametrize(
    ("what", "fields", "allowed"),
    [
        ("change", {"name": "x"}, {"owner", "admin"}),
        ("change", {"history": "since_join"}, {"owner"}),
        ("add", {"userIds": ["dan"]}, {"owner", "admin"}),
        ("remove", {"userId": "eve"}, {"owner", "admin"}),
        ("remove", {"userId": "other admin"}, {"owner"}),
        ("role", {"userId": "eve", "role": "admin"}, {"owner"}),
        ("hand over", {"userId": "eve"}, {"owner"}),
        ("leave", {}, {"owner", "admin", "member"}),
    ],
)
@pytest.mark.parametrize("role", ["owner", "admin", "member"])
def test_who_may_do_what(act, register, ann, bob, eve, dan, what, fields, allowed, role):
    other = register("otto")
    team = ann.group(bob, eve, other)
    ann.rest("PATCH", f"/api/conversations/{team}/members/{other.id}", json={"role": "admin"})
    if role != "member":
        ann.rest("PATCH", f"/api/conversations/{team}/members/{bob.id}", json={"role": role})
    ids = {"dan": dan.id, "eve": eve.id, "other admin": other.id}
    filled = {
        name: [ids[row] for row in value] if isinstance(value, list) else ids.get(value, value)
        for name, value in fields.items()
    }
    assert code(act(bob, what, team, **filled)) == ("OK" if role in allowed else "NOT_ALLOWED")


def test_what_is_so_already_is_no_entry(act, ann, bob, team):
    for what, fields in (
        ("change", {"name": "Team"}),
        ("add", {"userIds": [bob.id]}),
        ("role", {"userId": bob.id, "role": "member"}),
    ):
        answer = act(ann, what, team, **fields)
        assert code(answer) == "OK" and "entry" not in answer
    assert log_of(ann, team) == []


def test_a_repeat_with_the_same_client_id_is_one_entry(act, ann, bob, eve, dan, team):
    for _ in range(2):
        assert act(ann, "add", team, userIds=[dan.id], clientMsgId="1")["entry"]["seq"] == 1
    for _ in range(2):
        assert act(ann, "remove", team, userId=dan.id, clientMsgId="2")["entry"]["seq"] == 2
    assert code(act(ann, "change", team, name="x", clientMsgId="1")) == "IDEMPOTENCY_MISMATCH"
    assert log_of(ann, team) == ["member_added", "member_removed"]


def test_a_message_that_was_stored_is_acknowledged_to_a_former_member_too(ann, eve, team):
    first = eve.send(team, "last words", clientMsgId="1")["data"]
    ann.rest("DELETE", f"/api/conversations/{team}/members/{eve.id}")
    again = eve.send(team, "last words", clientMsgId="1")
    assert (again["data"]["id"], again["duplicate"]) == (first["id"], True)
    assert code(eve.send(team, "more", clientMsgId="2")) == "NOT_ALLOWED"


def test_direct_conversations_stay_as_they_are(act, ann, bob, eve):
    chat = ann.direct(bob)
    for what, fields in (
        ("change", {"name": "x"}),
        ("add", {"userIds": [eve.id]}),
        ("remove", {"userId": bob.id}),
        ("role", {"userId": bob.id, "role": "admin"}),
        ("hand over", {"userId": bob.id}),
        ("leave", {}),
    ):
        assert code(act(ann, what, chat, **fields)) == "NOT_ALLOWED"


def test_what_cannot_be_done_says_why(act, ann, dan, team, settings):
    assert code(act(ann, "change", team)) == "VALIDATION_ERROR"
    assert code(act(ann, "change", team, name=" ")) == "VALIDATION_ERROR"
    assert code(act(ann, "add", team, userIds=["f" * 24])) == "USER_NOT_FOUND"
    assert code(act(ann, "remove", team, userId=dan.id)) == "MEMBER_NOT_FOUND"
    assert code(act(ann, "role", team, userId=dan.id, role="admin")) == "MEMBER_NOT_FOUND"
    assert code(act(ann, "role", team, userId=ann.id, role="king")) == "VALIDATION_ERROR"
    settings(MAX_GROUP_SIZE=3)
    assert code(act(ann, "add", team, userIds=[dan.id])) == "GROUP_TOO_LARGE"
    settings(MAX_GROUP_SIZE=10, RATE_GROUP_ADDS="1 per hour")
    assert code(act(ann, "add", team, userIds=[dan.id])) == "OK"
    assert code(act(ann, "add", team, userIds=[dan.id])) == "RATE_LIMITED"


def test_a_group_with_a_client_id_is_founded_once(ann, bob, eve):
    body = {"type": "group", "participants": [bob.id, eve.id], "name": "Team", "clientMsgId": "1"}
    first = ann.rest("POST", "/api/user/conversations", json=body)
    again = ann.rest("POST", "/api/user/conversations", json=body)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json["data"]["id"] == again.json["data"]["id"]
    assert len(ann.get("/api/user/conversations")["data"]) == 1


def at_once(calls):
    """Run all calls in greenlets that start together; return their answers."""
    greenlets = [gevent.spawn(call) for call in calls]
    gevent.joinall(greenlets, raise_error=True)
    return [row.value for row in greenlets]


def test_two_owners_who_leave_at_once_leave_an_owner(ann, bob, team):
    ann.rest("PATCH", f"/api/conversations/{team}/members/{bob.id}", json={"role": "owner"})
    answers = at_once([lambda person=person: person.post(f"/api/conversations/{team}/leave") for person in (ann, bob)])
    assert sorted(map(code, answers)) == ["LAST_OWNER", "OK"]


def test_adding_the_same_person_at_once_adds_them_once(ann, bob, dan, team):
    ann.rest("PATCH", f"/api/conversations/{team}/members/{bob.id}", json={"role": "admin"})
    path, body = f"/api/conversations/{team}/members", {"userIds": [dan.id]}
    answers = at_once([lambda person=person: person.post(path, body) for person in (ann, bob) * 4])
    assert list(map(code, answers)) == ["OK"] * 8
    assert log_of(ann, team).count("member_added") == 1
    assert db().memberships.count_documents({}) == 4


def test_in_a_large_group_everybody_who_is_there_hears_and_nobody_else(ann, register):
    others = [register(f"member{number}") for number in range(24)]
    group = ann.group(*others)
    early, late, removed = others[0].socket(), others[1], others[2].socket()
    ann.send(group, "one")
    late = late.socket()
    ann.send(group, "two")
    ann.rest("DELETE", f"/api/conversations/{group}/members/{others[2].id}")
    second = others[0].socket()
    ann.send(group, "three")
    early.inner.disconnect()
    ann.send(group, "four")
    heard = {
        name: [row["data"]["content"] for row in socket.received("newMessage")]
        for name, socket in {"early": early, "late": late, "removed": removed, "second": second}.items()
    }
    assert heard == {
        "early": ["one", "two", "three"],
        "late": ["two", "three", "four"],
        "removed": ["one", "two"],
        "second": ["three", "four"],
    }


@pytest.mark.parametrize(
    "other", [{"name": "Other"}, {"history": "since_join"}, {"avatar": "https://x.org/a.png"}, "people"]
)
def test_a_client_id_of_a_founding_is_not_taken_for_another_group(ann, bob, eve, dan, other):
    body = {"type": "group", "participants": [bob.id, eve.id], "name": "Team", "clientMsgId": "1"}
    group = ann.post("/api/user/conversations", body)["data"]["id"]
    ann.rest("PATCH", f"/api/conversations/{group}", json={"name": "Renamed"})
    assert ann.post("/api/user/conversations", body)["data"]["id"] == group
    changed = {"participants": [bob.id, dan.id]} if other == "people" else other
    for answer in (
        ann.post("/api/user/conversations", body | changed),
        ann.socket().call("newConversation", body | changed),
    ):
        assert answer["error"]["code"] == "IDEMPOTENCY_MISMATCH"

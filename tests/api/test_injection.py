"""Values that are meant for a filter, or for nothing at all, in every field of every schema."""

import json

import pytest
from marshmallow import fields

from chatapp.schemas import accounts, conversations, groups, sync
from chatapp.schemas.fields import In
from chatapp.sockets import EVENTS

HOSTILE = {
    "not equal": {"$ne": None},
    "greater": {"$gt": ""},
    "where": {"$where": "sleep(1000)"},
    "array": ["x"],
    "array of operators": [{"$ne": None}],
    "deep": {"a": {"b": {"c": [{"d": None}]}}},
    "huge": 10**18,
    "negative": -1,
    "fraction": 1.5,
    "true": True,
    "false": False,
    "null": None,
    "null byte": "a\0b",
    "not a number": float("nan"),
    "infinity": float("inf"),
    "lone surrogate": "\ud800",
    "megabyte": "x" * 900_000,
}
# (schema, field): what it legitimately takes.
NULLS = {
    (schema.__name__, name)
    for module in (accounts, conversations, groups, sync)
    for schema in vars(module).values()
    if isinstance(schema, type) and issubclass(schema, In)
    for name, field in schema().fields.items()
    if field.allow_none
}
BOOLEAN = {"true", "false"}
LEGITIMATE = {
    ("TypingIn", "isTyping"): BOOLEAN,
    ("PrivacyIn", "hideLastSeen"): BOOLEAN,
    ("PrivacyIn", "hideReadReceipts"): BOOLEAN,
    ("UserIdsIn", "userIds"): {"array"},
}
# Only schemas that fields are read from; a value in a query string is text, so what is text is only text there.
BODIES = {
    ("POST", "/api/auth/register"): ({"email": "new@test.com", "password": "password123"}, accounts.RegisterIn),
    ("POST", "/api/auth/login"): ({"email": "ann@test.com", "password": "password123"}, accounts.LoginIn),
    ("POST", "/api/auth/refresh"): ({"refreshToken": "x"}, accounts.RefreshIn),
    ("POST", "/api/auth/password"): (
        {"currentPassword": "password123", "newPassword": "password456"},
        accounts.PasswordIn,
    ),
    ("PUT", "/api/user/profile"): ({}, accounts.ProfileIn),
    ("POST", "/api/user/ensure-stream-users"): ({"userIds": ["x"]}, accounts.UserIdsIn),
    ("POST", "/api/user/conversations"): (
        {"type": "group", "participants": ["{bob}", "{eve}"], "name": "Team"},
        conversations.ConversationIn,
    ),
    ("POST", "/api/conversations/{conversation}/messages"): ({"content": "hello"}, conversations.MessageIn),
    ("POST", "/api/conversations/{conversation}/read"): ({}, conversations.ReadIn),
    ("PATCH", "/api/conversations/{conversation}"): ({"name": "Team"}, groups.ChangeIn),
    ("POST", "/api/conversations/{conversation}/members"): ({"userIds": ["{eve}"]}, groups.AddMembersIn),
    ("PATCH", "/api/conversations/{conversation}/members/{bob}"): ({"role": "admin"}, groups.RoleIn),
    ("POST", "/api/conversations/{conversation}/hand-over"): ({"userId": "{bob}"}, groups.HandOverIn),
    ("POST", "/api/conversations/{conversation}/leave"): ({}, groups.RepeatableIn),
    ("POST", "/api/sync"): ({}, sync.SyncIn),
    ("PUT", "/api/user/privacy"): ({}, accounts.PrivacyIn),
}
QUERIES = {
    "/api/user/contacts": accounts.ContactsQuery,
    "/api/user/conversations": conversations.ListQuery,
    "/api/conversations/{conversation}/members": conversations.MembersQuery,
    "/api/conversations/{conversation}/messages": conversations.HistoryQuery,
    "/api/conversations/{conversation}/entries": sync.EntriesQuery,
    "/api/conversations/{conversation}/proof": sync.ProofQuery,
    "/api/sync": sync.SyncQuery,
}
# Bodies come with them, or there is none: their fields are of types that the others have too.
QUERIES_OF_OTHER_METHODS = {sync.WaitQuery, groups.RepeatableQuery}
PAYLOADS = {
    "newConversation": {"type": "group", "participants": ["{bob}", "{eve}"], "name": "Team"},
    "newMessage": {"conversationId": "{conversation}", "content": "hello"},
    "sendMessage": {"conversationId": "{conversation}", "message": "hello"},
    "messageRead": {"conversationId": "{conversation}", "messageId": "{message}"},
    "auth:refresh": {"token": "x"},
}
CASES_OF_BODIES = [(key, field) for key, (_, schema) in BODIES.items() for field in schema().fields]
CASES_OF_EVENTS = [(name, field) for name, spec in EVENTS.items() for field in spec.schema().fields]


@pytest.fixture
def scene(ann, bob, eve):
    """Ids to fill in."""
    conversation = ann.direct(bob)
    message = ann.send(conversation, "hello")["data"]["id"]
    return {"bob": bob.id, "eve": eve.id, "conversation": conversation, "message": message}


def fill(value, scene):
    for key, text in scene.items():
        value = json.loads(json.dumps(value).replace(f"{{{key}}}", text))
    return value


def is_legitimate(schema, field, kind):
    """May this kind of value be in this field?"""
    return kind in LEGITIMATE.get((schema, field), ()) or (kind == "null" and (schema, field) in NULLS)


def test_the_tables_cover_every_body_query_and_event(app):
    contracts = [view.contract for view in app.view_functions.values() if hasattr(view, "contract")]
    assert {row.body for row in contracts if row.body} == {schema for _, schema in BODIES.values()}
    assert {row.query for row in contracts if row.query} == {*QUERIES.values(), *QUERIES_OF_OTHER_METHODS}


@pytest.mark.parametrize(("key", "field"), CASES_OF_BODIES)
def test_a_body(ann, client, scene, key, field):
    (method, path), (body, schema) = key, BODIES[key]
    for kind, value in HOSTILE.items():
        text = json.dumps({**fill(body, scene), field: value})
        answer = ann.rest(method, fill(path, scene), data=text, content_type="application/json")
        assert answer.status_code != 500, (kind, answer.json)
        if not is_legitimate(schema.__name__, field, kind):
            assert answer.status_code in (400, 401, 404, 413), (kind, answer.json)
            assert answer.json["success"] is False


@pytest.mark.parametrize(("path", "field"), [(path, name) for path, row in QUERIES.items() for name in row().fields])
def test_a_query(ann, scene, path, field):
    is_text = isinstance(QUERIES[path]().fields[field], fields.String)
    for kind, value in HOSTILE.items():
        text = value if isinstance(value, str) else json.dumps(value)
        text = text[:5000].encode("utf-8", "surrogatepass")
        answer = ann.rest("GET", fill(path, scene), query_string={field: text})
        assert answer.status_code != 500, (kind, answer.json)
        if not is_text or kind in ("null byte", "megabyte"):
            assert answer.status_code == 400, (kind, answer.json)


def test_an_operator_as_a_query_key_is_ignored(ann, bob):
    assert len(ann.get("/api/user/contacts?search[$ne]=x&$where=1")["data"]) == 1


@pytest.mark.parametrize(("event", "field"), CASES_OF_EVENTS)
def test_an_event(ann, scene, event, field):
    socket, schema = ann.socket(), EVENTS[event].schema.__name__
    usual = fill(PAYLOADS.get(event, {"conversationId": "{conversation}"}), scene)
    for kind, value in HOSTILE.items():
        answer = socket.call(event, {**usual, field: value})
        assert socket.connected
        code = answer.get("error", {}).get("code")
        assert code != "INTERNAL_ERROR", kind
        if not is_legitimate(schema, field, kind):
            assert answer["success"] is False, (kind, answer)


@pytest.mark.parametrize("event", sorted(EVENTS))
def test_a_payload_that_is_no_object(ann, event):
    socket, spec = ann.socket(), EVENTS[event]
    for kind, value in HOSTILE.items():
        answer = socket.call(event, value)
        assert answer.get("error", {}).get("code") != "INTERNAL_ERROR", kind
        if spec.schema().fields and not isinstance(value, dict) and value is not None:
            assert answer["success"] is False, (kind, answer)
    assert socket.connected


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "x" * 9000, "null", '{"$ne": null}'])
def test_a_token(client, token):
    answer = client.get("/api/user/profile", headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.json["success"]) == (401, False)

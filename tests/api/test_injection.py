"""Values that are meant for a filter, or for nothing at all, in every field of every schema."""

import json

import pytest
from marshmallow import fields

from chatapp import schemas
from chatapp.api import (
    actions,
    auth,
    conversations,
    files,
    groups,
    link_previews,
    media,
    own,
    pins,
    search,
    sync,
    users,
)
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
    (schema.__name__, field.data_key)
    for module in (
        schemas.accounts,
        schemas.actions,
        schemas.conversations,
        schemas.groups,
        schemas.link_previews,
        schemas.media,
        schemas.own,
        schemas.sync,
    )
    for schema in vars(module).values()
    if isinstance(schema, type) and issubclass(schema, In)
    for field in schema().fields.values()
    if field.allow_none
}
BOOLEAN = {"true", "false"}
LEGITIMATE = {
    ("TypingIn", "isTyping"): BOOLEAN,
    ("ReactIn", "on"): BOOLEAN,
    ("PrivacyIn", "hideLastSeen"): BOOLEAN,
    ("PrivacyIn", "hideReadReceipts"): BOOLEAN,
    ("StarIn", "on"): BOOLEAN,
    ("SettingsIn", "muteMentions"): BOOLEAN,
    ("SettingsIn", "archived"): BOOLEAN,
    ("SettingsIn", "pinned"): BOOLEAN,
    ("SettingsIn", "markedUnread"): BOOLEAN,
    ("UserIdsIn", "userIds"): {"array"},
}
# (method, path): a body that is taken, and the view that takes it.
BODIES = {
    ("POST", "/api/auth/register"): ({"email": "new@test.com", "password": "password123"}, auth.register),
    ("POST", "/api/auth/login"): ({"email": "ann@test.com", "password": "password123"}, auth.login),
    ("POST", "/api/auth/refresh"): ({"refreshToken": "x"}, auth.refresh),
    ("POST", "/api/auth/password"): (
        {"currentPassword": "password123", "newPassword": "password456"},
        auth.password,
    ),
    ("PUT", "/api/user/profile"): ({}, users.put_profile),
    ("POST", "/api/user/ensure-stream-users"): ({"userIds": ["x"]}, users.ensure_stream_users),
    ("POST", "/api/user/conversations"): (
        {"type": "group", "participants": ["{bob}", "{eve}"], "name": "Team"},
        conversations.create_conversation,
    ),
    ("POST", "/api/conversations/{conversation}/messages"): ({"content": "hello"}, conversations.send_message),
    ("PATCH", "/api/messages/{message}"): ({"content": "hello again"}, actions.edit_message),
    ("PUT", "/api/messages/{message}/reactions/👍"): ({}, actions.set_reaction),
    ("POST", "/api/media/0123456789abcdef01234567/url"): ({"conversationId": "{conversation}"}, files.sign),
    ("POST", "/api/messages/{message}/forward"): (
        {"conversationIds": ["{conversation}"]},
        actions.forward_message,
    ),
    ("PUT", "/api/messages/{message}/pin"): ({}, pins.pin_message),
    ("POST", "/api/conversations/{conversation}/read"): ({}, conversations.mark_read),
    ("PATCH", "/api/conversations/{conversation}"): ({"name": "Team"}, groups.change_group),
    ("POST", "/api/conversations/{conversation}/members"): ({"userIds": ["{eve}"]}, groups.add_members),
    ("PATCH", "/api/conversations/{conversation}/members/{bob}"): ({"role": "admin"}, groups.change_role),
    ("POST", "/api/conversations/{conversation}/hand-over"): ({"userId": "{bob}"}, groups.hand_over),
    ("POST", "/api/conversations/{conversation}/leave"): ({}, groups.leave_group),
    ("PUT", "/api/conversations/{conversation}/draft"): ({"text": "hello", "draftId": "one"}, own.put_draft),
    ("PUT", "/api/messages/{message}/star"): ({}, own.star_message),
    ("PUT", "/api/conversations/{conversation}/settings"): ({}, own.put_settings),
    ("POST", "/api/sync"): ({}, sync.post_sync),
    ("PUT", "/api/user/privacy"): ({}, users.put_privacy),
}
QUERIES = {
    "/api/user/contacts": users.get_contacts,
    "/api/user/conversations": conversations.list_conversations,
    "/api/conversations/{conversation}/members": conversations.get_members,
    "/api/conversations/{conversation}/messages": conversations.get_messages,
    "/api/conversations/{conversation}/entries": sync.get_entries,
    "/api/conversations/{conversation}/proof": sync.get_proof,
    "/api/conversations/{conversation}/media": media.get_gallery,
    "/api/user/stars": own.get_stars,
    "/api/search": search.get_search,
    "/api/link-preview": link_previews.get_link_preview,
    "/api/sync": sync.get_sync,
}
# Bodies come with them, or there is none: their fields are of types that the others have too.
QUERIES_OF_OTHER_METHODS = [
    sync.post_sync,
    groups.remove_member,
    actions.delete_message,
    actions.take_reaction_back,
    pins.unpin_message,
    own.unstar_message,
]
PAYLOADS = {
    "saveDraft": {"conversationId": "{conversation}", "text": "hello", "draftId": "one"},
    "newConversation": {"type": "group", "participants": ["{bob}", "{eve}"], "name": "Team"},
    "newMessage": {"conversationId": "{conversation}", "content": "hello"},
    "sendMessage": {"conversationId": "{conversation}", "message": "hello"},
    "reaction:add": {"messageId": "{message}", "emoji": "👍"},
    "messageRead": {"conversationId": "{conversation}", "messageId": "{message}"},
    "auth:refresh": {"token": "x"},
}


def sent_fields(schema):
    """Return the fields of a schema by the names that clients send."""
    return {field.data_key: field for field in schema.fields.values()}


CASES_OF_BODIES = [(key, field) for key, (_, view) in BODIES.items() for field in sent_fields(view.contract.body)]
CASES_OF_QUERIES = [(path, field) for path, view in QUERIES.items() for field in sent_fields(view.contract.query)]
CASES_OF_EVENTS = [(name, field) for name, spec in EVENTS.items() for field in sent_fields(spec.schema())]


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
    """Return whether this kind of value may be in this field."""
    return kind in LEGITIMATE.get((schema, field), ()) or (kind == "null" and (schema, field) in NULLS)


def test_the_tables_cover_every_body_and_query(app):
    contracts = [view.contract for view in app.view_functions.values() if hasattr(view, "contract")]
    assert {row.body for row in contracts if row.body} == {view.contract.body for _, view in BODIES.values()}
    queries = {view.contract.query for view in (*QUERIES.values(), *QUERIES_OF_OTHER_METHODS)}
    assert {row.query for row in contracts if row.query} == queries


@pytest.mark.parametrize(("key", "field"), CASES_OF_BODIES)
def test_a_body(ann, client, scene, key, field):
    (method, path), (body, view) = key, BODIES[key]
    schema = type(view.contract.body)
    for kind, value in HOSTILE.items():
        text = json.dumps({**fill(body, scene), field: value})
        answer = ann.rest(method, fill(path, scene), data=text, content_type="application/json")
        assert answer.status_code != 500, (kind, answer.json)
        if not is_legitimate(schema.__name__, field, kind):
            assert answer.status_code in (400, 401, 404, 413), (kind, answer.json)
            assert answer.json["success"] is False


@pytest.mark.parametrize(("path", "field"), CASES_OF_QUERIES)
def test_a_query(ann, scene, path, field):
    is_text = isinstance(sent_fields(QUERIES[path].contract.query)[field], fields.String)
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

"""The documents tell the truth: routes and events are all in them, and answers have the documented shapes."""

import ast

import pytest
from jsonschema import Draft202012Validator

from chatapp.schemas.pushed_events import PUSHED
from chatapp.sockets.dispatch import EVENTS
from tests.server import ROOT


@pytest.fixture
def openapi(client):
    return client.get("/api/openapi.json").json


@pytest.fixture
def asyncapi(client):
    return client.get("/api/asyncapi.json").json


def problems(document, schema, value):
    """Return the problems of a value, with references resolved within its document."""
    validator = Draft202012Validator({**schema, "components": document["components"]})
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]


def test_routes_and_openapi_are_the_same(app, openapi):
    rules = {
        (rule.rule.replace("<path:", "<").replace("<", "{").replace(">", "}"), method.lower())
        for rule in app.url_map.iter_rules()
        for method in rule.methods - {"OPTIONS", "HEAD"}
    }
    documented = {(path, method) for path, row in openapi["paths"].items() for method in row if method != "parameters"}
    assert documented == rules


def test_operation_ids_are_unique(openapi):
    ids = [operation["operationId"] for row in openapi["paths"].values() for operation in row.values()]
    assert len(ids) == len(set(ids)) and openapi["openapi"] == "3.1.0"


def test_events_and_asyncapi_are_the_same(asyncapi):
    names = {message["name"] for key, message in asyncapi["components"]["messages"].items() if key.startswith("sent.")}
    assert names == set(EVENTS) and asyncapi["asyncapi"] == "3.0.0"


def test_everything_emitted_is_documented():
    trees = [ast.parse(path.read_text()) for path in (ROOT / "chatapp").rglob("*.py")]
    emitted = {
        argument.value
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("_emit", "_emit_to_users", "reply", "close")
        for argument in node.args[:2]
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    }
    assert emitted and emitted <= set(PUSHED)


def test_every_event_has_a_documented_ack():
    assert [name for name, spec in EVENTS.items() if spec.out is None and "NOT_IMPL" not in spec.summary] == []


def test_answers_have_the_documented_shapes(openapi, client, ann, bob):
    conversation = ann.direct(bob)
    group = ann.group(bob, bob_and(ann, client))
    calls = [
        ("get", "/api/health", {}),
        ("get", "/api/health/ready", {}),
        ("get", "/api/user/profile", {}),
        ("put", "/api/user/profile", {"json": {"name": "Anna"}}),
        ("get", "/api/user/contacts", {}),
        ("get", "/api/user/conversations", {}),
        ("post", "/api/user/conversations", {"json": {"type": "direct", "participants": [bob.id]}}),
        ("post", "/api/conversations/{conversation_id}/messages", {"json": {"content": "x", "clientMsgId": "1"}}),
        ("post", "/api/conversations/{conversation_id}/messages", {"json": {"content": "x", "clientMsgId": "1"}}),
        ("get", "/api/conversations/{conversation_id}/messages", {}),
        ("post", "/api/conversations/{conversation_id}/read", {"json": {}}),
        ("get", "/api/conversations/{conversation_id}", {}),
        ("delete", "/api/conversations/{conversation_id}", {}),
        ("get", "/api/auth/sessions", {}),
        ("post", "/api/auth/login", {"json": {"email": "ann@test.com", "password": "password123", "protocol": 2}}),
        ("post", "/api/auth/login", {"json": {"email": "ann@test.com", "password": "wrong"}}),
        ("post", "/api/auth/login", {"json": {}}),
        ("post", "/api/auth/logout-all", {}),
        ("get", "/api/user/profile", {}),
    ]
    for target in (conversation, group):
        for method, path, kwargs in calls if target == conversation else calls[7:11]:
            answer = ann.rest(method.upper(), path.replace("{conversation_id}", target), **kwargs)
            responses = openapi["paths"][path][method]["responses"]
            assert str(answer.status_code) in responses, (method, path, answer.json)
            schema = responses[str(answer.status_code)]["content"]["application/json"]["schema"]
            assert problems(openapi, schema, answer.json) == [], (method, path)
        ann.token = client.post("/api/auth/login", json={"email": "ann@test.com", "password": "password123"}).json[
            "token"
        ]


def bob_and(ann, client):
    """Return one more person for a group."""
    from tests.conftest import Person

    body = {"email": "third@test.com", "password": "password123", "name": "Third"}
    answer = client.post("/api/auth/register", json=body).json
    return Person(ann.app, answer["data"], answer["token"], answer)


def test_acks_and_events_have_the_documented_shapes(asyncapi, ann, bob, eve):
    conversation = ann.group(bob, eve)
    hears, socket = bob.socket(), ann.socket()
    message = socket.call("newMessage", {"conversationId": conversation, "content": "x", "tempId": "t"})["data"]
    fields = {"conversationId": conversation, "messageId": message["id"], "content": "x", "message": "x",
              "type": "direct", "participants": [bob.id], "token": ann.token, "isTyping": True,
              "userId": eve.id, "userIds": [eve.id], "role": "admin", "name": "New",
              "emoji": "👍", "audioUrl": "https://a.example/b.m4a",
              "document": {"url": "https://a.example/c.pdf"}, "cursors": {conversation: 0},
              "text": "x", "draftId": "d", "q": "x"}  # fmt: skip
    order = [
        "removeMember",
        "addMembers",
        "changeRole",
        "message:delete",
        "deleteConversation",
        "handOver",
        "leaveGroup",
    ]
    messages = asyncapi["components"]["messages"]
    for name in sorted(EVENTS, key=lambda name: order.index(name) if name in order else 2):
        payload = messages[f"ack.{name.replace(':', '_')}"]["payload"]
        assert problems(asyncapi, payload, socket.call(name, fields)) == [], name
    heard = [*hears.received(), *socket.received()]
    assert {"newMessage", "messageQueued", "messageReadReceipt", "userTyping", "ready", "entry", "receipt"} <= {
        row["name"] for row in heard
    }
    for event in heard:
        documented = [row["payload"] for key, row in messages.items() if shows(key, row, event["name"])]
        assert any(problems(asyncapi, payload, event["args"][0]) == [] for payload in documented), event


def shows(key, message, name):
    """Return whether this is a documented message from the server under this name."""
    return message["name"] == name and key.startswith(("pushed.", "replied.", "failed."))


def test_the_page_needs_no_internet(client):
    page = client.get("/api/docs")
    assert "unsafe-inline" not in page.headers["Content-Security-Policy"].split("style-src")[0]
    for name in ("swagger-ui.css", "swagger-ui-bundle.js", "start.js"):
        assert f'docs/{name}"' in page.text
        with client.get(f"/api/docs/{name}") as file:
            assert file.status_code == 200
    assert client.get("/api/docs/%2e%2e/__init__.py").status_code == 404


def test_production_shows_its_page_only_where_it_is_told_to(client, settings):
    settings(APP_ENV="production")
    for path in ("/api/docs", "/api/docs/start.js"):
        assert client.get(path).json["error"]["code"] == "ROUTE_NOT_FOUND"
    settings(APP_ENV="production", DOCS_ENABLED=True)
    assert client.get("/api/docs").status_code == client.get("/api/docs/start.js").status_code == 200

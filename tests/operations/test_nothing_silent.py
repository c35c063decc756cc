"""Every failure says what is wrong: errors, limits, logs, metrics, health."""

import pytest
from pymongo.errors import AutoReconnect, ServerSelectionTimeoutError

from chatapp import database, extensions, lifecycle, metrics
from chatapp.services import conversations
from chatapp.stores import conversations as conversation_store


@pytest.mark.parametrize(
    ("method", "path", "kwargs", "status", "code"),
    [
        ("GET", "/nope", {}, 404, "ROUTE_NOT_FOUND"),
        ("DELETE", "/api/auth/login", {}, 405, "METHOD_NOT_ALLOWED"),
        ("POST", "/api/auth/login", {"data": "{", "content_type": "application/json"}, 400, "MALFORMED_JSON"),
        ("POST", "/api/auth/login", {"data": "[" * 30_000, "content_type": "application/json"}, 400, "MALFORMED_JSON"),
        ("POST", "/api/auth/login", {"data": "[]", "content_type": "application/json"}, 400, "VALIDATION_ERROR"),
        ("POST", "/api/auth/login", {"data": "x=1"}, 415, "UNSUPPORTED_MEDIA_TYPE"),
        ("POST", "/api/auth/login", {"json": {"email": "x" * 2_000_000}}, 413, "CONTENT_TOO_LARGE"),
        ("POST", "/api/auth/login", {"json": {}}, 400, "VALIDATION_ERROR"),
        ("GET", "/api/user/profile", {}, 401, "TOKEN_MISSING"),
        ("GET", "/api/user/profile", {"headers": {"Authorization": "Basic x"}}, 401, "TOKEN_MISSING"),
        ("GET", "/api/user/profile", {"headers": {"Authorization": "Bearer"}}, 401, "TOKEN_INVALID"),
    ],
)
def test_every_failure_has_the_envelope(client, method, path, kwargs, status, code):
    answer = client.open(path, method=method, **kwargs)
    error = answer.json["error"]
    assert (answer.status_code, error["code"], error["statusCode"]) == (status, code, status)
    assert answer.json["success"] is False and answer.json["msg"] == error["message"]
    assert answer.headers["X-Request-ID"] == error["requestId"]


def test_validation_maps_fields_to_messages(client):
    answer = client.post("/api/auth/register", json={"email": "no", "password": "x"}).json
    assert set(answer["error"]["details"]) == {"email", "password"}


def test_unforeseen_errors_show_nothing(ann, monkeypatch, log):
    monkeypatch.setattr(conversations, "list_for", lambda *_, **__: 1 / 0)
    monkeypatch.setattr("chatapp.api.conversations.conversations.list_for", lambda *_, **__: 1 / 0)
    answer = ann.rest("GET", "/api/user/conversations", headers={"X-Request-ID": "trace-me"})
    assert answer.status_code == 500 and answer.json["error"]["code"] == "INTERNAL_ERROR"
    assert "division" not in answer.text and answer.json["error"]["requestId"] == "trace-me"
    ack = ann.socket().call("getConversations", {"requestId": "trace-too"})
    assert ack["error"]["code"] == "INTERNAL_ERROR" and ack["error"]["requestId"] == "trace-too"
    assert any("division" in row.get("exception", "") for row in log.lines(requestId="trace-me"))


@pytest.mark.parametrize("error", [ServerSelectionTimeoutError("no server"), AutoReconnect("gone")])
def test_a_lost_database_is_503_and_comes_back(ann, monkeypatch, error):
    socket = ann.socket()

    def fail(*_, **__):
        raise error

    monkeypatch.setattr(conversation_store, "find_page_of_user", fail)
    answer = ann.rest("GET", "/api/user/conversations")
    assert (answer.status_code, answer.json["error"]["code"]) == (503, "DATABASE_UNAVAILABLE")
    assert int(answer.headers["Retry-After"]) > 0
    ack = socket.call("getConversations")
    assert ack["error"]["details"]["retryAfter"] > 0
    monkeypatch.undo()
    assert ann.get("/api/user/conversations")["success"]


def test_unknown_events_are_answered(ann):
    socket = ann.socket()
    assert socket.call("noSuchEvent", {"x": 1})["error"]["code"] == "UNKNOWN_EVENT"
    assert socket.received("error")[0]["error"]["code"] == "UNKNOWN_EVENT"


@pytest.mark.parametrize(("sent", "kept"), [("abc-1.2:3", True), ("a" * 129, False), ("a b", False), ("é", False)])
def test_sane_request_ids_are_kept(client, sent, kept):
    answer = client.get("/api/health", headers={"X-Request-ID": sent})
    assert (answer.headers["X-Request-ID"] == sent) is kept


def test_logs_have_ids_and_no_secrets(client, log):
    body = {"email": "log@test.com", "password": "very-secret-word", "name": "Log"}
    token = client.post("/api/auth/register", json=body).json["token"]
    socket = extensions.socketio.test_client(client.application, auth={"token": token})
    socket.emit("getContacts", {"requestId": "mine"}, callback=True)
    client.post("/api/auth/login", json={**body, "password": "wrong-secret-word"})
    assert log.lines(requestId="mine") and "secret-word" not in log.text and token not in log.text


def test_one_json_line_per_request(client, log):
    client.get("/api/user/profile", headers={"X-Request-ID": "line-1"})
    (row,) = log.lines(requestId="line-1")
    assert row["route"] == "/api/user/profile" and row["status"] == 401 and row["code"] == "TOKEN_MISSING"
    assert row["level"] == "info" and row["time"] and row["ms"] >= 0


def test_slow_requests_warn(client, settings, log):
    settings(SLOW_REQUEST_MS=-1)
    client.get("/api/discover")
    assert log.lines(message="slow request")


def test_metrics_are_there_and_protected(client, ann, settings):
    ann.post("/api/user/conversations", {})
    text = client.get("/metrics").text
    for family in ("requests", "request_seconds", "errors", "sockets", "events", "messages_sent", "deliveries"):
        assert f"chatapp_{family}" in text
    settings(METRICS_TOKEN="let-me-see")
    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers={"Authorization": "Bearer let-me-see"}).status_code == 200
    settings(METRICS_TOKEN="", APP_ENV="production")
    assert client.get("/metrics").status_code == 401


def test_the_report_counts_calls(client):
    metrics.report()
    client.get("/api/health")
    assert metrics.report()["GET /api/health"]["calls"] == 1


def test_health_is_cheap_and_never_limited(client, settings, monkeypatch):
    settings(RATE_ANONYMOUS="1 per hour")
    monkeypatch.setattr(database.current(), "database", None)
    for _ in range(5):
        answer = client.get("/api/health")
        assert answer.json["status"] == "ok" and answer.json["timestamp"].endswith("Z")
        assert client.head("/api/health").status_code == 200


def test_readiness_follows_the_database_and_the_drain(client, monkeypatch):
    assert client.get("/api/health/ready").status_code == 200

    def fail():
        raise ServerSelectionTimeoutError("no server")

    monkeypatch.setattr("chatapp.api.health.ping", fail)
    answer = client.get("/api/health/ready")
    assert (answer.status_code, answer.json["error"]["code"]) == (503, "DATABASE_UNAVAILABLE")
    monkeypatch.undo()
    lifecycle.drain(0.01)
    assert client.get("/api/health/ready").json["error"]["code"] == "SHUTTING_DOWN"


def test_a_draining_server_takes_no_new_work(client, ann):
    socket = ann.socket()
    lifecycle.drain(0.01)
    answer = ann.rest("GET", "/api/user/profile")
    assert (answer.status_code, answer.json["error"]["code"]) == (503, "SHUTTING_DOWN")
    assert answer.headers["Retry-After"]
    assert socket.call("getContacts")["error"]["code"] == "SHUTTING_DOWN"


def test_anonymous_calls_are_limited_per_address(client, settings):
    settings(RATE_ANONYMOUS="3 per hour")
    extensions.limiter.reset()
    answers = [client.get("/api/discover", environ_base={"REMOTE_ADDR": "10.9.8.7"}) for _ in range(4)]
    assert [row.status_code for row in answers] == [200, 200, 200, 429]
    assert answers[3].json["error"]["code"] == "RATE_LIMITED"
    assert int(answers[3].headers["Retry-After"]) == answers[3].json["error"]["details"]["retryAfter"]
    assert answers[0].headers["X-RateLimit-Limit"] == "3"
    assert client.get("/api/discover", environ_base={"REMOTE_ADDR": "10.9.8.6"}).status_code == 200


def test_sends_are_limited_per_user_on_both_transports(ann, bob, settings):
    settings(RATE_SENDS="2 per hour")
    conversation = ann.direct(bob)
    assert ann.send(conversation, "1")["success"] and ann.send(conversation, "2")["success"]
    answer = ann.socket().call("newMessage", {"conversationId": conversation, "content": "3"})
    assert answer["error"]["code"] == "RATE_LIMITED" and answer["error"]["details"]["retryAfter"] > 0
    assert ann.rest("POST", f"/api/user/messages/{conversation}", json={"content": "4"}).status_code == 429
    assert bob.send(conversation, "mine")["success"]


def test_failed_log_ins_are_limited_per_account(client, ann, settings):
    settings(RATE_LOGIN_ACCOUNT="2 per hour")
    log_in = lambda word: client.post("/api/auth/login", json={"email": "ann@test.com", "password": word})  # noqa: E731
    assert [log_in("password123").status_code for _ in range(3)] == [200] * 3
    assert [log_in("wrong").status_code for _ in range(3)] == [401, 401, 429]
    assert log_in("password123").status_code == 429


def test_preflights_and_headers(client):
    answer = client.options(
        "/api/user/profile", headers={"Origin": "https://a.example", "Access-Control-Request-Method": "GET"}
    )
    assert answer.status_code == 200 and answer.headers["Access-Control-Allow-Origin"] in ("*", "https://a.example")
    answer = client.get("/api/health")
    assert answer.headers["X-Content-Type-Options"] == "nosniff" and "Content-Security-Policy" in answer.headers
    assert "Retry-After" not in answer.headers


def test_old_discovery_routes(client):
    assert client.get("/").text == "Server is running"
    assert client.get("/api/test-connection").json["success"]
    assert set(client.get("/api/discover").json) == {"success", "ip", "port", "url"}
    assert client.get("/auth/test").json["message"]

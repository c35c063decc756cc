"""One structured line per request and event, with ids, without secrets."""

import io
import json
import logging
from dataclasses import replace

import pytest
import structlog

from chatapp import logs, metrics
from chatapp.database import monitoring
from chatapp.services import conversations
from config import Config
from tests.conftest import PASSWORD


def test_a_request_has_one_line(ann, log):
    ann.rest("GET", "/api/user/profile", headers={"X-Request-ID": "one-line"})
    (line,) = log.lines(requestId="one-line")
    assert line["level"] == "info" and line["time"].endswith("Z") and line["userId"] == ann.id
    assert (line["method"], line["route"], line["status"]) == ("GET", "/api/user/profile", 200)
    assert line["ms"] >= 0 and line["message"]


def test_a_failed_request_has_its_code(client, log):
    client.get("/api/user/profile", headers={"X-Request-ID": "refused"})
    (line,) = log.lines(requestId="refused")
    assert (line["status"], line["code"]) == (401, "TOKEN_MISSING") and "userId" not in line


def test_routes_are_logged_as_rules_not_as_paths(ann, log):
    ann.rest("GET", "/api/conversations/some-id", headers={"X-Request-ID": "rule"})
    assert log.lines(requestId="rule")[0]["route"] == "/api/conversations/<conversation_id>"
    ann.rest("GET", "/somewhere/else", headers={"X-Request-ID": "nowhere"})
    assert log.lines(requestId="nowhere")[0]["route"] == "(unknown)"


def test_an_event_has_one_line(ann, log):
    ann.socket().call("getContacts", {"requestId": "one-event"})
    (line,) = log.lines(requestId="one-event")
    assert (line["event_name"], line["code"], line["userId"]) == ("getContacts", "OK", ann.id)
    assert line["ms"] >= 0 and line["level"] == "info"


def test_a_failed_event_has_its_code(ann, log):
    ann.socket().call("getMessages", {"requestId": "bad-event", "conversationId": "x"})
    assert [row["code"] for row in log.lines(requestId="bad-event")] == ["CONVERSATION_NOT_FOUND"]


def test_unknown_events_do_not_name_themselves(ann, log):
    ann.socket().call("evil\nname", {"requestId": "unknown"})
    (line,) = log.lines(requestId="unknown")
    assert (line["event_name"], line["code"]) == ("(unknown)", "UNKNOWN_EVENT") and "evil" not in log.text


def test_a_socket_that_comes_and_goes_is_logged(ann, knock, log):
    socket = ann.socket()
    socket.inner.disconnect()
    (came,) = log.lines(event_name="connect")
    assert (came["code"], came["userId"]) == ("OK", ann.id) and came["requestId"] and came["ms"] >= 0
    (went,) = log.lines(event_name="disconnect")
    assert went["userId"] == ann.id and went["reason"]
    refused = knock({"token": "x"})
    line = log.lines(event_name="connect")[-1]
    assert (line["code"], line["requestId"]) == ("TOKEN_INVALID", refused["data"]["requestId"])


def test_a_socket_can_bring_its_request_id(ann, knock, log):
    knock({"token": ann.token}, headers={"X-Request-ID": "handshake"})
    assert log.lines(requestId="handshake", event_name="connect")


def crash(password, token):
    """A function whose local variables nobody should read."""
    raise RuntimeError("failed inside")


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_no_secret_is_ever_logged(client, config, ann, bob, log_format, settings, monkeypatch):
    stream = io.StringIO()
    logs.configure(replace(config, LOG_FORMAT=log_format, LOG_LEVEL="DEBUG"))
    logs.redirect(stream)
    settings(SLOW_REQUEST_MS=1)
    secrets = ["very-secret-word", "next-secret-word", "wrong-secret-word", "a-private-message"]
    body = {"email": "log@test.com", "password": secrets[0], "name": "Log", "protocol": 2}
    first = client.post("/api/auth/register", json=body).json
    refreshed = client.post("/api/auth/refresh", json={"refreshToken": first["refreshToken"]}).json
    client.post("/api/auth/login", json={**body, "password": secrets[2]})
    client.post("/api/auth/login", data=json.dumps(body)[:-1], content_type="application/json")
    client.post("/api/auth/register", json={**body, "email": "no", "password": secrets[2]})
    headers = {"Authorization": f"Bearer {first['token']}"}
    change = {"currentPassword": secrets[0], "newPassword": secrets[1]}
    client.post("/api/auth/password", json=change, headers=headers)
    client.get(f"/api/user/profile?token={first['token']}")
    client.get(f"/nowhere/{first['token']}")
    conversation = ann.direct(bob)
    ann.send(conversation, secrets[3])
    socket = ann.socket()
    socket.call("newMessage", {"conversationId": conversation, "content": secrets[3]})
    socket.call("newMessage", {"conversationId": "x", "content": secrets[3]})
    socket.call("auth:refresh", {"token": first["token"]})
    socket.call("noSuchEvent", {"password": secrets[0]})
    monkeypatch.setattr(conversations, "list_for", lambda *_, **__: crash(secrets[0], first["token"]))
    ann.get("/api/user/conversations")
    socket.call("getConversations")
    logs.redirect(None)
    logs.configure(config)
    text = stream.getvalue()
    assert "failed inside" in text and "requestId" in text
    tokens = [first["token"], first["refreshToken"], refreshed["token"], refreshed["refreshToken"], ann.token]
    signatures = [token.split(".")[2] for token in tokens]
    found = [secret for secret in secrets + tokens + signatures + [PASSWORD, config.JWT_SECRET] if secret in text]
    assert found == []


def test_a_terminal_reads_plain_text(client, config):
    stream = io.StringIO()
    logs.configure(replace(config, LOG_FORMAT="console", LOG_LEVEL="INFO"))
    logs.redirect(stream)
    client.get("/api/user/profile", headers={"X-Request-ID": "readable"})
    logs.redirect(None)
    logs.configure(config)
    (line,) = [row for row in stream.getvalue().splitlines() if "readable" in row]
    assert "/api/user/profile" in line and "TOKEN_MISSING" in line and not line.startswith("{")


def test_records_of_libraries_take_the_same_way(client, log):
    logging.getLogger("some.library").warning("careful with %s", "this")
    (line,) = log.lines(message="careful with this")
    assert line["level"] == "warning" and line["time"]


def test_slow_requests_warn(client, log, settings):
    settings(SLOW_REQUEST_MS=-1)
    client.get("/api/discover", headers={"X-Request-ID": "slow"})
    (line,) = log.lines(requestId="slow")
    assert (line["level"], line["message"], line["route"]) == ("warning", "slow request", "/api/discover")


def test_slow_events_warn(ann, log, settings):
    settings(SLOW_REQUEST_MS=-1)
    ann.socket().call("getContacts", {"requestId": "slow"})
    (line,) = log.lines(requestId="slow")
    assert (line["level"], line["message"], line["event_name"]) == ("warning", "slow event", "getContacts")


def test_slow_database_commands_warn(app, log, settings):
    settings(SLOW_COMMAND_MS=250)
    monitoring.command_finished("find", 0.3)
    (line,) = log.lines(message="slow database command")
    assert (line["level"], line["command"], line["ms"]) == ("warning", "find", 300.0)


def test_quick_database_commands_do_not(app, log, settings):
    settings(SLOW_COMMAND_MS=301)
    monitoring.command_finished("find", 0.3)
    assert log.text == ""


class Topology:
    """PyMongo's event for a change of its picture of the servers."""

    def __init__(self, reachable):
        self.new_description = self
        self.reachable = reachable

    def has_writable_server(self):
        return self.reachable


def test_the_database_connection_is_logged_once_per_change(app, log):
    (topology, _) = monitoring.listeners()
    for reachable in (False, True, True, False, False, False, True, True, False):
        topology.description_changed(Topology(reachable))
    messages = [row["message"] for row in log.lines()]
    assert messages == ["database connected", "database lost", "database back", "database lost"]


def test_the_report_comes_every_five_minutes():
    assert Config().METRICS_REPORT_SECONDS == 300


def test_the_report_is_one_line_with_calls_and_means(ann, log):
    metrics.report()
    for _ in range(3):
        ann.get("/api/user/profile")
    ann.socket().call("testSocket")
    metrics.report()
    calls = log.lines(message="metrics report")[-1]["calls"]
    assert calls["GET /api/user/profile"]["calls"] == 3 and calls["GET /api/user/profile"]["meanMs"] > 0
    assert calls["event testSocket"]["calls"] == 1
    metrics.report()
    assert log.lines(message="metrics report")[-1]["calls"] == {}


def test_what_clients_send_moves_no_terminal(client, ann, config):
    """On the console, too: JSON escapes control characters by itself."""
    stream = io.StringIO()
    logs.configure(replace(config, LOG_FORMAT="console", LOG_LEVEL="DEBUG"))
    logs.redirect(stream)
    evil = "\x1b]0;owned\x07\x1b[2J\x9b31m\r"
    try:
        client.open("/nowhere", method=f"G{evil}ET")
        client.get(f"/{evil}", headers={"X-Request-ID": "a\x1b[31m"})
        ann.socket().call(evil, {"requestId": evil})
        structlog.get_logger("x").warning(f"text {evil}", field=evil, rows=[evil])
        try:
            raise ValueError(evil)
        except ValueError:
            structlog.get_logger("x").exception("failed")
    finally:
        logs.redirect(None)
        logs.configure(config)
    text = stream.getvalue()
    assert "owned" in text and "Traceback" in text
    assert not set(text) & set("\x1b\x07\x9b\r")

"""One envelope for everything that can go wrong, over REST and as ack and event over a socket."""

import gc
import io
import json
import sqlite3
from dataclasses import replace

import pymongo.errors
import pytest

from chatapp import errors, extensions, logs
from chatapp.api import fast_path
from chatapp.services import conversations
from chatapp.settings import config as current_config
from chatapp.sockets.dispatch import EVENTS
from config import TestConfig

JSON = {"content_type": "application/json"}
LOG_IN = "/api/auth/login"


def assert_envelope(answer, status, code):
    """Check the whole shape of a failure over REST."""
    error = answer.json["error"]
    assert (answer.status_code, error["code"], error["statusCode"]) == (status, code, status)
    assert answer.json["success"] is False and answer.json["msg"] == error["message"] and error["message"]
    assert error["requestId"] == answer.headers["X-Request-ID"]
    assert set(error) <= {"code", "message", "statusCode", "requestId", "details"}


@pytest.fixture(params=["rest", "socket"])
def list_conversations(request, ann):
    """Ask for the conversation list over one of the transports; return the JSON."""
    if request.param == "rest":
        return lambda: ann.get("/api/user/conversations")
    socket = ann.socket()

    def call():
        socket.forget()
        ack = socket.call("getConversations")
        assert socket.received("getConversations") == [ack]
        return ack

    return call


@pytest.mark.parametrize("path", ["/nope", "/api/nope", "/api/user/conversations/x/y/z", "/%00", "/api/auth/login/"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_unknown_routes(client, method, path):
    assert_envelope(client.open(path, method=method), 404, "ROUTE_NOT_FOUND")


@pytest.mark.parametrize(("method", "path", "allowed"), [("GET", LOG_IN, "POST"), ("BREW", "/api/user/profile", "PUT")])
def test_another_method_says_which_are_allowed(client, method, path, allowed):
    answer = client.open(path, method=method)
    assert_envelope(answer, 405, "METHOD_NOT_ALLOWED")
    assert allowed in answer.headers["Allow"]


@pytest.mark.parametrize(
    "data",
    [b"{", b"{'a': 1}", b'{"a": NaN}', b'{"a": 1} x', b'"\xff"', b"[" * 30_000, b'{"a":' * 6_000, b"\x00"],
)
def test_malformed_json(client, data):
    assert_envelope(client.post(LOG_IN, data=data, **JSON), 400, "MALFORMED_JSON")


@pytest.mark.parametrize("kind", ["application/json", "text/plain", None])
def test_no_body_is_an_empty_object(client, kind):
    answer = client.post(LOG_IN, data=b"", content_type=kind)
    assert_envelope(answer, 400, "VALIDATION_ERROR")
    assert "password" in answer.json["error"]["details"]


@pytest.mark.parametrize("value", [[], None, "text", 5, True, [{}]])
def test_json_that_is_no_object(client, value):
    answer = client.post(LOG_IN, data=json.dumps(value), **JSON)
    assert_envelope(answer, 400, "VALIDATION_ERROR")
    assert answer.json["error"]["details"] == {"body": ["Send a JSON object."]}


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", None])
def test_another_media_type(client, kind):
    assert_envelope(client.post(LOG_IN, data="{}", content_type=kind), 415, "UNSUPPORTED_MEDIA_TYPE")


def test_a_body_over_the_limit(client):
    answer = client.post(LOG_IN, data=b'"' + b"x" * TestConfig.MAX_BODY_BYTES + b'"', **JSON)
    assert_envelope(answer, 413, "CONTENT_TOO_LARGE")


@pytest.mark.parametrize("production", [True, False])
def test_a_body_that_says_itself_that_it_is_too_large_gets_the_same_answer_early(
    client, settings, monkeypatch, log, production
):
    settings(APP_ENV="production" if production else "development")
    about_browsers_and_limits = ("Access-Control-", "X-RateLimit-")

    def answer():
        response = client.post(
            LOG_IN,
            base_url="https://chat.example",
            headers={"X-Request-ID": "one", "Content-Type": "application/json"},
            data=b"x" * (TestConfig.MAX_BODY_BYTES + 1),
        )
        headers = [row for row in response.headers if not row[0].startswith(about_browsers_and_limits)]
        return response.status, sorted(headers), response.json

    logs.configure(replace(current_config(), LOG_FORMAT="json", LOG_LEVEL="DEBUG"))
    given = answer()
    monkeypatch.setattr(fast_path, "_is_too_large", lambda environ: False)
    assert given == answer()
    mine, flasks = ({name: row[name] for name in row if name not in ("ms", "time", "route")} for row in log.lines())
    assert mine == flasks and mine["code"] == "CONTENT_TOO_LARGE"


class NeverWhole(io.BytesIO):
    """A body of which the rest does not come in time."""

    def read(self, *_):
        raise OSError("closed for reading")

    readinto = readinto1 = read


def test_a_body_that_does_not_come_in_time(client):
    stream = {"wsgi.input": NeverWhole(), "CONTENT_LENGTH": "100"}
    answer = client.post(LOG_IN, environ_overrides=stream, **JSON)
    assert_envelope(answer, 408, "REQUEST_TIMEOUT")


@pytest.mark.parametrize("length", ["-1", "x", "", "²", "1" * 5_000])
def test_a_strange_length_of_the_body_crashes_nothing(client, length):
    answer = client.post(LOG_IN, environ_overrides={"CONTENT_LENGTH": length})
    assert answer.status_code in (400, 413, 415) and answer.json["error"]["code"]


def test_browsers_from_elsewhere_may_read_that_a_body_is_too_large(client):
    headers = {"Origin": "http://localhost:5173"}
    answer = client.post(LOG_IN, data=b"x" * (TestConfig.MAX_BODY_BYTES + 1), headers=headers, **JSON)
    assert_envelope(answer, 413, "CONTENT_TOO_LARGE")
    assert answer.headers["Access-Control-Allow-Origin"]


def test_validation_maps_every_wrong_field_to_its_messages(client):
    answer = client.post("/api/auth/register", json={"email": "no", "password": 5, "name": ["x"], "protocol": "two"})
    assert_envelope(answer, 400, "VALIDATION_ERROR")
    details = answer.json["error"]["details"]
    assert set(details) == {"email", "password", "name", "protocol"}
    assert all(isinstance(text, str) for texts in details.values() for text in texts)


def test_validation_over_a_socket_has_the_same_map(ann):
    body = {"type": "nonsense", "participants": 5}
    over_rest = ann.post("/api/user/conversations", body)["error"]
    socket = ann.socket()
    ack = socket.call("newConversation", body)
    assert ack["error"]["details"] == over_rest["details"] and set(ack["error"]["details"]) == {"type", "participants"}
    assert socket.received("newConversation") == [ack]


def test_bad_ids_are_not_found(ann):
    for bad in ("x", "0" * 23, "0" * 24, "$ne", "0" * 2000):
        assert_envelope(ann.rest("GET", f"/api/conversations/{bad}"), 404, "CONVERSATION_NOT_FOUND")


def test_unforeseen_errors_show_nothing_and_are_logged_with_their_stack(list_conversations, monkeypatch, log):
    def crash(*_, **__):
        raise RuntimeError("an inner detail")

    monkeypatch.setattr(conversations, "list_for", crash)
    answer = list_conversations()
    error = answer["error"]
    assert (error["code"], error["statusCode"], answer["success"]) == ("INTERNAL_ERROR", 500, False)
    assert "inner detail" not in str(answer) and "Traceback" not in str(answer)
    (line,) = [row for row in log.lines(requestId=error["requestId"]) if "exception" in row]
    assert "RuntimeError: an inner detail" in line["exception"] and "def crash" not in str(answer)
    monkeypatch.undo()
    assert list_conversations()["success"]


@pytest.mark.parametrize(
    "error",
    [
        pymongo.errors.ServerSelectionTimeoutError("no server"),
        pymongo.errors.AutoReconnect("connection closed"),
        pymongo.errors.NetworkTimeout("timed out"),
        pymongo.errors.NotPrimaryError("stepped down"),
        pymongo.errors.WaitQueueTimeoutError("no connection free"),
        pymongo.errors.WTimeoutError("waiting for replication timed out", 64),
        pymongo.errors.OperationFailure("node is shutting down", 91),
        pymongo.errors.OperationFailure("failed to connect to the backend", 1),
        sqlite3.OperationalError("database or disk is full"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_lost_database_is_unavailable_and_comes_back(list_conversations, ann, monkeypatch, error):
    def lose(*_, **__):
        raise error

    monkeypatch.setattr(conversations, "list_for", lose)
    answer = list_conversations()
    assert (answer["error"]["code"], answer["error"]["statusCode"]) == ("DATABASE_UNAVAILABLE", 503)
    retry = ann.rest("GET", "/api/user/conversations")
    assert int(retry.headers["Retry-After"]) == answer["error"]["details"]["retryAfter"] > 0
    monkeypatch.undo()
    assert list_conversations()["success"]


def test_a_command_at_fault_is_no_outage(list_conversations, monkeypatch):
    def fail(*_, **__):
        raise pymongo.errors.OperationFailure("unknown operator: $nope", 2)

    monkeypatch.setattr(conversations, "list_for", fail)
    assert list_conversations()["error"]["code"] == "INTERNAL_ERROR"


@pytest.mark.parametrize("payload", [(), (None,), ({"x": 1},), ("text",), ([1, 2], 3)])
def test_unknown_events_are_answered_as_ack_and_event(ann, payload):
    socket = ann.socket()
    ack = socket.call("noSuchEvent", *payload)
    assert (ack["success"], ack["error"]["code"], ack["error"]["statusCode"]) == (False, "UNKNOWN_EVENT", 404)
    assert socket.received("error") == [ack] and socket.connected


def test_a_failure_without_an_ack_is_still_told(ann):
    socket = ann.socket()
    socket.emit("newMessage", {"conversationId": "nope", "content": "hi"})
    (told,) = socket.received("newMessage")
    assert told["success"] is False and told["error"]["code"] == "CONVERSATION_NOT_FOUND" and told["msg"]


@pytest.mark.parametrize("payload", [5, True, "text", ["x"], [[]], 1.5])
def test_payloads_of_another_kind_are_refused(ann, payload):
    socket = ann.socket()
    ack = socket.call("newMessage", payload)
    assert ack["error"]["code"] == "VALIDATION_ERROR" and socket.connected


@pytest.mark.parametrize("name", sorted(EVENTS))
def test_every_event_survives_and_answers_a_crash_of_its_handler(ann, name, monkeypatch):
    socket = ann.socket()

    def crash(*_, **__):
        raise TypeError("an inner detail")

    monkeypatch.setattr("chatapp.sockets.dispatch._call", crash)
    ack = socket.call(name, {})
    assert ack["error"]["code"] == "INTERNAL_ERROR" and "inner detail" not in str(ack)
    assert ack in socket.received(EVENTS[name].failure)
    monkeypatch.undo()
    assert socket.call("testSocket")["success"]


@pytest.mark.parametrize("sent", ["abc-1.2:3_x", "a" * 128])
def test_a_sane_request_id_is_taken(client, ann, sent):
    assert client.get("/api/health", headers={"X-Request-ID": sent}).headers["X-Request-ID"] == sent
    refused = client.get("/api/user/profile", headers={"X-Request-ID": sent})
    assert refused.json["error"]["requestId"] == refused.headers["X-Request-ID"] == sent
    assert ann.socket().call("getContacts", {"requestId": sent})["requestId"] == sent
    assert ann.socket().call("noSuchEvent", {"requestId": sent})["error"]["requestId"] == sent


@pytest.mark.parametrize("sent", ["", "a" * 129, "a b", "a\tb", 'a"b', "{}", "a;b", "<x>"])
def test_another_request_id_is_replaced(client, ann, sent):
    made = client.get("/api/health", headers={"X-Request-ID": sent}).headers["X-Request-ID"]
    assert made and made != sent
    assert ann.socket().call("noSuchEvent", {"requestId": sent})["error"]["requestId"] not in ("", sent)


def test_request_ids_that_are_made_differ(client):
    assert client.get("/api/health").headers["X-Request-ID"] != client.get("/api/health").headers["X-Request-ID"]


@pytest.mark.parametrize("sent", [5, None, ["x"], {"a": 1}])
def test_a_request_id_that_is_no_text_harms_nothing(ann, sent):
    assert ann.socket().call("testSocket", {"requestId": sent})["success"]


def test_every_code_is_named_as_it_is_written():
    assert all(code.name == code.value == code.value.upper() for code in errors.Code)


REFUSED_CALLS = {
    "schema": lambda ann: ann.post("/api/user/conversations", {"type": "x"}),
    "query": lambda ann: ann.get("/api/user/contacts?limit=x"),
    "JSON": lambda ann: ann.rest("POST", LOG_IN, data="{", **JSON),
    "service": lambda ann: ann.get("/api/conversations/none/messages"),
    "token": lambda ann: ann.get("/api/user/profile", headers={"Authorization": "Bearer x.y.z"}),
    "no token": lambda ann: ann.get("/api/user/profile", headers={"Authorization": ""}),
}
REFUSED_EVENTS = {
    "schema": ("newMessage", {"content": 1}),
    "payload": ("newMessage", "no object"),
    "service": ("newMessage", {"content": "x", "conversationId": "none"}),
    "event": ("no such event", {}),
}


def exceptions_left_by(refused):
    """Exceptions that only the collector would free. With them stays what was sent, up to a megabyte."""
    refused()
    gc.collect()
    gc.disable()
    try:
        known = {id(row) for row in gc.get_objects()}
        refused()
        return [row for row in gc.get_objects() if isinstance(row, BaseException) and id(row) not in known]
    finally:
        gc.enable()


@pytest.mark.usefixtures("collected")
@pytest.mark.parametrize("name", REFUSED_CALLS)
def test_what_was_refused_is_freed_at_once_over_rest(ann, name):
    assert exceptions_left_by(lambda: REFUSED_CALLS[name](ann)) == []


@pytest.mark.usefixtures("collected")
@pytest.mark.parametrize("name", REFUSED_EVENTS)
def test_what_was_refused_is_freed_at_once_over_a_socket(ann, name):
    socket = ann.socket()
    assert exceptions_left_by(lambda: socket.call(*REFUSED_EVENTS[name])) == []


@pytest.mark.usefixtures("collected")
def test_what_was_refused_is_freed_at_once_at_a_connect(app):
    assert exceptions_left_by(lambda: extensions.socketio.test_client(app, auth={"token": "x"})) == []

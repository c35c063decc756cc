"""Health, liveness, readiness."""

from dataclasses import replace

import gevent
import pymongo.errors
import pytest

from chatapp import database, lifecycle, logs
from chatapp.api import fast_path, health
from chatapp.settings import config as current_config

CHEAP = ["/api/health", "/api/health/live"]


@pytest.mark.parametrize("path", CHEAP)
def test_health_answers_get_and_head(client, path):
    answer = client.get(path)
    assert answer.status_code == 200 and answer.json["success"] is True and answer.json["status"] == "ok"
    assert answer.json["timestamp"].endswith("Z")
    head = client.head(path)
    assert (head.status_code, head.data) == (200, b"")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("production", [True, False])
@pytest.mark.parametrize("url", ["https://chat.example", "http://chat.example"])
def test_the_early_answer_is_the_one_that_flask_gives(client, settings, monkeypatch, log, method, production, url):
    settings(APP_ENV="production" if production else "development")

    def answer():
        response = client.open("/api/health", method=method, base_url=url, headers={"X-Request-ID": "one"})
        headers = [row for row in response.headers if not row[0].startswith("Access-Control-")]  # for browsers only
        return response.status, sorted(headers), len(response.data)

    logs.configure(replace(current_config(), LOG_FORMAT="json", LOG_LEVEL="DEBUG"))
    given = answer()
    monkeypatch.setattr(fast_path, "_HEALTH", "/never")
    assert given == answer()
    mine, flasks = ({name: row[name] for name in row if name not in ("ms", "time")} for row in log.lines())
    assert mine == flasks


def test_browsers_from_elsewhere_are_allowed_to_read_health(client):
    answer = client.get("/api/health", headers={"Origin": "http://localhost:5173"})
    assert answer.status_code == 200 and answer.headers["Access-Control-Allow-Origin"]


@pytest.mark.parametrize("path", CHEAP)
def test_health_asks_no_database(client, monkeypatch, path):
    def fail(*_):
        raise AssertionError("the database was asked")

    monkeypatch.setattr(database.current(), "database", None)
    monkeypatch.setattr(health, "ping", fail)
    assert client.get(path).status_code == 200
    assert client.get(path, headers={"Authorization": "Bearer x"}).status_code == 200


def test_health_reads_no_token(client, ann, monkeypatch):
    monkeypatch.setattr("chatapp.api.authentication.identify", lambda: 1 / 0)
    assert ann.rest("GET", "/api/health").status_code == 200


@pytest.mark.parametrize("path", [*CHEAP, "/api/health/ready"])
def test_health_is_never_limited(client, settings, path):
    settings(RATE_ANONYMOUS="1 per hour")
    answers = [client.open(path, method=method) for method in ("GET", "HEAD") * 5]
    assert [answer.status_code for answer in answers] == [200] * 10
    assert not any("X-RateLimit-Limit" in answer.headers for answer in answers)
    assert client.get("/api/discover").status_code == 200


def test_ready_says_what_was_checked(client):
    answer = client.get("/api/health/ready")
    assert answer.status_code == 200 and answer.json["checks"] == {"database": "ok"}


@pytest.mark.parametrize(
    "error",
    [
        pymongo.errors.ServerSelectionTimeoutError("no server"),
        pymongo.errors.OperationFailure("Authentication failed.", 18),
        OSError("no space left"),
    ],
)
def test_not_ready_while_the_database_does_not_answer(client, monkeypatch, error):
    def fail():
        raise error

    monkeypatch.setattr(health, "ping", fail)
    answer = client.get("/api/health/ready")
    assert (answer.status_code, answer.json["error"]["code"]) == (503, "DATABASE_UNAVAILABLE")
    assert int(answer.headers["Retry-After"]) > 0 and str(error) not in answer.text
    monkeypatch.undo()
    assert client.get("/api/health/ready").status_code == 200


def test_not_ready_when_the_database_hangs(client, monkeypatch):
    monkeypatch.setattr(health, "ping", lambda: gevent.sleep(3600))
    monkeypatch.setattr(health, "_DATABASE_SECONDS", 0.05)
    answer = client.get("/api/health/ready")
    assert (answer.status_code, answer.json["error"]["code"]) == (503, "DATABASE_UNAVAILABLE")


def test_while_draining_it_is_alive_but_not_ready(client):
    lifecycle.drain(0.01)
    answer = client.get("/api/health/ready")
    assert (answer.status_code, answer.json["error"]["code"]) == (503, "SHUTTING_DOWN") and answer.headers[
        "Retry-After"
    ]
    assert [client.get(path).status_code for path in CHEAP] == [200, 200]


def test_a_draining_server_takes_no_new_work(ann, knock):
    socket = ann.socket()
    lifecycle.drain(0.01)
    answer = ann.rest("GET", "/api/user/profile")
    assert (answer.status_code, answer.json["error"]["code"]) == (503, "SHUTTING_DOWN") and answer.headers[
        "Retry-After"
    ]
    assert socket.call("getContacts")["error"]["code"] == "SHUTTING_DOWN"
    assert knock({"token": ann.token})["data"]["code"] == "SHUTTING_DOWN"


def test_old_discovery_routes_answer(client):
    assert client.get("/").text == "Server is running"
    answer = client.get("/api/test-connection").json
    assert answer["success"] and answer["message"] and answer["timestamp"] and answer["url"]


@pytest.mark.parametrize(
    ("public_url", "told"),
    [
        ("https://chat.example.com/", ("chat.example.com", 443, "https://chat.example.com")),
        ("http://chat.example.com:8080", ("chat.example.com", 8080, "http://chat.example.com:8080")),
        ("http://[2001:db8::1]:3000", ("2001:db8::1", 3000, "http://[2001:db8::1]:3000")),
    ],
)
def test_discovery_tells_the_public_address(client, settings, public_url, told):
    settings(PUBLIC_URL=public_url)
    answer = client.get("/api/discover", base_url="http://10.0.0.7:3000").json
    assert (answer["ip"], answer["port"], answer["url"]) == told

"""The operator's commands, as an operator runs them."""

import json
import socket
import subprocess
import sys
import time

import jwt
import pytest
from bson import ObjectId
from gevent import pywsgi

from chatapp import clock, database
from chatapp.cli.checks import DIAGNOSIS
from chatapp.cli.checks.examination import Patient, examine
from chatapp.realtime.socket_server import handler_class
from chatapp.services import migrations
from chatapp.settings import config as current_config
from tests.server import ROOT

ALL_MIGRATED = "".join(f"migrated {name}\n" for name in migrations.names())


@pytest.fixture
def run(app):
    """Run a command in this process: `run("seed", "--if-empty")` returns click's result."""
    return lambda *arguments: app.test_cli_runner().invoke(args=list(arguments))


def test_migrate_twice_does_nothing_the_second_time(run):
    database.db().meta.delete_many({"kind": "migration"})
    assert run("migrate").output == ALL_MIGRATED
    assert run("migrate").output == "The database is up to date.\n"
    assert migrations.pending() == []


def test_two_processes_may_migrate_at_once(tmp_path):
    environment = {"PATH": "/usr/bin:/bin", "INSTANCE_DIR": str(tmp_path), "MONGO_URI": ""}
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "migrate"]
    both = [
        subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    outputs = [process.communicate(timeout=60)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sorted(outputs) == ["The database is up to date.\n", ALL_MIGRATED]


def test_seed_can_be_logged_in_with_and_repeated(run, client):
    assert "4 users" in run("seed").output
    answer = client.post("/api/auth/login", json={"email": "tini@test.com", "password": "password123"})
    assert answer.status_code == 200
    headers = {"Authorization": f"Bearer {answer.json['token']}"}
    assert len(client.get("/api/user/conversations", headers=headers).json["data"]) == 4
    assert run("seed").output == "Added 0 users, 0 conversations, 0 messages.\n"
    assert run("seed", "--if-empty").output == ""


def test_seed_migrates_a_new_database(run):
    database.db().meta.delete_many({"kind": "migration"})
    assert run("seed").output.startswith(f"{ALL_MIGRATED}Added 4 users")


def test_seed_makes_more_and_the_same_again(run):
    assert "Added 14 users" in run("seed", "--users", "10", "--messages", "25").output
    assert run("seed", "--users", "10", "--messages", "25").output == "Added 0 users, 0 conversations, 0 messages.\n"


def test_check_users_says_what_to_do(run, register):
    result = run("check-users")
    assert result.exit_code == 1 and "seed" in result.output
    register("ann")
    assert run("check-users").exit_code == 1
    register("bob")
    assert run("check-users").exit_code == 0
    assert json.loads(run("check-users", "--json").output)["count"] == 2


def test_events_lists_all(run):
    output = run("events").output
    assert "Sent by the server:" in output and "userTyping {" in output
    assert (
        "newMessage {conversationId, content?, attachment?, replyTo?, mentions?, attachments?, forwardOf?, "
        "clientMsgId?, tempId?}" in output
    )


@pytest.fixture
def served(app):
    """The app under an address, over real HTTP."""
    handler = handler_class(current_config())
    server = pywsgi.WSGIServer(("127.0.0.1", 0), app, log=None, error_log=None, handler_class=handler)
    server.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.stop(timeout=1)


def findings(url, **more):
    """State and sentence by name of check."""
    patient = Patient(url=url, own=True, timeout=more.pop("timeout", 2), **more)
    return {row.name: row for row in examine(DIAGNOSIS, patient)}


def test_doctor_finds_nothing_wrong_with_a_good_server(served, ann, bob):
    found = findings(served, email="ann@test.com", password="password123", origin="https://a.example")
    wrong = {name: row for name, row in found.items() if row.state == "problem"}
    assert set(wrong) <= {"binding", "indexes"}  # this test server is bound to loopback
    assert found["contacts"].state == found["polling"].state == found["token's user"].state == "ok"


def test_doctor_names_empty_lists(served, ann):
    found = findings(served, token=ann.token)
    assert "only one user" in found["users"].sentence
    assert "NO_USERS" in found["contacts"].sentence


def test_doctor_names_token_troubles(served, ann, bob):
    claims = jwt.decode(ann.token, options={"verify_signature": False})
    key = current_config().JWT_SECRET
    expired = jwt.encode({**claims, "exp": claims["iat"] - 5}, key, algorithm="HS256")
    assert "expired" in findings(served, token=expired)["token"].sentence
    nobody = jwt.encode({**claims, "sub": "0" * 24}, key, algorithm="HS256")
    assert "wrong user id" in findings(served, token=nobody)["token's user"].sentence
    assert "no token" in findings(served, token="rubbish")["token"].sentence
    assert "can't log in" in findings(served, email="ann@test.com", password="wrong")["log-in"].sentence


def test_doctor_names_a_server_that_is_not_there():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    diagnosis_of = Patient(url=f"http://127.0.0.1:{port}", own=False, timeout=1)
    found = {row.name: row for row in examine(DIAGNOSIS, diagnosis_of)}
    assert "can't be reached" in found["health"].sentence and found["polling"].state == "skipped"


@pytest.fixture
def broken():
    """A server that answers as told: `broken({path: (status, headers, body)})` returns its address."""
    servers = []

    def make(answers, delay=0):
        def application(environ, start_response):
            time.sleep(delay)
            status, headers, body = answers.get(environ["PATH_INFO"], ("404 Not Found", [], b"{}"))
            start_response(status, headers)
            return [body]

        server = pywsgi.WSGIServer(("127.0.0.1", 0), application, log=None, error_log=None)
        server.start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield make
    for server in servers:
        server.stop(timeout=0)


HEALTHY = ("200 OK", [], b'{"success": true, "status": "ok"}')


def test_doctor_names_what_is_broken(app, broken, ann):
    found = findings(broken({"/api/health": ("200 OK", [], b"hello")}))
    assert "another program" in found["health"].sentence
    found = findings(broken({"/api/health": HEALTHY}, delay=1), timeout=0.2)
    assert "did not answer within" in found["health"].sentence
    down = ("503 Down", [], b'{"error": {"code": "DATABASE_UNAVAILABLE"}}')
    url = broken(
        {
            "/api/health": ("200 OK", [("Date", "Thu, 01 Jan 2026 00:00:00 GMT")], HEALTHY[2]),
            "/api/health/ready": down,
            "/api/user/contacts": ("500 Error", [("X-Request-ID", "r1")], b'{"error": {"code": "INTERNAL_ERROR"}}'),
            "/socket.io/": ("200 OK", [], b'0{"sid":"x","upgrades":[]}'),
        }
    )
    found = findings(url, token=ann.token, origin="https://a.example")
    assert "clocks differ" in found["clock"].sentence
    assert "DATABASE_UNAVAILABLE" in found["readiness"].sentence
    assert "INTERNAL_ERROR" in found["contacts"].sentence and "r1" in found["contacts"].sentence
    assert "CORS_ORIGINS" in found["cors"].sentence
    assert "no WebSocket upgrade" in found["polling"].sentence
    assert "WebSocket fails" in found["websocket"].sentence


def test_doctor_names_settings(settings, monkeypatch):
    settings(WEB_CONCURRENCY=2, ENGINE="stock", HOST="127.0.0.1")
    monkeypatch.setattr(migrations, "pending", lambda: ["0002_x"])
    found = findings("http://127.0.0.1:1")
    assert "WEB_CONCURRENCY" in found["workers"].sentence and "migrate" in found["indexes"].sentence
    assert "HOST=0.0.0.0" in found["binding"].sentence


def test_docs_writes_what_the_server_serves(run, client, tmp_path):
    assert run("docs", "--out", str(tmp_path / "new")).exit_code == 0
    for name in ("openapi", "asyncapi"):
        assert json.loads((tmp_path / "new" / f"{name}.json").read_text()) == client.get(f"/api/{name}.json").json


def test_seed_again_after_somebody_renamed_its_group(run, client):
    run("seed")
    answer = client.post("/api/auth/login", json={"email": "tini@test.com", "password": "password123"})
    headers = {"Authorization": f"Bearer {answer.json['token']}"}
    rows = client.get("/api/user/conversations", headers=headers).json["data"]
    group = next(row for row in rows if row["type"] == "group")
    path = f"/api/conversations/{group['id']}"
    assert client.patch(path, json={"name": "Renamed"}, headers=headers).json["success"]
    result = run("seed")
    assert (result.exit_code, result.output) == (0, "Added 0 users, 0 conversations, 0 messages.\n")


OLD_USER = {"name": "Ann", "email": "Ann@Test.com", "password": "$2b$10$abc", "avatar": "", "created": clock.now()}
OLD_DATABASES = {
    "users": OLD_USER,
    "conversations": {"type": "direct", "participants": [ObjectId(), ObjectId()], "unreadCount": {}},
    "messages": {"conversationId": ObjectId(), "senderId": ObjectId(), "content": "hello"},
}


@pytest.mark.parametrize("name", OLD_DATABASES)
@pytest.mark.parametrize("command", ["migrate", "seed", "new-epoch", "doctor", "verify", "repair"])
def test_a_database_of_the_old_app_is_refused_before_anything_is_changed(run, name, command):
    stored = database.db()
    stored[name].insert_one(dict(OLD_DATABASES[name]))
    before = {each: list(stored[each].find()) for each in (*OLD_DATABASES, "meta", "memberships", "entries")}
    try:
        result = run(command)
        assert result.exit_code == 1 and "use another MONGO_DATABASE" in result.output
        assert command == "doctor" or len(result.output.splitlines()) == 1
        after = {each: list(stored[each].find()) for each in before}
        assert after == before
    finally:
        stored[name].delete_many({})

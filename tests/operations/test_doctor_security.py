"""`flask doctor --security`: what it says of a good server, and of each thing that is open."""

import json
import os
from pathlib import Path

import pytest

from chatapp.cli.checks import SECURITY
from chatapp.cli.checks.examination import Patient, examine
from chatapp.settings import config as current_config

SECRET = "vJ8kQ2mZr5TtYw7xB4nC6pLdHs9fGa3eKuXiOoEq"
GOOD = {"JWT_SECRET": SECRET, "APP_ENV": "production", "METRICS_TOKEN": SECRET[::-1], "HOST": "127.0.0.1"}


def examined(url, own=True, **more):
    """Return each check's finding by its name."""
    patient = Patient(url=url, own=own, timeout=10, **more)
    return {row.name: row for row in examine(SECURITY, patient)}


@pytest.fixture
def server(other_app, serve, settings):
    """Serve with these settings, which the doctor has, too; return the URL."""

    def start(**values):
        application = other_app(**values)
        settings(**values)
        return serve(application)

    return start


@pytest.fixture
def settled(settings):
    """Return the doctor's findings for these settings, about a server that is not there."""

    def look(**values):
        settings(**GOOD | {"RATE_ANONYMOUS": "5000 per 15 minutes"} | values)
        return examined("http://127.0.0.1:1")

    return look


def test_a_good_server_has_no_problem(server, ann):
    url = server(**GOOD, CORS_ORIGINS=("https://chat.example.com",))
    found = examined(url, email="ann@test.com", password="password123")
    assert [row.sentence for row in found.values() if row.state == "problem"] == [
        found["limits"].sentence
    ]  # the tests'
    for name in ("environment", "files", "secret", "headers", "metrics", "documents", "cors", "counting", "proxies"):
        assert found[name].state == "ok", found[name]
    assert "sees this machine as 127.0.0.1" in found["address"].sentence


def test_a_developers_server_gets_notes(server):
    found = examined(server(APP_ENV="development", JWT_SECRET=SECRET))
    assert {found[name].state for name in ("environment", "metrics", "documents", "cors", "listening")} == {"note"}


@pytest.mark.parametrize(
    ("values", "name", "state", "said"),
    [
        ({"JWT_SECRET": "only-for-tests-" + "0" * 32}, "secret", "problem", "can be guessed"),
        ({"JWT_SECRET": "ab12cd34efgh" + "0" * 40}, "secret", "problem", "can be guessed"),
        ({"METRICS_TOKEN": "prometheus"}, "metrics token", "problem", "can be guessed"),
        ({"METRICS_TOKEN": ""}, "metrics token", "note", "closed in production"),
        ({"RATE_LIMITS_ENABLED": False}, "limits", "problem", "RATE_LIMITS_ENABLED"),
        ({"RATE_LOGIN_ACCOUNT": "100000 per minute"}, "limits", "problem", "RATE_LOGIN_ACCOUNT"),
        ({"MAX_BODY_BYTES": 1 << 30}, "limits", "problem", "MAX_BODY_BYTES"),
        ({"ACCESS_TOKEN_SECONDS": 30 * 86_400}, "limits", "problem", "ACCESS_TOKEN_SECONDS"),
        ({"DIRECTORY_OPEN": True}, "directory", "note", "finds everybody"),
        ({"DIRECTORY_OPEN": False}, "directory", "ok", "closed"),
        ({"SHOW_EMAILS": "everybody"}, "e-mails", "note", "e-mail addresses"),
        ({"HOST": "0.0.0.0"}, "listening", "problem", "without a proxy"),
        ({"HOST": "0.0.0.0", "TRUSTED_PROXIES": 1}, "listening", "note", "beside the proxy"),
    ],
)
def test_settings_are_judged(settled, values, name, state, said):
    found = settled(**values)[name]
    assert (found.state, said in found.sentence) == (state, True), found


def test_files_that_others_can_read_are_named(settings, tmp_path: Path):
    private = tmp_path / "instance"
    private.mkdir(mode=0o700)
    secret = private / "jwt_secret"
    secret.touch(mode=0o600)
    settings(INSTANCE_DIR=str(private))
    assert str(secret) not in examined("http://127.0.0.1:1")["files"].sentence
    os.chmod(secret, 0o644)
    found = examined("http://127.0.0.1:1")["files"]
    assert found.state == "problem" and str(secret) in found.sentence


def test_a_believed_forged_address_is_found(server, monkeypatch):
    found = examined(server(TRUSTED_PROXIES=1))
    assert found["proxies"].state == "note"  # on this machine the doctor is where the proxy is
    monkeypatch.setattr(Patient, "is_local", False)
    for proxies in (1, 4):
        found = examined(server(TRUSTED_PROXIES=proxies))
        assert found["proxies"].state == "problem" and "TRUSTED_PROXIES" in found["proxies"].sentence
    assert examined(server(TRUSTED_PROXIES=0))["proxies"].state == "ok"


def test_what_strangers_get_is_a_problem_elsewhere(server, ann, monkeypatch):
    monkeypatch.setattr(Patient, "is_local", False)
    found = examined(
        server(APP_ENV="development", RATE_LIMITS_ENABLED=False), email="ann@test.com", password="password123"
    )
    assert {found[name].state for name in ("https", "metrics", "cors", "counting", "address")} == {"problem"}
    assert found["proxies"].state == "skipped"


def test_another_servers_settings_are_not_judged(settings):
    assert examined("http://127.0.0.1:1", own=False)["secret"].state == "skipped"
    settings(PUBLIC_URL="http://127.0.0.1:1/")
    assert examined("http://127.0.0.1:1", own=False)["secret"].state == "problem"


def test_the_command(app, serve):
    url = serve(app)
    result = app.test_cli_runner().invoke(args=["doctor", "--security", "--url", url, "--json"])
    rows = {row["name"]: row["state"] for row in json.loads(result.output)["checks"]}
    assert rows["headers"] == "ok" and rows["secret"] == "skipped" and result.exit_code == 0
    result = app.test_cli_runner().invoke(args=["doctor", "--security", "--timeout", "1"])
    assert "PROBLEM secret: " in result.output and result.exit_code == 1
    assert current_config().JWT_SECRET not in result.output

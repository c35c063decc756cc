"""The settings: defaults, what is refused and with which sentence, and that `.env.example` agrees."""

import fcntl
import os
import re
import secrets
import subprocess
import sys
from dataclasses import fields
from io import StringIO
from pathlib import Path

import gevent
import pytest
from dotenv import dotenv_values

import config
from config import Config, ConfigError, load
from tests.server import ROOT

EXAMPLE = ROOT / ".env.example"
SECRET = "kX2v9TqLw7ZbRc4uYj8NfHs5Gd3Pm6Ea"
PRODUCTION = {
    "APP_ENV": "production",
    "MONGO_URI": "mongodb://db.example.com/chat",
    "JWT_SECRET": SECRET,
    "CORS_ORIGINS": "https://chat.example.com",
}


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting from the developer's shell or `.env`; the project's folder is an empty one."""
    for spec in fields(Config):
        monkeypatch.setenv(spec.name, "")  # so that what `.env` adds to the environment is taken out again
        monkeypatch.delenv(spec.name)
    monkeypatch.setattr(config, "ROOT", tmp_path)


def problems(monkeypatch: pytest.MonkeyPatch, **environment: str) -> list[str]:
    """Return the problems of this environment."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as caught:
        load()
    return caught.value.problems


def test_development_needs_no_setting() -> None:
    settings = load()
    assert (settings.APP_ENV, settings.PORT, settings.HOST) == ("development", 3000, "0.0.0.0")


def test_development_keeps_its_secret() -> None:
    first = load()
    assert len(first.JWT_SECRET.encode()) >= 32
    assert load().JWT_SECRET == first.JWT_SECRET
    assert (first.instance_path / "jwt_secret").stat().st_mode & 0o077 == 0


def test_two_processes_that_are_the_first_have_the_same_secret(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import config; print(config.load().JWT_SECRET)"]
    with (tmp_path / "jwt_secret").open("w") as file:  # as the other one is about to write it
        fcntl.flock(file, fcntl.LOCK_EX)
        environment = {**os.environ, "INSTANCE_DIR": str(tmp_path)}
        second = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
        gevent.sleep(1)
        assert second.poll() is None
        file.write("the secret of whoever was the first")
    assert second.communicate(timeout=60)[0] == "the secret of whoever was the first\n"


def test_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=3100\nMAX_GROUP_SIZE=7\n")
    monkeypatch.setenv("PORT", "3200")
    settings = load()
    assert (settings.PORT, settings.MAX_GROUP_SIZE) == (3200, 7)


def test_production_says_everything_that_is_missing_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    found = problems(monkeypatch, APP_ENV="production", WEB_CONCURRENCY="2", PORT="many")
    names = sorted(problem.partition(":")[0] for problem in found)
    assert names == ["CORS_ORIGINS", "JWT_SECRET", "MONGO_URI", "PORT", "WEB_CONCURRENCY"]


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({}, "the embedded store serves one process; set MONGO_URI"),
        ({"MONGO_URI": "litemongo:///somewhere"}, "the embedded store serves one process; set MONGO_URI"),
        (
            {"MONGO_URI": "mongodb://localhost", "ENGINE": "stock"},
            "ENGINE=stock serves one process; set ENGINE=chatapp",
        ),
    ],
)
def test_several_workers_are_refused_where_they_can_t_be(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], sentence: str
) -> None:
    (found,) = problems(monkeypatch, WEB_CONCURRENCY="4", **settings)
    assert found.startswith("WEB_CONCURRENCY: is 4") and sentence in found


def test_several_workers_share_a_mongodb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONGO_URI", "mongodb://localhost")
    monkeypatch.setenv("WEB_CONCURRENCY", "4")
    assert load().WEB_CONCURRENCY == 4


def test_production_starts_with_its_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in PRODUCTION.items():
        monkeypatch.setenv(name, value)
    settings = load()
    assert settings.is_production
    assert settings.LOG_FORMAT == "json"
    assert settings.CORS_ORIGINS == ("https://chat.example.com",)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("MONGO_URI", "litemongo:///tmp/x", "has to start with mongodb://"),
        ("JWT_SECRET", "short", "set one of 32 or more"),
        ("JWT_SECRET", "a" * 64, "can be guessed"),
        ("JWT_SECRET", "0123456789abcdef" * 4, "can be guessed"),
        ("JWT_SECRET", "please-changeme-before-production-1234", "can be guessed"),
        ("CORS_ORIGINS", "https://a.example.com,*", "is \\* in production"),
    ],
)
def test_production_refuses(monkeypatch: pytest.MonkeyPatch, name: str, value: str, sentence: str) -> None:
    found = problems(monkeypatch, **PRODUCTION | {name: value})
    assert len(found) == 1
    assert re.match(f"{name}: .*{sentence}", found[0])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "70000"),
        ("APP_ENV", "staging"),
        ("LOG_LEVEL", "loud"),
        ("LOG_FORMAT", "xml"),
        ("DIRECTORY_OPEN", "perhaps"),
        ("PING_INTERVAL", "0"),
        ("MONGO_URI", "localhost:27017"),
        ("MONGO_URI", "mongodb://"),
        ("MONGO_URI", "mongodb://me:a@b@db.example.com/chat"),
        ("PORT", ""),
        ("REDIS_URL", "localhost"),
        ("REDIS_URL", "redis://"),
        ("REDIS_URL", "redis://host:port/0"),
        ("REDIS_URL", "redis://host:6379/chat"),
        ("REDIS_URL", "redis://:p@ss/word@host:6379"),
        ("PUBLIC_URL", "chat.example.com"),
        ("CORS_ORIGINS", "chat.example.com"),
        ("CORS_ORIGINS", "https://*.example.com"),
        ("CORS_ORIGINS", "https://chat.example.com/x"),
        ("CORS_ORIGINS", "https://user@chat.example.com"),
        ("RATE_SENDS", "a lot"),
        ("MONGO_MIN_POOL_SIZE", "11"),
        ("MAX_BODY_BYTES", "1000"),
    ],
)
def test_a_value_without_sense_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    found = problems(monkeypatch, **{name: value})
    assert [problem.partition(":")[0] for problem in found] == [name]


@pytest.mark.parametrize("name", ["METRICS_REPORT_SECONDS", "TRUSTED_PROXIES", "WRITE_BEHIND_MS"])
def test_nought_switches_off_what_can_be_switched_off(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "0")
    assert getattr(load(), name) == 0


def test_secrets_are_not_shown() -> None:
    assert SECRET not in repr(Config(JWT_SECRET=SECRET, METRICS_TOKEN=SECRET, REDIS_URL=f"redis://:{SECRET}@bus"))


def test_the_example_lists_every_setting_with_its_default() -> None:
    lines = [line.removeprefix("#") for line in EXAMPLE.read_text().splitlines() if re.match(r"#[A-Z]", line)]
    assert all(re.search(r"  # \S", line) for line in lines), "one line says what each is for"
    shown = dotenv_values(stream=StringIO("\n".join(lines)))
    assert shown == {spec.name: as_text(spec.default) for spec in fields(Config)}


def as_text(value: object) -> str:
    """Return a default as it is written in the environment."""
    if isinstance(value, tuple):
        return ",".join(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def test_a_file_that_begins_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"\xef\xbb\xbfPORT=3100\n")
    assert load().PORT == 3100


def test_random_secrets_are_not_guessable() -> None:
    made = [make() for _ in range(300) for make in (secrets.token_urlsafe, lambda: secrets.token_hex(16))]
    assert not any(config.is_guessable(secret) for secret in made)


@pytest.mark.parametrize("name", ["DYNO", "RENDER", "FLY_APP_NAME", "RAILWAY_PROJECT_ID", "K_SERVICE"])
def test_a_platform_has_to_say_what_it_runs(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "x")
    load()
    (sentence,) = problems(monkeypatch, PORT="3100")
    assert sentence.startswith("APP_ENV: is missing") and name in sentence
    monkeypatch.setenv("APP_ENV", "development")
    load()


def test_each_problem_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert problems(monkeypatch, PORT="") == ["PORT: Not a valid integer."]


@pytest.mark.parametrize("command", ["migrate", "seed", "events", "check-users", "verify"])
def test_a_command_says_what_is_wrong_with_the_settings(tmp_path: Path, command: str) -> None:
    result = flask(tmp_path, command, PORT="many", MONGO_URI="mongodb://")
    assert result.returncode == 1 and result.stdout == ""
    lines = result.stderr.splitlines()
    assert lines[0] == "chatapp can't start:" and sorted(line.split(":")[0].strip() for line in lines[1:]) == [
        "MONGO_URI",
        "PORT",
    ]


def test_doctor_names_bad_settings_and_goes_on(tmp_path: Path) -> None:
    result = flask(tmp_path, "doctor", "--timeout", "1", APP_ENV="production", PORT="many")
    assert result.returncode == 1 and "Traceback" not in result.stderr
    for text in ("PROBLEM settings: PORT", "PROBLEM settings: MONGO_URI", "skipped database", "health: "):
        assert text in result.stdout
    assert list(tmp_path.iterdir()) == []


def flask(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a command with these settings alone."""
    environment = {"PATH": os.environ["PATH"], "INSTANCE_DIR": str(folder)} | settings
    command = [sys.executable, "-m", "flask", "--app", "wsgi", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_a_folder_around_the_project_and_files_of_others_stay_as_they_are(tmp_path: Path) -> None:
    script, secret = tmp_path / "script", tmp_path / "jwt_secret"
    for path in (script, secret):
        path.touch()
        path.chmod(0o755)
    tmp_path.chmod(0o755)
    config.keep_private(tmp_path, ["jwt_secret"])  # it is the project's folder here
    assert [path.stat().st_mode & 0o777 for path in (tmp_path, script, secret)] == [0o755, 0o755, 0o600]

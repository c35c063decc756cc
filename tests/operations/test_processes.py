"""`flask processes`, and what `flask doctor` says of several processes, by what each of them says of itself."""

import re
from datetime import datetime, timedelta

import orjson
import pytest

from chatapp.bus import redis_server
from chatapp.cli import processes as command
from chatapp.cli.checks import processes as checks
from chatapp.cli.checks.examination import Note, Patient, Problem, Skipped
from tests.redis_server import NEEDS_REDIS, running_redis

NOW = datetime(2026, 1, 31, 9, 30)
PATIENT = Patient("http://127.0.0.1:3000", own=True)


def row(name: str, *hears: str, age: float = 5.0, **more):
    at = NOW - timedelta(seconds=age)
    return {
        "_id": name,
        "machine": name.partition("-")[2],
        "worker": 17,
        "version": "0.1.0",
        "sockets": 3,
        "cpu": 1.25,
        "bus": "ok",
        "bus_lag": None,
        "round_trip": 0.0012,
        "hears": list(hears),
        "silence": 0.4,
        "gaps": 0,
        "strangers": [],
        "clock": at,
        "at": at,
    } | more


@pytest.fixture
def told(monkeypatch):
    """Let these be the rows of the database: `told(row(…), …)`."""

    def tell(*rows):
        for module in (checks, command):
            monkeypatch.setattr(module, "is_embedded", lambda: False)
            monkeypatch.setattr(module.process_store, "find_all", lambda: list(rows))
            monkeypatch.setattr(module.process_store, "database_time", lambda: NOW)

    return tell


def test_processes_are_listed_with_what_they_say_of_themselves(app, told):
    told(row("a-one", "b-two"), row("b-two", "a-one", round_trip=None, bus="degraded", age=12))
    lines = app.test_cli_runner().invoke(args=["processes"]).output.splitlines()
    assert [line.split() for line in lines] == [
        ["MACHINE", "WORKER", "VERSION", "SOCKETS", "CPU", "BUS", "LAG", "HEARTBEAT"],
        ["one", "17", "0.1.0", "3", "1.2", "s", "ok", "1.2", "ms", "5", "s", "ago"],
        ["two", "17", "0.1.0", "3", "1.2", "s", "degraded", "-", "12", "s", "ago"],
    ]
    answer = orjson.loads(app.test_cli_runner().invoke(args=["processes", "--json"]).output)
    assert answer["processes"][0] == {
        "name": "a-one",
        "machine": "one",
        "worker": 17,
        "version": "0.1.0",
        "sockets": 3,
        "cpuSeconds": 1.25,
        "bus": "ok",
        "busLagSeconds": 0.0012,
        "heartbeatAgeSeconds": 5.0,
    }


def test_a_process_that_has_ended_is_not_listed(app, told):
    told(row("a-one", age=50))
    assert "No process is alive" in app.test_cli_runner().invoke(args=["processes"]).output


def test_the_embedded_store_has_one_process(app, monkeypatch):
    monkeypatch.setattr(command, "is_embedded", lambda: True)
    assert "one process" in app.test_cli_runner().invoke(args=["processes"]).output
    assert orjson.loads(app.test_cli_runner().invoke(args=["processes", "--json"]).output) == {"processes": []}


def test_processes_that_hear_each_other_are_well(told):
    told(row("a-one", "b-one"), row("b-one", "a-one"))
    assert "2 processes hear each other: 1.2 ms" in checks.bus(PATIENT)


def test_one_process_has_nobody_to_hear(told):
    told(row("a-one"))
    assert "one process" in checks.bus(PATIENT)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"bus": "degraded"}, "set REDIS_URL on all machines"),
        ({"strangers": ["The machine x has another JWT_SECRET."]}, "another JWT_SECRET"),
        ({"hears": []}, "Not heard by all others: b-one"),
        ({"silence": 4.0}, "silent for 4.0 s"),
        ({"round_trip": 3.0}, "and back took 3.0 s"),
    ],
)
def test_what_is_wrong_between_processes_is_a_problem_with_its_way_out(told, changes, sentence):
    told(row("a-one", "b-one") | changes, row("b-one", "a-one"))
    with pytest.raises(Problem, match=sentence):
        checks.bus(PATIENT)


def test_gaps_are_told_though_they_are_healed(told):
    told(row("a-one", "b-one", gaps=2), row("b-one", "a-one", gaps=1))
    with pytest.raises(Note, match="3 gaps"):
        checks.bus(PATIENT)


def test_a_process_that_was_killed_is_named(told):
    told(row("a-one", "c-one"), row("b-one", "a-one", "c-one", age=30), row("c-one", "a-one"))
    with pytest.raises(Problem, match="Not heard by all others: b-one;"):
        checks.bus(PATIENT)


@pytest.mark.parametrize(
    ("seconds", "outcome"), [(0.3, None), (-1.9, None), (5, Note), (-5, Note), (3600, Problem), (-3600, Problem)]
)
def test_clocks_are_compared_with_the_database_s(told, seconds, outcome):
    wrong = row("b-one")
    wrong["clock"] = wrong["at"] + timedelta(seconds=seconds)
    told(row("a-one"), wrong)
    if outcome is None:
        assert "2 within" in checks.clocks(PATIENT)
    else:
        with pytest.raises(outcome, match="process b-one"):
            checks.clocks(PATIENT)


@pytest.mark.parametrize("check", [checks.bus, checks.clocks])
def test_the_embedded_store_has_no_others(check, monkeypatch):
    monkeypatch.setattr(checks, "is_embedded", lambda: True)
    with pytest.raises(Skipped):
        check(PATIENT)


@pytest.mark.parametrize("check", [checks.bus, checks.clocks, checks.redis])
def test_another_server_s_processes_are_not_looked_up_in_this_one_s_database(check):
    with pytest.raises(Skipped):
        check(Patient("https://chat.example.com", own=False))


@pytest.mark.parametrize(
    ("version", "eviction", "outcome"), [("5.0.7", "noeviction", Problem), ("7.2.4", "allkeys-lru", Note)]
)
def test_redis_is_judged(app, settings, monkeypatch, version, eviction, outcome):
    settings(REDIS_URL="redis://127.0.0.1:1/0")
    monkeypatch.setattr(redis_server, "examine", lambda _: redis_server.RedisServer(version, eviction, 0.001))
    with pytest.raises(outcome, match=version if outcome is Problem else eviction):
        checks.redis(PATIENT)


def test_a_redis_that_is_away_is_a_problem(app, settings):
    settings(REDIS_URL="redis://:secret@127.0.0.1:1/0")
    with pytest.raises(Problem, match=re.escape("REDIS_URL: 127.0.0.1:1")) as problem:
        checks.redis(PATIENT)
    assert "secret" not in str(problem.value)


@NEEDS_REDIS
def test_a_redis_that_keeps_everything_is_well(app, settings, tmp_path):
    with running_redis(tmp_path) as redis:
        settings(REDIS_URL=redis.url)
        assert "maxmemory-policy noeviction" in checks.redis(PATIENT)

"""The hellos of machines that share a Redis and can't be heard become sentences, whatever they are made of."""

import orjson
import pytest

from chatapp.bus import strangers as strangers_module
from chatapp.bus.strangers import Strangers


@pytest.fixture
def peers():
    return set()


@pytest.fixture
def strangers(peers, monkeypatch):
    monkeypatch.setattr(strangers_module, "_DOUBT_SECONDS", 0)
    return Strangers("me-aaaa", "0123", "1.0", lambda name: name in peers)


def hello(**changes: object) -> bytes:
    return orjson.dumps({"process": "other-bbbb", "version": "1.0", "database": "0123"} | changes)


def test_another_secret_and_another_database_have_a_sentence_each(strangers):
    strangers.heard(hello())
    strangers.heard(hello(process="third-cccc", database="4567"))
    secret, database = strangers.sentences()
    assert "cccc" in database and "another MONGO_DATABASE" in database
    assert "bbbb" in secret and "another JWT_SECRET" in secret


def test_a_machine_of_several_processes_has_one_sentence_and_one_line_in_the_log(strangers, log):
    for number in range(4):
        strangers.heard(hello(process=f"{number}-bbbb"))
    assert len(strangers.sentences()) == len(strangers.sentences()) == 1
    assert len(log.lines(level="warning")) == 1


def test_a_process_that_the_bus_hears_is_no_stranger(strangers, peers):
    strangers.heard(hello())
    peers.add("other-bbbb")
    assert strangers.sentences() == []
    assert not strangers.heard(hello())


def test_a_process_does_not_wonder_about_itself(strangers):
    strangers.heard(strangers.hello())
    assert strangers.sentences() == []


def test_one_that_says_hello_no_more_is_forgotten(strangers, monkeypatch):
    strangers.heard(hello())
    assert strangers.sentences()
    monkeypatch.setattr(strangers_module, "_FORGET_SECONDS", 0)
    assert strangers.sentences() == []


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b"null",
        hello(version=None),
        hello(process=""),
        hello(process="a\nb"),
        hello(process="<b>-bbbb"),
        hello(version="x" * 1000),
        hello(database={"$gt": ""}),
    ],
)
def test_whatever_else_is_said_there_is_passed_over(strangers, data):
    assert not strangers.heard(data)
    assert strangers.sentences() == []


def test_a_crowd_of_invented_names_costs_bounded_memory(strangers):
    for number in range(10_000):
        strangers.heard(hello(process=f"{number}-bbbb"))
    assert len(strangers._known) <= 100

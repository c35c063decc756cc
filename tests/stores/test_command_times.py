"""Every database command is timed, counted by its name, and logged when it fails, as PyMongo's own listeners see it."""

from collections import Counter

import gevent
import pytest
from bson.codec_options import DEFAULT_CODEC_OPTIONS
from gevent.thread import allocate_lock
from pymongo.compression_support import ZlibContext
from pymongo.errors import AutoReconnect, OperationFailure
from pymongo.message import _op_msg

from chatapp import database
from chatapp.database import db, is_embedded, monitoring
from chatapp.database.pool import Condition, TimedConnection, TimedPool, command_name
from tests.stores.queries import LISTENER
from tests.stores.test_shard_keys import live_a_day


@pytest.fixture
def both(app, monkeypatch):
    """Count what PyMongo's listener and the server's own clock see: `(name, code)` each."""
    if is_embedded():
        pytest.skip("the embedded store sends no commands")
    seen: tuple[Counter, Counter] = Counter(), Counter()
    heard, timed = seen
    monkeypatch.setattr(LISTENER, "on_end", lambda name, code: heard.update([(name, code)]))
    failures = []
    monkeypatch.setattr(monitoring, "command_failed", lambda name, code: failures.append((name, code or 0)))

    def finished(name, seconds):
        assert seconds > 0
        timed.update([failures.pop() if failures else (name, None)])

    monkeypatch.setattr(monitoring, "command_finished", finished)
    return seen


def test_a_whole_day_is_counted_as_pymongo_counts_it(client, register, settings, both):
    live_a_day(client, register, settings)
    heard, timed = both
    assert heard == timed
    assert {name for name, _ in timed} >= {"insert", "update", "find", "aggregate", "delete", "findAndModify"}


def test_failures_and_rare_commands_too(both):
    collection = db().entries
    collection.insert_many([{"_id": number, "conversation_id": number, "seq": 1} for number in range(9)])
    assert len(list(collection.find({}).batch_size(2))) == 9  # by several commands
    assert collection.count_documents({}) == 9
    with pytest.raises(OperationFailure):
        db().command("noSuchCommand")
    with pytest.raises(OperationFailure):
        collection.aggregate([{"$noSuchStage": {}}])
    with pytest.raises(OperationFailure):
        collection.insert_one({"_id": 1, "conversation_id": 1, "seq": 1})  # taken, which is no failed command
    list(collection.list_indexes())
    db().list_collection_names()
    database.ping()
    heard, timed = both
    assert heard == timed
    assert ("noSuchCommand", 59) in timed
    assert ("insert", None) in timed
    assert timed["getMore", None] >= 4
    collection.delete_many({})


@pytest.mark.parametrize("compression", [None, ZlibContext(6)], ids=["plain", "compressed"])
def test_a_command_is_known_by_its_message(compression):
    command = {"insert": "entries", "documents": [{"_id": 1}], "ordered": True}
    _, message, _, _ = _op_msg(0, command, "a_database", None, DEFAULT_CODEC_OPTIONS, compression)
    assert command_name(message, 48_000_000) == "insert"


def test_whoever_wakes_those_who_wait_for_a_connection_lets_nobody_else_run():
    others = []
    condition = Condition(allocate_lock())
    gevent.spawn(others.append, "another greenlet")
    with condition:
        condition.notify()
    assert not others
    with pytest.raises(RuntimeError):
        condition.notify()  # without the lock


def test_the_pool_is_used_and_its_watch_of_the_server_is_not_timed(both):
    database.ping()
    server = db().client._topology.get_server_by_address(db().client.address)
    assert isinstance(server.pool, TimedPool)
    assert all(isinstance(connection, TimedConnection) for connection in server.pool.conns)


def _break(*_):
    raise OSError("broken")


def test_a_broken_connection_is_counted_and_logged(both, monkeypatch):
    database.ping()
    with monkeypatch.context() as patched:
        patched.setattr("pymongo.synchronous.pool.receive_message", _break)
        with pytest.raises(AutoReconnect):
            db().command({"buildInfo": 1})
    heard, timed = both
    assert heard == timed
    assert timed["buildInfo", 0] == 1

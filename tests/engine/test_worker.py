"""The gunicorn worker: which handler it has, how it accepts connections, TLS, open files."""

import resource
from types import SimpleNamespace

import pytest
from geventwebsocket.handler import WebSocketHandler

from chatapp.engine import fair_queue
from chatapp.engine.http_handler import Handler
from chatapp.realtime.socket_server import handler_class
from chatapp.server import worker
from config import TestConfig
from tests.engine import raw


def test_the_setting_names_the_handler():
    ours = handler_class(TestConfig(CONNECT_TIMEOUT=3, SLOW_CLIENT_SECONDS=7))
    assert issubclass(ours, Handler) and (ours.header_seconds, ours.body_seconds) == (3, 7)
    assert handler_class(TestConfig(ENGINE="stock")) is WebSocketHandler


@pytest.fixture
def accepting(monkeypatch):
    """A server that only notes the turn of the loop in which it accepts a connection."""
    monkeypatch.setattr(worker.processes, "serve", lambda server: None)
    monkeypatch.setattr(worker.ChatServer, "started", [])
    monkeypatch.setattr(fair_queue, "BUDGET_SECONDS", 0.0)  # one connection uses it up
    server = worker.ChatServer(("127.0.0.1", 0), lambda *_: [], log=None)
    server.turns = []

    def note(sock, address):
        sock.close()
        server.turns.append(server.loop.iteration)

    server.do_handle = note
    server.start()
    yield server
    server.stop()


def test_connections_that_come_at_once_are_accepted_over_many_turns_of_the_loop(accepting):
    for _ in range(20):
        raw.connect(accepting.address)
    raw.until(lambda: len(accepting.turns) == 20)
    assert len(set(accepting.turns)) == 20


def test_a_server_that_stops_accepting_leaves_the_connection_that_was_next_to_others(accepting):
    line = fair_queue.current()
    line.add(lambda: None)
    accepting._do_read()  # somebody is before it
    accepting.stop_accepting()
    raw.connect(accepting.address)
    line.wait()
    assert accepting.turns == []
    accepting.start_accepting()
    raw.until(lambda: accepting.turns)


def test_gunicorn_s_own_tls_needs_the_stock_server(app, settings, capsys):
    settings(ENGINE="chatapp")
    worker._refuse_tls(SimpleNamespace(is_ssl=False))
    with pytest.raises(SystemExit):
        worker._refuse_tls(SimpleNamespace(is_ssl=True))
    assert "ENGINE=stock" in capsys.readouterr().err
    settings(ENGINE="stock")
    worker._refuse_tls(SimpleNamespace(is_ssl=True))


@pytest.mark.parametrize(
    ("soft", "hard", "allowed"), [(1_024, 4_096, 4_096), (1_024, 1 << 20, 12_100), (1 << 20, 1 << 20, 1 << 20)]
)
def test_as_many_files_may_be_open_as_there_may_be_connections(app, monkeypatch, soft, hard, allowed):
    limits = {}
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda kind, pair: limits.update(pair=pair))
    worker._allow_open_files()
    assert limits["pair"] == (allowed, hard)

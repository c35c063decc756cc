"""The gunicorn worker: which handler it has, TLS, open files."""

import resource
from types import SimpleNamespace

import pytest
from geventwebsocket.handler import WebSocketHandler

from chatapp.engine.http_handler import Handler
from chatapp.realtime.socket_server import handler_class
from chatapp.server import worker
from config import TestConfig


def test_the_setting_names_the_handler():
    ours = handler_class(TestConfig(CONNECT_TIMEOUT=3, SLOW_CLIENT_SECONDS=7))
    assert issubclass(ours, Handler) and (ours.header_seconds, ours.body_seconds) == (3, 7)
    assert handler_class(TestConfig(ENGINE="stock")) is WebSocketHandler


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

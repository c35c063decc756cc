"""The server as a process: started by gunicorn, used over real sockets, stopped by real signals."""

import os
import queue
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import litemongo
import pymongo.errors
import pytest
import requests
import socketio
from gunicorn.arbiter import Arbiter

from chatapp.server import background
from chatapp.services import migrations
from tests.conftest import MONGO, NEEDS_MONGO, eventually
from tests.server import PATIENCE_SECONDS, REAL_CLIENTS, ROOT, Server, running
from tests.stores.test_outage import Proxy

STOP_SECONDS = 10  # what the README promises


pytestmark = REAL_CLIENTS


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server for the tests that leave it running."""
    folder = tmp_path_factory.mktemp("shared")
    with running(folder, f"litemongo://{folder / 'store'}") as started:
        yield started


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server on an embedded store of its own."""
    with running(tmp_path, f"litemongo://{tmp_path / 'store'}", fresh=True) as started:
        yield started


def run(folder: Path, *command: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run something that is expected to end by itself."""
    environment = Server(folder, f"litemongo://{folder / 'store'}", settings).environment
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)


def gunicorn(folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run `gunicorn wsgi:app` where it can't start; return its output."""
    return run(folder, sys.executable, "-m", "gunicorn", "wsgi:app", **settings)


def log_of(server: Server) -> str:
    """Return the text that the server has written."""
    return (server.folder / "server.log").read_text()


@pytest.mark.parametrize("transports", [["polling"], ["websocket"], ["polling", "websocket"]])
def test_a_message_arrives_over_each_transport(shared: Server, transports: list[str]) -> None:
    name = "-".join(transports)
    ann, bob = shared.register(f"ann-{name}"), shared.register(f"bob-{name}")
    body = {"type": "direct", "participants": [bob["data"]["id"]]}
    conversation = shared.call("POST", "/api/user/conversations", ann, body)["data"]["id"]
    here, there = shared.connect(ann, transports), shared.connect(bob, transports)
    assert here.transport() == transports[-1]
    seen: queue.Queue[dict[str, Any]] = queue.Queue()
    there.on("newMessage", seen.put)
    ack = here.call("newMessage", {"conversationId": conversation, "content": "hi"}, timeout=PATIENCE_SECONDS)
    assert seen.get(timeout=PATIENCE_SECONDS)["data"] == ack["data"]
    here.disconnect()
    there.disconnect()


@pytest.mark.parametrize("with_signal", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_tells_every_socket_and_ends_in_time(server: Server, with_signal: signal.Signals) -> None:
    ann = server.register("ann")
    told: queue.Queue[str] = queue.Queue()
    clients: list[socketio.Client] = []
    for transport in ("polling", "websocket"):
        client = server.connect(ann, [transport])
        client.on("serverShutdown", lambda data: told.put(data["code"]))
        clients.append(client)
    session = requests.get(f"{server.url}/socket.io/?EIO=4&transport=polling", timeout=PATIENCE_SECONDS)
    assert session.ok  # an Engine.IO session that never sends CONNECT
    idle = socket.create_connection(("127.0.0.1", server.port))  # and a connection that asks nothing
    process = server.process
    assert process is not None
    process.send_signal(with_signal)
    assert process.wait(STOP_SECONDS) == 0
    assert [told.get(timeout=PATIENCE_SECONDS) for _ in clients] == ["SHUTTING_DOWN"] * 2
    assert "Traceback" not in log_of(server)
    idle.close()
    for client in clients:
        client.wait()


def test_what_is_stored_is_there_after_a_restart(server: Server) -> None:
    ann = server.register("ann")
    server.stop()
    server.start()
    assert server.call("GET", "/api/user/profile", ann)["data"]["email"] == "ann@test.com"


def test_the_banner_says_where_everything_is(shared: Server) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while "Ctrl-C" not in log_of(shared) and time.monotonic() < deadline:
        time.sleep(0.05)
    shown = log_of(shared)
    for part in ("SERVER STARTED SUCCESSFULLY", shared.url.replace("127.0.0.1", "localhost"), "embedded, "):
        assert part in shown
    for part in ("tini@test.com / password123", "/api/docs", "/api/health", "/metrics"):
        assert part in shown


def test_a_second_server_on_the_same_store_is_refused(shared: Server) -> None:
    second = gunicorn(shared.folder)
    assert second.returncode != 0
    assert "Another server uses the store" in second.stderr
    assert "Traceback" not in second.stderr
    assert shared.is_healthy()
    assert run(shared.folder, sys.executable, "-m", "flask", "check-users").returncode in (0, 1)


def test_settings_that_cannot_be_used_stop_the_master(tmp_path: Path) -> None:
    result = gunicorn(tmp_path, APP_ENV="production", MONGO_URI="", JWT_SECRET="short")
    assert result.returncode != 0
    for name in ("MONGO_URI", "JWT_SECRET", "CORS_ORIGINS"):
        assert f"  {name}: " in result.stderr
    assert "Traceback" not in result.stderr


def test_make_run_says_that_the_port_is_taken(shared: Server, tmp_path: Path) -> None:
    result = run(tmp_path, sys.executable, "scripts/run.py", PORT=str(shared.port))
    assert result.returncode != 0
    assert result.stderr.startswith(f"Port {shared.port} on 127.0.0.1 can't be used")
    assert len(result.stderr.splitlines()) == 1


def test_make_run_says_that_the_folder_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    folder = str(tmp_path / "file" / "instance")
    result = run(tmp_path, sys.executable, "scripts/run.py", MONGO_URI="", INSTANCE_DIR=folder)
    assert result.returncode != 0
    assert f"{folder} can't be written" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_python_that_is_too_old_is_named(tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.8.10" && exit 0\nexit 1\n')
    old.chmod(0o755)
    command = [str(ROOT / "scripts" / "find_python"), str(tmp_path / "venv"), str(old)]
    result = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ), check=False)
    assert result.returncode == 1
    assert "needs Python 3.11 or newer, and found Python 3.8.10" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_platform_without_a_release_command_is_served_from_a_migrated_database(tmp_path: Path) -> None:
    with running(tmp_path, f"litemongo://{tmp_path / 'store'}", migrates=False) as server:
        assert server.register("ann")["success"]
        server.stop()
        server.start()
        assert log_of(server).count('"message":"migrated"') == len(migrations.names())


def test_a_database_that_is_away_at_the_start_is_migrated_later(app, monkeypatch: pytest.MonkeyPatch) -> None:
    tries = []

    def pending() -> list[str]:
        tries.append(True)
        if len(tries) == 1:
            raise pymongo.errors.AutoReconnect
        return []

    monkeypatch.setattr(migrations, "pending", pending)
    background._migrate_first()
    eventually(lambda: len(tries) == 2)


def test_the_server_refuses_a_database_of_the_old_app(tmp_path: Path) -> None:
    store = litemongo.connect(f"litemongo://{tmp_path / 'store'}")
    store["chatapp"].users.insert_one({"name": "Ann", "email": "Ann@Test.com", "password": "$2b$10$abc"})
    store.close()
    result = gunicorn(tmp_path)
    assert result.returncode != 0 and "belongs to another program" in result.stderr
    assert "Traceback" not in result.stderr


@NEEDS_MONGO
def test_a_database_of_the_old_app_that_comes_later_ends_the_server(tmp_path: Path) -> None:
    parts, name = urlsplit(MONGO), f"chatapp_test_{uuid.uuid4().hex[:12]}"
    client: Any = pymongo.MongoClient(MONGO)
    client[name].users.insert_one({"name": "Ann", "email": "Ann@Test.com", "password": "$2b$10$abc"})
    proxy = Proxy(parts.hostname, parts.port or 27017)
    proxy.cut()
    uri = f"mongodb://127.0.0.1:{proxy.port}/{name}?directConnection=true&{parts.query}"
    server = Server(tmp_path, uri, {"MONGO_SERVER_SELECTION_MS": "200"}, migrates=False)
    try:
        server.start()
        assert server.process is not None and server.is_healthy()
        proxy.restore()
        assert eventually(server.process.poll) == Arbiter.WORKER_BOOT_ERROR
        log = log_of(server)
        assert log.count("belongs to another program") == 1 and "Traceback" not in log
        assert client[name].list_collection_names() == ["users"]
    finally:
        server.stop(signal.SIGKILL)
        proxy.cut()
        client.drop_database(name)
        client.close()


def test_nobody_else_can_read_what_is_stored(tmp_path: Path) -> None:
    folder = tmp_path / "instance"
    (folder / "store" / "chatapp").mkdir(parents=True, mode=0o755)
    (folder / "store" / "chatapp" / "users").touch(mode=0o644)  # as yesterday's version has left it
    mask = os.umask(0o000)
    try:
        with running(folder, f"litemongo://{folder / 'store'}", fresh=True, JWT_SECRET="") as server:
            server.register("ann")
            found = [folder, *folder.rglob("*")]
            assert all(path.stat().st_mode & 0o077 == 0 for path in (folder, folder / "store"))
            modes = {path: path.stat().st_mode & 0o777 for path in found if path.is_file() and path.suffix != ".log"}
    finally:
        os.umask(mask)
    assert any(path.name.endswith("-wal") for path in modes) and any(path.name == "jwt_secret" for path in modes)
    assert {path: mode for path, mode in modes.items() if mode & 0o077} == {}

"""Fixtures. Each test runs on the embedded store, and once more on MONGO when TEST_MONGO_URI names a server."""

import gc
import hashlib
import importlib
import io
import json
import os
import traceback
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import gevent
import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_socketio.test_client import SocketIOTestClient
from gevent.pywsgi import WSGIServer
from socketio.exceptions import ConnectionRefusedError

from chatapp import clock, create_app, database, limits, logs, state
from chatapp import settings as process_settings
from chatapp.extensions import limiter, socketio
from chatapp.realtime.socket_server import handler_class
from chatapp.services import migrations
from chatapp.services.accounts import passwords
from chatapp.settings import config as current_config
from chatapp.stores import heads as head_store
from chatapp.stores import search as search_store
from config import TestConfig

MONGO = os.environ.get("TEST_MONGO_URI", "")
STORES = ["embedded", *(["mongo"] if MONGO else [])]
NEEDS_MONGO = pytest.mark.needs_mongo  # several processes do, and what is about MongoDB itself
ENGINE = os.environ.get("TEST_ENGINE", "chatapp")  # "stock" runs all of it on the libraries' own server
COLLECTIONS = tuple(name for name in database.COLLECTIONS if name != "meta")
PASSWORD = "password123"
PATIENCE_SECONDS = 20


def eventually(holds: Callable[[], Any]) -> Any:
    """Return the first true value of `holds()`: for what another greenlet does, which may wait for the database."""
    with gevent.Timeout(PATIENCE_SECONDS):
        while not (value := holds()):
            gevent.sleep(0.005)
    return value


@pytest.fixture(autouse=True)
def no_greenlet_fails(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail the test for a failure in a greenlet that nobody waits for, which would only be printed."""
    failures: list[str] = []

    def note(context: Any, *failure: Any) -> None:
        failures.append(f"{context!r}: {''.join(traceback.format_exception(*failure))}")

    monkeypatch.setattr(gevent.get_hub(), "print_exception", note)
    yield
    assert not failures, failures[0]


@pytest.fixture
def collected() -> Iterator[None]:
    """Collect the garbage that a test's clients have left, before the next test is blamed for it."""
    gc.freeze()  # look only at what the test itself makes: the whole heap takes more than a second
    yield
    gc.collect()
    gc.unfreeze()


@pytest.fixture(scope="module")
def collected_at_the_end() -> Iterator[None]:
    """Collect what a module's clients have left and let go of after the test that made it."""
    yield
    gc.collect()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--part", default="", help='Only a part: "embedded 1", "mongo 2", "mongo alone" (scripts/test.py).'
    )
    parser.addoption("--claims", default="", help="A folder in which the parts that run at once share out the tests.")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs_mongo: left out where TEST_MONGO_URI names no server.")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the tests of one part: of one store (what has no store belongs to the embedded one). The first part begins
    with the delivery lab, the longest; the second begins with the last module, so that they meet."""
    if not MONGO:
        for item in items:
            if item.get_closest_marker("needs_mongo"):
                item.add_marker(pytest.mark.skip(reason="it needs a MongoDB (TEST_MONGO_URI)"))
    if part := config.getoption("--part"):
        store, number = part.split()
        items[:] = [item for item in items if is_in_part(item, store, alone=number == "alone")]
        modules = sorted({item.path for item in items}, key=lambda path: (path.name != "test_lab.py", path))
        items.sort(key=lambda item: modules.index(item.path), reverse=number == "2")


def is_in_part(item: pytest.Item, wanted: str, *, alone: bool) -> bool:
    """Return whether a part of this store has the test. One that needs a MongoDB is in those of both: skipped on the
    embedded store, so that somebody says so."""
    callspec = getattr(item, "callspec", None)
    stores = {callspec.params.get("store_uri", "embedded") if callspec else "embedded"}
    needs_mongo = bool(item.get_closest_marker("needs_mongo"))
    if needs_mongo:
        stores.add("mongo")
    kills_the_server = item.path.name == "test_lab.py"
    needs_quiet = needs_mongo and item.path.parent.name == "operations"  # many processes, and times of seconds
    opens_another = needs_mongo and item.path.name == "test_carriers.py"  # which closes what the application has open
    return wanted in stores and (wanted == "mongo" and (kills_the_server or needs_quiet or opens_another)) == alone


def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """As pytest does, but with each test that no other part has claimed: so both end at about the same time."""
    claims = session.config.getoption("--claims")
    if not claims or session.testsfailed or session.config.option.collectonly:
        return None
    store = session.config.getoption("--part").partition(" ")[0]
    unclaimed = (item for item in session.items if _claim(Path(claims), f"{store} {item.nodeid}"))
    item = next(unclaimed, None)
    while item is not None:
        following = next(unclaimed, None)
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.shouldfail:
            raise session.Failed(session.shouldfail)
        if session.shouldstop:
            raise session.Interrupted(session.shouldstop)
        item = following
    return True


def _claim(folder: Path, test: str) -> bool:
    """Return whether this part is the first that wants the test."""
    try:
        (folder / hashlib.sha256(test.encode()).hexdigest()).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


@pytest.fixture(scope="session", params=STORES)
def store_uri(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an empty store of each kind."""
    if request.param == "embedded":
        yield f"litemongo://{tmp_path_factory.mktemp('store')}"
        return
    name = f"chatapp_test_{uuid.uuid4().hex[:12]}"
    base, _, options = MONGO.partition("?")
    yield f"{base.rstrip('/')}/{name}?{options}"
    database.start(TestConfig(MONGO_URI=MONGO))
    database.db().client.drop_database(name)
    database.stop()


@pytest.fixture(scope="session")
def config(store_uri: str, tmp_path_factory: pytest.TempPathFactory) -> TestConfig:
    """The settings of the tests, on this store, with a web app that takes no Node to build."""
    web = tmp_path_factory.mktemp("web")
    (web / "index.html").write_text("<title>chatapp</title>")
    (web / "sw.js").write_text("// the service worker")
    instance = tmp_path_factory.mktemp("instance")
    return TestConfig(MONGO_URI=store_uri, INSTANCE_DIR=str(instance), WEB_DIR=str(web), ENGINE=ENGINE)


@pytest.fixture(scope="session")
def _app(config: TestConfig) -> Iterator[Flask]:
    app = create_app(config)
    for name in migrations.names():
        importlib.import_module(f"migrations_seed.{name}").up(database.db())
    head_store.write_behind(config.WRITE_BEHIND_MS / 1000)  # as the worker does
    yield app
    gevent.sleep(0.1)  # the last test's closed sockets still say that their users went offline
    database.stop()


@pytest.fixture
def app(_app: Flask, config: TestConfig) -> Iterator[Flask]:
    """The application on an empty store."""
    clock.reset()
    for name in COLLECTIONS:
        database.db()[name].delete_many({})
    search_store.clear()
    state.reset_caches()
    yield _app
    clock.reset()
    forget_sockets()


def forget_sockets() -> None:
    """Let nothing more be emitted to a test's sockets: they would keep whatever all later tests broadcast."""
    manager = socketio.server.manager
    for sid, _ in list(manager.get_participants("/", None)):
        manager.disconnect(sid, "/", ignore_queue=True)
    SocketIOTestClient.clients.clear()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """An HTTP client that nobody is signed in with."""
    return app.test_client()


@dataclass
class Socket:
    """A Socket.IO test client that remembers what it received."""

    inner: Any
    events: list[dict[str, Any]] = field(default_factory=list)

    def call(self, name: str, *payload: Any) -> Any:
        """Emit and return the ack."""
        return self.inner.emit(name, *payload, callback=True)

    def emit(self, name: str, *payload: Any) -> None:
        """Emit without asking for an ack."""
        self.inner.emit(name, *payload)

    def received(self, name: str | None = None) -> list[Any]:
        """First arguments of the events received so far under this name (all: the events themselves)."""
        gevent.sleep(0)
        self.events += self.inner.queue  # get_received gives nothing once the socket is closed
        self.inner.queue = []
        if name is None:
            return self.events
        return [row["args"][0] if row["args"] else None for row in self.events if row["name"] == name]

    def forget(self) -> None:
        """Start anew with what is received."""
        self.received()
        self.events.clear()

    @property
    def connected(self) -> bool:
        return bool(self.inner.is_connected())


@dataclass
class Person:
    """A registered user with one session, over both transports."""

    app: Flask
    user: dict[str, Any]
    token: str
    tokens: dict[str, Any]

    @property
    def id(self) -> str:
        return str(self.user["id"])

    def rest(self, method: str, path: str, **kwargs: Any) -> Any:
        """Make an HTTP call with this person's token; return the response."""
        headers = {"Authorization": f"Bearer {self.token}"} | kwargs.pop("headers", {})
        return self.app.test_client().open(path, method=method, headers=headers, **kwargs)

    def get(self, path: str, **kwargs: Any) -> Any:
        """Return the JSON of a GET."""
        return self.rest("GET", path, **kwargs).json

    def post(self, path: str, body: Any = None, **kwargs: Any) -> Any:
        """Return the JSON of a POST."""
        return self.rest("POST", path, json={} if body is None else body, **kwargs).json

    def socket(self) -> Socket:
        """Return a new connected socket of this person."""
        inner = socketio.test_client(self.app, auth={"token": self.token})
        socket = Socket(inner)
        eventually(lambda: socket.received("onlineUsers") or not socket.connected)
        return socket

    def direct(self, other: "Person") -> str:
        """Id of the direct conversation with somebody."""
        answer = self.post("/api/user/conversations", {"type": "direct", "participants": [other.id]})
        return str(answer["data"]["id"])

    def group(self, *others: "Person", name: str = "Team", **more: Any) -> str:
        """Id of a new group with others."""
        body = {"type": "group", "participants": [row.id for row in others], "name": name, **more}
        return str(self.post("/api/user/conversations", body)["data"]["id"])

    def send(self, conversation_id: str, content: str, **more: Any) -> Any:
        """Send a message over REST; return the JSON."""
        return self.post(f"/api/conversations/{conversation_id}/messages", {"content": content, **more})


@pytest.fixture
def register(app: Flask) -> Callable[..., Person]:
    """Register somebody by first name: `ann = register("ann")`. More fields go into the body."""

    def make(name: str, /, **more: Any) -> Person:
        body = {"email": f"{name}@test.com", "password": PASSWORD, "name": name.title(), **more}
        answer = app.test_client().post("/api/auth/register", json=body)
        assert answer.status_code == 201, answer.json
        return Person(app, answer.json["data"], answer.json["token"], answer.json)

    return make


@pytest.fixture
def ann(register: Callable[..., Person]) -> Person:
    return register("ann")


@pytest.fixture
def bob(register: Callable[..., Person]) -> Person:
    return register("bob")


@pytest.fixture
def eve(register: Callable[..., Person]) -> Person:
    """Somebody who is in no conversation of the others."""
    return register("eve")


@pytest.fixture
def knock(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Connect with any `auth`; return the refusal that the client reads (`{message, data}`), or None when let in."""
    handlers, refusals = socketio.server.handlers["/"], []
    handler = handlers["connect"]

    def connect(*arguments: Any) -> Any:
        try:
            return handler(*arguments)
        except ConnectionRefusedError as error:
            refusals.append(error.error_args)
            raise

    def attempt(auth: Any, **more: Any) -> Any:
        monkeypatch.setitem(handlers, "connect", connect)
        connected = socketio.test_client(app, auth=auth, **more).is_connected()
        assert connected != bool(refusals)
        return refusals.pop() if refusals else None

    return attempt


@pytest.fixture
def settings(app: Flask) -> Iterator[Callable[..., None]]:
    """Change settings that are read while the application runs: `settings(SLOW_REQUEST_MS=1)`."""

    def change(**values: Any) -> None:
        process_settings.use(replace(current_config(), **values))
        limits.reset()
        passwords.reset()

    before = current_config()
    yield change
    process_settings.use(before)


@pytest.fixture
def other_app(app: Flask, config: TestConfig, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Flask]]:
    """Make an application of its own on the same store, with settings that are read at the start."""

    def make(**values: Any) -> Flask:
        return create_app(replace(config, **values))

    for part, name in (
        (socketio, "server"),
        (socketio, "sockio_mw"),
        (limiter, "_storage"),
        (limiter, "_limiter"),
        (limiter, "enabled"),
    ):
        monkeypatch.setattr(part, name, getattr(part, name))  # as it is now, so that it is so again afterwards
    yield make
    logs.configure(config)
    database.start(config)


@pytest.fixture
def serve() -> Iterator[Callable[[Flask], str]]:
    """Serve an application for real, WebSocket too; return its URL."""
    servers = []

    def start(application: Flask) -> str:
        handler = handler_class(current_config())
        server = WSGIServer(("127.0.0.1", 0), application, log=None, error_log=None, handler_class=handler)
        server.start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.stop(timeout=1)


@dataclass
class Log:
    """The log: its text, and each line's fields."""

    stream: io.StringIO

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    def lines(self, **fields: Any) -> list[dict[str, Any]]:
        """Return the lines that have these fields."""
        rows = [json.loads(line) for line in self.text.splitlines()]
        return [row for row in rows if all(row.get(name) == value for name, value in fields.items())]


@pytest.fixture
def log(app: Flask, config: TestConfig) -> Iterator[Log]:
    """The log as production writes it: a JSON object a line."""
    logs.configure(replace(config, LOG_FORMAT="json", LOG_LEVEL="INFO"))
    stream = io.StringIO()
    logs.redirect(stream)
    yield Log(stream)
    logs.redirect(None)
    logs.configure(config)

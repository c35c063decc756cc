"""A bare app on the engine, or on the libraries' own server, in this process: tests look inside, too. And one on four
workers, which are looked at from outside.
"""

import contextlib
import socket
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
import requests
from gevent.pywsgi import WSGIServer

from tests import protocol_app
from tests.conftest import MONGO, NEEDS_MONGO
from tests.engine import raw, spread
from tests.server import running


@dataclass
class Bare:
    """A served tests/protocol_app.py."""

    kind: str
    server: WSGIServer
    http: Any = requests  # makes the requests
    options: ClassVar[dict[str, Any]] = protocol_app.OPTIONS

    @property
    def address(self) -> tuple[str, int]:
        return ("127.0.0.1", self.server.server_port)

    @property
    def url(self) -> str:
        return "http://{}:{}".format(*self.address)

    @property
    def sio(self) -> Any:
        return self.server.apps["socket.io"]

    @property
    def eio(self) -> Any:
        return self.server.apps["engine.io"]

    def polling(self, app: str = "engine.io") -> raw.Polling:
        """Return a new session over polling."""
        return raw.Polling(f"{self.url}/{app}/?EIO=4&transport=polling", self.http).open()

    def websocket(self, app: str = "engine.io", sid: str = "", **more: Any) -> raw.WebSocket:
        """Return a new WebSocket; its own session without a sid."""
        query = f"EIO=4&transport=websocket{f'&sid={sid}' if sid else ''}"
        return raw.WebSocket(self.address, f"/{app}/?{query}", sock=self.connect(), **more)

    def session(self, app: str = "engine.io") -> raw.WebSocket:
        """Return a new session over WebSocket, its OPEN packet read."""
        websocket = self.websocket(app)
        assert str(websocket.message()).startswith("0")
        return websocket

    def connect(self) -> socket.socket:
        """Return a TCP connection."""
        return raw.connect(self.address)

    def knows(self, sid: str) -> bool:
        """Return whether the session is open."""
        return sid in self.eio.sockets

    def wait_for_poll(self, sid: str) -> None:
        """Return when a GET of the session waits for something to send."""
        session = self.eio.sockets[sid]
        raw.until(lambda: session._polls if self.kind == "stock" else session._polling.is_polled)

    def joined(self) -> raw.WebSocket:
        """Return a new session that has joined the namespace / over WebSocket."""
        websocket = self.session("socket.io")
        websocket.text("40")
        assert str(websocket.message()).startswith('40{"sid":')
        assert websocket.message() == '42["auth",{}]'
        return websocket

    def echo(self, **more: Any) -> raw.WebSocket:
        """Return a plain WebSocket whose messages come back."""
        return raw.WebSocket(self.address, "/echo", **more)


@dataclass
class OnWorkers(Bare):
    """tests/protocol_app.py on the workers of a machine, and a client whose requests come to any of them."""

    http: spread.Spread
    options: ClassVar[dict[str, Any]] = protocol_app.OPTIONS | protocol_app.ON_WORKERS

    @property
    def address(self) -> tuple[str, int]:
        return self.http.address

    def connect(self) -> socket.socket:
        return self.http.connect()

    def knows(self, sid: str) -> bool:
        return self.http.look(sid)["known"]

    def wait_for_poll(self, sid: str) -> None:
        raw.until(lambda: self.http.look(sid)["polled"])


@pytest.fixture(autouse=True)
def _clients_are_closed() -> Iterator[None]:
    yield
    raw.close_all()


@pytest.fixture
def serve_bare() -> Iterator[Callable[..., Bare]]:
    """Serve a bare app with options of its own."""
    with contextlib.ExitStack() as stack:

        def start(kind: str = "chatapp", **options: Any) -> Bare:
            server = protocol_app.serve(kind, **options)
            stack.callback(server.stop, timeout=1)
            return Bare(kind, server)

        yield start


@pytest.fixture(scope="module")
def bare() -> Iterator[Bare]:
    """The bare app on the engine."""
    server = protocol_app.serve("chatapp")
    yield Bare("chatapp", server)
    server.stop(timeout=1)


WORKERS = 4
ON_WORKERS = pytest.param("workers", marks=NEEDS_MONGO)


@pytest.fixture(scope="session")
def on_workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnWorkers]:
    """The bare app on the engine, on four workers."""
    folder, database = tmp_path_factory.mktemp("workers"), f"workers_{uuid.uuid4().hex[:12]}"
    settings = {"WEB_CONCURRENCY": str(WORKERS), "MONGO_DATABASE": database}
    with running(folder, MONGO, application="tests.protocol_workers:app", **settings) as server:
        client = spread.Spread(("127.0.0.1", server.port), WORKERS)
        yield OnWorkers("workers", None, client)
        client.close()


def serve_kind(request: pytest.FixtureRequest) -> Iterator[Bare]:
    """The bare app on what the test's parameter names."""
    if request.param == "workers":
        yield request.getfixturevalue("on_workers")
        return
    server = protocol_app.serve(request.param)
    yield Bare(request.param, server)
    server.stop(timeout=1)


def served(name: str, *kinds: Any) -> Any:
    return pytest.fixture(scope="module", params=kinds, name=name)(serve_kind)


either = served("either", "chatapp", "stock")
outside = served("outside", "chatapp", ON_WORKERS)  # for tests that do not look inside
everywhere = served("everywhere", "chatapp", "stock", ON_WORKERS)

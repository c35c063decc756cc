"""A bare app on the engine, or on the libraries' own server, in this process: tests look inside, too."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from gevent.pywsgi import WSGIServer

from tests import protocol_app
from tests.engine import raw


@dataclass
class Bare:
    """A served tests/protocol_app.py."""

    kind: str
    server: WSGIServer

    @property
    def address(self) -> tuple[str, int]:
        return ("127.0.0.1", self.server.server_port)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    @property
    def sio(self) -> Any:
        return self.server.apps["socket.io"]

    @property
    def eio(self) -> Any:
        return self.server.apps["engine.io"]

    def polling(self, app: str = "engine.io") -> raw.Polling:
        """Return a new session over polling."""
        return raw.Polling(f"{self.url}/{app}/?EIO=4&transport=polling").open()

    def websocket(self, app: str = "engine.io", sid: str = "", **more: Any) -> raw.WebSocket:
        """Return a new WebSocket; its own session without a sid."""
        query = f"EIO=4&transport=websocket{f'&sid={sid}' if sid else ''}"
        return raw.WebSocket(self.address, f"/{app}/?{query}", **more)

    def session(self, app: str = "engine.io") -> raw.WebSocket:
        """Return a new session over WebSocket, its OPEN packet read."""
        websocket = self.websocket(app)
        assert str(websocket.message()).startswith("0")
        return websocket

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


@pytest.fixture(scope="module", params=["chatapp", "stock"])
def either(request: pytest.FixtureRequest) -> Iterator[Bare]:
    """The bare app on the engine, and once more on the libraries' own server."""
    server = protocol_app.serve(request.param)
    yield Bare(request.param, server)
    server.stop(timeout=1)

"""A server on loopback that stands for the internet."""

import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from gevent.pywsgi import WSGIServer

from chatapp.outbound import fetch as fetching
from chatapp.outbound import reach

CERTIFICATE = Path(__file__).parent / "page.test.pem"


class Page:
    """A server that answers with what it is told to, and keeps the requests."""

    def __init__(self, **tls: Any) -> None:
        self.asked: list[dict[str, Any]] = []
        self.status, self.headers, self.body = "200 OK", [("Content-Type", "text/html")], b"hello"
        self.by_path: dict[str, tuple[str, str]] = {}
        self.server = WSGIServer(("127.0.0.1", 0), self._answer, log=None, error_log=None, **tls)
        self.server.start()
        self.port = self.server.server_port

    def _answer(self, environ: dict[str, Any], start: Callable[..., Any]) -> list[bytes]:
        self.asked.append({name: value for name, value in environ.items() if isinstance(value, str)})
        environ["wsgi.input"].read()
        if environ["PATH_INFO"] in self.by_path:
            status, location = self.by_path[environ["PATH_INFO"]]
            start(status, [("Location", location)])
            return [b""]
        start(self.status, self.headers)
        return [self.body]

    def url(self, path: str = "/") -> str:
        """Return its address."""
        return f"http://127.0.0.1:{self.port}{path}"


@pytest.fixture
def page() -> Iterator[Page]:
    """Return a server without TLS."""
    page = Page()
    yield page
    page.server.stop()


@pytest.fixture
def secure_page(monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    """Return a server that has a certificate for page.test, which the client trusts."""
    monkeypatch.setattr(fetching.certifi, "where", lambda: str(CERTIFICATE))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    page = Page(ssl_context=context)
    yield page
    page.server.stop()
    fetching._authorities.cache_clear()


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[list[str]]]:
    """Return a name server: for each name the addresses of each answer; the last answer is repeated. Others fail."""
    known: dict[str, list[list[str]]] = {}
    genuine = reach._look_up

    def look_up(host: str, port: int) -> list[Any]:
        if host not in known:
            return genuine(host, port)
        answers = known[host]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        return [(None, None, None, "", (address, port)) for address in answer]

    monkeypatch.setattr(reach, "_look_up", look_up)
    return known

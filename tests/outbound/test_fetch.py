"""A call goes to the address that was checked, each redirect anew, within its time and size."""

import socket

import gevent
import pytest
from gevent.event import Event

from chatapp.outbound import fetch as fetching
from chatapp.outbound.fetch import Unreachable, fetch
from chatapp.outbound.reach import NotAllowed

LOOPBACK = ("127.0.0.0/8",)


def test_what_the_operator_allows_is_called(page, names):
    assert fetch(page.url("/a?b=c"), allow=LOOPBACK).body == b"hello"
    assert page.asked[0]["QUERY_STRING"] == "b=c"
    names["home.test"] = [["127.0.0.1"]]
    assert fetch(f"http://HOME.test:{page.port}/", allow=("home.test",)).status == 200
    assert page.asked[1]["HTTP_HOST"] == f"home.test:{page.port}"
    with pytest.raises(NotAllowed):
        fetch(page.url(), allow=("home.test", "10.0.0.0/8"))


def test_nothing_of_the_server_is_sent(page):
    fetch(page.url(), allow=LOOPBACK)
    headers = {name for name in page.asked[0] if name.startswith("HTTP_")}
    assert headers == {"HTTP_HOST", "HTTP_USER_AGENT", "HTTP_ACCEPT_ENCODING"}


def test_a_name_is_looked_up_once(page, names):
    names["rebind.test"] = [["127.0.0.1"], ["127.0.0.2"]]
    assert fetch(f"http://rebind.test:{page.port}/", allow=("127.0.0.1",)).status == 200
    with pytest.raises(NotAllowed):
        fetch(f"http://rebind.test:{page.port}/", allow=("127.0.0.1",))


def test_of_several_addresses_only_those_are_called_that_are_allowed(page, names):
    names["mixed.test"] = [["127.0.0.2", "127.0.0.1"]]
    assert fetch(f"http://mixed.test:{page.port}/", allow=("127.0.0.1/32",)).status == 200


def test_tls_is_for_the_name_and_not_for_the_address(secure_page, names):
    names["page.test"] = names["other.test"] = [["127.0.0.1"]]
    assert fetch(f"https://page.test:{secure_page.port}/", allow=LOOPBACK).body == b"hello"
    assert secure_page.asked[0]["HTTP_HOST"] == f"page.test:{secure_page.port}"
    with pytest.raises(Unreachable, match="other"):
        fetch(f"https://other.test:{secure_page.port}/", allow=LOOPBACK)


def test_redirects_are_followed_three_times(page):
    page.by_path = {f"/{number}": ("302 Found", f"{number + 1}") for number in range(1, 4)}
    assert fetch(page.url("/1"), allow=LOOPBACK).url == page.url("/4")
    page.by_path["/0"] = ("301 Moved", page.url("/1"))
    with pytest.raises(Unreachable, match="redirects"):
        fetch(page.url("/0"), allow=LOOPBACK)


@pytest.mark.parametrize(
    "target", ["http://127.0.0.2/", "https://169.254.169.254/", "file:///etc/passwd", "https://[::1]/"]
)
def test_each_redirect_is_checked(page, target):
    page.by_path = {"/": ("307 Temporary", target)}
    with pytest.raises(NotAllowed):
        fetch(page.url(), allow=("127.0.0.1/32",))


def test_a_body_is_cut_at_a_megabyte(page):
    page.body = b"x" * 3_000_000
    assert len(fetch(page.url(), allow=LOOPBACK).body) == fetching.MAX_BYTES


def test_the_time_is_for_everything(monkeypatch):
    monkeypatch.setattr(fetching, "SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(Unreachable):
        fetch(f"http://127.0.0.1:{silent.getsockname()[1]}/", allow=LOOPBACK)


def test_a_drip_is_cut_off(page, monkeypatch):
    monkeypatch.setattr(fetching, "SECONDS", 0.2)

    def drip(environ, start):
        start("200 OK", [])
        yield b"x"
        Event().wait()

    page.server.application = drip
    with pytest.raises(Unreachable):
        fetch(page.url(), allow=LOOPBACK)


@pytest.mark.parametrize("answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n"])
def test_what_is_no_answer_is_an_error(answer):
    with socket.create_server(("127.0.0.1", 0)) as server:
        gevent.spawn(lambda: _answer_once(server, answer))
        with pytest.raises(Unreachable):
            fetch(f"http://127.0.0.1:{server.getsockname()[1]}/", allow=LOOPBACK)


def _answer_once(server, answer):
    connection, _ = server.accept()
    with connection:
        connection.recv(10_000)
        connection.sendall(answer)

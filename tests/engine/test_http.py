"""One HTTP connection has limits for headers, bodies and time, and answers that clients can rely on."""

import socket
import struct

import gevent
import pytest
from gevent.pywsgi import WSGIServer

from chatapp.engine import fair_queue, http_handler, idle_connections, lingering_close
from tests.engine import raw


@pytest.fixture
def served(monkeypatch):
    """The address of an application that answers with what it got; time is short."""
    monkeypatch.setattr(http_handler.Handler, "header_seconds", 0.2)
    monkeypatch.setattr(http_handler.Handler, "body_seconds", 0.2)
    monkeypatch.setattr(http_handler.Handler, "idle_seconds", 0.3)

    def application(environ, start_response):
        body = b"" if environ["PATH_INFO"] == "/unread" else environ["wsgi.input"].read()
        start_response("200 OK", [("Content-Type", "text/plain")])
        names = ("HTTP_X_ONE", "HTTP_COOKIE", "CONTENT_TYPE", "HTTP_X_EVIL_NAME", "QUERY_STRING")
        return [repr([environ.get(name) for name in names]).encode() + b" " + body]

    failures = []
    monkeypatch.setattr(gevent.get_hub(), "print_exception", lambda _, kind, *about: failures.append((kind, about)))
    server = WSGIServer(("127.0.0.1", 0), application, log=None, error_log=None, handler_class=http_handler.Handler)
    server.start()
    yield ("127.0.0.1", server.server_port)
    server.stop(timeout=1)
    assert not [row for row in failures if not issubclass(row[0], OSError)]  # which a broken request is


def ask(served, head, body=b"", path="/"):
    """Return the status and body of one request on a connection of its own."""
    lines = [f"POST {path} HTTP/1.1", "Host: x", "Connection: close", *head]
    answer = raw.http(served, "\r\n".join([*lines, "", ""]).encode("latin-1") + body)
    return (int(answer.split()[1]) if answer else None), answer.partition(b"\r\n\r\n")[2]


def test_headers_and_body_arrive(served):
    status, body = ask(served, ["X-One: ä", "cookie: a=1", "Cookie: b=2", "Content-Length: 5"], b"hello", "/?q=1")
    assert (status, body) == (200, "['ä', 'a=1; b=2', None, None, 'q=1'] hello".encode())


def test_requests_that_come_at_once_are_served_over_many_turns_of_the_loop(served, monkeypatch):
    """A message waits for the one that is being answered, not for all of them."""
    monkeypatch.setattr(fair_queue, "BUDGET_SECONDS", 0.0)  # one request uses it up
    turns = []
    monkeypatch.setattr(http_handler.Handler, "log_request", lambda _: turns.append(gevent.get_hub().loop.iteration))
    socks = [raw.connect(served) for _ in range(20)]
    request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    for _ in range(2):  # the first requests of their connections, and the next ones
        turns.clear()
        for sock in socks:
            sock.sendall(request)
        for sock in socks:
            assert sock.recv(65_536).startswith(b"HTTP/1.1 200")
        assert len(set(turns)) == 20
    turns.clear()
    socks[0].sendall(request * 20)  # of one client, which waits for no answer
    answers = b""
    while answers.count(b"HTTP/1.1 200") < 20:
        answers += socks[0].recv(65_536)
    assert len(set(turns)) == 20


def test_a_name_with_an_underscore_does_not_pass_for_another(served):
    assert ask(served, ["X_Evil_Name: x"]) == (200, b"[None, None, None, None, ''] ")


@pytest.mark.parametrize(
    "head",
    [
        ["Content-Length: 5", "Content-Length: 6"],
        ["Content-Length: 5", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: gzip, chunked"],
        ["Transfer-Encoding: chunked", "Transfer-Encoding: identity"],
        ["Content-Length: -1"],
        ["Content-Length: x"],
        ["Content-Length: +5"],
        ["Content-Length: 0_5"],
        ["Content-Length: " + "5" * 5_000],
        ["Content-Length:"],
        ["Host: y"],
        [" folded: x"],
        ["No colon"],
        ["Bad name: x"],
        ["X-One : x"],
        ["X-One: a\0b"],
    ],
)
def test_unclear_headers_are_refused(served, head):
    assert ask(served, head, b"hello") == (400, b"")


@pytest.mark.parametrize(
    "head", [["X-One: " + "x" * 40_000], [f"X-{number}: x" for number in range(101)], ["X-One: " + "x" * 10_000_000]]
)
def test_headers_have_a_size(served, head):
    assert ask(served, head) == (431, b"")


def test_a_request_line_has_a_size(served):
    assert raw.http(served, b"GET /" + b"x" * 40_000 + b" HTTP/1.1\r\n\r\n").split()[1] == b"414"


@pytest.mark.parametrize("sent", [b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nX-One"])
def test_half_a_request_is_not_waited_for(served, sent, capfd):
    assert raw.http(served, sent).startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("sent", [b"", b"GET"])
def test_less_than_a_line_is_not_answered(served, sent, capfd):
    assert raw.http(served, sent) == b""
    assert capfd.readouterr() == ("", "")


def test_a_connection_that_is_reset_within_the_headers_prints_nothing(served, capfd):
    sock = raw.connect(served)
    sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
    raw.until(lambda: idle_connections.current().waiting)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()
    assert ask(served, ["X-One: 1"])[0] == 200
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("head", ["Content-Length: 100", "Transfer-Encoding: chunked"])
def test_half_a_body_is_not_waited_for(served, head):
    answer = raw.http(served, f"POST / HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n5\r\nhel".encode())
    assert answer.split()[1] in (b"400", b"500")


def test_dripping_does_not_help(served):
    sock = raw.connect(served)
    with pytest.raises(ConnectionError):
        for byte in b"GET / HTTP/1.1\r\nX-One: " + b"x" * 1_000:
            sock.sendall(bytes((byte,)))
            raw.time.sleep(0.01)


def test_an_idle_connection_is_closed_after_a_while(served):
    sock = raw.connect(served)
    sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert raw.rest_of(sock).startswith(b"HTTP/1.1 200 OK")


def test_a_connection_takes_one_request_after_the_other(served):
    sock = raw.connect(served)
    for _ in range(3):
        sock.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello")
        answer = sock.recv(65_536)
        assert answer.endswith(b" hello") and b"Connection" not in answer


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_an_answer_says_when_the_connection_ends(served, version):
    answer = raw.http(served, f"GET / HTTP/{version}\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    assert answer.lower().count(b"\r\nconnection: close\r\n") == 1


def test_a_large_body_that_nobody_reads_ends_the_connection_after_the_answer(served):
    sock = raw.connect(served)
    sock.sendall(b"POST /unread HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n\r\n" + b"x" * 1_000_000)
    assert raw.rest_of(sock).startswith(b"HTTP/1.1 200 OK")


@pytest.mark.parametrize("answer", ["200 OK", "431 Request Header Fields Too Large"])
def test_who_sends_everything_before_reading_still_gets_the_answer(served, answer, monkeypatch):
    monkeypatch.setattr(
        lingering_close, "SECONDS", raw.PATIENCE_SECONDS
    )  # how long that takes here is not the question
    sock = raw.connect(served)
    padding = b"Host: x\r\n" if answer.startswith("200") else b"X-Large: " + b"x" * 40_000 + b"\r\n"
    sock.sendall(b"POST /unread HTTP/1.1\r\n" + padding + b"Content-Length: 20000000\r\n\r\n")
    for _ in range(20):
        sock.sendall(b"x" * 1_000_000)
        gevent.sleep(0.01)
    assert raw.rest_of(sock).startswith(b"HTTP/1.1 " + answer.encode())


def test_a_small_body_that_nobody_reads_leaves_the_connection(served):
    sock = raw.connect(served)
    for _ in range(2):
        sock.sendall(b"POST /unread HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello")
        assert sock.recv(65_536).startswith(b"HTTP/1.1 200 OK")


def test_an_answer_that_is_not_taken_is_given_up(served, monkeypatch):
    failed = []
    monkeypatch.setattr(http_handler.Handler, "log_request", lambda self: failed.append(self.write_failed))
    sock = raw.connect(served)
    sock.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 50000000\r\n\r\n")
    monkeypatch.setattr(http_handler.Handler, "body_seconds", 5)
    sock.sendall(b"x" * 50_000_000)
    monkeypatch.setattr(http_handler.Handler, "body_seconds", 0.1)
    raw.until(lambda: failed)
    assert failed == [True]


def test_the_expectation_of_a_client_is_answered(served):
    sock = raw.connect(served)
    sock.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
    assert sock.recv(65_536) == b"HTTP/1.1 100 Continue\r\n\r\n"
    sock.sendall(b"hello")
    assert sock.recv(65_536).endswith(b" hello")


def idle(served, source="127.0.0.1"):
    """Return a connection that has had an answer, and now waits."""
    sock = raw.connect(served, source)
    sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert sock.recv(65_536).startswith(b"HTTP/1.1 200 OK")
    return sock


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: x\r\n"])
def test_an_address_with_too_many_waiting_connections_loses_the_longest_waiting(served, monkeypatch, sent):
    monkeypatch.setattr(http_handler.Handler, "most_waiting", 2)
    monkeypatch.setattr(http_handler.Handler, "idle_seconds", 10)
    monkeypatch.setattr(http_handler.Handler, "header_seconds", 10)
    other, first, second = idle(served, "127.0.0.2"), idle(served), idle(served)
    first.sendall(sent)
    third = idle(served)
    assert raw.rest_of(first) == b""
    for sock in (other, second, third):
        sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert sock.recv(65_536).startswith(b"HTTP/1.1 200 OK")


def test_a_full_server_ends_the_longest_waiting_connection_for_the_next(served, monkeypatch):
    raw.until(lambda: not idle_connections.current().open)
    monkeypatch.setattr(http_handler.Handler, "most_connections", 3)
    monkeypatch.setattr(http_handler.Handler, "idle_seconds", 10)
    first, second = idle(served), idle(served)
    third = idle(served, "127.0.0.2")
    assert raw.rest_of(first) == b""
    for sock in (second, third):
        sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert sock.recv(65_536).startswith(b"HTTP/1.1 200 OK")


def test_no_connection_is_counted_after_its_end(served):
    for _ in range(3):
        ask(served, [])
    raw.until(lambda: not idle_connections.current().open)
    assert not idle_connections.current().waiting and not idle_connections.current().by_group

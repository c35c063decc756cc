"""Requests that are none, too much, or meant to be two things at once: over real connections."""

import json
from urllib.parse import quote, urlsplit

import pytest

from chatapp import database, metrics
from chatapp.settings import config as current_config
from tests.conftest import ENGINE
from tests.engine import raw

engine_only = pytest.mark.skipif(ENGINE == "stock", reason="the libraries' own server reads HTTP in its own way")


@pytest.fixture
def ask(app, serve):
    """Send bytes; return (status, headers and body as text) of the first answer, and everything that came."""
    url = urlsplit(serve(app))

    def send(data):
        answer = raw.http((url.hostname, url.port), data)
        return (int(answer.split()[1]) if answer else None), answer.decode("latin-1")

    return send


def post(path, token, body, *head):
    """Return a POST with this body as it is."""
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {token}", *head]
    return "\r\n".join([*lines, "Content-Type: application/json", "", ""]).encode() + body


def chunks(*parts, end=b"0\r\n\r\n"):
    """Return a chunked body."""
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + end


def envelope(text):
    """Return the last answer's body."""
    return json.loads(text.rpartition("\r\n\r\n")[2])


@pytest.fixture
def conversation(ann, bob):
    return ann.direct(bob)


def stored():
    """Return how many messages there are."""
    return database.db().entries.count_documents({"type": "message"})


def send_chunked(ask, ann, conversation, body):
    path = f"/api/conversations/{conversation}/messages"
    return ask(post(path, ann.token, body, "Transfer-Encoding: chunked", "Connection: close"))


def test_a_message_may_come_in_chunks(ask, ann, conversation):
    status, _ = send_chunked(ask, ann, conversation, chunks(b'{"content": ', b'"in pieces"}'))
    assert status == 201 and stored() == 1


@pytest.mark.parametrize("more", [b" ", b" " * 100_000, b'{"content": "second half"}'])
def test_a_message_that_goes_on_beyond_the_limit_is_not_cut_but_refused(ask, ann, conversation, more):
    """Its first part alone would be a message."""
    whole = b'{"content": "first half"}'.ljust(current_config().MAX_BODY_BYTES)
    status, text = send_chunked(ask, ann, conversation, chunks(whole, more))
    assert (status, envelope(text)["error"]["code"], stored()) == (413, "CONTENT_TOO_LARGE", 0)
    assert "connection: close" in text.lower() or ENGINE == "stock"


def test_a_message_that_just_fits_is_taken(ask, ann, conversation):
    whole = b'{"content": "just so"}'.ljust(current_config().MAX_BODY_BYTES)
    assert send_chunked(ask, ann, conversation, chunks(whole))[0] == 201


@engine_only
@pytest.mark.parametrize(
    "body",
    [
        chunks(b'{"content": "x"}', end=b"5;\nxx\r\n45\r\n0\r\n\r\nGET /api/discover HTTP/1.1\r\nHost: x\r\n\r\n"),
        chunks(b'{"content": "x"}', end=b"x\r\n"),
        chunks(b'{"content": "x"}', end=b"0\n\n"),
        chunks(b'{"content": "x"}', end=b"0\r\nX: a\nb\r\n\r\n"),
        chunks(b'{"content": "x"}', end=b"0\r\nX: a\0b\r\n\r\n"),
        b'ffffffffffffffffff\r\n{"content": "x"}',
        b'10\n{"content": "x"}\r\n0\r\n\r\n',
        b'10\r\n{"content": "x"}0\r\n\r\n',
    ],
)
def test_malformed_chunks_are_one_refused_request(ask, ann, conversation, body):
    status, text = send_chunked(ask, ann, conversation, body)
    assert (status, envelope(text)["error"]["code"]) == (400, "BAD_REQUEST")
    assert text.count("HTTP/1.1 ") == 1 and "connection: close" in text.lower() and stored() == 0


@engine_only
@pytest.mark.parametrize(
    ("request_bytes", "status", "code"),
    [
        (b"GET /api/discover?" + b"x" * 40_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414, "URL_TOO_LONG"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 40_000 + b"\r\n\r\n", 431, "HEADERS_TOO_LARGE"),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: x\r\n" * 200 + b"\r\n", 431, "HEADERS_TOO_LARGE"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: a\r\r\n\r\n", 400, "BAD_REQUEST"),
        (b"GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n", 400, "BAD_REQUEST"),
        (b"G\x1b[31mET / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "BAD_REQUEST"),
    ],
)
def test_what_is_no_request_is_answered_in_the_envelope_logged_and_counted(ask, log, request_bytes, status, code):
    before = metrics.registry.get_sample_value("chatapp_errors_total", {"code": code}) or 0
    given, text = ask(request_bytes)
    error = envelope(text)["error"]
    assert (given, error["statusCode"], error["code"]) == (status, status, code)
    assert f"X-Request-ID: {error['requestId']}" in text
    (line,) = log.lines(requestId=error["requestId"])
    assert (line["status"], line["code"]) == (status, code)
    assert metrics.registry.get_sample_value("chatapp_errors_total", {"code": code}) == before + 1


@engine_only
def test_an_absolute_target_is_the_same_request(ask):
    """As clients of a proxy write it. Its host counts, whatever the header says."""
    status, text = ask(b"GET http://localhost/api/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert status == 200 and envelope(text)["status"] == "ok"
    status, text = ask(b"GET http://a.example/api/discover HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n")
    assert status == 200 and envelope(text)["url"] == "http://a.example"


@pytest.mark.parametrize(
    "host",
    ["", "a b", "a/b", "a@b", "a\tb", "<script>", "a:b", "a:99999", "[::1", "[x]", "[:::]", "a:80:80", "x" * 300],
)
@pytest.mark.parametrize("path", ["/api/discover", "/api/test-connection", "/", "/socket.io/?EIO=4&transport=polling"])
def test_a_host_that_is_none_makes_no_address(ask, host, path):
    status, text = ask(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    assert (status, envelope(text)["error"]["code"]) == (400, "BAD_REQUEST")


@pytest.mark.parametrize("host", ["localhost", "chat_app:3000", "10.0.0.1:80", "[::1]:3000", "chat.example.", "a:"])
def test_a_host_that_is_one_does(ask, host):
    request = f"GET /api/discover HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    assert ask(request.encode())[0] == 200


@pytest.mark.parametrize("forwarded", ["evil example", "a/b", "[x]"])
def test_neither_does_a_proxy_s_word_for_it(other_app, forwarded):
    client = other_app(TRUSTED_PROXIES=1).test_client()
    assert client.get("/api/discover", headers={"X-Forwarded-Host": forwarded}).status_code == 400


@engine_only
def test_a_client_that_can_only_get_syncs_three_hundred_conversations(ask, ann):
    cursors = quote(json.dumps({f"65f0c1d2e3f4a5b6c7d8{n:04x}": [9_999, "4f2a9c1be07d5563"] for n in range(300)}))
    head = f"GET /api/sync?cursors={cursors} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    status, text = ask(f"{head}Authorization: Bearer {ann.token}\r\n\r\n".encode())
    assert status == 200 and len(envelope(text)["data"]["left"]) == 300


@engine_only
def test_chunks_that_are_none_end_a_polling_session(ask, serve, app):
    url = serve(app)
    session = raw.Polling(f"{url}/socket.io/?EIO=4&transport=polling").open()
    address = (urlsplit(url).hostname, urlsplit(url).port)
    head = f"POST /socket.io/?EIO=4&transport=polling&sid={session.sid} HTTP/1.1\r\nHost: x\r\n"
    answer = raw.http(address, head.encode() + b"Transfer-Encoding: chunked\r\n\r\n2\r\n40\r\n5;\nx")
    assert answer.split()[1] == b"400" and session.get().status_code == 400

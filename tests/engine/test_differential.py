"""The engine's reading of HTTP beside two others': h11 and llhttp (Node).

A proxy in front reads the same bytes as the server behind it. Where the two find other requests in them, one client's
request passes for another's. So of each byte stream here: the engine accepts nothing that both others refuse, and what
it accepts is what they accept: method, target, headers, body, and the number of requests.
"""

import base64
import json
import re
import shutil
import socket
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote_to_bytes

import h11
import pytest
from gevent.pywsgi import WSGIServer

from chatapp.engine import http_handler
from tests.engine import raw

GET = b"GET /api/health?x=1 HTTP/1.1\r\nHost: chat.example\r\n\r\n"
SIZED = b"POST /a HTTP/1.1\r\nHost: a\r\nX-One: x y\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = (
    b"POST /b HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\n\r\n"
    b'5;n=v;q="a b"\r\nhello\r\nA\r\n0123456789\r\n0;last\r\nX-Trailer: t\r\n\r\n'
)
MUTANTS = (b"\r", b"\n", b"\0", b" ", b";")


def with_head(*lines: bytes, method: bytes = b"POST", body: bytes = b"") -> bytes:
    """Return one request with these header lines, and another one after it."""
    return b"\r\n".join([method + b" /h HTTP/1.1", b"Host: h", *lines, b"", b""]) + body + GET


def with_line(line: bytes, head: bytes = b"Host: h\r\n") -> bytes:
    """Return one request with this request line, and another one after it."""
    return line + b"\r\n" + head + b"\r\n" + GET


def chunked(body: bytes) -> bytes:
    """Return a request with this chunked body, and another one after it."""
    return b"POST /c HTTP/1.1\r\nHost: c\r\nTransfer-Encoding: chunked\r\n\r\n" + body + GET


BY_HAND = [
    b"",
    GET,
    GET * 3,
    SIZED + GET,
    CHUNKED + GET,
    *(
        with_line(line)
        for line in (
            b"GET / HTTP/1.1",
            b"GET  / HTTP/1.1",
            b"GET / HTTP/1.1 ",
            b" GET / HTTP/1.1",
            b"GET\t/ HTTP/1.1",
            b"GET / HTTP/1.0",
            b"GET / HTTP/0.9",
            b"GET / HTTP/1.2",
            b"GET / HTTP/2.0",
            b"GET / HTTP/01.1",
            b"GET / http/1.1",
            b"GET / HTTP/1.1x",
            b"GET / HTTP/1",
            b"GET /",
            b"GET",
            b"G\x1b[31mET / HTTP/1.1",
            b"G(T / HTTP/1.1",
            b"get / HTTP/1.1",
            b"PATCH /x HTTP/1.1",
            b"DELETE /x HTTP/1.1",
            b"OPTIONS * HTTP/1.1",
            b"GET * HTTP/1.1",
            b"CONNECT h:443 HTTP/1.1",
            b"GET x HTTP/1.1",
            b"GET /a b HTTP/1.1",
            b"GET /a\x00b HTTP/1.1",
            b"GET /a\x7fb HTTP/1.1",
            b"GET /\xc3\xa9?q=\xc3\xa9 HTTP/1.1",
            b"GET /%00%0d%0a HTTP/1.1",
            b"GET //x//y?z=//w HTTP/1.1",
            b"GET /../x HTTP/1.1",
            b"GET http://h/api/health?x HTTP/1.1",
            b"GET HTTP://other:80/x HTTP/1.1",
            b"GET http://h HTTP/1.1",
            b"GET http://h?x HTTP/1.1",
            b"GET http://user@h/ HTTP/1.1",
            b"GET http:///x HTTP/1.1",
            b"GET ftp://h/x HTTP/1.1",
            b"GET /" + b"x" * 8_000 + b" HTTP/1.1",
            b"GET /?" + b"x" * 30_000 + b" HTTP/1.1",
        )
    ),
    *(
        with_line(b"GET / HTTP/1.1", head)
        for head in (
            b"",
            b"Host:\r\n",
            b"Host: \r\n",
            b"Host: a\r\nHost: b\r\n",
            b"Host: a\r\nHost: a\r\n",
            b"Host: a\rb\r\n",
            b"Host: a b\r\n",
            b"Host: a/b\r\n",
            b"Host: a@b\r\n",
            b"Host: a:80\r\n",
            b"Host: [::1]:80\r\n",
            b"host:a\r\n",
            b"Host : a\r\n",
        )
    ),
    *(
        with_line(b"POST / HTTP/1.0", head)
        for head in (
            b"",
            b"Connection: keep-alive\r\nContent-Length: 0\r\n",
            b"Connection: Keep-Alive, x\r\n",
            b"Transfer-Encoding: chunked\r\n",
        )
    ),
    *(
        with_head(*lines, body=b"hello")
        for lines in (
            [b"Content-Length: 5"],
            [b"Content-Length:5"],
            [b"Content-Length: 005"],
            [b"Content-Length: 5 "],
            [b"Content-Length: 5", b"Content-Length: 5"],
            [b"Content-Length: 5", b"Content-Length: 6"],
            [b"Content-Length: 5, 5"],
            [b"Content-Length: +5"],
            [b"Content-Length: -5"],
            [b"Content-Length: 5_0"],
            [b"Content-Length: 0x5"],
            [b"Content-Length: 5.0"],
            [b"Content-Length: \xd9\xa5"],
            [b"Content-Length: "],
            [b"Content-Length: 99999999999999999999"],
            [b"Content_Length: 5"],
            [b"Content-Length : 5"],
            [b" Content-Length: 5"],
            [b"Content-Length:\r\n 5"],
            [b"Content-Length: 5", b"Transfer-Encoding: identity"],
            [b"Content-Length: 5", b"Transfer-Encoding: "],
            [b"Content-Length: 5", b"Connection: close"],
            [b"Content-Length: 5", b"Connection: close, TE"],
            [b"Content-Length: 5", b"Connection: TE, Close"],
            [b"Content-Length: 5", b"Connection: keep-alive"],
            [b"Content-Length: 5", b"Connection: closed"],
        )
    ),
    *(
        with_head(*lines, body=b"5\r\nhello\r\n0\r\n\r\n")
        for lines in (
            [b"Transfer-Encoding: chunked"],
            [b"transfer-encoding:CHUNKED"],
            [b"Transfer-Encoding: chunked, identity"],
            [b"Transfer-Encoding: identity, chunked"],
            [b"Transfer-Encoding: gzip, chunked"],
            [b"Transfer-Encoding: chunked, chunked"],
            [b"Transfer-Encoding: xchunked"],
            [b"Transfer-Encoding: chunkedx"],
            [b"Transfer-Encoding: chunked;x"],
            [b"Transfer-Encoding: \x0bchunked"],
            [b"Transfer-Encoding: \tchunked\t"],
            [b"Transfer-Encoding: 'chunked'"],
            [b"Transfer-Encoding : chunked"],
            [b"Transfer-Encoding\t: chunked"],
            [b"Transfer_Encoding: chunked"],
            [b"Transfer-Encoding:\r\n chunked"],
            [b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity"],
            [b"Transfer-Encoding: identity", b"Transfer-Encoding: chunked"],
            [b"Transfer-Encoding: chunked", b"Content-Length: 5"],
            [b"Content-Length: 5", b"Transfer-Encoding: chunked"],
            [b"X: x\r\rTransfer-Encoding: chunked"],
            [b"X: x\nTransfer-Encoding: chunked"],
        )
    ),
    *(
        with_head(line, method=b"GET")
        for line in (
            b"X: a\r",
            b"X: a\rb",
            b"X: a\0b",
            b"X: a\x1b[31mb",
            b"X: a\x7fb",
            b"X: \xff\xfe",
            b"X: a\tb",
            b"X:",
            b"X",
            b":x",
            b"X Y: z",
            b"X: a\r\n folded",
            b"X: a\r\n\tfolded",
            b"\xc3\xa9: x",
            b"X: a\nY: b",
            b"Cookie: a=1\r\nCookie: b=2",
            b"X-A: 1\r\nX-A: 2",
            b"Upgrade: websocket\r\nConnection: Upgrade",
            b"Expect: 100-continue",
        )
    ),
    *(
        chunked(body)
        for body in (
            b"0\r\n\r\n",
            b"00000\r\n\r\n",
            b"5\r\nhello\r\n0\r\n\r\n",
            b"05\r\nhello\r\n0\r\n\r\n",
            b"a\r\n0123456789\r\n0\r\n\r\n",
            b"5;\nxx\r\n45\r\n0\r\n\r\n",  # a smuggled request hides behind the bare LF
            b"5;x\nhello\r\n0\r\n\r\n",
            b"5;\r\nhello\r\n0\r\n\r\n",
            b"5;n\r\nhello\r\n0\r\n\r\n",
            b"5;n=\r\nhello\r\n0\r\n\r\n",
            b"5;n=v;m\r\nhello\r\n0\r\n\r\n",
            b'5;n="a\\"b"\r\nhello\r\n0\r\n\r\n',
            b'5;n="a\r\n\r\nhello\r\n0\r\n\r\n',
            b"5;" + b"x" * 20_000 + b"\r\nhello\r\n0\r\n\r\n",
            b"5 \r\nhello\r\n0\r\n\r\n",
            b" 5\r\nhello\r\n0\r\n\r\n",
            b"5\t;n\r\nhello\r\n0\r\n\r\n",
            b"0x5\r\nhello\r\n0\r\n\r\n",
            b"+5\r\nhello\r\n0\r\n\r\n",
            b"-5\r\nhello\r\n0\r\n\r\n",
            b"5_\r\nhello\r\n0\r\n\r\n",
            b"\r\nhello\r\n0\r\n\r\n",
            b"5\nhello\r\n0\r\n\r\n",
            b"5\r\nhello\n0\r\n\r\n",
            b"5\r\nhelloX\r\n0\r\n\r\n",
            b"5\r\nhell\r\n0\r\n\r\n",
            b"5\rhello\r\n0\r\n\r\n",
            b"5\r\nhello\r\n0\r\n\n",
            b"5\r\nhello\r\n0\n\r\n",
            b"FFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n",
            b"10000000000000005\r\nhello\r\n0\r\n\r\n",
            b"0\r\nX: t\r\n\r\n",
            b"0\r\nX: t\r\nY: u\r\n\r\n",
            b"0\r\nX: a\nb\r\n\r\n",
            b"0\r\nX: a\0b\r\n\r\n",
            b"0\r\nX: a\rb\r\n\r\n",
            b"0\r\nX : a\r\n\r\n",
            b"0\r\nX\r\n\r\n",
            b"0\r\n X: a\r\n\r\n",
            b"0\r\nX: a\r\n b\r\n\r\n",
            b"0\r\nContent-Length: 5\r\n\r\n",
            b"0\r\nX: " + b"x" * 40_000 + b"\r\n\r\n",
        )
    ),
    SIZED[:-1],
    CHUNKED[:-1],
    CHUNKED[:-5],
    b"\r\n" + GET,
    b"\n" + GET,
    GET.replace(b"\r\n", b"\n"),
    GET[:-2],
    b"\0" + GET,
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
]
MUTATED = [
    stream
    for whole in (GET, SIZED, CHUNKED)
    for place in range(len(whole))
    for stream in (
        *(whole[:place] + mutant + whole[place:] + GET for mutant in MUTANTS),
        whole[:place] + whole[place + 1 :] + GET,
    )
]
CORPUS = list(dict.fromkeys([*BY_HAND, *MUTATED]))


@dataclass
class Verdict:
    """The requests that a reader found in a byte stream, and whether that was all."""

    requests: list[dict[str, object]] = field(default_factory=list)
    clean: bool = True


def request(
    method: str, target: bytes, version: str, headers: list[tuple[bytes, bytes]], body: bytes
) -> dict[str, object]:
    """Return a request, as WSGI would tell it: the target's path unquoted, headers by name and joined."""
    absolute = re.fullmatch(rb"(?i)https?://([^/?#]*)(.*)", target)
    if absolute is not None:
        target = absolute[2] if absolute[2].startswith(b"/") else b"/" + absolute[2]
    path, _, query = target.partition(b"?")
    joined: dict[str, str] = {}
    for name, value in headers:
        key = name.decode("latin-1").lower()
        between = "; " if key == "cookie" else ","
        joined[key] = (joined[key] + between if key in joined else "") + value.decode("latin-1").strip(" \t")
    if "transfer-encoding" in joined:
        joined["transfer-encoding"] = joined["transfer-encoding"].lower()  # as h11 does
    if absolute is not None:
        joined["host"] = absolute[1].decode("latin-1")
    kept = {name: value for name, value in joined.items() if "_" not in name}
    where = unquote_to_bytes(path).decode("latin-1") + "?" + query.decode("latin-1")
    return {"method": method, "target": where, "version": version, "headers": kept, "body": body}


@pytest.fixture(scope="module")
def ours():
    """The engine's verdicts."""
    seen: dict[str, list[dict[str, object]]] = {}

    def application(environ, start_response):
        try:
            body = environ["wsgi.input"].read()
        except OSError:
            start_response("408 Request Timeout", [])
            return []
        headers = {
            name.removeprefix("HTTP_").replace("_", "-").lower(): value
            for name, value in environ.items()
            if name.startswith("HTTP_") or (name in ("CONTENT_TYPE", "CONTENT_LENGTH") and value)
        }
        if "transfer-encoding" in headers:
            headers["transfer-encoding"] = headers["transfer-encoding"].lower()
        seen.setdefault(environ["REMOTE_PORT"], []).append(
            {
                "method": environ["REQUEST_METHOD"],
                "target": environ["PATH_INFO"] + "?" + environ["QUERY_STRING"],
                "version": environ["SERVER_PROTOCOL"],
                "headers": headers,
                "body": body,
            }
        )
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"ok\n"]

    server = WSGIServer(("127.0.0.1", 0), application, log=None, error_log=None, handler_class=http_handler.Handler)
    server.start()

    def ask(stream):
        sock = raw.connect(("127.0.0.1", server.server_port))
        port = str(sock.getsockname()[1])
        sock.sendall(stream)
        sock.shutdown(socket.SHUT_WR)
        answer = raw.rest_of(sock)
        return Verdict(seen.pop(port, []), re.search(rb"^HTTP/1.1 [45]", answer, re.MULTILINE) is None)

    yield [ask(stream) for stream in CORPUS]
    server.stop(timeout=1)


@pytest.fixture(scope="module")
def h11_verdicts():
    """h11's verdicts."""
    return [by_h11(stream) for stream in CORPUS]


def by_h11(stream):
    """h11's verdict."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=65_536)
    verdict, head, body = Verdict(), None, b""
    connection.receive_data(stream)
    connection.receive_data(b"")
    try:
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Request):
                head, body = event, b""
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                version = "HTTP/" + head.http_version.decode()
                verdict.requests.append(
                    request(head.method.decode(), head.target, version, list(head.headers.raw_items()), body)
                )
                answer = h11.Response(status_code=200, headers=[("Content-Length", "0")])
                connection.send(answer)
                connection.send(h11.EndOfMessage())
                if connection.our_state is h11.MUST_CLOSE:
                    return verdict
                connection.start_next_cycle()
            else:
                return verdict
    except h11.ProtocolError:
        verdict.clean = False
        return verdict


@pytest.fixture(scope="module")
def llhttp_verdicts():
    """llhttp's verdicts."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no Node here, whose HTTP parser is the second opinion")
    streams = json.dumps([base64.b64encode(stream).decode() for stream in CORPUS])
    script = Path(__file__).parent / "llhttp.mjs"
    done = subprocess.run([node, script], input=streams, capture_output=True, text=True, check=True, timeout=120)
    return [_from_node(row) for row in json.loads(done.stdout)]


def _from_node(row):
    requests = []
    for one in row["requests"]:
        texts = [base64.b64decode(text) for text in one["headers"]]
        pairs = list(zip(texts[::2], texts[1::2], strict=True))
        target, body = (base64.b64decode(one[name]) for name in ("target", "body"))
        requests.append(request(one["method"], target, one["version"], pairs, body))
    return Verdict(requests, row["clean"])


def agree(mine, other):
    """Return whether two find the same, as far as both accept."""
    both = min(len(mine.requests), len(other.requests))
    if mine.requests[:both] != other.requests[:both]:
        return False
    return not (mine.clean and other.clean) or len(mine.requests) == len(other.requests)


def is_counted_alike(stream):
    """Return whether all go on after an answer. (h11 ends HTTP/1.0 connections, Node those that ask for an upgrade.)"""
    return b"HTTP/1.0" not in stream and b"Upgrade" not in stream


def test_the_corpus_has_something_to_accept_and_something_to_refuse(ours):
    assert sum(verdict.clean for verdict in ours) > 100
    assert sum(not verdict.clean for verdict in ours) > 1_000


def differences(mine, others):
    """Streams of which two say something else, with what they say."""
    rows = zip(CORPUS, mine, others, strict=True)
    return [row for row in rows if is_counted_alike(row[0]) and not agree(row[1], row[2])]


def test_what_h11_accepts_too_is_the_same(ours, h11_verdicts):
    assert differences(ours, h11_verdicts) == []


def test_what_llhttp_accepts_too_is_the_same(ours, llhttp_verdicts):
    assert differences(ours, llhttp_verdicts) == []


def test_nothing_is_accepted_that_both_refuse(ours, h11_verdicts, llhttp_verdicts):
    for stream, mine, *others in zip(CORPUS, ours, h11_verdicts, llhttp_verdicts, strict=True):
        assert len(mine.requests) <= max(len(other.requests) for other in others), stream
        assert not mine.clean or any(other.clean for other in others), stream

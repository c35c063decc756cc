"""The Engine.IO protocol, revision 4: every MUST of its description, and what the reference server does besides."""

import json
import threading

import gevent
import pytest

from chatapp.engine import fair_queue, frames
from tests.engine import raw

POLLING = "/engine.io/?EIO=4&transport=polling"


def call(bare, path, method="GET", **more):
    return bare.http.request(method, bare.url + path, timeout=raw.PATIENCE_SECONDS, **more)


def announced(bare, upgrades):
    interval, timeout = (round(bare.options[name] * 1000) for name in ("ping_interval", "ping_timeout"))
    return {"upgrades": upgrades, "pingInterval": interval, "pingTimeout": timeout, "maxPayload": 1_000_000}


def test_a_handshake_over_polling(everywhere):
    answer = call(everywhere, POLLING)
    assert (answer.status_code, answer.text[0]) == (200, "0")
    opened = json.loads(answer.text[1:])
    assert opened.pop("sid")
    assert opened == announced(everywhere, ["websocket"])


def test_a_handshake_over_websocket(everywhere):
    websocket = everywhere.websocket()
    opened = json.loads(websocket.message()[1:])
    assert opened.pop("sid")
    assert opened == announced(everywhere, [])
    websocket.close()


@pytest.mark.parametrize(
    ("method", "query", "code", "message"),
    [
        ("GET", "transport=polling", 5, "Unsupported protocol version"),
        ("GET", "EIO=3&transport=polling", 5, "Unsupported protocol version"),
        ("GET", "EIO=abc&transport=polling", 5, "Unsupported protocol version"),
        ("GET", "EIO=4", 0, "Transport unknown"),
        ("GET", "EIO=4&transport=abc", 0, "Transport unknown"),
        ("GET", "EIO=4&transport=websocket", 3, "Bad request"),
        ("POST", "EIO=4&transport=polling", 2, "Bad handshake method"),
        ("PUT", "EIO=4&transport=polling", 2, "Bad handshake method"),
        ("DELETE", "EIO=4&transport=polling", 2, "Bad handshake method"),
        ("GET", "EIO=4&transport=polling&sid=nobody", 1, "Session ID unknown"),
        ("POST", "EIO=4&transport=polling&sid=nobody", 1, "Session ID unknown"),
    ],
)
def test_a_wrong_request_is_refused_as_the_reference_server_does(outside, method, query, code, message):
    answer = call(outside, f"/engine.io/?{query}", method)
    assert (answer.status_code, answer.json()) == (400, {"code": code, "message": message})


@pytest.mark.parametrize("query", ["transport=websocket", "EIO=3&transport=websocket", "EIO=4", "EIO=4&transport=abc"])
def test_a_wrong_websocket_handshake_is_refused(everywhere, query):
    websocket = raw.WebSocket(everywhere.address, f"/engine.io/?{query}")
    if everywhere.kind == "stock":  # gevent-websocket answers before anybody has looked at the request
        assert (websocket.status, websocket.end()) == (101, frames.NO_CODE)
    else:
        assert websocket.status == 400


def test_a_websocket_for_an_unknown_session_is_refused(outside):
    assert outside.websocket(sid="nobody").status == 400


@pytest.mark.parametrize("body", ["4hello", "4test1\x1e4test2\x1e4test3", "4hello\x1ebAQIDBA==", "4€\x1e4😀"])
def test_a_payload_comes_back(everywhere, body):
    session = everywhere.polling()
    posted = session.post(body)
    assert (posted.status_code, posted.text.lower()) == (200, "ok")
    came = []
    while len(came) < len(body.split("\x1e")):  # a poll brings what has been handled by then
        polled = session.get()
        assert (polled.status_code, polled.headers["Content-Type"].lower()) == (200, "text/plain; charset=utf-8")
        came += polled.content.decode().split("\x1e")
    assert came == body.split("\x1e")


def test_ok_is_written_as_the_protocol_says(outside):
    assert outside.polling().post("4x").text == "ok"


@pytest.mark.parametrize(
    "body", ["abc", "", "4hello\x1e", "4a\x1e9", "2", "0", "b!!!", b"4\xff", "\x1e4a"], ids=lambda body: repr(body)
)
def test_an_invalid_payload_closes_the_session(outside, body):
    session = outside.polling()
    assert session.post(body).status_code == 400
    assert session.get().status_code == 400


def test_an_invalid_payload_closes_the_session_on_stock_too(everywhere):
    session = everywhere.polling()
    assert session.post("abc").status_code == 400
    assert session.get().status_code == 400


def while_polling(bare, session, act):
    """Act while a poll waits; return the poll's answer and what `act` returns."""
    answers = []
    thread = threading.Thread(target=lambda: answers.append(session.get()))
    thread.start()
    bare.wait_for_poll(session.sid)
    result = act()
    thread.join()
    return answers[0], result


def test_a_second_poll_closes_the_session(everywhere):
    session = everywhere.polling()
    first, second = while_polling(everywhere, session, session.get)
    assert (first.status_code, first.text, second.status_code) == (200, "1", 400)
    assert session.get().status_code == 400


def test_a_second_post_closes_the_session(bare):
    session = bare.polling()
    slow = raw.connect(bare.address)
    slow.sendall(f"POST {POLLING}&sid={session.sid} HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\n4he".encode())
    raw.until(lambda: bare.eio.sockets[session.sid]._polling.posts._is_taken)
    assert session.post("4x").status_code == 400
    slow.sendall(b"llo")
    assert b" 400 " in slow.recv(65_536).partition(b"\r\n")[0]
    assert session.get().status_code == 400
    slow.close()


@pytest.mark.parametrize("message", ["hello", "", "€😀", "x" * 70_000])
def test_a_websocket_message_comes_back(everywhere, message):
    websocket = everywhere.session()
    websocket.text("4" + message)
    assert websocket.message() == "4" + message
    websocket.close()


def test_a_binary_websocket_message_comes_back(everywhere):
    websocket = everywhere.session()
    websocket.send(raw.masked(frames.BINARY, b"\x01\x02\x03\x04"))
    assert websocket.message() == b"\x01\x02\x03\x04"
    websocket.close()


@pytest.mark.parametrize("text", ["abc", "", "2", "0", "7", "b!!!"])
def test_an_invalid_websocket_packet_closes_the_session(outside, text):
    websocket = outside.session()
    websocket.text(text)
    assert websocket.end() in (frames.POLICY, frames.INVALID_DATA)


def test_pings_over_polling(everywhere):
    session = everywhere.polling()
    for _ in range(3):
        assert session.get().text == "2"
        assert session.post("3").status_code == 200


def test_pings_over_websocket(everywhere):
    websocket = everywhere.session()
    for _ in range(3):
        assert websocket.message(pings=True) == "2"
        websocket.text("3")
    websocket.close()


def test_no_pong_closes_a_polling_session(outside):
    session = outside.polling()
    raw.until(lambda: not outside.knows(session.sid))
    assert session.get().status_code == 400


def test_no_pong_closes_a_websocket_session(everywhere):
    assert everywhere.session().end() is not None or everywhere.kind == "stock"


def test_other_packets_count_as_a_sign_of_life(bare):
    websocket = bare.session()
    assert websocket.message(pings=True) == "2"
    for number in range(4):  # twice the time-out, without a pong
        raw.time.sleep(0.1)
        websocket.text(f"4{number}")
        assert websocket.message() == f"4{number}"
    websocket.close()


def test_the_client_closes_over_polling(outside):
    session = outside.polling()
    polled, posted = while_polling(outside, session, lambda: session.post("1"))
    assert (polled.status_code, polled.text, posted.status_code) == (200, "6", 200)
    assert session.get().status_code == 400


def test_the_client_closes_over_websocket(everywhere):
    websocket = everywhere.session()
    websocket.text("1")
    assert websocket.end() is not None or everywhere.kind == "stock"


def test_the_server_closes_and_says_so(bare):
    session, websocket = bare.polling(), bare.websocket()
    opened = json.loads(websocket.message()[1:])
    polled, _ = while_polling(bare, session, lambda: bare.eio.disconnect(session.sid))
    assert (polled.status_code, polled.text) == (200, "1")
    bare.eio.disconnect(opened["sid"])
    assert websocket.message() == "1"
    assert websocket.end() == frames.NORMAL


def test_what_was_sent_before_the_server_closed_is_still_fetched(bare):
    session = bare.polling()
    bare.eio.send(session.sid, "goodbye")
    bare.eio.disconnect(session.sid)
    assert session.get().text == "4goodbye\x1e1"
    assert session.get().status_code == 400


def test_the_upgrade(everywhere):
    session = everywhere.polling()
    websocket = everywhere.websocket(sid=session.sid)
    websocket.text("2probe")
    assert websocket.message() == "3probe"
    polled = session.get()
    assert (polled.status_code, polled.text) == (200, "6")
    websocket.text("5")
    websocket.text("4hello")
    assert websocket.message() in ("4hello", "6")  # stock sends a stray NOOP
    websocket.close()


def test_a_waiting_poll_ends_when_the_probe_is_answered(outside):
    session = outside.polling()
    websocket = outside.websocket(sid=session.sid)
    polled, _ = while_polling(outside, session, lambda: websocket.text("2probe"))
    assert (polled.status_code, polled.text) == (200, "6")
    websocket.close()


def upgraded(bare):
    session = bare.polling()
    websocket = bare.websocket(sid=session.sid)
    websocket.text("2probe")
    assert websocket.message() == "3probe"
    websocket.text("5")
    return session, websocket


def test_after_the_upgrade_polls_and_posts_are_refused(outside):
    session, websocket = upgraded(outside)
    assert session.get().status_code == 400
    assert session.post("4x").status_code == 400
    websocket.text("4hello")
    assert websocket.message() == "4hello"
    websocket.close()


def test_after_the_upgrade_a_second_websocket_is_closed(outside):
    session, websocket = upgraded(outside)
    second = outside.websocket(sid=session.sid)
    assert (second.status, second.end()) == (101, frames.POLICY)
    websocket.text("4hello")
    assert websocket.message() == "4hello"
    websocket.close()


@pytest.mark.parametrize("first", ["4hello", "5", "2", "3probe", "abc"])
def test_a_wrong_probe_leaves_the_session_on_polling(outside, first):
    session = outside.polling()
    websocket = outside.websocket(sid=session.sid)
    websocket.text(first)
    assert websocket.end() == frames.POLICY
    session.post("4still here")
    assert session.packets() == ["4still here"]


def test_an_upgrade_that_is_never_finished_is_given_up(serve_bare):
    bare = serve_bare(upgrade_timeout=0.1, ping_interval=5)
    session = bare.polling()
    websocket = bare.websocket(sid=session.sid)
    websocket.text("2probe")
    assert websocket.message() == "3probe"
    assert websocket.end() == frames.POLICY
    session.post("4still here")
    assert session.packets() == ["4still here"]


def test_a_websocket_that_hangs_up_while_probing_leaves_the_session_on_polling(bare):
    session = bare.polling()
    websocket = bare.websocket(sid=session.sid)
    websocket.text("2probe")
    assert websocket.message() == "3probe"
    websocket.close()
    raw.until(lambda: not bare.eio.sockets[session.sid].upgrading)
    session.post("4still here")
    assert session.packets() == ["4still here"]


def test_the_largest_payload_passes_and_one_more_byte_is_refused(outside):
    session = outside.polling()
    assert session.post("4" + "x" * 999_999).status_code == 200
    assert len(session.packets()[0]) == 1_000_000
    answer = session.post("4" + "x" * 1_000_000)
    assert answer.status_code == 413
    assert session.get().status_code == 400


def test_the_largest_message_passes_and_one_more_byte_is_refused(outside):
    websocket = outside.session()
    websocket.text("4" + "x" * 999_999)
    assert len(websocket.message()) == 1_000_000
    websocket.send(raw.masked(frames.TEXT, b"4" + b"x" * 1_000_000)[:20])
    assert websocket.end() == frames.TOO_BIG


def test_large_posts_wait_for_their_time(bare, monkeypatch):
    sizes = []

    class Line:
        def add(self, begin):
            gevent.get_hub().loop.run_callback(begin)

        def finished(self, size):
            sizes.append(size)

    monkeypatch.setattr(fair_queue, "large", Line)
    session = bare.polling()
    for size in (fair_queue.LARGE_BYTES, fair_queue.LARGE_BYTES + 1):
        assert session.post("4" + "x" * (size - 1)).status_code == 200
    head = f"POST {POLLING}&sid={session.sid} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close"
    body = f"{200_000:x}\r\n4{'x' * 199_999}\r\n0\r\n\r\n"
    assert raw.http(bare.address, f"{head}\r\n\r\n{body}".encode()).endswith(b"ok")
    assert sizes == [fair_queue.LARGE_BYTES + 1, 200_000]


def test_a_chunked_post_is_taken(outside):
    session = outside.polling()
    head = f"POST {POLLING}&sid={session.sid} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close"
    answer = raw.http(outside.address, f"{head}\r\n\r\n3\r\n4he\r\n3\r\nllo\r\n0\r\n\r\n".encode())
    assert answer.endswith(b"ok")
    assert session.packets() == ["4hello"]


def test_binary_bodies_belong_to_the_revision_before(outside):
    session = outside.polling()
    assert session.post("4x", headers={"Content-Type": "application/octet-stream"}).status_code == 400


def test_what_comes_right_behind_the_handshake_is_read(outside):
    websocket = outside.websocket(early=raw.masked(frames.TEXT, b"4early"))
    assert str(websocket.message()).startswith("0")
    assert websocket.message() == "4early"
    websocket.close()


def test_large_answers_are_compressed_for_who_takes_it(bare):
    session = bare.polling()
    session.post("4" + "x" * 5_000)
    answer = session.get(headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert len(answer.text) == 5_001


def test_browsers_of_other_origins_may_ask(outside):
    origin = {"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}
    answer = call(outside, POLLING, "OPTIONS", headers=origin)
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (200, "https://a.example")

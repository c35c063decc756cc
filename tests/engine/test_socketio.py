"""The Socket.IO protocol, revision 5."""

import json

import gevent
import pytest
import socketio
from socketio.exceptions import ConnectionRefusedError

from chatapp.engine import frames
from tests.engine import raw
from tests.server import REAL_CLIENTS


@pytest.mark.parametrize(
    ("sent", "prefix", "auth"),
    [
        ("40", "40", '42["auth",{}]'),
        ('40{"token":"123"}', "40", '42["auth",{"token":"123"}]'),
        ("40/custom,", "40/custom,", '42/custom,["auth",{}]'),
        ("40/custom", "40/custom,", '42/custom,["auth",{}]'),
        ('40/custom,{"token":"abc"}', "40/custom,", '42/custom,["auth",{"token":"abc"}]'),
        ("40/custom?a=b,", "40/custom,", '42/custom,["auth",{}]'),
    ],
)
def test_connect(everywhere, sent, prefix, auth):
    websocket = everywhere.session("socket.io")
    websocket.text(sent)
    answer = str(websocket.message())
    assert answer.startswith(prefix)
    assert list(json.loads(answer.removeprefix(prefix))) == ["sid"]
    assert websocket.message() == auth  # emitted in the connect handler: it comes after CONNECT


def test_an_unknown_namespace_is_refused(everywhere):
    websocket = everywhere.session("socket.io")
    websocket.text("40/random")
    assert websocket.message() == '44/random,{"message":"Invalid namespace"}'


@pytest.mark.parametrize(
    "sent",
    [
        "4abc",
        "4",
        "47",
        '44{"message":"x"}',
        '42["message","too early"]',
        '42/custom,["message","not connected"]',
        '43/custom,1["x"]',
        "41/custom,",
    ],
)
def test_what_does_not_begin_with_connect_is_closed(outside, sent):
    websocket = outside.session("socket.io")
    websocket.text(sent)
    assert websocket.end() == frames.POLICY


@pytest.mark.parametrize(
    "sent",
    [
        "4abc",
        "42{}",
        "42",
        "42[]",
        "42[null]",
        '42["connect"]',
        '42["disconnecting"]',
        '42["message"',
        '42abc["message-with-ack",1]',
        '42-1["message-with-ack",1]',
        '4212345678901234567890["message-with-ack"]',
        "43{}",
        "40",
        '41{"x":1}',
        "45",
        '45["message",{"_placeholder":true,"num":0}]',
        '450-["message"]',
        '4511-["message"]',
        '459999999999-["message"]',
        "4" + "[" * 100_000,
        '42["x",' + "[" * 100_000,
    ],
    ids=lambda text: text[:30],
)
def test_an_invalid_packet_closes_the_connection(outside, sent):
    websocket = outside.joined()
    websocket.text(sent)
    assert websocket.end() == frames.POLICY


@pytest.mark.parametrize("sent", ["4abc", '451-["message"]'])
def test_an_invalid_packet_closes_the_connection_on_stock_too(serve_bare, sent):
    websocket = serve_bare("stock").joined()
    websocket.text(sent)
    websocket.end()


@pytest.mark.parametrize(
    ("sent", "back"),
    [
        ('42["message",1,"2",{"3":[true]}]', '42["message-back",1,"2",{"3":[true]}]'),
        ('42["message"]', '42["message-back"]'),
        ('42["message","é😀\\u0000"]', '42["message-back","é😀\\u0000"]'),
        ('42["message",{"__proto__":{"x":1},"constructor":2}]', None),
        ('42456["message-with-ack",1,"2",{"3":[false]}]', '43456[1,"2",{"3":[false]}]'),
        ('420["message-with-ack"]', "430[]"),
        ('429223372036854775808["message-with-ack"]', "439223372036854775808[]"),
    ],
)
def test_events_and_acks(everywhere, sent, back):
    websocket = everywhere.joined()
    websocket.text(sent)
    assert websocket.message() == (back or sent.replace('"message"', '"message-back"'))


@pytest.mark.parametrize("depth", [200, 500, 900])
def test_deep_json_comes_back(outside, depth):
    websocket = outside.joined()
    nested = "[" * depth + "]" * depth
    websocket.text(f'42["message",{nested}]')
    assert websocket.message() == f'42["message-back",{nested}]'


def test_a_lone_surrogate_comes_back(outside):
    websocket = outside.joined()
    websocket.text('42["message","\\ud83d"]')
    assert websocket.message() == '42["message-back","\\ud83d"]'


def test_binary_events_and_acks(outside):
    websocket = outside.joined()
    placeholders = '{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}'
    for sent, back in (
        (f'452-["message",{placeholders}]', f'452-["message-back",{placeholders}]'),
        (f'452-789["message-with-ack",{placeholders}]', f"462-789[{placeholders}]"),
    ):
        websocket.text(sent)
        websocket.send(raw.masked(frames.BINARY, b"\x01\x02\x03") + raw.masked(frames.BINARY, b"\x04\x05"))
        assert [websocket.message() for _ in range(3)] == [back, b"\x01\x02\x03", b"\x04\x05"]


@pytest.mark.parametrize(
    "frame",
    [
        raw.masked(frames.BINARY, b"belongs to nothing"),
        raw.masked(frames.TEXT, b'451-["message",{"_placeholder":true,"num":0}]') + raw.masked(frames.TEXT, b'42["x"]'),
        raw.masked(frames.TEXT, b'451-["message",{"_placeholder":true,"num":7}]') + raw.masked(frames.BINARY, b"x"),
    ],
)
def test_binary_data_out_of_place_closes_the_connection(outside, frame):
    websocket = outside.joined()
    websocket.send(frame)
    assert websocket.end() in (frames.UNSUPPORTED, frames.POLICY)


def test_where_binary_is_not_enabled_it_is_refused_with_a_reason(serve_bare):
    bare = serve_bare(binary=False)
    bare.sio.binary_refusal = lambda sid: {"error": "no binary data"}
    websocket = bare.joined()
    websocket.text('452-7["message",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]')
    assert websocket.message() == '437[{"error":"no binary data"}]'
    websocket.send(raw.masked(frames.BINARY, b"x") * 2)
    websocket.text('42["message","still here"]')
    assert websocket.message() == '42["message-back","still here"]'


def test_leaving_the_main_namespace_leaves_the_connection(everywhere):
    websocket = everywhere.joined()
    websocket.text("41")
    assert websocket.message(pings=True) == "2"


def test_leaving_one_namespace_leaves_the_other(everywhere):
    websocket = everywhere.joined()
    websocket.text("40/custom")
    assert str(websocket.message()).startswith("40/custom,")
    assert websocket.message() == '42/custom,["auth",{}]'
    websocket.text("41/custom")
    websocket.text('42["message","to the main namespace"]')
    assert websocket.message() == '42["message-back","to the main namespace"]'


def test_the_end_of_a_session_is_told_though_its_last_packet_is_invalid(serve_bare, monkeypatch):
    bare, gone, busy = serve_bare(async_handlers=False), [], []
    monkeypatch.setitem(bare.sio.handlers["/"], "disconnect", lambda sid, reason: gone.append(reason))

    def work(sid):
        busy.append(sid)
        while bare.sio.eio.sockets:
            gevent.sleep(0.01)

    bare.sio.on("work", work)
    websocket = bare.joined()
    websocket.text('42["work"]')
    websocket.text("49 is no packet")
    raw.until(lambda: busy)
    websocket.close()
    raw.until(lambda: gone)
    assert not bare.sio.eio.over


def test_the_server_disconnects(everywhere):
    websocket = everywhere.joined()
    websocket.text('42["disconnect-me"]')
    assert websocket.message() == "41"


def test_who_does_not_join_in_time_is_closed(serve_bare):
    bare = serve_bare(connect_timeout=0.2, ping_interval=5)
    polling, websocket = bare.polling("socket.io"), bare.session("socket.io")
    assert polling.get().text == "1"
    assert websocket.message() == "1"
    assert websocket.end() == frames.POLICY
    assert not bare.sio.eio.sockets


def test_who_leaves_the_last_namespace_has_to_join_again_in_time(serve_bare):
    bare = serve_bare(connect_timeout=0.2, ping_interval=5)
    websocket = bare.joined()
    raw.time.sleep(0.3)
    websocket.text("41")
    assert websocket.message() == "1"
    assert websocket.end() == frames.POLICY


def test_who_joins_in_time_stays_on_stock_and_others_go(serve_bare):
    bare = serve_bare("stock", connect_timeout=0.2, ping_interval=5)
    joined, silent = bare.joined(), bare.session("socket.io")
    assert silent.message() == "1"
    joined.text('42["message","here"]')
    assert joined.message() == '42["message-back","here"]'


@pytest.mark.parametrize("kind", ["chatapp", "stock"])
@pytest.mark.parametrize("refusal", [ConnectionRefusedError("not today", {"code": "X"}), False])
def test_a_refused_connect_hears_why(serve_bare, kind, refusal):
    bare = serve_bare(kind)

    def connect(sid, environ, auth):
        bare.sio.emit("never", to=sid)
        if refusal is False:
            return False
        raise refusal

    bare.sio.on("connect", connect)
    websocket = bare.session("socket.io")
    websocket.text("40")
    reasons = ['44{"message":"not today","data":{"code":"X"}}', '44{"message":"Connection rejected by server"}']
    assert websocket.message() == reasons[refusal is False]


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_a_refused_client_is_not_kept_until_the_time_to_connect_is_over(serve_bare, transport):
    bare = serve_bare(connect_timeout=600, ping_interval=300)
    bare.sio.on("connect", lambda *_: False)
    refusal = '44{"message":"Connection rejected by server"}'
    if transport == "polling":  # python-engineio's client sends no CLOSE when its POST is still being answered
        session = bare.polling("socket.io")
        session.post("40")
        assert session.packets() == [refusal]
        assert session.get().text == "1"
    else:
        websocket = bare.session("socket.io")
        websocket.text("40")
        assert websocket.message() == refusal
        assert websocket.message() == "1" and websocket.end() == frames.POLICY
    assert not bare.sio.eio.sockets


def test_a_refused_client_may_connect_again(serve_bare):
    bare, answers = serve_bare(connect_timeout=600, ping_interval=300), [False, True]
    bare.sio.on("connect", lambda *_: answers.pop(0))
    websocket = bare.session("socket.io")
    websocket.text("40")
    assert str(websocket.message()).startswith("44{")
    websocket.text("40")
    assert str(websocket.message()).startswith("40{")


def test_a_connect_handler_that_fails_lets_nobody_in(bare, monkeypatch):
    monkeypatch.setitem(bare.sio.handlers["/"], "connect", lambda *_: 1 / 0)
    websocket = bare.session("socket.io")
    websocket.text("40")
    assert websocket.message() == '44{"message":"Internal error"}'


def test_what_is_sent_while_the_connect_handler_runs_follows_it(bare, monkeypatch):
    connect = bare.sio.handlers["/"]["connect"]

    def slow(sid, *more):
        (session,) = bare.sio.eio.sockets.values()
        raw.until(lambda: session._inbox._waiting)
        return connect(sid, *more)

    monkeypatch.setitem(bare.sio.handlers["/"], "connect", slow)
    websocket = bare.session("socket.io")
    websocket.text("40")
    websocket.text('421["message-with-ack","early"]')
    assert str(websocket.message()).startswith("40{")
    assert websocket.message() == '42["auth",{}]'
    assert websocket.message() == '431["early"]'


def test_who_hangs_up_while_the_connect_handler_runs_leaves_nothing(bare, monkeypatch):
    gone = []
    monkeypatch.setitem(
        bare.sio.handlers["/"], "connect", lambda *_: raw.until(lambda: not bare.sio.eio.sockets) and None
    )
    monkeypatch.setitem(bare.sio.handlers["/"], "disconnect", lambda sid, reason: gone.append(reason))
    raw.until(lambda: not list(bare.sio.manager.get_participants("/", None)))
    websocket = bare.session("socket.io")
    websocket.text("40")
    websocket.close()
    raw.until(lambda: gone)
    assert not list(bare.sio.manager.get_participants("/", None))
    raw.until(lambda: bare.sio.environ == {})


class TestPythonClient:
    """python-socketio's own client."""

    pytestmark = REAL_CLIENTS

    @pytest.mark.parametrize("transports", [["polling"], ["websocket"], ["polling", "websocket"]])
    def test_events_acks_and_binary(self, outside, transports):
        shared = {"http_session": outside.http} if outside.kind == "workers" else {}
        client, back = socketio.Client(reconnection=False, **shared), []
        client.on("message-back", lambda *arguments: back.append(arguments))
        client.connect(outside.url, transports=transports, wait_timeout=raw.PATIENCE_SECONDS)
        assert client.call("message-with-ack", ("x", {"y": 1}), timeout=raw.PATIENCE_SECONDS) == ("x", {"y": 1})
        client.emit("message", (b"\x01\x02", "text"))
        raw.until(lambda: back)
        assert back == [(b"\x01\x02", "text")]
        client.disconnect()

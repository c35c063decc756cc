"""A client that is too slow: what waits for it is bounded, and it is told to sync when it has caught up."""

import json

import gevent
import pytest

from chatapp.engine import frames
from chatapp.engine.inbox import LAGGING_PAUSE_SECONDS
from chatapp.engine.traffic_limits import Limits
from tests.engine import raw

BUFFER = 200_000
CHUNK = "x" * 20_000


@pytest.fixture(params=["chatapp", "stock"])
def slow(request, serve_bare):
    """A bare app with small buffers; `resyncs` has the sids that were told."""

    def serve(**more):
        seconds = more.pop("slow_seconds", 30)
        options = {"ping_interval": 20, "ping_timeout": 20, **more}
        if request.param == "stock":
            options |= {"buffer_bytes": BUFFER, "slow_seconds": seconds}
        else:
            options |= {"limits": Limits(buffer_bytes=BUFFER, slow_seconds=seconds)}
        resyncs = []
        bare = serve_bare_of(serve_bare, request.param, options, resyncs)
        return bare, resyncs

    return serve


def serve_bare_of(serve_bare, kind, options, resyncs):
    bare = serve_bare(kind, **options)
    bare.sio._on_resync = resyncs.append
    return bare


def join_slowly(bare):
    """Return a joined WebSocket that does not read on."""
    websocket = bare.joined()
    (sid, eio_sid), *_ = list(bare.sio.manager.get_participants("/", None))
    return websocket, sid, eio_sid


def emit_until(bare, sid, condition, most=2_000):
    """Emit chunks until the condition holds; return how many."""
    for number in range(most):
        if condition():
            return number
        bare.sio.emit("chunk", [number, CHUNK], to=sid)
        gevent.sleep(0)
    raise AssertionError("the socket took everything")


def lags(bare, eio_sid):
    session = bare.sio.eio.sockets[eio_sid]
    if bare.kind == "stock":
        return bool(session._lags_since)
    return session.is_lagging


def waiting(bare, eio_sid):
    session = bare.sio.eio.sockets[eio_sid]
    if bare.kind == "stock":
        return session._waiting
    return session.unread_bytes


def chunk_numbers(texts):
    events = [json.loads(text[2:]) for text in texts if text.startswith("42")]
    return [event[1][0] for event in events if event[0] == "chunk"]


def test_a_websocket_that_does_not_read_lags_and_hears_when_it_has_caught_up(slow):
    bare, resyncs = slow()
    websocket, sid, eio_sid = join_slowly(bare)
    sent = emit_until(bare, sid, lambda: lags(bare, eio_sid))
    for _ in range(50):
        bare.sio.emit("chunk", ["dropped", CHUNK], to=sid)
    assert waiting(bare, eio_sid) <= BUFFER + len(CHUNK) * 2
    assert resyncs == []
    bare.sio._on_resync = lambda who: (resyncs.append(who), bare.sio.emit("resync", to=who))
    texts = []
    while not texts or texts[-1] != '42["resync"]':
        texts.append(websocket.message())
    numbers = chunk_numbers(texts)
    assert numbers == list(range(len(numbers)))  # whole frames, in order, up to where it began to lag
    assert len(numbers) < sent + 1
    assert resyncs == [sid]
    bare.sio.emit("chunk", ["again", "x"], to=sid)
    assert websocket.message() == '42["chunk",["again","x"]]'


def test_a_client_that_does_not_poll_lags_and_hears_when_it_polls(slow):
    bare, resyncs = slow()
    session = bare.polling("socket.io")
    session.post("40")
    assert len(session.packets()) == 2
    (sid, eio_sid), *_ = list(bare.sio.manager.get_participants("/", None))
    emit_until(bare, sid, lambda: lags(bare, eio_sid))
    assert waiting(bare, eio_sid) <= BUFFER
    bare.sio._on_resync = lambda who: (resyncs.append(who), bare.sio.emit("resync", to=who))
    assert session.packets() == ['42["resync"]']
    assert resyncs == [sid]
    bare.sio.emit("chunk", "again", to=sid)
    assert session.packets() == ['42["chunk","again"]']


def test_the_answer_to_a_poll_that_is_being_written_counts_as_waiting(serve_bare):
    bare = serve_bare(limits=Limits(buffer_bytes=BUFFER), ping_interval=20)
    client = bare.polling("socket.io")
    client.post("40")
    assert len(client.packets()) == 2
    (sid, eio_sid), *_ = list(bare.sio.manager.get_participants("/", None))
    bare.sio.emit("large", "x" * 20 * BUFFER, to=sid)
    sock = raw.connect(bare.address)
    sock.setsockopt(raw.socket.SOL_SOCKET, raw.socket.SO_RCVBUF, 4_096)
    path = f"/socket.io/?EIO=4&transport=polling&sid={client.sid}"
    sock.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    session = bare.sio.eio.sockets[eio_sid]
    raw.until(lambda: session._polling.answering)
    bare.sio.emit("chunk", [0, CHUNK], to=sid)
    assert session.is_lagging
    assert session._polling.queued_bytes == 0
    sock.close()


def test_who_asks_and_does_not_read_the_answers_is_answered_slowly(serve_bare, monkeypatch):
    bare = serve_bare(limits=Limits(buffer_bytes=BUFFER), ping_interval=20)
    websocket, sid, eio_sid = join_slowly(bare)
    pauses, handled = [], []
    real = gevent.sleep
    monkeypatch.setattr("chatapp.engine.session_transport.gevent.sleep", lambda s: pauses.append(s) or real(s / 100))
    bare.sio.on("ask", lambda sid, number: handled.append(number))
    websocket.text('42["ask",0]')
    raw.until(lambda: handled == [0])
    assert LAGGING_PAUSE_SECONDS not in pauses
    emit_until(bare, sid, lambda: lags(bare, eio_sid))
    for number in range(1, 8):
        websocket.text(f'42["ask",{number}]')
    raw.until(lambda: len(handled) == 8)
    assert handled == list(range(8))
    assert [pause for pause in pauses if pause >= LAGGING_PAUSE_SECONDS] == [0.25, 0.5, 1, 2, 4, 4, 4]


def test_a_lagging_websocket_that_takes_nothing_is_closed(slow):
    bare, _ = slow(slow_seconds=0.2)
    websocket, sid, eio_sid = join_slowly(bare)
    emit_until(bare, sid, lambda: lags(bare, eio_sid))
    raw.until(
        lambda: bare.sio.emit("chunk", "more", to=sid) or eio_sid not in bare.sio.eio.sockets or closed(bare, eio_sid)
    )
    raw.until(lambda: not list(bare.sio.manager.get_participants("/", None)))
    websocket.close()


def closed(bare, eio_sid):
    return bare.sio.eio.sockets[eio_sid].closed


def test_a_lagging_client_that_does_not_poll_is_closed(slow):
    bare, _ = slow(slow_seconds=0.2)
    session = bare.polling("socket.io")
    session.post("40")
    assert len(session.packets()) == 2
    (sid, eio_sid), *_ = list(bare.sio.manager.get_participants("/", None))
    emit_until(bare, sid, lambda: lags(bare, eio_sid))
    raw.until(
        lambda: bare.sio.emit("chunk", "more", to=sid) or eio_sid not in bare.sio.eio.sockets or closed(bare, eio_sid)
    )
    assert session.get().status_code == 400


def test_one_large_message_is_no_backlog(slow):
    bare, resyncs = slow()
    websocket, sid, _ = join_slowly(bare)
    bare.sio.emit("large", "x" * 5 * BUFFER, to=sid)
    gevent.sleep(0)
    assert len(websocket.message()) > 5 * BUFFER
    assert resyncs == []


def test_a_slow_client_does_not_hold_up_others(slow):
    bare, _ = slow()
    websocket, sid, eio_sid = join_slowly(bare)
    quick = bare.joined()
    emit_until(bare, sid, lambda: lags(bare, eio_sid))
    bare.sio.emit("news", "for all")
    while True:
        text = quick.message()
        if text.startswith('42["news"'):
            break
    websocket.close()


def test_pings_reach_a_client_that_lags(serve_bare):
    bare = serve_bare(limits=Limits(buffer_bytes=BUFFER), ping_interval=0.3, ping_timeout=20)
    websocket, sid, eio_sid = join_slowly(bare)
    emit_until(bare, sid, lambda: lags(bare, eio_sid))
    raw.time.sleep(0.5)
    texts = []
    while "2" not in texts:
        texts.append(websocket.message(pings=True))


def test_a_client_that_pings_and_does_not_read_is_closed(serve_bare):
    bare = serve_bare(limits=Limits(buffer_bytes=BUFFER, frames=1 << 30, received_bytes=1 << 30), ping_interval=20)
    websocket = bare.session()
    ping = raw.masked(frames.PING, b"x" * 125) * 500
    with pytest.raises(OSError):
        for _ in range(2_000):
            websocket.send(ping)
    raw.until(lambda: not bare.eio.sockets)


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_who_asks_for_much_gets_all_of_it_as_fast_as_they_read(serve_bare, transport):
    bare, answered = serve_bare(async_handlers=False, limits=Limits(buffer_bytes=BUFFER), ping_interval=20), []

    def get(sid, number):
        answered.append(number)
        return f"{number} " + "x" * 6_000_000  # more than the kernel takes

    bare.sio.on("get", get)
    bare.sio.reads = {"get"}
    packets = [f'42{number}["get",{number}]' for number in range(4)]
    if transport == "websocket":
        client = bare.joined()
        for packet in packets:
            client.text(packet)
    else:
        client = bare.polling("socket.io")
        client.post("40")
        client.post("\x1e".join(packets))
    raw.until(lambda: answered)
    gevent.sleep(0.3)
    assert answered == [0]
    found = []
    while len(found) < len(packets):
        texts = [client.message()] if transport == "websocket" else client.packets()
        found += [text[:9] for text in texts if text.startswith("43")]
    assert found == [f'43{number}["{number} xx' for number in range(4)]


def test_of_a_client_that_is_gone_only_what_changes_something_is_done(serve_bare):
    bare, done = serve_bare(async_handlers=False), []

    def act(sid, number):
        done.append(number)
        gevent.sleep(0.1)

    for event in ("get", "send"):
        bare.sio.on(event, act)
    bare.sio.reads = {"get"}
    websocket = bare.joined()
    for number, event in enumerate(("get", "get", "send", "get", "send")):
        websocket.text(f'42["{event}",{number}]')
    raw.until(lambda: done)
    websocket.close()
    raw.until(lambda: done == [0, 2, 4])
    raw.until(lambda: not bare.sio.eio.over)


def test_the_realtime_door_calls_the_handler_in_a_greenlet_of_its_own(ann, monkeypatch):
    from chatapp.realtime import resync

    told, here = [], gevent.getcurrent()
    monkeypatch.setattr(resync, "_handler", None)
    resync.resync("nobody listens")
    resync.set_handler(lambda sid: told.append((sid, gevent.getcurrent() is here)))
    resync.resync("a sid")
    raw.until(lambda: told)
    assert told == [("a sid", False)]

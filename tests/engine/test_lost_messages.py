"""Cases in which the libraries' own server loses messages: here none is lost, or the client is told to sync."""

import socket
import struct
import threading

import gevent
import pytest

from chatapp.engine import http_handler, idle_connections
from tests.engine import raw

PATH = "/engine.io/?EIO=4&transport=polling"


def begin_poll(bare, session, answered=False, **options):
    """Return the connection of a poll that waits, or whose answer has begun to come."""
    sock = bare.connect()
    for option, value in options.items():
        sock.setsockopt(socket.SOL_SOCKET, getattr(socket, option), value)
    sock.sendall(f"GET {PATH}&sid={session.sid} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    if answered:
        sock.recv(1, socket.MSG_PEEK)
    else:
        bare.wait_for_poll(session.sid)
    return sock


def test_a_cancelled_poll_takes_no_message_with_it(either):
    session = either.polling()
    begin_poll(either, session).close()
    raw.until(lambda: either.kind == "stock" or session.sid not in either.eio.sockets)  # stock looks when it answers
    either.eio.send(session.sid, "nobody polls")
    assert session.get().status_code == 400  # so that the client connects anew, and syncs


def test_a_cancelled_poll_closes_the_session_at_once(bare):
    session, reasons = bare.polling(), []
    bare.eio.on("disconnect", lambda sid, reason: reasons.append(reason))
    begin_poll(bare, session).close()
    raw.until(lambda: reasons)
    assert reasons == ["transport error"]


def test_after_a_cancelled_poll_the_session_is_unknown(outside):
    session = outside.polling()
    begin_poll(outside, session).close()
    raw.until(lambda: not outside.knows(session.sid))
    assert session.get().status_code == 400


def test_two_polls_do_not_share_the_messages(everywhere):
    session = everywhere.polling()
    first = begin_poll(everywhere, session)
    assert session.get().status_code == 400
    assert first.recv(65_536).endswith(b"1")
    assert session.get().status_code == 400


@pytest.mark.parametrize("kind", ["chatapp", "stock"])
@pytest.mark.parametrize("count", [16, 17, 200, 2_000])
def test_any_number_of_packets_in_one_post_is_taken(serve_bare, kind, count):
    # The libraries' server makes a greenlet for each: longer than a ping of the bare app waits for its answer.
    session = serve_bare(kind, ping_interval=25, ping_timeout=20).polling()
    texts = [f"4{number}" for number in range(count)]
    assert session.post("\x1e".join(texts)).status_code == 200
    got = []
    while len(got) < count:
        got += session.packets()
    assert got == texts


@pytest.mark.parametrize("size", [1_000_001, 6_000_000])
def test_an_oversize_post_is_answered(either, size):
    session = either.polling()
    assert session.post("4" + "x" * (size - 1)).status_code in (400, 413)
    assert session.get().status_code == 400


def test_an_oversize_post_is_answered_before_its_body_is_read(bare):
    session = bare.polling()
    sock = raw.connect(bare.address)
    head = f"POST {PATH}&sid={session.sid} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n"
    sock.sendall(head.encode())
    assert b" 413 " in raw.rest_of(sock).partition(b"\r\n")[0]


def test_a_poll_cut_while_its_answer_is_written_closes_the_session(bare):
    session = bare.polling()
    session.post("4" + "x" * 900_000)
    sock = begin_poll(bare, session, answered=True, SO_RCVBUF=4096)
    sock.close()
    raw.until(lambda: session.sid not in bare.eio.sockets)
    assert session.get().status_code == 400


def test_a_poll_cut_before_its_answer_was_read_closes_the_session(bare):
    session = bare.polling()
    session.post("4lost on the way")
    begin_poll(bare, session, answered=True).close()  # with the answer unread: the kernel resets the connection
    raw.until(lambda: session.sid not in bare.eio.sockets)
    assert session.get().status_code == 400


def test_a_poll_reset_by_the_network_closes_the_session(bare):
    session = bare.polling()
    sock = begin_poll(bare, session)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()
    raw.until(lambda: session.sid not in bare.eio.sockets)


@pytest.mark.parametrize("is_clients_own", [True, False])
def test_a_proxy_that_resets_a_connection_ends_nobody_s_session(bare, monkeypatch, is_clients_own):
    """HAProxy resets idle connections to servers, whose answers the clients have read long ago."""
    monkeypatch.setattr(http_handler.Handler, "is_clients_own", is_clients_own)
    session = bare.polling()
    session.post("4read")
    sock = begin_poll(bare, session, answered=True)
    assert sock.recv(65_536).endswith(b"4read")
    connections = idle_connections.current().open
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()
    raw.until(lambda: idle_connections.current().open < connections)  # its end was noticed
    session.post("4next")
    assert ("4next" in session.get().text.split("\x1e")) is not is_clients_own


def test_a_poll_that_was_read_leaves_the_session_open(bare):
    session = bare.polling()
    session.post("4first")
    assert session.get(headers={"Connection": "close"}).text == "4first"
    session.post("4second")
    assert session.packets() == ["4second"]


@pytest.mark.parametrize("kind", ["chatapp", "stock"])
def test_an_upgrade_loses_nothing_of_what_is_on_its_way(serve_bare, kind):
    """The server and the client send all the time, before, while and after the transport changes."""
    bare, received, count = serve_bare(kind, ping_interval=5, ping_timeout=5), [], 300
    bare.eio.on("message", lambda sid, text: received.append(text))
    session, got = bare.polling(), []

    def emit():
        for number in range(count):
            bare.eio.send(session.sid, f"down {number}")
            gevent.sleep(0.001)

    emitter = gevent.spawn(emit)
    paused = threading.Event()

    def poll():
        while not paused.is_set():
            got.extend(packet for packet in session.get().text.split("\x1e") if packet != "6")

    poller = threading.Thread(target=poll)
    poller.start()
    for number in range(0, 30, 3):
        session.post("\x1e".join(f"4up {number + step}" for step in range(3)))
    websocket = bare.websocket(sid=session.sid)
    websocket.text("2probe")
    assert websocket.message() == "3probe"
    session.post("4up 30")
    paused.set()
    poller.join()
    websocket.text("5")
    for number in range(31, 60):
        websocket.text(f"4up {number}")
    while len(got) < count:
        message = websocket.message()
        if message != "6":  # stock sends a stray NOOP
            got.append(message)
    emitter.join()
    assert got == [f"4down {number}" for number in range(count)]
    raw.until(lambda: len(received) == 60)
    assert received == [f"up {number}" for number in range(60)]

"""Connections that move to the worker that owns their session: real sockets and descriptors, in one process."""

import socket
from io import BufferedReader
from typing import Any

import gevent
import pytest

from chatapp.engine.relay import MOST_BYTES, Relay
from tests.conftest import eventually

TARGET = "/socket.io/?EIO=4&transport=polling"


class Worker:
    def __init__(self, folder, name, sessions=0):
        self.sessions = sessions
        self.others: dict[str, int | None] = {}
        self.taken: list[tuple[Any, Any, BufferedReader]] = []
        self.relay = Relay(folder, name, peers=lambda: self.others, sessions=lambda: self.sessions)
        self.relay.start(lambda *connection: self.taken.append(connection))


@pytest.fixture
def pair(tmp_path):
    one, two = Worker(tmp_path, "one"), Worker(tmp_path, "two")
    one.others, two.others = {"two": 0}, {"one": 0}
    yield one, two
    for worker in (one, two):
        worker.relay.stop()
        for sock, _, file in worker.taken:
            file.close()
            sock.close()


def connection():
    """Return both ends of a TCP connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        server, address = listener.accept()
    return client, server, address


def test_a_session_s_requests_go_to_its_owner(pair):
    one, _ = pair
    assert one.relay.owner(TARGET + "&sid=two.abc") == "two"
    assert one.relay.owner(TARGET + "&sid=one.abc") is None


@pytest.mark.parametrize("sid", ["three.abc", "abc", "..", "two", "%00.x", ""])
def test_an_owner_that_is_not_there_is_nobody_s_business(pair, sid):
    one, _ = pair
    one.others = {}
    assert one.relay.owner(f"{TARGET}&sid={sid}") is None


def test_a_handshake_goes_to_the_emptiest_and_a_crowd_to_all(pair):
    one, _ = pair
    one.sessions, one.others = 10, {"two": 4, "three": 6}
    assert one.relay.owner(TARGET) == "two"
    went = [one.relay.owner(TARGET) for _ in range(9)]
    assert went.count("two") == 5 and went.count("three") == 4
    assert one.relay.owner(TARGET) is None
    one.others = {"two": 9, "three": 11}  # their heartbeats have come
    assert one.relay.owner(TARGET) == "two"


def test_no_handshake_goes_to_a_worker_that_is_silent_but_its_own_requests_do(pair):
    one, _ = pair
    one.sessions, one.others = 10, {"two": None}
    assert one.relay.owner(TARGET) is None
    assert one.relay.owner(TARGET + "&sid=two.abc") == "two"


def test_a_connection_moves_with_what_was_read_and_what_still_comes(pair):
    one, two = pair
    client, server, address = connection()
    assert one.relay.pass_on(server, address, b"GET / HTTP/1.1\r\n\r\nbegun", "two")
    server.close()
    eventually(lambda: two.taken)
    (sock, given, file) = two.taken[0]
    assert given == address
    assert file.readline() == b"GET / HTTP/1.1\r\n"
    assert file.readline() == b"\r\n"
    client.sendall(b" and ended\n")
    assert file.readline() == b"begun and ended\n"
    sock.sendall(b"answer")
    assert client.recv(100) == b"answer"
    client.close()
    assert file.read() == b""


def test_nothing_that_waits_is_nothing_yet(pair):
    """A peek at a connection that is to be taken over does not wait."""
    one, two = pair
    client, server, address = connection()
    assert one.relay.pass_on(server, address, b"", "two")
    server.close()
    eventually(lambda: two.taken)
    sock, _, file = two.taken[0]
    sock.settimeout(0)
    assert not file.peek(1)
    client.sendall(b"x")
    eventually(lambda: file.peek(1) == b"x")
    client.close()


def test_an_owner_that_has_stopped_or_died_takes_nothing_and_the_connection_stays(pair):
    one, two = pair
    client, server, address = connection()
    two.relay.stop()
    assert not one.relay.pass_on(server, address, b"head", "two")
    server.sendall(b"still here")
    assert client.recv(100) == b"still here"
    client.close()
    server.close()


def test_a_head_that_is_too_large_stays(pair):
    one, two = pair
    client, server, address = connection()
    assert not one.relay.pass_on(server, address, bytes(MOST_BYTES), "two")
    assert one.relay.pass_on(server, address, bytes(150_000), "two")
    server.close()
    eventually(lambda: two.taken)
    assert two.taken[0][2].read(150_000) == bytes(150_000)
    client.close()


def test_what_brings_no_connection_is_dropped(pair, tmp_path):
    one, two = pair
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as way:
        way.connect(str(tmp_path / "two.fd"))
        way.send(b"nothing")
    client, server, address = connection()
    assert one.relay.pass_on(server, address, b"x", "two")
    server.close()
    eventually(lambda: two.taken)
    assert len(two.taken) == 1
    client.close()
    gevent.sleep(0)

"""Sessions of another machine: two served apps in one process, whose requests are sent on over a carrier in memory."""

import re
import socket
from typing import Any

import gevent
import pytest
import requests

from chatapp.engine.far_sessions import FarSessions
from chatapp.engine.foreign_requests import ForeignRequests
from chatapp.engine.streams import Streams
from tests.conftest import eventually
from tests.engine import raw
from tests.engine.conftest import Bare

PATIENT = {"ping_interval": 20, "ping_timeout": 20}
UNKNOWN = {"code": 1, "message": "Session ID unknown"}


def mirrored(data: bytes) -> bytes:
    """Return the bytes as nobody reads them; those again as they were."""
    return data[::-1]


class Machine:
    """A machine: its app, and what it sends to the other ones."""

    def __init__(self, name: str, bare: Bare, machines: dict[str, "Machine"]) -> None:
        self.name, self.bare, self.machines = name, bare, machines
        self.sent: list[Any] = []
        self.loses: Any = lambda _: False
        self.is_reachable = True
        self.is_crowded = False
        bare.eio.name = name
        self.streams = Streams(
            self._send, self.way, ForeignRequests(bare.eio, 2).serve, lambda: self.is_crowded, mirrored, mirrored
        )
        self.far = FarSessions(self.streams, self.way, most_bytes=1_000_000, seconds=5, slow_seconds=2)
        bare.eio.elsewhere = self.far

    def way(self, name: str) -> object:
        other = self.machines.get(name)
        return "wire" if other is not None and other is not self and other.is_reachable and self.is_reachable else None

    def _send(self, peer: str, message: Any) -> bool:
        self.sent.append(message)
        if peer not in self.machines:
            return False
        if not self.loses(message):
            gevent.spawn(self.machines[peer].streams.received, self.name, message)
        return True

    def polling(self, owner: "Machine") -> raw.Polling:
        """Return a new session of the owner, whose requests come here."""
        polling = owner.bare.polling()
        polling.url = self.bare.url + "/engine.io/?EIO=4&transport=polling"
        return polling


@pytest.fixture
def pair(serve_bare):
    machines: dict[str, Machine] = {}
    for name in ("one", "two"):
        machines[name] = Machine(name, serve_bare(**PATIENT), machines)
    yield machines["one"], machines["two"]
    raw.close_all()
    for machine in machines.values():
        eventually(lambda machine=machine: not len(machine.streams))


def test_what_a_client_says_to_one_machine_its_session_on_another_one_hears(pair):
    one, two = pair
    polling = one.polling(two)
    for number in range(5):
        assert polling.post(f"4hello {number}").text == "ok"
        answer = polling.get()
        assert answer.text == f"4hello {number}"
        assert answer.headers["Content-Type"] == "text/plain; charset=UTF-8"


def test_requests_by_turns_at_both_machines_bring_everything_in_order_and_once(pair):
    one, two = pair
    polling = one.polling(two)
    urls = [machine.bare.url + "/engine.io/?EIO=4&transport=polling" for machine in pair]
    heard = []
    with requests.Session() as browser:
        for number in range(200):
            url = f"{urls[number % 2]}&sid={polling.sid}"
            assert browser.post(url, data=f"4{number}", timeout=5).text == "ok"
            heard += browser.get(f"{urls[number // 2 % 2]}&sid={polling.sid}", timeout=5).text.split("\x1e")
    assert heard == [f"4{number}" for number in range(200)]


def test_a_poll_waits_for_its_session(pair):
    one, two = pair
    polling = one.polling(two)
    poll = gevent.spawn(polling.get)
    two.bare.wait_for_poll(polling.sid)
    two.bare.eio.send(polling.sid, "at last")
    assert poll.get(timeout=5).text == "4at last"


def test_bodies_and_answers_are_as_large_as_they_may_be(pair):
    one, two = pair
    polling = one.polling(two)
    text = "4" + "x" * 999_000
    assert polling.post(text).text == "ok"
    assert polling.get().text == text
    assert all(len(frame.get("data", b"")) <= 65_536 for message in one.sent + two.sent for frame in message["frames"])


def test_a_body_that_is_too_large_ends_the_session_as_it_does_at_home(pair):
    one, two = pair
    polling = one.polling(two)
    assert polling.post("4" + "x" * 1_000_000).status_code == 413
    assert polling.get().json() == UNKNOWN
    assert not sum(len(frame.get("data", b"")) for message in one.sent for frame in message["frames"])


def test_the_body_of_a_session_that_nobody_knows_is_not_carried(pair):
    one, two = pair
    polling = one.polling(two)
    polling.opened["sid"] = "two.made-up"
    assert polling.post("4" + "x" * 900_000).json() == UNKNOWN
    assert sum(len(frame.get("data", b"")) for message in one.sent for frame in message["frames"]) == 0


def test_a_body_that_does_not_come_ends_the_session_as_it_does_at_home(pair):
    one, two = pair
    polling = one.polling(two)
    sock = raw.connect(one.bare.address)
    target = f"/engine.io/?EIO=4&transport=polling&sid={polling.sid}"
    sock.sendall(f"POST {target} HTTP/1.1\r\nHost: a\r\nContent-Length: 900000\r\n\r\n4begun".encode())
    sock.shutdown(socket.SHUT_WR)
    assert b"400 Bad Request" in raw.rest_of(sock)
    eventually(lambda: polling.sid not in two.bare.eio.sockets)


def test_chunks_become_one_body(pair):
    one, two = pair
    polling = one.polling(two)
    assert polling.post(iter([b"4in ", b"pieces"])).text == "ok"
    assert polling.get().text == "4in pieces"


def test_while_the_wire_is_crowded_everything_waits(pair):
    one, two = pair
    polling = one.polling(two)
    one.is_crowded = True
    posting = gevent.spawn(polling.post, "4x")
    eventually(lambda: one.streams._is_flush_planned)
    assert not one.sent
    one.is_crowded = False
    assert posting.get(timeout=5).text == "ok"


@pytest.mark.parametrize("sid", ["three.abc", "two", "two." + "x" * 200, "%ff%00.x", "one.abc", "."])
def test_ids_of_nobody_are_unknown(pair, sid):
    one, _ = pair
    for method in ("GET", "POST"):
        answer = requests.request(method, f"{one.bare.url}/engine.io/?EIO=4&transport=polling&sid={sid}", timeout=5)
        assert answer.json() == UNKNOWN
        assert answer.status_code == 400
    assert not one.sent


def test_answers_have_the_headers_of_the_machine_that_was_asked(pair):
    one, two = pair
    polling = one.polling(two)
    polling.post("4" + "x" * 5_000)
    answer = polling.get(headers={"Accept-Encoding": "gzip", "Origin": "https://chat.example.com"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.headers["Access-Control-Allow-Origin"] == "https://chat.example.com"
    assert answer.text == "4" + "x" * 5_000
    preflight = requests.options(f"{polling.url}&sid={polling.sid}", headers={"Origin": "https://a.example"}, timeout=5)
    assert preflight.status_code == 200


def test_what_clients_say_is_concealed_on_the_way(pair):
    one, two = pair
    polling = one.polling(two)
    polling.post("4a secret")
    polling.post("4" + "a secret " * 5_000)
    assert "a secret" in polling.get().text
    said = b"".join(frame.get("data", b"") for message in one.sent for frame in message["frames"])
    assert len(said) > 45_000
    assert b"secret" not in said


def test_pipelined_requests_on_one_connection_are_answered_in_order(pair):
    one, two = pair
    polling = one.polling(two)
    target = f"/engine.io/?EIO=4&transport=polling&sid={polling.sid}"
    post = f"POST {target} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n4%d"
    get = f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"
    last = get.replace("Host: a", "Host: a\r\nConnection: close")
    answers = raw.http(one.bare.address, (post % 1 + get + post % 2 + last).encode()).decode()
    assert re.findall(r"\r\n\r\n(ok|4.)", answers) == ["ok", "41", "ok", "42"]


def hang_up_in_a_poll(machine: Machine, sid: str, owner: Machine) -> None:
    sock = raw.connect(machine.bare.address)
    sock.sendall(f"GET /engine.io/?EIO=4&transport=polling&sid={sid} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    owner.bare.wait_for_poll(sid)
    sock.close()


def test_a_client_that_hangs_up_in_a_poll_ends_its_session_as_it_does_at_home(pair):
    one, two = pair
    polling = one.polling(two)
    hang_up_in_a_poll(one, polling.sid, two)
    eventually(lambda: polling.sid not in two.bare.eio.sockets)
    assert polling.get().json() == UNKNOWN


def test_a_client_that_does_not_read_its_answer_ends_its_session(pair):
    one, two = pair
    polling = one.polling(two)
    polling.post("4" + "x" * 900_000)
    sock = raw.connect(one.bare.address)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    sock.sendall(f"GET /engine.io/?EIO=4&transport=polling&sid={polling.sid} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    sock.recv(100)
    sock.close()
    eventually(lambda: polling.sid not in two.bare.eio.sockets)


def test_two_polls_at_once_end_the_session(pair):
    one, two = pair
    polling = one.polling(two)
    first = gevent.spawn(polling.get)
    two.bare.wait_for_poll(polling.sid)
    assert polling.get().status_code == 400
    first.join()
    assert polling.sid not in two.bare.eio.sockets


def test_an_owner_that_is_lost_in_the_middle_of_a_poll_is_unknown(pair):
    one, two = pair
    polling = one.polling(two)
    poll = gevent.spawn(polling.get)
    two.bare.wait_for_poll(polling.sid)
    two.is_reachable = False
    one.streams.tick()
    assert poll.get(timeout=5).json() == UNKNOWN
    assert polling.get().json() == UNKNOWN
    two.streams.tick()
    eventually(lambda: polling.sid not in two.bare.eio.sockets)


def lose_a_piece(message: Any) -> bool:
    for frame in [frame for frame in message["frames"] if "data" in frame][:1]:
        message["frames"].remove(frame)
    return False


def test_what_is_lost_on_the_way_ends_a_stream_and_not_the_machine(pair, monkeypatch):
    one, two = pair
    monkeypatch.setattr("chatapp.engine.streams._GAP_SECONDS", 0)
    polling = one.polling(two)
    polling.post("4" + "x" * 500_000)
    two.loses = lose_a_piece
    poll = gevent.spawn(polling.get)
    eventually(lambda: one.streams._with_gaps)
    one.streams.tick()
    assert poll.get(timeout=5).json() == UNKNOWN
    two.loses = lambda _: False
    eventually(lambda: polling.sid not in two.bare.eio.sockets)
    again = one.polling(two)
    again.post("4again")
    assert again.get().text == "4again"


def test_a_machine_that_ends_lets_polls_be_answered_and_loses_nothing(pair):
    one, two = pair
    polling = one.polling(two)
    poll = gevent.spawn(polling.get)
    two.bare.wait_for_poll(polling.sid)
    one.far.leave()
    assert poll.get(timeout=5).text == "6"
    answer = polling.get()
    assert (answer.text, answer.headers["Connection"]) == ("6", "close")
    two.bare.eio.send(polling.sid, "still there")
    polling.url = two.bare.url + "/engine.io/?EIO=4&transport=polling"
    assert polling.get().text == "4still there"


def test_a_machine_that_has_said_goodbye_ends_no_session_of_another_one(pair):
    one, two = pair
    polling = one.polling(two)
    one.far.leave()
    one.is_reachable = False  # as after its goodbye, while it still takes requests
    answer = polling.get()
    assert (answer.status_code, answer.text, answer.headers["Connection"]) == (200, "6", "close")
    refused = polling.post("4lost")
    assert (refused.status_code, refused.json()["message"]) == (503, "The server is restarting")
    polling.url = two.bare.url + "/engine.io/?EIO=4&transport=polling"
    polling.post("4still there")
    assert polling.get().text == "4still there"


def test_a_poll_that_the_goodbye_overtakes_is_answered(pair, monkeypatch):
    one, two = pair
    monkeypatch.setattr("chatapp.engine.far_sessions._LEAVE_SECONDS", 0)
    polling = one.polling(two)
    poll = gevent.spawn(polling.get)
    two.bare.wait_for_poll(polling.sid)
    one.loses = lambda _: True
    one.far.leave()
    one.streams.lose("two")
    assert poll.get(timeout=5).text == "6"
    two.streams.lose("one")


def test_pieces_may_come_in_any_order(pair):
    one, two = pair
    late: list[Any] = []

    def hold_back(message: Any) -> bool:
        late.append(message)
        if len(late) % 2 == 0:
            for held in reversed(late[-2:]):
                gevent.spawn(one.streams.received, "two", held)
        return True

    polling = one.polling(two)
    text = "4" + "x" * 130_000
    polling.post(text)
    two.loses = hold_back
    poll = gevent.spawn(polling.get)
    eventually(lambda: len(late) >= 1 or poll.ready())
    two.loses = lambda _: False
    for held in late[len(late) // 2 * 2 :]:
        one.streams.received("two", held)
    assert poll.get(timeout=5).text == text


def upgraded(machine: Machine, polling: raw.Polling) -> raw.WebSocket:
    """Return the WebSocket of a session that has moved to it, through this machine."""
    websocket = machine.bare.websocket(sid=polling.sid)
    assert websocket.status == 101
    websocket.text("2probe")
    assert websocket.message() == "3probe"
    websocket.text("5")
    return websocket


def test_a_session_moves_to_a_websocket_through_another_machine(pair):
    one, two = pair
    polling = one.polling(two)
    polling.post("4before")
    websocket = upgraded(one, polling)
    assert websocket.message() == "4before"
    for number in range(50):
        websocket.text(f"4{number}")
    assert [websocket.message() for _ in range(50)] == [f"4{number}" for number in range(50)]
    websocket.text("4" + "x" * 900_000)
    assert len(websocket.message()) == 900_001
    assert two.bare.eio.sockets[polling.sid].upgraded
    websocket.close()
    eventually(lambda: polling.sid not in two.bare.eio.sockets)


def test_frames_that_come_with_the_handshake_go_with_it(pair):
    one, two = pair
    polling = one.polling(two)
    probe = raw.masked(1, b"2probe")
    websocket = one.bare.websocket(sid=polling.sid, early=probe)
    assert websocket.message() == "3probe"


def test_a_server_s_goodbye_is_read_through_the_other_machine(pair):
    one, two = pair
    polling = one.polling(two)
    websocket = upgraded(one, polling)
    eventually(lambda: two.bare.eio.sockets[polling.sid].upgraded)
    two.bare.eio.disconnect(polling.sid)
    assert websocket.message() == "1"
    assert websocket.end() == 1000


def test_no_second_websocket_of_a_session(pair):
    one, two = pair
    polling = one.polling(two)
    upgraded(one, polling)
    eventually(lambda: two.bare.eio.sockets[polling.sid].upgraded)
    assert one.bare.websocket(sid=polling.sid).end() == 1008


def test_a_websocket_of_a_session_that_nobody_knows_is_refused(pair):
    one, _ = pair
    assert one.bare.websocket(sid="two.made-up").status == 400
    assert one.bare.websocket(sid="three.abc").status == 400


def test_a_client_that_reads_nothing_costs_both_machines_little_and_is_given_up(pair):
    one, two = pair
    polling = one.polling(two)
    websocket = upgraded(one, polling)
    websocket.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    eventually(lambda: two.bare.eio.sockets[polling.sid].upgraded)
    lagged = False
    for _ in range(200):
        two.bare.eio.send(polling.sid, "x" * 100_000)
        gevent.sleep(0)
        lagged = lagged or two.bare.eio.sockets[polling.sid].is_lagging
    assert lagged
    carried = sum(len(frame.get("data", b"")) for message in two.sent for frame in message["frames"])
    assert carried < 1_500_000
    eventually(lambda: polling.sid not in two.bare.eio.sockets)


def test_a_session_that_is_behind_makes_its_client_wait_at_the_other_machine(pair):
    """Nothing that the session does not take is on the wire, or in a machine's memory."""
    one, two = pair
    polling = one.polling(two)
    websocket = upgraded(one, polling)
    eventually(lambda: two.bare.eio.sockets[polling.sid].upgraded)
    two.bare.eio.sockets[polling.sid].pause_reading()
    before = len(one.sent)
    sending = gevent.spawn(websocket.send, raw.masked(1, b"4" + b"x" * 500_000) * 10)
    eventually(
        lambda: not one.streams._streams["two"] or any(not s._room for s in one.streams._streams["two"].values())
    )
    carried = sum(len(frame.get("data", b"")) for message in one.sent[before:] for frame in message["frames"])
    assert carried <= 1_000_000
    two.bare.eio.sockets[polling.sid].resume_reading()
    for _ in range(10):
        assert len(websocket.message()) == 500_001
    sending.get(timeout=5)


def test_the_end_of_a_machine_ends_its_clients_websockets(pair):
    one, two = pair
    polling = one.polling(two)
    websocket = upgraded(one, polling)
    eventually(lambda: two.bare.eio.sockets[polling.sid].upgraded)
    two.is_reachable = False
    one.streams.tick()
    assert websocket.end() is None
    two.streams.tick()
    eventually(lambda: polling.sid not in two.bare.eio.sockets)


def test_a_stream_whose_end_is_lost_is_forgotten_and_its_session_stays(pair, monkeypatch):
    one, two = pair
    monkeypatch.setattr("chatapp.engine.streams._VERDICT_SECONDS", 0)
    polling = one.polling(two)
    polling.post("4x")
    one.loses = lambda message: any(frame.get("end") for frame in message["frames"])
    assert polling.get().text == "4x"
    one.loses = lambda _: False
    assert len(two.streams)
    two.streams.tick()
    assert not len(two.streams)
    polling.post("4y")
    assert polling.get().text == "4y"


def test_a_request_that_is_lost_is_unknown_in_time(pair):
    one, two = pair
    one.far._seconds = 0.1
    polling = one.polling(two)
    one.loses = lambda _: True
    assert polling.get().json() == UNKNOWN
    one.loses = lambda _: False
    polling.post("4x")
    assert polling.get().text == "4x"

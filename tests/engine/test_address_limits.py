"""Limits per address and per user: handshakes, open sockets."""

from urllib.parse import urlsplit

import orjson
import pytest
import requests

from chatapp.engine import frames
from chatapp.extensions import socketio
from tests.conftest import ENGINE, PASSWORD, eventually
from tests.engine import raw

POLLING = "/socket.io/?EIO=4&transport=polling"


def handshake(url):
    return requests.get(url + POLLING, timeout=raw.PATIENCE_SECONDS)


@pytest.fixture
def url(app, serve):
    """The app's address, without the sessions that earlier tests have left: they came from here, too."""
    for session in list(socketio.server.eio.sockets.values()):
        session.close(wait=False, abort=True)
    return serve(app)


def test_an_address_has_so_many_sockets(url, settings):
    settings(MAX_SOCKETS_PER_ADDRESS=2)
    sessions = [raw.Polling(url + POLLING).open() for _ in range(2)]
    refused = handshake(url)
    assert (refused.status_code, refused.json()["code"]) == (429, 4)
    assert int(refused.headers["Retry-After"]) > 0
    sessions[0].post("1")
    assert eventually(lambda: handshake(url).status_code == 200)


def test_an_address_may_make_so_many_handshakes(url, settings):
    settings(RATE_HANDSHAKES_ADDRESS="3 per hour")
    answers = [handshake(url) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert int(answers[3].headers["Retry-After"]) > 3_000


def test_a_session_s_oldest_socket_makes_room_for_a_new_one_and_is_told_why(ann, bob, settings):
    """A phone in a tunnel leaves sockets behind that are open until they miss a pong."""
    settings(MAX_SOCKETS_PER_USER=2)
    others = bob.socket()
    oldest, middle = ann.socket(), ann.socket()
    newest = ann.socket()
    assert (oldest.connected, middle.connected, newest.connected, others.connected) == (False, True, True, True)
    (told,) = oldest.received("socketReplaced")
    assert told["code"] == "RATE_LIMITED" and told["reason"]
    assert newest.call("testSocket")["success"] and middle.call("testSocket")["success"]


def test_a_user_has_so_many_sockets_over_all_sessions(ann, client, knock, settings):
    settings(MAX_SOCKETS_PER_USER=2)
    sockets = [ann.socket(), ann.socket()]
    token = client.post("/api/auth/login", json={"email": "ann@test.com", "password": PASSWORD}).json["token"]
    refusal = knock({"token": token})
    assert refusal["data"]["code"] == "RATE_LIMITED" and refusal["data"]["details"]["retryAfter"] > 0
    assert all(socket.connected for socket in sockets)
    sockets[0].inner.disconnect()
    assert knock({"token": token}) is None


def test_a_user_may_connect_so_often(ann, bob, knock, settings):
    settings(RATE_CONNECTS_USER="2 per hour")
    assert [knock({"token": ann.token}) is None for _ in range(3)] == [True, True, False]
    assert knock({"token": bob.token}) is None


@pytest.mark.skipif(ENGINE == "stock", reason="the libraries' own server does not count frames")
@pytest.mark.parametrize(
    ("limits", "ends"), [({"MAX_FRAMES_PER_SECOND": 2}, True), ({"RATE_LIMITS_ENABLED": False}, False)]
)
def test_a_socket_may_send_so_many_frames(other_app, serve, limits, ends):
    url = serve(other_app(**{"MAX_FRAMES_PER_SECOND": 2, **limits}))
    websocket = raw.WebSocket(("127.0.0.1", urlsplit(url).port), POLLING.replace("polling", "websocket"))
    assert websocket.message().startswith("0")
    for number in range(30):
        websocket.send(raw.masked(frames.PING, str(number).encode()))
    if ends:
        assert websocket.end() == frames.POLICY
    else:
        assert [websocket.receive() for _ in range(30)] == [(frames.PONG, str(n).encode()) for n in range(30)]


@pytest.mark.skipif(ENGINE == "stock", reason="the libraries' own server does not tell sizes")
def test_a_large_event_costs_several_calls(other_app, serve, ann):
    url = serve(other_app(RATE_USER="5 per hour"))
    websocket = raw.WebSocket(("127.0.0.1", urlsplit(url).port), POLLING.replace("polling", "websocket"))
    assert websocket.message().startswith("0")
    websocket.text("40" + orjson.dumps({"token": ann.token}).decode())
    for number, text in enumerate(("", "x" * 200_000, "")):
        websocket.text(f'42{number}["testSocket",{{"x":"{text}"}}]')
    acks = {}
    while len(acks) < 3:
        message = websocket.message()
        if message.startswith("43"):
            acks[message[2]] = orjson.loads(message[3:])[0]
    assert [acks[number]["success"] for number in "012"] == [True, True, False]
    assert acks["2"]["error"]["code"] == "RATE_LIMITED"

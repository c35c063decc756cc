"""Rate limits, over REST and over sockets."""

import contextlib
import socket as sockets
from datetime import timedelta

import gevent
import gevent.server
import pytest

from chatapp import clock, counts, extensions
from config import Config

HERE = {"environ_base": {"REMOTE_ADDR": "192.0.2.1"}}
THERE = {"environ_base": {"REMOTE_ADDR": "192.0.2.2"}}


def assert_limited(answer):
    """Check a refusal that says when to come back, in the body and in the header alike."""
    error = answer.json["error"]
    assert (answer.status_code, error["code"], error["statusCode"]) == (429, "RATE_LIMITED", 429)
    assert int(answer.headers["Retry-After"]) == error["details"]["retryAfter"] > 0


@pytest.fixture(params=["rest", "socket"])
def send(request, app):
    """Send a message over one of the transports; return the JSON."""
    if request.param == "rest":
        return lambda person, conversation, text: person.send(conversation, text)

    def over_a_socket(person, conversation, text):
        return person.socket().call("newMessage", {"conversationId": conversation, "content": text})

    return over_a_socket


def test_the_defaults_are_those_of_the_contract():
    settings = Config()
    assert settings.RATE_ANONYMOUS == "5000 per 15 minutes"
    assert settings.RATE_USER == "600 per minute"
    assert settings.RATE_SENDS == "100 per 10 seconds; 1200 per 10 minutes"
    assert settings.RATE_LOGIN_ACCOUNT == "20 per 15 minutes"
    assert settings.RATE_LOGIN_ADDRESS == "400 per 15 minutes"


def test_anonymous_calls_are_limited_per_address(client, settings):
    settings(RATE_ANONYMOUS="100 per 15 minutes")
    assert {client.get("/api/discover", **HERE).status_code for _ in range(100)} == {200}
    assert_limited(client.get("/api/discover", **HERE))
    assert_limited(client.post("/api/auth/login", json={}, **HERE))
    assert client.get("/api/discover", **THERE).status_code == 200


@pytest.mark.parametrize("header", ["Bearer x", "Bearer a.b.c", "Basic YTpi"])
def test_calls_with_a_bad_token_count_as_anonymous(client, settings, header):
    settings(RATE_ANONYMOUS="2 per hour")
    calls = [client.get("/api/user/profile", headers={"Authorization": header}, **HERE) for _ in range(3)]
    assert [call.status_code for call in calls] == [401, 401, 429]


def test_unknown_routes_count_too(client, settings):
    settings(RATE_ANONYMOUS="2 per hour")
    calls = [client.get(f"/nowhere/{number}", **HERE) for number in range(3)]
    assert [call.status_code for call in calls] == [404, 404, 429]
    assert_limited(calls[2])


def test_signed_in_calls_are_limited_per_user_wherever_they_come_from(ann, bob, settings):
    settings(RATE_USER="3 per hour", RATE_ANONYMOUS="1 per hour")
    calls = [ann.rest("GET", "/api/user/profile", **where) for where in (HERE, THERE, HERE, THERE)]
    assert [call.status_code for call in calls] == [200, 200, 200, 429]
    assert_limited(calls[3])
    assert bob.rest("GET", "/api/user/profile", **HERE).status_code == 200


def test_every_answer_says_how_much_is_left(client, settings):
    settings(RATE_ANONYMOUS="2 per hour")
    first, second, refused = (client.get("/api/discover", **HERE) for _ in range(3))
    assert [row.headers["X-RateLimit-Limit"] for row in (first, second, refused)] == ["2"] * 3
    assert [row.headers["X-RateLimit-Remaining"] for row in (first, second, refused)] == ["1", "0", "0"]
    assert int(refused.headers["X-RateLimit-Reset"]) > 0 and "Retry-After" not in first.headers


def test_preflights_do_not_count(client, settings):
    settings(RATE_ANONYMOUS="1 per hour")
    headers = {"Origin": "https://a.example", "Access-Control-Request-Method": "GET"}
    assert {client.options("/api/user/profile", headers=headers, **HERE).status_code for _ in range(5)} == {200}
    assert client.get("/api/discover", **HERE).status_code == 200


def test_sends_are_limited_per_user(send, ann, bob, settings):
    conversation = ann.direct(bob)
    settings(RATE_SENDS=Config.RATE_SENDS)
    assert all(send(ann, conversation, str(number))["success"] for number in range(100))
    error = send(ann, conversation, "one too many")["error"]
    assert error["code"] == "RATE_LIMITED" and 0 < error["details"]["retryAfter"] <= 11
    assert send(bob, conversation, "mine")["success"]


def test_both_transports_share_one_count_of_sends(ann, bob, settings):
    conversation = ann.direct(bob)
    settings(RATE_SENDS="2 per hour")
    socket = ann.socket()
    assert ann.send(conversation, "1")["success"]
    assert socket.call("newMessage", {"conversationId": conversation, "content": "2"})["success"]
    assert_limited(ann.rest("POST", f"/api/conversations/{conversation}/messages", json={"content": "3"}))
    ack = socket.call("newMessage", {"conversationId": conversation, "content": "4"})
    assert ack["error"]["code"] == "RATE_LIMITED"
    assert socket.received("newMessage")[-1] == ack


def test_a_refused_send_is_not_stored(send, ann, bob, settings):
    conversation = ann.direct(bob)
    settings(RATE_SENDS="1 per hour")
    send(ann, conversation, "kept")
    send(ann, conversation, "refused")
    history = ann.get(f"/api/conversations/{conversation}/messages")["data"]
    assert [row["content"] for row in history] == ["kept"]


def test_events_are_limited_per_user_over_all_their_sockets(ann, bob, settings):
    first, second, other = ann.socket(), ann.socket(), bob.socket()
    settings(RATE_USER="3 per hour")
    acks = [socket.call("testSocket") for socket in (first, second, first, second)]
    assert [ack["success"] for ack in acks] == [True, True, True, False]
    assert acks[3]["error"]["code"] == "RATE_LIMITED" and acks[3]["error"]["details"]["retryAfter"] > 0
    assert second.received("testSocket")[-1] == acks[3] and second.connected
    assert other.call("testSocket")["success"]


def test_unknown_events_count_too(ann, settings):
    socket = ann.socket()
    settings(RATE_USER="1 per hour")
    codes = [socket.call("noSuchEvent")["error"]["code"] for _ in range(2)]
    assert codes == ["UNKNOWN_EVENT", "RATE_LIMITED"]


def test_limits_can_be_switched_off(ann, bob, other_app):
    application = other_app(RATE_LIMITS_ENABLED=False, RATE_ANONYMOUS="1 per hour", RATE_USER="1 per hour")
    client = application.test_client()
    assert [client.get("/api/discover").status_code for _ in range(3)] == [200] * 3


def test_counts_end_with_their_window(monkeypatch):
    memory = counts.Memory()
    assert [memory.incr("key", 10), memory.incr("key", 10, 2)] == [1, 3]
    now = counts.time.time()
    monkeypatch.setattr(counts.time, "time", lambda: now + 11)
    assert memory.get("key") == 0 and memory.incr("other", 10) == 1
    assert set(memory.rows) == {"other"}


@contextlib.contextmanager
def silent_server():
    """A port that takes connections and never says anything."""
    server = gevent.server.StreamServer(("127.0.0.1", 0), lambda *_: gevent.sleep(3600))
    server.start()
    yield server.server_port
    server.stop(timeout=0)


@contextlib.contextmanager
def closed_port():
    """A port where nobody listens."""
    with sockets.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        yield probe.getsockname()[1]


@pytest.mark.parametrize("place", [closed_port, silent_server])
def test_only_one_call_waits_for_a_redis_that_is_out_of_reach(other_app, monkeypatch, place):
    tries = []
    inner = counts.Counts._ask_redis
    monkeypatch.setattr(counts.Counts, "_ask_redis", lambda *args: tries.append(1) or inner(*args))
    with place() as port:
        client = other_app(REDIS_URL=f"redis://127.0.0.1:{port}/0", RATE_ANONYMOUS="3 per hour").test_client()
        answers = [client.get("/api/discover") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert len(tries) == 1


class Redis:
    """Redis as the storage sees it, up or down."""

    def __init__(self):
        self.up = True
        self.memory = counts.Memory()

    def __getattr__(self, name):
        def ask(*arguments):
            if name == "check":
                return self.up
            if not self.up:
                raise counts.RedisError("down")
            return getattr(self.memory, name)(*arguments)

        return ask


def test_redis_that_goes_and_comes_back_is_logged_once_per_change(client, log, settings, monkeypatch):
    settings(RATE_ANONYMOUS="1000 per hour")
    redis, storage = Redis(), extensions.limiter.storage
    monkeypatch.setattr(storage, "redis", redis)
    monkeypatch.setattr(counts, "_REDIS_AGAIN_SECONDS", 0)

    def call():
        client.get("/api/discover")
        gevent.sleep(0)

    call()
    assert redis.memory.rows and not storage.memory.rows
    redis.up = False
    for _ in range(5):
        call()
    assert storage.memory.rows
    redis.up = True
    for _ in range(3):
        call()
    messages = [row["message"] for row in log.lines(level="warning")]
    assert messages == ["Redis lost, rate limits count in memory", "rate limits count in Redis again"]


def test_whoever_calls_log_in_and_registration_count_by_address(ann, client, settings):
    settings(RATE_ANONYMOUS="2 per hour")
    token = {"Authorization": f"Bearer {ann.token}"}
    wrong = {"email": "nobody@test.com", "password": "wrong word"}
    calls = [client.post("/api/auth/login", json=wrong, headers=token, **HERE) for _ in range(3)]
    assert [call.status_code for call in calls] == [401, 401, 429]
    assert_limited(client.post("/api/auth/register", json={}, headers=token, **HERE))
    assert_limited(client.post("/auth/register", json={}, headers=token, **HERE))
    assert ann.rest("GET", "/api/user/profile", **HERE).status_code == 200


def test_registrations_have_a_limit_of_their_own(ann, client, settings):
    settings(RATE_REGISTRATIONS_ADDRESS="2 per hour")

    def register(number, **where):
        body = {"email": f"new{number}@test.com", "password": "password123"}
        return client.post("/api/auth/register", json=body, headers={"Authorization": f"Bearer {ann.token}"}, **where)

    assert [register(number, **HERE).status_code for number in range(3)] == [201, 201, 429]
    assert_limited(register(3, **HERE))
    assert register(4, **THERE).status_code == 201


def test_rest_and_sockets_share_one_budget(ann, settings):
    socket = ann.socket()
    settings(RATE_USER="4 per hour")
    assert [ann.rest("GET", "/api/user/profile").status_code for _ in range(2)] == [200, 200]
    assert [socket.call("testSocket")["success"] for _ in range(3)] == [True, True, False]
    assert_limited(ann.rest("GET", "/api/user/profile"))


def test_a_large_call_costs_several(ann, settings):
    settings(RATE_USER="5 per hour")
    large = {"cursors": {f"{number:024x}": 1 for number in range(10_000)}}
    assert ann.rest("POST", "/api/sync", json=large).status_code == 200
    assert_limited(ann.rest("GET", "/api/user/profile"))


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("203.0.113.5", "::ffff:203.0.113.5", True),
        ("203.0.113.5", "2002:cb00:7105::1", True),
        ("203.0.113.5", "64:ff9b::203.0.113.5", True),
        ("203.0.113.5", "203.0.113.5:4711", True),
        ("2001:db8::1", "[2001:db8::1]:4711", True),
        ("fe80::1", "fe80::2%eth0", True),
        ("203.0.113.5", "203.0.113.6", False),
        ("unix:", "", True),
    ],
)
def test_an_address_counts_as_whose_it_is(client, settings, first, second, same):
    settings(RATE_ANONYMOUS="1 per hour")
    calls = [client.get("/api/discover", environ_base={"REMOTE_ADDR": row}) for row in (first, second)]
    assert [call.status_code for call in calls] == [200, 429 if same else 200]


@pytest.fixture(params=["ended", "expired"])
def dead(request, ann):
    """The headers of a session that is over."""
    if request.param == "ended":
        assert ann.rest("POST", "/api/auth/logout").status_code == 200
    else:
        clock.move(timedelta(days=8))
    return {"Authorization": f"Bearer {ann.token}"}


def test_a_dead_token_shuts_out_nobody_but_its_session(client, dead, settings):
    settings(RATE_SESSION="3 per hour", RATE_ANONYMOUS="2 per hour")
    calls = [client.get("/api/user/profile", headers=dead, **HERE) for _ in range(6)]
    assert [call.status_code for call in calls] == [401, 401, 401, 429, 429, 429]
    assert client.get("/api/discover", **HERE).status_code == 200


def test_refreshes_count_by_session(register, client, settings):
    ann, bob = (register(name, protocol=2) for name in ("ann", "bob"))
    settings(RATE_SESSION="2 per hour", RATE_ANONYMOUS="1 per hour")
    assert [client.get("/api/discover", **HERE).status_code for _ in range(2)] == [200, 429]

    def refresh(person):
        body = {"refreshToken": person.tokens["refreshToken"]}
        return client.post("/api/auth/refresh", json=body, **HERE).status_code

    assert [refresh(ann) for _ in range(3)] == [200, 200, 429]
    assert refresh(bob) == 200
    forged = client.post("/api/auth/refresh", json={"refreshToken": bob.tokens["refreshToken"] + "x"}, **HERE)
    assert_limited(forged)

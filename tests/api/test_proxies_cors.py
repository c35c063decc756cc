"""The address that counts behind a proxy, the origins that may call, and the security headers."""

import pytest
import requests
import socketio
import websocket

from chatapp import database
from chatapp.realtime import connections
from config import canonical_origin

FRIEND, FOE = "https://chat.example.com", "https://evil.example.com"
PEER = {"environ_base": {"REMOTE_ADDR": "10.0.0.1"}}
PATIENCE_SECONDS = 10


def last_address():
    """Return the address of the newest session."""
    (row,) = database.db().sessions.find({}).sort("_id", -1).limit(1)
    return row["address"]


def register(application, forwarded):
    """Make an account through a proxy at 10.0.0.1 that sends these headers; return the JSON."""
    body = {"email": f"user{database.db().users.count_documents({})}@test.com", "password": "password123"}
    return application.test_client().post("/api/auth/register", json=body, headers=forwarded, **PEER).json


@pytest.mark.parametrize(
    ("hops", "forwarded", "address"),
    [
        (0, {}, "10.0.0.1"),
        (0, {"X-Forwarded-For": "203.0.113.5"}, "10.0.0.1"),
        (0, {"X-Real-IP": "203.0.113.5", "Forwarded": "for=203.0.113.5"}, "10.0.0.1"),
        (1, {"X-Forwarded-For": "203.0.113.5"}, "203.0.113.5"),
        (1, {"X-Forwarded-For": "1.2.3.4, 203.0.113.5"}, "203.0.113.5"),
        (1, {"X-Forwarded-For": "1.2.3.4, 5.6.7.8, 203.0.113.5"}, "203.0.113.5"),
        (1, {}, "10.0.0.1"),
        (2, {"X-Forwarded-For": "203.0.113.5, 10.0.0.2"}, "203.0.113.5"),
        (2, {"X-Forwarded-For": "1.2.3.4, 203.0.113.5, 10.0.0.2"}, "203.0.113.5"),
        (2, {"X-Forwarded-For": "203.0.113.5"}, "10.0.0.1"),
    ],
)
def test_only_trusted_proxies_say_where_a_call_comes_from(other_app, hops, forwarded, address):
    register(other_app(TRUSTED_PROXIES=hops), forwarded)
    assert last_address() == address


@pytest.mark.parametrize(("hops", "address"), [(0, "127.0.0.1"), (1, "203.0.113.5")])
@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_the_same_holds_for_sockets(other_app, serve, hops, address, transport):
    application = other_app(TRUSTED_PROXIES=hops)
    token = register(application, {})["token"]
    client = socketio.Client(reconnection=False)
    headers = {"X-Forwarded-For": "1.2.3.4, 203.0.113.5"}
    client.connect(
        serve(application),
        auth={"token": token},
        transports=[transport],
        headers=headers,
        wait_timeout=PATIENCE_SECONDS,
    )
    assert [row.address for row in connections.here.by_sid.values()] == [address]
    client.disconnect()


def test_spoofed_addresses_do_not_escape_the_limit(other_app):
    client = other_app(RATE_ANONYMOUS="2 per hour", TRUSTED_PROXIES=1).test_client()
    statuses = [
        client.get("/api/discover", headers={"X-Forwarded-For": f"{number}.2.3.4, 203.0.113.5"}, **PEER).status_code
        for number in range(3)
    ]
    assert statuses == [200, 200, 429]
    other = client.get("/api/discover", headers={"X-Forwarded-For": "203.0.113.6"}, **PEER)
    assert other.status_code == 200


@pytest.mark.parametrize(("hops", "secure"), [(0, False), (1, True)])
def test_only_trusted_proxies_say_that_a_call_was_encrypted(other_app, hops, secure):
    client = other_app(TRUSTED_PROXIES=hops, APP_ENV="production", CORS_ORIGINS=(FRIEND,)).test_client()
    answer = client.get("/api/discover", headers={"X-Forwarded-Proto": "https", "X-Forwarded-Host": "a.example"})
    assert ("Strict-Transport-Security" in answer.headers) is secure
    assert (answer.json["url"] == "https://a.example") is secure


@pytest.mark.parametrize("path", ["/api/health", "/api/user/profile", "/nowhere", "/"])
def test_every_answer_has_the_security_headers(client, path):
    headers = client.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff" and headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer" and headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in headers["Content-Security-Policy"]


@pytest.fixture
def guarded(other_app):
    """An application that one web origin may call."""
    return other_app(CORS_ORIGINS=(FRIEND,))


@pytest.mark.parametrize("path", ["/api/health", "/api/user/profile", "/nowhere"])
def test_the_allowed_origin_reads_answers_and_failures(guarded, path):
    answer = guarded.test_client().get(path, headers={"Origin": FRIEND})
    assert answer.headers["Access-Control-Allow-Origin"] == FRIEND
    assert "X-Request-ID" in answer.headers["Access-Control-Expose-Headers"]
    assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize(
    "origin", [FOE, "null", f"{FRIEND}.evil.com", "http://chat.example.com", "https://chatXexample.com"]
)
def test_another_origin_reads_nothing(guarded, origin):
    client = guarded.test_client()
    assert "Access-Control-Allow-Origin" not in client.get("/api/health", headers={"Origin": origin}).headers
    preflight = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    answer = client.options("/api/auth/login", headers=preflight)
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_the_allowed_origin_may_send_tokens_and_json(guarded):
    asked = {
        "Origin": FRIEND,
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "authorization, content-type, x-client-protocol",
    }
    headers = guarded.test_client().options("/api/user/profile", headers=asked).headers
    assert headers["Access-Control-Allow-Origin"] == FRIEND and "PUT" in headers["Access-Control-Allow-Methods"]
    for name in ("authorization", "content-type", "x-client-protocol"):
        assert name in headers["Access-Control-Allow-Headers"].lower()


@pytest.fixture
def polls(guarded, serve):
    """Return whether the Socket.IO handshake over polling works with these headers."""
    url = serve(guarded)

    def attempt(**headers):
        query = {"EIO": "4", "transport": "polling"}
        return requests.get(f"{url}/socket.io/", params=query, headers=headers, timeout=PATIENCE_SECONDS)

    return attempt


@pytest.fixture
def upgrades(guarded, serve):
    """Return whether a WebSocket with this origin gets a session."""
    url = serve(guarded).replace("http://", "ws://") + "/socket.io/?EIO=4&transport=websocket"

    def attempt(origin, **headers):
        connection = websocket.WebSocket()
        options = {"origin": origin, "suppress_origin": origin is None, "header": headers}
        try:
            connection.connect(url, timeout=PATIENCE_SECONDS, **options)
            return connection.recv().startswith("0{")
        except websocket.WebSocketException:
            return False
        finally:
            connection.shutdown()

    return attempt


def test_polling_takes_the_allowed_origin_and_native_apps(polls):
    assert polls(Origin=FRIEND).headers["Access-Control-Allow-Origin"] == FRIEND
    assert polls().status_code == 200


def test_polling_refuses_another_origin(polls):
    answer = polls(Origin=FOE)
    assert answer.status_code == 400 and "Access-Control-Allow-Origin" not in answer.headers
    assert (
        polls(Origin=FOE, **{"X-Forwarded-Host": "evil.example.com", "X-Forwarded-Proto": "https"}).status_code == 400
    )


def test_websocket_takes_the_allowed_origin_and_native_apps(upgrades):
    assert upgrades(FRIEND) and upgrades(None)


@pytest.mark.parametrize("headers", [{}, {"X-Forwarded-Host": "evil.example.com", "X-Forwarded-Proto": "https"}])
def test_websocket_refuses_another_origin(upgrades, headers):
    assert not upgrades(FOE, **headers)


def test_without_any_origin_configured_only_the_same_origin_connects(other_app, serve):
    url = serve(other_app(CORS_ORIGINS=()))
    query = {"EIO": "4", "transport": "polling"}

    def status(origin):
        headers = {"Origin": origin}
        answer = requests.get(f"{url}/socket.io/", params=query, headers=headers, timeout=PATIENCE_SECONDS)
        return answer.status_code

    assert (status(url), status(FOE)) == (200, 400)


@pytest.mark.parametrize(("auth", "code"), [(None, "TOKEN_MISSING"), ({"token": "x"}, "TOKEN_INVALID")])
@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_a_real_client_reads_why_it_was_refused(other_app, serve, transport, auth, code):
    url = serve(other_app(PING_INTERVAL=1))  # a client that leaves waits for its last poll, which a ping ends
    client, told = socketio.Client(reconnection=False), []
    client.on("connect_error", told.append)
    with pytest.raises(socketio.exceptions.ConnectionError):
        client.connect(url, auth=auth, transports=[transport], wait_timeout=PATIENCE_SECONDS)
    assert told[0]["message"].startswith("Authentication error: ") and told[0]["data"]["code"] == code
    client.disconnect()


SPELLINGS = ["https://CHAT.Example.com", "HTTPS://chat.example.com", "https://chat.example.com:443", f"{FRIEND}."]


def cors_headers(url, path, origin):
    """Return the CORS headers of a cross-origin answer."""
    answer = requests.get(url + path, headers={"Origin": origin}, timeout=PATIENCE_SECONDS)
    return {name: value for name, value in answer.headers.items() if name.startswith("Access-Control-Allow-")}


@pytest.mark.parametrize("path", ["/api/health", "/socket.io/?EIO=4&transport=polling"])
@pytest.mark.parametrize(
    ("setting", "origin"),
    [
        *((spelling, FRIEND) for spelling in SPELLINGS),
        *((FRIEND, spelling) for spelling in SPELLINGS),
        ("http://[::1]:3000", "http://[::1]:3000"),
        ("https://b\u00fccher.example", "https://xn--bcher-kva.example"),
        ("capacitor://localhost", "capacitor://localhost"),
    ],
)
def test_an_origin_is_the_same_in_any_spelling_for_rest_and_sockets(other_app, serve, path, setting, origin):
    found = cors_headers(serve(other_app(CORS_ORIGINS=(setting,))), path, origin)
    assert found["Access-Control-Allow-Origin"] == canonical_origin(origin)
    assert cors_headers(serve(other_app(CORS_ORIGINS=(setting,))), path, f"{origin}:1") == {}


@pytest.mark.parametrize("path", ["/api/health", "/socket.io/?EIO=4&transport=polling"])
@pytest.mark.parametrize("origin", ["null", FOE, "file://", "http://localhost:8081"])
def test_in_development_no_site_gets_credentials(app, serve, path, origin):
    """Each may call, as `*` says; none with what the browser keeps for this server."""
    assert list(cors_headers(serve(app), path, origin)) == ["Access-Control-Allow-Origin"]

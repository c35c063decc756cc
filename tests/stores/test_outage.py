"""The database goes away and comes back while the server runs.

On MongoDB a TCP proxy in front of it is really cut; the embedded store, which is in the process, is replaced by one
that fails like a driver without a server.
"""

from urllib.parse import urlsplit

import gevent
import pymongo.errors
import pytest

from chatapp import database as opened
from chatapp import state
from chatapp.lab.proxy import Proxy
from tests.conftest import PASSWORD, Person, eventually

PATIENCE_SECONDS = 20


class Nothing:
    """A database whose every command fails as PyMongo's do without a server."""

    def __getattr__(self, name):
        return self

    __getitem__ = __getattr__

    def __call__(self, *_, **__):
        raise pymongo.errors.ServerSelectionTimeoutError("no server")


class Embedded:
    """The embedded store, taken away and given back."""

    def cut(self):
        self.kept, opened.current().database = opened.current().database, Nothing()

    def restore(self):
        opened.current().database = self.kept


@pytest.fixture
def database(store_uri, other_app):
    """The way to the database; `cut()` and `restore()` it. `app` is an application that uses it."""
    if store_uri.startswith("litemongo:"):
        way = Embedded()
        way.app = other_app()
        yield way
        return
    parts = urlsplit(store_uri)
    way = Proxy(parts.hostname, parts.port)
    uri = store_uri.replace(parts.netloc, f"127.0.0.1:{way.port}")
    way.app = other_app(MONGO_URI=uri, MONGO_SERVER_SELECTION_MS=300, MONGO_MIN_POOL_SIZE=1)
    yield way
    opened.stop()
    way.close()


@pytest.fixture
def people(database):
    """Two registered people of that application."""

    def register(name):
        body = {"email": f"{name}@test.com", "password": PASSWORD, "name": name.title()}
        answer = database.app.test_client().post("/api/auth/register", json=body).json
        return Person(database.app, answer["data"], answer["token"], answer)

    return register("ann"), register("bob")


def until_it_works(call):
    """Return the first answer that is a success; the driver needs a moment to find its server again."""
    with gevent.Timeout(PATIENCE_SECONDS):
        while True:
            answer = call()
            if answer["success"]:
                return answer
            assert answer["error"]["code"] == "DATABASE_UNAVAILABLE"
            gevent.sleep(0.05)


def test_calls_say_that_the_database_is_away_and_work_again_without_a_restart(database, people):
    ann, bob = people
    conversation, socket = ann.direct(bob), ann.socket()
    database.cut()
    answer = ann.rest("GET", "/api/user/conversations")
    assert (answer.status_code, answer.json["error"]["code"]) == (503, "DATABASE_UNAVAILABLE")
    assert int(answer.headers["Retry-After"]) == answer.json["error"]["details"]["retryAfter"] > 0
    ack = socket.call("getConversations")
    assert (ack["error"]["code"], ack["error"]["statusCode"]) == ("DATABASE_UNAVAILABLE", 503)
    assert ack["error"]["details"]["retryAfter"] > 0 and ack in socket.received("getConversations")
    database.restore()
    listed = until_it_works(lambda: ann.get("/api/user/conversations"))
    assert [row["id"] for row in listed["data"]] == [conversation]
    assert socket.connected and socket.call("getConversations")["success"]


def test_nobody_logs_in_or_connects_meanwhile(database, people, knock):
    ann, _ = people
    body = {"email": "ann@test.com", "password": PASSWORD}
    state.reset_caches()
    database.cut()
    client = database.app.test_client()
    for answer in (client.post("/api/auth/login", json=body), ann.rest("GET", "/api/user/profile")):
        assert (answer.status_code, answer.json["error"]["code"]) == (503, "DATABASE_UNAVAILABLE")
    refused = knock({"token": ann.token})
    assert refused["data"]["code"] == "DATABASE_UNAVAILABLE" and refused["message"]
    database.restore()
    until_it_works(lambda: client.post("/api/auth/login", json=body).json)
    assert knock({"token": ann.token}) is None


def test_health_stays_and_readiness_goes(database, people):
    client = database.app.test_client()
    database.cut()
    assert client.get("/api/health").status_code == client.head("/api/health").status_code == 200
    answer = client.get("/api/health/ready")
    assert (answer.status_code, answer.json["error"]["code"]) == (503, "DATABASE_UNAVAILABLE")
    database.restore()
    until_it_works(lambda: client.get("/api/health/ready").json)


def test_a_message_that_was_refused_is_stored_once_by_its_repeats(database, people):
    ann, bob = people
    conversation = ann.direct(bob)
    database.cut()
    refused = ann.send(conversation, "again and again", clientMsgId="one")
    assert refused["error"]["code"] == "DATABASE_UNAVAILABLE"
    database.restore()
    until_it_works(lambda: ann.send(conversation, "again and again", clientMsgId="one"))
    assert ann.send(conversation, "again and again", clientMsgId="one")["duplicate"] is True
    history = bob.get(f"/api/conversations/{conversation}/messages")["data"]
    assert [row["content"] for row in history] == ["again and again"]


def test_the_log_says_once_that_it_went_and_once_that_it_came_back(database, people, client, log):
    ann, _ = people

    def changes():
        return [row["message"] for row in log.lines() if row["message"] in ("database lost", "database back")]

    expected = []
    for _ in range(2):
        for change, message in ((database.cut, "database lost"), (database.restore, "database back")):
            change()
            for _ in range(3):
                ann.get("/api/user/conversations")
            if isinstance(database, Embedded):
                continue  # nothing watches a store that is in the process
            expected.append(message)
            eventually(lambda: len(changes()) >= len(expected))  # the driver tells its listeners later
            up = "1.0" if message == "database back" else "0.0"
            assert f"chatapp_database_up {up}" in client.get("/metrics").text
    assert changes() == expected

"""The disk of the embedded store is full for a while: callers are told so, and nothing is lost or doubled."""

import gevent
import pytest
import requests

from chatapp.lab.server import Server
from tests.conftest import PASSWORD

SECONDS = 1.5


@pytest.fixture
def server(tmp_path):
    server = Server(tmp_path, f"litemongo://{tmp_path}/store")
    server.migrate()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def call(server):
    """Call a route with a token; return the status and the JSON."""

    def call(method, path, token=None, body=None):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        url = f"http://127.0.0.1:{server.port}{path}"
        answer = requests.request(method, url, json=body, headers=headers, timeout=20)
        return answer.status_code, answer.json()

    return call


def test_a_full_disk_is_said_and_survived(server, call):
    def register(name):
        body = {"email": f"{name}@test.com", "password": PASSWORD, "name": name}
        return call("POST", "/api/auth/register", None, body)[1]

    ann, bob = register("ann"), register("bob")
    body = {"type": "direct", "participants": [bob["data"]["id"]]}
    chat = f"/api/conversations/{call('POST', '/api/user/conversations', ann['token'], body)[1]['data']['id']}"

    def send(number):
        text = f"{number} {'x' * 9_000}"
        return call("POST", f"{chat}/messages", ann["token"], {"content": text, "clientMsgId": str(number)})

    filling, answers = gevent.spawn(server.fill_disk, SECONDS), []
    while not filling.dead:
        answers.append(send(len(answers)))
    failures = [(status, answer["error"]["code"]) for status, answer in answers if not answer["success"]]
    assert failures and set(failures) == {(503, "DATABASE_UNAVAILABLE")}

    repeated = [send(number)[1] for number in range(len(answers))]
    assert all(answer["success"] for answer in repeated)
    history, page = [], {"meta": {"hasMore": True}}
    while page["meta"]["hasMore"]:
        after = history[-1]["seq"] if history else 0
        page = call("GET", f"{chat}/entries?after={after}&limit=500", bob["token"])[1]
        history += page["data"]
    assert [row["seq"] for row in history] == list(range(1, len(repeated) + 1))
    assert sorted(row["id"] for row in history) == sorted(answer["data"]["id"] for answer in repeated)
    server.stop()
    assert "the embedded store fails" in "\n".join(server.output) and not server.tracebacks

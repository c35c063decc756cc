"""A server that is killed between the log and the index: what was acknowledged is found after the next start."""

import pytest
import requests

from chatapp.lab.server import Server
from tests.conftest import PASSWORD, eventually


@pytest.fixture
def server(tmp_path):
    server = Server(tmp_path, f"litemongo://{tmp_path}/store")
    server.migrate()
    server.start()
    yield server
    server.stop()


def test_what_was_acknowledged_is_found_whenever_the_server_was_killed(server):
    url = f"http://127.0.0.1:{server.port}/api"
    people = [
        requests.post(
            f"{url}/auth/register",
            json={"email": f"{name}@test.com", "password": PASSWORD, "name": name},
            timeout=20,
        ).json()
        for name in ("ann", "bob")
    ]
    mine = {"Authorization": f"Bearer {people[0]['token']}"}
    direct = {"type": "direct", "participants": [people[1]["data"]["id"]]}
    chat = requests.post(f"{url}/user/conversations", headers=mine, json=direct, timeout=20).json()["data"]["id"]

    def send(text):
        path = f"{url}/conversations/{chat}/messages"
        assert requests.post(path, headers=mine, json={"content": text}, timeout=20).status_code == 201

    def found():
        answer = requests.get(f"{url}/search", params={"q": "word"}, headers=mine, timeout=20).json()
        return [row["message"]["content"] for row in answer["data"]]

    send("word 1")
    assert eventually(found) == ["word 1"]
    send("word 2")
    server.kill()
    server.start()
    assert eventually(lambda: len(found()) == 2 and found()) == ["word 2", "word 1"]
    assert not server.tracebacks

"""A server that is killed in the middle of an upload: the client goes on where it says, and the file is whole."""

import hashlib
import os
import random

import pytest
import requests

from chatapp.lab.server import Server
from tests.conftest import PASSWORD, eventually
from tests.media.conftest import BYTES, TUS

SIZE, PIECE, STEP = 12_000_000, 200_000, 4_500_000  # a step, and what is in the sockets


@pytest.fixture
def server(tmp_path):
    server = Server(tmp_path, f"litemongo://{tmp_path}/store")
    server.migrate()
    server.start()
    yield server
    server.stop()


def offset_of(address, mine):
    """Return how much the server says it has."""
    return int(requests.head(address, headers={**TUS, **mine}, timeout=20).headers["Upload-Offset"])


def body(data, start, kill_at, until_kept, kill):
    """Yield the rest of a file; the server is killed when so much of it was sent, and all but the last step is kept."""
    for place in range(start, len(data), PIECE):
        if place >= kill_at:
            until_kept(place - STEP)
            kill()
            return
        yield data[place : place + PIECE]


def test_a_killed_server_has_what_it_said(server):
    url, chance = f"http://127.0.0.1:{server.port}", random.Random(7)
    person = {"email": "ann@test.com", "password": PASSWORD, "name": "Ann"}
    token = requests.post(f"{url}/api/auth/register", json=person, timeout=20).json()["token"]
    mine = {"Authorization": f"Bearer {token}"}
    data = os.urandom(SIZE)
    begun = requests.post(f"{url}/api/uploads", headers={**TUS, **mine, "Upload-Length": str(SIZE)}, timeout=20)
    address, offset = url + begun.headers["Location"], 0
    for _ in range(3):
        sent = body(
            data,
            offset,
            chance.randrange(offset, SIZE),
            lambda least: eventually(lambda: offset_of(address, mine) >= least),
            server.kill,
        )
        headers = {**BYTES, **mine, "Upload-Offset": str(offset)}
        with pytest.raises(requests.ConnectionError):
            requests.patch(address, headers=headers, data=sent, timeout=20)
        server.start()
        offset = offset_of(address, mine)
    headers = {**BYTES, **mine, "Upload-Offset": str(offset)}
    assert requests.patch(address, headers=headers, data=data[offset:], timeout=20).status_code == 204

    def checked():
        media_id = address.rpartition("/")[2]
        media = requests.get(f"{url}/api/media/{media_id}", headers=mine, timeout=20).json()["data"]
        return media if media["state"] == "ready" else None

    assert eventually(checked)["sha256"] == hashlib.sha256(data).hexdigest()
    assert not server.tracebacks

"""Clients that read slowly or not at all cost the server little, and lose nothing."""

import json
import socket as sockets
import time
from pathlib import Path

import pytest
import websocket

from chatapp.lab.replica import Replica
from tests.server import PATIENCE_SECONDS, REAL_CLIENTS, running

pytestmark = REAL_CLIENTS
TEXT = "🙂" * 10_000  # 40 KB
NUMBER = 40
BUFFER_BYTES = 200_000


def start(engine, tmp_path_factory, **settings):
    folder = tmp_path_factory.mktemp("slow")
    settings |= {"MAX_SOCKET_BUFFER_BYTES": str(BUFFER_BYTES), "ENGINE": engine}
    settings |= {"PING_INTERVAL": "2"}  # the stock server looks when it pings
    return running(folder, f"litemongo://{folder}/store", **settings)


@pytest.fixture(scope="module", params=["chatapp", "stock"])
def server(request, tmp_path_factory):
    """A server that waits for slow clients as long as it does by default."""
    with start(request.param, tmp_path_factory) as started:
        yield started


@pytest.fixture(scope="module", params=["chatapp", "stock"])
def impatient_server(request, tmp_path_factory):
    """One that closes them after a few seconds."""
    settings = {"SLOW_CLIENT_SECONDS": "3", "PING_TIMEOUT": "8"}
    with start(request.param, tmp_path_factory, **settings) as started:
        yield started


class Reader:
    """A WebSocket client that reads only when it is told to; its kernel buffers little."""

    def __init__(self, server, person):
        address = f"ws://127.0.0.1:{server.port}/socket.io/?EIO=4&transport=websocket"
        small = [(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 8_192)]
        self.connection = websocket.create_connection(address, timeout=PATIENCE_SECONDS, sockopt=small)
        self.connection.recv()
        self.connection.send("40" + json.dumps({"token": person["token"]}))
        self.replica = Replica()
        self.events = []
        self.until("ready")

    def step(self):
        """Take one packet; the name of the event in it."""
        packet = self.connection.recv()
        if packet == "2":
            self.connection.send("3")
        if not packet.startswith("42["):
            return None
        name, data = json.loads(packet[2:])
        self.events.append((name, data))
        if name == "newMessage":
            self.replica.live(data["data"])
        return name

    def until(self, name):
        """Read until an event of this name has come."""
        while self.step() != name:
            pass
        return self.events[-1][1]


@pytest.fixture
def people(request):
    server = request.getfixturevalue({"server", "impatient_server"}.intersection(request.fixturenames).pop())
    number = time.monotonic_ns()
    ann, bob = server.register(f"ann{number}"), server.register(f"bob{number}")
    body = {"type": "direct", "participants": [bob["data"]["id"]]}
    return ann, bob, server.call("POST", "/api/user/conversations", ann, body)["data"]["id"]


def send_much(server, sender, conversation):
    """Send more than is buffered for anybody; return the texts."""
    texts = [f"{number} {TEXT[:-8]}" for number in range(NUMBER)]
    for text in texts:
        answer = server.call("POST", f"/api/conversations/{conversation}/messages", sender, {"content": text})
        assert answer["success"], answer
    return texts


def memory(server):
    """Bytes of memory of the worker."""
    (worker,) = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
    pages = int(Path(f"/proc/{worker}/statm").read_text().split()[1])
    return pages * 4096


def catch_up(server, person, replica):
    while replica.synced(server.call("POST", "/api/sync", person, replica.body())["data"]):
        pass


def test_who_reads_late_is_told_to_sync_and_has_everything(server, people):
    ann, bob, conversation = people
    reader = Reader(server, bob)
    catch_up(server, bob, reader.replica)
    rounds = 1 if server.settings["ENGINE"] == "chatapp" else 4  # the stock server leaves more to the kernel's buffers
    texts = [text for _ in range(rounds) for text in send_much(server, ann, conversation)]
    told = reader.until("resync")
    assert told == {"reason": "overflow", "heads": {conversation: len(texts)}}
    catch_up(server, bob, reader.replica)
    assert [row["content"] for row in reader.replica.logs[conversation].messages()] == texts
    later = server.call("POST", f"/api/conversations/{conversation}/messages", ann, {"content": "and on"})
    assert reader.until("newMessage")["data"]["id"] == later["data"]["id"]
    reader.connection.close()


def test_who_never_reads_is_closed_in_the_end(impatient_server, people):
    ann, bob, conversation = people
    server = impatient_server
    readers = [Reader(server, bob) for _ in range(5)]
    send_much(server, ann, conversation)
    before = memory(server)
    for _ in range(3):
        send_much(server, ann, conversation)
    assert memory(server) - before < 5 * 2 * BUFFER_BYTES + 4_000_000
    time_left = time.monotonic() + PATIENCE_SECONDS
    while server.call("GET", "/api/user/presence", ann)["data"][0]["status"] == "online":
        assert time.monotonic() < time_left
        time.sleep(0.05)
    replica = Replica()
    catch_up(server, bob, replica)
    assert replica.logs[conversation].cursor == 4 * NUMBER
    for reader in readers:
        reader.connection.shutdown()


def test_who_reads_a_kilobyte_at_a_time_is_served_in_the_end(server, people):
    ann, bob, conversation = people
    reader = Reader(server, bob)
    catch_up(server, bob, reader.replica)
    send_much(server, ann, conversation)
    taken = 0
    while taken < 60_000:
        taken += len(reader.connection.sock.recv(1_000))
        time.sleep(0.001)
    reader.connection.shutdown()
    catch_up(server, bob, reader.replica)
    assert reader.replica.logs[conversation].cursor == NUMBER

"""A real gunicorn, real clients: polling only, WebSocket only, and polling with the upgrade."""

import json
import os
import queue
import shutil
import subprocess
import threading

import pytest
import socketio
from socketio.exceptions import ConnectionError as RefusedError

from tests.server import PATIENCE_SECONDS, REAL_CLIENTS, Server, running

pytestmark = REAL_CLIENTS
ENGINE = os.environ.get("TEST_ENGINE", "chatapp")
TRANSPORTS = {"polling": ["polling"], "websocket": ["websocket"], "upgrade": ["polling", "websocket"]}


@pytest.fixture(scope="module")
def server(store_uri, tmp_path_factory):
    folder = tmp_path_factory.mktemp("server")
    # A store of its own: the embedded one belongs to one process at a time.
    uri = f"litemongo://{folder}/store" if store_uri.startswith("litemongo:") else store_uri
    with running(folder, uri) as started:
        yield started


@pytest.fixture(params=list(TRANSPORTS))
def transports(request):
    return TRANSPORTS[request.param]


class People:
    """Two people with a direct conversation, and the sockets that were opened for them."""

    _made = 0

    def __init__(self, server: Server) -> None:
        People._made += 1
        self.server, self.clients = server, []
        self.ann, self.bob = (server.register(f"{name}{People._made}") for name in ("ann", "bob"))
        body = {"type": "direct", "participants": [self.bob["data"]["id"]]}
        self.conversation = server.call("POST", "/api/user/conversations", self.ann, body)["data"]["id"]

    def connect(self, person, transports, **options):
        client = self.server.connect(person, transports, **options)
        self.clients.append(client)
        return client


@pytest.fixture
def people(server):
    made = People(server)
    yield made
    for client in made.clients:
        client.disconnect()


def listen(client, event):
    """Return a queue of what the client receives under this name from now on."""
    received: queue.Queue = queue.Queue()
    client.on(event, received.put)
    return received


def test_a_message_is_acknowledged_and_delivered_live(people, transports):
    receiver, sender = people.connect(people.bob, transports), people.connect(people.ann, transports)
    got = listen(receiver, "newMessage")
    ack = sender.call("newMessage", {"conversationId": people.conversation, "content": "hello 🙂"}, timeout=10)
    assert ack["success"]
    assert got.get(timeout=PATIENCE_SECONDS)["data"] == {**ack["data"], "status": "sent"}
    assert sender.transport() == ("websocket" if "websocket" in transports else "polling")


def test_ready_and_who_is_online_come_after_connect(people, transports):
    client, order, done = socketio.Client(reconnection=False), [], threading.Event()
    client.on("connect", lambda: order.append("connect"))
    client.on("ready", lambda data: order.append("ready"))

    def on_online(data):
        order.append("onlineUsers")
        done.set()

    client.on("onlineUsers", on_online)
    people.clients.append(client)
    client.connect(people.server.url, auth={"token": people.ann["token"]}, transports=transports)
    assert done.wait(PATIENCE_SECONDS)
    assert order.index("ready") < order.index("onlineUsers")
    assert sorted(order) == ["connect", "onlineUsers", "ready"]


def test_what_is_sent_right_after_connect_is_answered(people, transports):
    client, answers = socketio.Client(reconnection=False), queue.Queue()
    client.on("connect", lambda: client.emit("getConversations", None, callback=answers.put))
    people.clients.append(client)
    client.connect(people.server.url, auth={"token": people.ann["token"]}, transports=transports)
    answer = answers.get(timeout=PATIENCE_SECONDS)
    assert [row["id"] for row in answer["data"]] == [people.conversation]


def test_two_hundred_quick_sends_keep_their_order(people, transports):
    receiver, sender = people.connect(people.bob, transports), people.connect(people.ann, transports)
    got, acks = listen(receiver, "newMessage"), queue.Queue()
    texts = [str(number) for number in range(200)]
    for text in texts:
        sender.emit("newMessage", {"conversationId": people.conversation, "content": text}, callback=acks.put)
    live = [got.get(timeout=PATIENCE_SECONDS)["data"] for _ in texts]
    assert [row["content"] for row in live] == texts
    assert [row["seq"] for row in live] == list(range(1, 201))
    assert all(acks.get(timeout=PATIENCE_SECONDS)["success"] for _ in texts)


@pytest.mark.parametrize(
    ("auth", "message"),
    [
        (None, "Authentication error: no token provided"),
        ({}, "Authentication error: no token provided"),
        ({"token": "nonsense"}, "Authentication error: invalid token"),
        ({"token": {"$ne": None}}, "Authentication error: no token provided"),
    ],
)
def test_a_refused_connect_says_why(server, transports, auth, message):
    client, reasons = socketio.Client(reconnection=False), queue.Queue()
    client.on("connect_error", reasons.put)
    with pytest.raises(RefusedError):
        client.connect(server.url, auth=auth, transports=transports, wait_timeout=PATIENCE_SECONDS)
    assert reasons.get(timeout=PATIENCE_SECONDS)["message"] == message
    client.disconnect()


def test_an_unknown_namespace_is_refused(people, transports):
    client = socketio.Client(reconnection=False)
    with pytest.raises(RefusedError):
        client.connect(
            people.server.url, auth={"token": people.ann["token"]}, transports=transports, namespaces=["/admin"]
        )
    client.disconnect()


def test_a_text_that_is_too_long_leaves_the_socket_open(people, transports):
    client = people.connect(people.ann, transports)
    message = {"conversationId": people.conversation, "content": "x" * 60_000}
    assert client.call("newMessage", message, timeout=10)["error"]["code"] == "CONTENT_TOO_LARGE"
    assert client.call("testSocket", timeout=10)["success"]


def test_bytes_are_refused_with_a_reason(people, transports):
    client = people.connect(people.ann, transports)
    told, gone = listen(client, "error"), threading.Event()
    client.on("disconnect", gone.set)
    message = {"conversationId": people.conversation, "content": b"bytes"}
    if ENGINE == "stock":
        client.emit("newMessage", message)
        assert gone.wait(PATIENCE_SECONDS)
        return
    assert client.call("newMessage", message, timeout=10)["error"]["code"] == "VALIDATION_ERROR"
    assert "attachment" in told.get(timeout=10)["error"]["details"]["payload"][0]
    message["content"] = "text"
    assert client.call("newMessage", message, timeout=10)["success"]


def test_both_sides_open_the_direct_conversation_at_once(server):
    for attempt in range(3):
        pair = [server.register(f"{name}at{attempt}") for name in ("left", "right")]
        answers, barrier = [], threading.Barrier(8)

        def open_it(me, other, answers=answers, barrier=barrier):
            barrier.wait()
            body = {"type": "direct", "participants": [other["data"]["id"]]}
            answers.append(server.call("POST", "/api/user/conversations", me, body))

        threads = [threading.Thread(target=open_it, args=sides) for sides in (pair, pair[::-1]) * 4]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [answer for answer in answers if not answer["success"]] == []
        assert len({answer["data"]["id"] for answer in answers}) == 1
        assert sum(answer["data"]["isNew"] for answer in answers) == 1


def test_many_senders_at_once_leave_no_hole(people):
    path = f"/api/conversations/{people.conversation}/messages"

    def write(person):
        for number in range(15):
            assert people.server.call("POST", path, person, {"content": str(number)})["success"]

    threads = [threading.Thread(target=write, args=(person,)) for person in (people.ann, people.bob) * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    page = people.server.call("GET", f"{path}?limit=200", people.ann)
    assert [row["seq"] for row in page["data"]] == list(range(90, 0, -1))


def test_a_client_comes_back_after_a_restart_and_nothing_acknowledged_is_lost(people):
    sender = people.connect(people.ann, ["websocket"], reconnection=True, reconnection_delay=0.2)
    back = listen(sender, "ready")
    message = {"conversationId": people.conversation, "content": "before"}
    assert sender.call("newMessage", message, timeout=10)["success"]
    while not back.empty():
        back.get()
    people.server.stop()
    people.server.start()
    assert back.get(timeout=PATIENCE_SECONDS)["userId"] == people.ann["data"]["id"]
    assert sender.call("newMessage", {**message, "content": "after"}, timeout=10)["data"]["seq"] == 2
    page = people.server.call("GET", f"/api/conversations/{people.conversation}/messages", people.bob)
    assert [row["content"] for row in page["data"]] == ["after", "before"]


NODE_CLIENT = """
const { io } = require("socket.io-client");
const [url, token, conversationId, transports] = process.argv.slice(2);
const socket = io(url, { auth: { token }, transports: transports.split(","), reconnection: false });
const order = [];
socket.on("connect_error", (error) => { console.log(JSON.stringify({ error: error.message })); process.exit(1); });
socket.on("newMessage", (event) => order.push(event.data.content));
socket.on("connect", async () => {
  const sends = Array.from({ length: 50 }, (_, index) =>
    socket.timeout(15000).emitWithAck("newMessage", { conversationId, content: String(index) }));
  const acks = await Promise.all(sends);
  const transport = socket.io.engine.transport.name;
  console.log(JSON.stringify({ acked: acks.filter((ack) => ack.success).length, order, transport }));
  socket.disconnect();
});
"""


@pytest.fixture(scope="module")
def node_folder(tmp_path_factory):
    """A folder in which node finds socket.io-client."""
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("needs node and npm")
    folder = tmp_path_factory.mktemp("node")
    command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "socket.io-client@4.8"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        pytest.skip(f"needs the npm registry: {done.stderr.strip()[-200:]}")
    (folder / "client.js").write_text(NODE_CLIENT)
    return folder


def test_the_javascript_client_sends_and_receives_in_order(node_folder, people, transports):
    arguments = [people.server.url, people.ann["token"], people.conversation, ",".join(transports)]
    command = ["node", "client.js", *arguments]
    done = subprocess.run(command, cwd=node_folder, capture_output=True, text=True, timeout=60, check=False)
    seen = json.loads(done.stdout)
    assert (seen["acked"], seen["order"]) == (50, [str(number) for number in range(50)])
    assert seen["transport"] in transports

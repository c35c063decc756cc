"""Attacks of hostile clients, one function each, which returns how the server ended it.

`make hostile` runs them beside 200 good clients and measures; tests/engine/test_hostile.py runs each for a moment.
They go to a server on loopback only, and come from 127.0.0.2 on, so that its limits per address tell them apart.
"""

import contextlib
import json
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import gevent

from chatapp.engine import frames
from tests.engine import raw
from tests.engine.raw import masked

SOCKET = "/socket.io/?EIO=4&transport=websocket"
POLLING = "/socket.io/?EIO=4&transport=polling"
PIECE = 256
TALKERS = 4


class Refused(Exception):
    """The server does not let the attacker in any more."""


@dataclass
class Scene:
    """The server that is attacked, and who attacks: users of it, from an address of their own."""

    address: tuple[str, int]
    source: str
    people: list[dict[str, Any]]  # what registering them answered
    conversation: str  # a busy one that all of them are in
    others: list[str] = field(default_factory=list)  # ids of users who do no harm

    def websocket(self) -> raw.WebSocket:
        """An Engine.IO session that has not joined."""
        websocket = raw.WebSocket(self.address, SOCKET, source=self.source)
        websocket.message()
        return websocket

    def joined(self, number: int = 0) -> raw.WebSocket:
        """A socket of one of the attackers."""
        websocket = self.websocket()
        websocket.text("40" + json.dumps({"token": self.people[number % len(self.people)]["token"]}))
        while not (text := str(websocket.message())).startswith('42["onlineUsers"'):
            if text.startswith("44"):
                raise Refused(json.loads(text[2:])["data"]["code"])
        return websocket

    def http(self, head: str, body: bytes = b"") -> str:
        """The status of one request, or how its connection ended."""
        answer = raw.http(self.address, head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body, self.source)
        return answer.split()[1].decode() if answer else "reset"


def ending(websocket: raw.WebSocket, send: Callable[[], object]) -> str:
    """Return the close code with which the connection ends while somebody sends."""

    def quietly() -> None:
        with contextlib.suppress(OSError):
            send()

    sender = gevent.spawn(quietly)
    code = websocket.end()
    sender.kill()
    return str(code or "reset")


def repeat(websocket: raw.WebSocket, data: bytes) -> Callable[[], None]:
    """Send this for ever."""

    def send() -> None:
        while True:
            websocket.send(data)

    return send


def gigabyte(scene: Scene, number: int) -> str:
    """A frame that says it has 1 GB."""
    websocket = scene.joined(number)
    head = b"\x81\xff" + (1 << 30).to_bytes(8, "big") + raw.MASK
    websocket.send(head)
    return ending(websocket, repeat(websocket, b"x" * 65_536))


def megabytes(scene: Scene, number: int) -> str:
    """Messages of the largest size, as fast as they go."""
    websocket = scene.joined(number)
    event = b'42["newMessage",{"content":"%b"}]'
    event %= b"x" * (1_000_000 - len(event) + len("%b"))
    return ending(websocket, repeat(websocket, masked(frames.TEXT, event)))


def fragments(scene: Scene, number: int) -> str:
    """A message in 10,000 fragments."""
    websocket = scene.joined(number)
    data = masked(frames.TEXT, b"4", final=False) + masked(frames.CONTINUATION, b"2", final=False) * 10_000
    return ending(websocket, lambda: websocket.send(data))


def drip(scene: Scene, number: int) -> str:
    """A message byte by byte, as fast as it goes."""
    websocket, data = scene.joined(number), masked(frames.TEXT, b"42" + b" " * 500_000)

    def send() -> None:
        for position in range(len(data)):
            websocket.send(data[position : position + 1])
            gevent.sleep(0)

    return ending(websocket, send)


def slow_drip(scene: Scene, number: int) -> str:
    """A message that never ends."""
    websocket = scene.joined(number)

    def send() -> None:
        for byte in masked(frames.TEXT, b"42" + b" " * 5_000):
            websocket.send(bytes((byte,)))
            gevent.sleep(0.05)

    return ending(websocket, send)


def deaf(scene: Scene, number: int) -> str:
    """A subscriber of a busy conversation that never reads. The first attackers keep it busy."""
    if number < TALKERS:
        return _keep_busy(scene, number)
    websocket = scene.joined(number)
    websocket.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    gone = raw.until(lambda: _is_gone(websocket), seconds=60)
    return "hung up" if gone else "open"


def _is_gone(websocket: raw.WebSocket) -> bool:
    """Return whether the server has ended it, without reading: a socket that was hung up on can't be written to."""
    gevent.sleep(0.2)
    try:
        websocket.send(masked(frames.PONG))
    except OSError:
        return True
    return False


def _keep_busy(scene: Scene, number: int) -> str:
    """Send 50 KB a second, and read what everybody sends."""
    websocket, sent = scene.joined(number), 0
    text = "x" * 9_999

    def read() -> None:
        while True:
            websocket.message()

    reader = gevent.spawn(read)
    with gevent.Timeout(12, False):
        while True:
            fields = {"conversationId": scene.conversation, "content": f"{text}{sent % 10}"}
            websocket.text(f"42{sent}" + json.dumps(["newMessage", fields]))
            sent += 1
            gevent.sleep(0.2)
    reader.kill()
    websocket.close()
    return "busy"


def half_open(scene: Scene, number: int) -> str:
    """A connection on which half a handshake comes."""
    sock = raw.connect(scene.address, scene.source)
    sock.settimeout(30)
    sock.sendall((b"", b"GET /socket.io/?EIO=4 HTTP/1.1\r\nHost: x\r\n", b"GET")[number % 3])
    return (raw.rest_of(sock).split() or [b"", b"closed"])[1].decode()


def silent(scene: Scene, number: int) -> str:
    """A polling handshake without a CONNECT."""
    sock = raw.connect(scene.address, scene.source)
    sock.sendall(f"GET {POLLING} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    answer = raw.rest_of(sock)
    if b" 200 " not in answer[:20]:
        return answer.split()[1].decode()
    sid = json.loads(answer.partition(b"\r\n\r\n")[2][1:])["sid"]
    poll = f"GET {POLLING}&sid={sid} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    sock = raw.connect(scene.address, scene.source)
    sock.settimeout(30)
    sock.sendall(poll.encode())
    return "closed" if raw.rest_of(sock).endswith(b"\r\n\r\n1") else "not closed"


def eternal_upgrade(scene: Scene, number: int) -> str:
    """An upgrade that is begun and never finished."""
    websocket = raw.WebSocket(scene.address, f"{SOCKET}&sid={_handshake(scene)}", source=scene.source)
    websocket.sock.settimeout(30)
    websocket.text("2probe")
    assert websocket.message() == "3probe"
    return str(websocket.end())


def flood(scene: Scene, number: int) -> str:
    """Events as fast as they go."""
    websocket = scene.joined(number)
    return ending(websocket, repeat(websocket, masked(frames.TEXT, b'42["testSocket",{}]') * PIECE))


def unknown_events(scene: Scene, number: int) -> str:
    """Events that nobody defined, with acks, as fast as they go."""
    websocket = scene.joined(number)
    return ending(websocket, repeat(websocket, masked(frames.TEXT, b'421["no such event",{"x":1}]') * PIECE))


def pings(scene: Scene, number: int) -> str:
    """WebSocket pings as fast as they go, whose answers are not read."""
    websocket = scene.joined(number)
    with contextlib.suppress(OSError):
        repeat(websocket, masked(frames.PING, b"x" * 125) * PIECE)()
    return str(websocket.end() or "reset")


def nesting(scene: Scene, number: int) -> str:
    """JSON that is 100,000 levels deep."""
    websocket = scene.joined(number)
    websocket.text('42["testSocket",' + "[" * 100_000 + "]" * 100_000 + "]")
    return str(websocket.end())


def attachments(scene: Scene, number: int) -> str:
    """A binary event that announces billions of attachments, and some of them."""
    websocket = scene.joined(number)
    websocket.text('459999999999-["testSocket",{"_placeholder":true,"num":0}]')
    return ending(websocket, repeat(websocket, masked(frames.BINARY, b"x" * 10_000)))


def prototype(scene: Scene, number: int) -> str:
    """Keys that would be special in JavaScript, and names that would be in Python."""
    websocket = scene.joined(number)
    fields = '{"__proto__":{"admin":true},"constructor":{"prototype":1},"__class__":"x","conversationId":"x"}'
    websocket.text(f'421["newMessage",{fields}]')
    while not (answer := str(websocket.message())).startswith("431"):
        pass
    websocket.close()
    return str(json.loads(answer[3:])[0]["error"]["code"])


def ack_ids(scene: Scene, number: int) -> str:
    """An ack id of 2^63, which is answered, and one of twenty digits."""
    websocket = scene.joined(number)
    websocket.text('429223372036854775808["testSocket",{}]')
    while not str(websocket.message()).startswith("439223372036854775808["):
        pass
    websocket.text('4299999999999999999999["testSocket",{}]')
    return str(websocket.end())


def log_ins(scene: Scene, number: int) -> str:
    """Log-ins with wrong passwords, as fast as they go."""
    body = json.dumps({"email": f"victim{number}@test.com", "password": "wrong word"}).encode()
    head = f"POST /api/auth/login HTTP/1.1\nHost: x\nContent-Type: application/json\nContent-Length: {len(body)}"
    for _ in range(120):
        status = scene.http(head + "\nConnection: close", body)
        if status != "401":
            return status
    return "401"


def slow_post(scene: Scene, number: int) -> str:
    """A request whose body never comes."""
    sock = raw.connect(scene.address, scene.source)
    sock.settimeout(40)
    sock.sendall(
        b"POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n"
    )

    def send() -> None:
        with contextlib.suppress(OSError):
            while True:
                sock.sendall(b"x")
                gevent.sleep(0.2)

    sender = gevent.spawn(send)
    answer = raw.rest_of(sock)
    sender.kill()
    return answer.split()[1].decode() if answer else "closed"


def slow_poll(scene: Scene, number: int) -> str:
    """A polling client that asks for a lot and does not read what its polls are answered with."""
    sid = _handshake(scene)
    query = f"{POLLING}&sid={sid}"
    _post(scene, query, "40" + json.dumps({"token": scene.people[number % len(scene.people)]["token"]}))
    unread = raw.connect(scene.address, scene.source)
    unread.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
    history = "42" + json.dumps(["getMessages", {"conversationId": scene.conversation, "limit": 50}])
    for attempt in range(200):
        with contextlib.suppress(OSError):
            unread.sendall(f"GET {query} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        if _post(scene, query, history if attempt < 20 else "3") != "200":
            return "closed"
        gevent.sleep(0.1)
    return "open"


def _handshake(scene: Scene) -> str:
    """The id of a new session over polling."""
    request = f"GET {POLLING} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = raw.http(scene.address, request.encode(), scene.source)
    return str(json.loads(answer.partition(b"\r\n\r\n")[2][1:])["sid"])


def _post(scene: Scene, query: str, body: str) -> str:
    head = f"POST {query} HTTP/1.1\nHost: x\nConnection: close\nContent-Length: {len(body)}"
    return scene.http(head, body.encode())


def large_headers(scene: Scene, number: int) -> str:
    """Headers of 10 MB."""
    return scene.http("GET /api/health HTTP/1.1\nHost: x\nX-Large: " + "x" * 10_000_000)


def large_body(scene: Scene, number: int) -> str:
    """A body of 10 MB."""
    head = "POST /api/auth/login HTTP/1.1\nHost: x\nContent-Type: application/json\nContent-Length: 10000000"
    return scene.http(head, b"x" * 10_000_000)


def _ask(scene: Scene, number: int, method: str, path: str, body: bytes = b"") -> str:
    """The status of a call with an attacker's token."""
    token = scene.people[number % len(scene.people)]["token"]
    head = f"{method} {path} HTTP/1.1\nHost: x\nConnection: close\nAuthorization: Bearer {token}\n"
    return scene.http(head + f"Content-Type: application/json\nContent-Length: {len(body)}", body)


def _last(statuses: list[str]) -> str:
    """Return the end of a series of calls."""
    return "reset" if "reset" in statuses else statuses[-1]


def wrong_cursors(scene: Scene, number: int) -> str:
    """Syncs with 28,000 cursors that are none."""
    body = json.dumps({"cursors": {f"{cursor:024x}": "no" for cursor in range(28_000)}}).encode()
    return _last([_ask(scene, number, "POST", "/api/sync", body) for _ in range(3)])


def many_cursors(scene: Scene, number: int) -> str:
    """Syncs with as many cursors of unknown conversations as are taken, again and again."""
    body = json.dumps({"cursors": {f"{cursor:024x}": 5 for cursor in range(10_000)}}).encode()
    return _last([_ask(scene, number, "POST", "/api/sync", body) for _ in range(20)])


def wrong_ids(scene: Scene, number: int) -> str:
    """Lists of what can't be an id, as long as the body may be."""
    objects = b'{"userIds": [' + b"{}," * 240_000 + b"{}]}"
    numbers = b'{"type": "group", "name": "x", "participants": [' + b"7," * 400_000 + b"7]}"
    few = b'{"type": "group", "name": "x", "participants": [' + b"7," * 1_900 + b"7]}"
    statuses = [_ask(scene, number, "POST", "/api/user/ensure-stream-users", objects)]
    statuses += [_ask(scene, number, "POST", "/api/user/conversations", body) for body in (numbers, few)]
    return _last(statuses)


def large_lists(scene: Scene, number: int) -> str:
    """The dearest lists, as fast as they come."""
    paths = ("/api/user/conversations?limit=1000", "/api/user/presence", "/api/user/contacts?limit=1000", "/api/sync")
    statuses = [_ask(scene, number, "POST" if path == "/api/sync" else "GET", path, b"") for path in paths * 10]
    return _last(statuses)


def foundings(scene: Scene, number: int) -> str:
    """Groups of everybody whom one knows, as fast as they come."""
    people = [row["data"]["id"] for row in scene.people] + scene.others
    body = json.dumps({"type": "group", "name": "x", "participants": people}).encode()
    return _last([_ask(scene, number, "POST", "/api/user/conversations", body) for _ in range(30)])


def profile_changes(scene: Scene, number: int) -> str:
    """Somebody in many large groups changes their name, again and again: each group's list has a copy."""
    bodies = [json.dumps({"name": f"Somebody {change}"}).encode() for change in range(10)]
    return _last([_ask(scene, number, "PUT", "/api/user/profile", body) for body in bodies])


def group_lists(scene: Scene, number: int) -> str:
    """The lists and pages of somebody in many large groups."""
    paths = ("/api/user/conversations?limit=1000", "/api/user/contacts?limit=200", "/api/user/presence")
    members = f"/api/conversations/{scene.conversation}/members"
    return _last([_ask(scene, number, "GET", path) for path in (*paths, members) * 10])


def idle_connections(scene: Scene, number: int) -> str:
    """Connections that ask once and stay, more than an address may have; then one that wants an answer."""
    opened = []
    with contextlib.suppress(OSError):
        for _ in range(60):
            sock = raw.connect(scene.address, scene.source)
            sock.sendall(b"GET /api/health HTTP/1.1\r\nHost: x\r\n\r\n")
            sock.recv(65_536)
            opened.append(sock)
    gevent.sleep(2)
    status = scene.http("GET /api/health HTTP/1.1\nHost: x\nConnection: close")
    for sock in opened:
        sock.close()
    return status


def dead_sockets(scene: Scene, number: int) -> str:
    """A session's sockets that nobody reads, as a phone leaves them behind; then the phone is back."""
    dead: list[raw.WebSocket] = []
    try:
        dead += [scene.joined(number) for _ in range(20)]
        scene.joined(number).close()
    except Refused as refused:
        return str(refused)
    finally:
        for websocket in dead:
            websocket.sock.close()
    return "joined"


@dataclass(frozen=True)
class Attack:
    """An attack, how many do it at once, and the outcomes that are right."""

    run: Callable[[Scene, int], str]
    attackers: int
    right: set[str]


ATTACKS = [
    Attack(gigabyte, 10, {"1009"}),
    Attack(megabytes, 10, {"1008"}),
    Attack(fragments, 10, {"1008"}),
    Attack(drip, 10, {"1008"}),
    Attack(slow_drip, 10, {"1008"}),
    Attack(deaf, 14, {"hung up", "busy"}),
    Attack(half_open, 500, {"408", "closed"}),
    Attack(silent, 1_000, {"closed", "429"}),
    Attack(eternal_upgrade, 100, {"1008"}),
    Attack(flood, 10, {"1008"}),
    Attack(unknown_events, 10, {"1008"}),
    Attack(pings, 10, {"1008", "reset"}),
    Attack(nesting, 10, {"1008"}),
    Attack(attachments, 10, {"1008"}),
    Attack(prototype, 10, {"CONVERSATION_NOT_FOUND", "RATE_LIMITED"}),
    Attack(ack_ids, 10, {"1008"}),
    Attack(log_ins, 10, {"429", "503"}),
    Attack(slow_post, 100, {"408"}),
    Attack(slow_poll, 10, {"closed"}),
    Attack(large_headers, 10, {"431"}),
    Attack(large_body, 10, {"413"}),
    Attack(wrong_cursors, 1, {"400", "429"}),
    Attack(many_cursors, 1, {"200", "429"}),
    Attack(wrong_ids, 1, {"400", "413", "429"}),
    Attack(large_lists, 1, {"200", "429"}),
    Attack(foundings, 4, {"201", "429"}),
    Attack(profile_changes, 1, {"200", "429"}),
    Attack(group_lists, 1, {"200", "429"}),
    Attack(idle_connections, 60, {"200"}),
    Attack(dead_sockets, 1, {"joined", "RATE_LIMITED"}),
]

"""The cost of each step of the engine, in microseconds of CPU: the figures of docs/engine.md, measured here and now.

No network: socket pairs, whose other end somebody empties. The best of several rounds, since what disturbs only adds.
"""

from gevent import monkey

monkey.patch_all()

import _socket
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import gevent

from chatapp.engine import frame_reader, frames, packets, timer_wheel
from chatapp.engine.engineio_session import Session
from chatapp.engine.packets import Outgoing, Packet
from chatapp.engine.socketio_server import SocketServer
from chatapp.engine.traffic_limits import Limits
from chatapp.engine.websocket import WebSocket

ROUNDS, CALLS = 7, 2_000
MASK = b"\x01\x02\x03\x04"
MESSAGE = {"success": True, "data": {"id": "5" * 24, "conversationId": "6" * 24, "seq": 1234, "content": "x" * 150}}
EVENT = '42["newMessage",' + json.dumps({"conversationId": "6" * 24, "content": "x" * 150, "clientMsgId": "a1"}) + "]"
PLENTY = 1 << 40


def cost(act: Callable[[], object], calls: int = CALLS) -> float:
    """Return the microseconds of CPU for one call."""
    best = float("inf")
    for _ in range(ROUNDS):
        started = time.process_time()
        for _ in range(calls):
            act()
        best = min(best, (time.process_time() - started) / calls)
    return best * 1e6


class Quiet:
    """A socket that takes everything and costs nothing, to measure what is ours."""

    def __init__(self, sock: _socket.socket) -> None:
        self._sock = sock
        self.send = len

    def __getattr__(self, name: str) -> object:
        return getattr(self._sock, name)


def served(count: int) -> tuple[SocketServer, list[tuple[Session, WebSocket, _socket.socket]]]:
    """Return a server with joined WebSockets in one room."""
    server = SocketServer(async_mode="gevent", limits=Limits(frames=PLENTY, received_bytes=PLENTY))
    server.on("newMessage", lambda sid, fields: {"success": True})
    rows = []
    for number in range(count):
        ours, theirs = _socket.socketpair()
        theirs.setblocking(False)
        eio_sid = f"eio{number}"
        session = server.eio.sockets[eio_sid] = Session(server.eio, eio_sid)
        websocket = WebSocket(ours, session, server.eio.limits)
        session.open_websocket(websocket)
        sid = server.manager.pre_connect(eio_sid, "/")
        server.manager.connect(sid, "/")
        server.enter_room(sid, "room")
        rows.append((session, websocket, theirs))
    return server, rows


def read(sock: _socket.socket) -> None:
    """Take what the other end has sent, letting it run until it has."""
    while True:
        try:
            sock.recv(65_536)
            return
        except BlockingIOError:
            gevent.idle()


def masked(text: str) -> bytes:
    """Return a text frame as a client sends it."""
    frame = frames.build(frames.TEXT, text.encode())
    head = 2 if len(text) < 126 else 4
    return frame[:1] + bytes((frame[1] | 0x80,)) + frame[2:head] + MASK + frame_reader.apply_mask(frame[head:], MASK)


def inbound() -> list[tuple[str, float]]:
    """Measure the way from a frame to its handler."""
    _server, ((session, websocket, theirs),) = served(1)
    frame, reader = masked(EVENT), websocket._reader._frames
    pong, payload = masked("3"), frame[8:]
    websocket._writer._sock = Quiet(websocket._sock)  # type: ignore[assignment]

    def received() -> None:
        theirs.send(frame)
        ours.recv(16_384)

    def handled() -> None:
        session.received(EVENT)
        gevent.sleep(0)

    ours = websocket._sock
    return [
        ("read: recv of a frame of 250 bytes, and the sender's send", cost(received)),
        ("frame: header, unmask, UTF-8", cost(lambda: reader.feed(frame))),
        ("  of it unmask", cost(lambda: frame_reader.apply_mask(payload, MASK))),
        ("packet: Socket.IO text to event and arguments", cost(lambda: Packet(encoded_packet=EVENT[1:]))),
        ("session: inbox, a greenlet, packet, an empty handler", cost(handled)),
        ("a pong: frame to heartbeat", cost(lambda: websocket._reader.feed(pong))),
    ]


def outbound(members: int) -> list[tuple[str, float]]:
    """Measure the way from an emit to the kernel."""
    server, rows = served(members)
    data = ["newMessage", MESSAGE]
    text = Packet(2, data=data).encode()

    def broadcast() -> None:
        server.emit("newMessage", MESSAGE, to="room")
        while rows[-1][1].unread_bytes:  # a crowd is written to in several turns of the loop
            gevent.idle()

    def drained() -> None:
        broadcast()
        for _, _, theirs in rows:
            read(theirs)

    with_kernel = cost(drained, 5) / members
    receiving = cost(lambda: [row[2].send(b"x" * 300) and row[1]._sock.recv(65_536) for row in rows], 5) / members
    for _, websocket, _ in rows:
        websocket._writer._sock = Quiet(websocket._sock)  # type: ignore[assignment]
    ours = cost(broadcast, 20) / members
    return [
        ("once: packet to JSON and frame", cost(lambda: Outgoing(packets.MESSAGE, Packet(2, data=data).encode()))),
        ("  of it the frame", cost(lambda: Outgoing(packets.MESSAGE, text))),
        (f"per member of {members}: emit, queue and flush, without the kernel", ours),
        ("per member: the same with the kernel's send", with_kernel - receiving / 2),
    ]


def heartbeat() -> list[tuple[str, float]]:
    """Measure a ping by the wheel."""
    _server, ((session, websocket, _),) = served(1)
    websocket._writer._sock = Quiet(websocket._sock)  # type: ignore[assignment]

    def ping() -> None:
        session._heartbeat.ping_at = session._heartbeat.pong_by = 0.0
        session.tick(time.monotonic())
        gevent.sleep(0)

    def put_down() -> None:
        timer_wheel.cancel(session)
        timer_wheel.current().at(time.monotonic() + 25, session)

    return [("a ping: tick, queue and flush", cost(ping)), ("the wheel: put an object down", cost(put_down))]


def main() -> None:
    """Print all of it."""
    for title, rows in (("In", inbound()), ("Out", outbound(500)), ("Heartbeat", heartbeat())):
        print(title)
        for name, microseconds in rows:
            print(f"  {name:70} {microseconds:7.2f} us")


if __name__ == "__main__":
    main()

"""The libraries' own server (ENGINE=stock), with what loses messages or memory mended by subclasses.

It has as little to do with the engine as it can, so that a fault there is never a reason to be down. What stays
different from the engine is in docs/engine.md.

Seams, checked against python-engineio 4.15.1 and python-socketio 5.18.1: `engineio.socket.Socket` is what the Engine.IO
server makes of a handshake, by that name; its `poll` returns what is sent next and is asked again once that is out;
`_websocket_handler` runs as long as the WebSocket. tests/engine/test_seams.py fails when one of them changes.
"""

import contextlib
import socket
import time
from collections import Counter
from collections.abc import Callable
from typing import Any
from wsgiref.types import WSGIEnvironment

import engineio
import engineio.exceptions
import engineio.packet
import engineio.payload
import engineio.socket
import gevent
import socketio
import socketio.packet

from chatapp.addresses import address_key
from chatapp.engine import dispatch
from chatapp.engine.answers import Refusal, without_credentials
from chatapp.engine.frames import ProtocolError
from chatapp.engine.live_sessions import Admission
from chatapp.engine.packets import Packet

_BINARY = (socketio.packet.BINARY_EVENT, socketio.packet.BINARY_ACK)
_HANDSHAKE = (socketio.packet.CONNECT, socketio.packet.CONNECT_ERROR)


class StockSocket(engineio.socket.Socket):  # type: ignore[misc]
    """One Engine.IO session. What waits for its client is bounded, and one poll or POST is answered at a time."""

    def __init__(self, server: "StockEngine", sid: str) -> None:
        super().__init__(server, sid)
        self._waiting = 0  # bytes in the queue, and of what is being written
        self._in_flight = 0
        self._lags_since = 0.0
        self._polls = self._posts = False
        self._websocket: Any = None

    def send(self, pkt: Any) -> None:
        """Queue a packet, or drop it while the client lags."""
        if self._lags_since and pkt.packet_type == engineio.packet.MESSAGE:
            self.check_ping_timeout()
            return
        if pkt.packet_type == engineio.packet.OPEN:  # the library rounds a fraction of a second to nothing
            pkt.data["pingInterval"] = round(self.server.ping_interval * 1000)
        super().send(pkt)
        others, self._waiting = self._waiting, self._waiting + _size(pkt)
        if others and self._waiting > self.server.buffer_bytes:  # one large message is no backlog
            self._drop()

    def _drop(self) -> None:
        """Forget what waits; the client is told to fetch it when it has read what is being written."""
        self._lags_since = time.monotonic()
        self._waiting = self._in_flight
        kept = []
        while not self.queue.empty():
            pkt = self.queue.get(block=False)
            self.queue.task_done()
            if pkt is None or pkt.packet_type != engineio.packet.MESSAGE:
                kept.append(pkt)
        for pkt in kept:
            self.queue.put(pkt)

    def poll(self) -> list[Any]:
        """Return the packets to send next. The last ones are out: a client that has lagged has caught up."""
        self._waiting -= self._in_flight
        self._in_flight = 0
        if self._lags_since:
            self._lags_since = 0.0
            self.server.caught_up(self.sid)
        polled: list[Any] = super().poll()
        self._in_flight = sum(map(_size, polled))
        return polled

    def check_ping_timeout(self) -> bool:
        """Return whether the client is still there, and reads. The server asks now and then, and so does every send."""
        if self._lags_since and time.monotonic() - self._lags_since > self.server.slow_seconds:
            self.close(abort=True, reason=self.server.reason.TRANSPORT_ERROR)
            return False
        return bool(super().check_ping_timeout())

    def handle_get_request(self, environ: WSGIEnvironment, start_response: Any) -> Any:
        """Answer a poll, or take the WebSocket."""
        if "HTTP_UPGRADE" in environ:
            return super().handle_get_request(environ, start_response)
        if self._polls:
            raise engineio.exceptions.EngineIOError("one poll at a time")
        self._polls = True
        try:
            packets = super().handle_get_request(environ, start_response)
        finally:
            self._polls = False
        if _has_hung_up(environ):  # what the poll has taken is lost: the client has to connect anew
            raise engineio.exceptions.EngineIOError("the client has hung up")
        return packets

    def handle_post_request(self, environ: WSGIEnvironment) -> None:
        """Take a POST; a body that can't be read ends the session, and is not answered as if it could."""
        if self._posts:
            raise engineio.exceptions.EngineIOError("one POST at a time")
        self._posts = True
        try:
            super().handle_post_request(environ)
        except (ValueError, KeyError, IndexError, OSError) as error:
            raise engineio.exceptions.EngineIOError(str(error)) from None
        finally:
            self._posts = False

    def _websocket_handler(self, ws: Any) -> Any:
        self._websocket = ws
        return super()._websocket_handler(ws)

    def close(self, wait: bool = True, abort: bool = False, reason: str | None = None) -> None:
        """End the session without waiting for a queue that nobody may read any more."""
        super().close(wait=False, abort=abort, reason=reason)
        if self._websocket is not None:
            gevent.spawn_later(1, self._hang_up, self._websocket._sock.handler)

    @staticmethod
    def _hang_up(handler: Any) -> None:
        """Wake who still writes to, or reads from, a client that does nothing."""
        if getattr(handler, "socket", None) is not None:
            with contextlib.suppress(OSError):
                handler.socket.shutdown(socket.SHUT_RDWR)


def _has_hung_up(environ: WSGIEnvironment) -> bool:
    """Return whether the client has ended the connection of this request."""
    file = getattr(environ.get("wsgi.input"), "rfile", None)
    sock = getattr(getattr(file, "raw", None), "_sock", None)
    try:
        return sock is not None and not sock._sock.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        return True


def _address(environ: WSGIEnvironment) -> str:
    return address_key(environ.get("REMOTE_ADDR"))


def _size(pkt: Any) -> int:
    return len(pkt.data) if isinstance(pkt.data, str | bytes) else 100


class StockEngine(engineio.Server):  # type: ignore[misc]
    """The Engine.IO server."""

    def __init__(
        self,
        *,
        buffer_bytes: int,
        slow_seconds: float,
        on_caught_up: Callable[[str], None],
        admit: Admission | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._admit = admit
        self.by_address: Counter[str] = Counter()
        self.buffer_bytes = buffer_bytes
        self.slow_seconds = slow_seconds
        self.caught_up = on_caught_up

    def _cors_headers(self, environ: WSGIEnvironment) -> list[tuple[str, str]]:
        """See EngineServer."""
        return without_credentials(super()._cors_headers(environ), self.cors_allowed_origins)

    def _handle_connect(self, environ: WSGIEnvironment, *arguments: Any, **more: Any) -> Any:
        """Make a handshake, if the address may make one."""
        try:
            if self._admit is not None:
                self._admit(environ, self.by_address[_address(environ)])
        except Refusal as refusal:
            answer = refusal.answer
            headers = [("Content-Type", answer.content_type), *answer.headers]
            return {"status": answer.status, "headers": headers, "response": answer.body}
        return super()._handle_connect(environ, *arguments, **more)


class StockServer(socketio.Server):  # type: ignore[misc]
    """The Socket.IO server: a faulty packet ends the connection, and nothing comes before CONNECT."""

    def __init__(
        self, *, connect_timeout: float, on_resync: Callable[[str], None] | None = None, **options: Any
    ) -> None:
        self._connect_timeout = connect_timeout
        self._on_resync = on_resync
        self._held: dict[str, list[tuple[Callable[..., None], Any]]] = {}
        self.unknown_event: dispatch.Unknown | None = None
        super().__init__(serializer=Packet, on_caught_up=self._caught_up, **options)

    def _engineio_server_class(self) -> type[StockEngine]:
        return StockEngine

    def _caught_up(self, eio_sid: str) -> None:
        for namespace in list(self.manager.get_namespaces()):
            sid = self.manager.sid_from_eio_sid(eio_sid, namespace)
            if sid is not None and self._on_resync is not None:
                self._on_resync(sid)

    def _handle_eio_connect(self, eio_sid: str, environ: WSGIEnvironment) -> None:
        super()._handle_eio_connect(eio_sid, environ)
        self.eio.by_address[_address(environ)] += 1
        if eio_sid in self.eio.sockets:
            gevent.spawn_later(self._connect_timeout, self._close_stranger, eio_sid)

    def _close_stranger(self, eio_sid: str) -> None:
        """End a session that has joined no namespace in time."""
        namespaces = list(self.manager.get_namespaces())
        if not any(self.manager.sid_from_eio_sid(eio_sid, name) for name in namespaces):
            self.eio.disconnect(eio_sid)

    def _handle_eio_disconnect(self, eio_sid: str, reason: str) -> None:
        address = _address(self.environ.get(eio_sid, {}))
        super()._handle_eio_disconnect(eio_sid, reason)
        self.eio.by_address[address] -= 1
        if self.eio.by_address[address] <= 0:
            del self.eio.by_address[address]

    def _handle_eio_message(self, eio_sid: str, data: Any) -> None:
        try:
            is_binary = isinstance(data, bytes | bytearray) or (isinstance(data, str) and data[:1] in "56")
            if is_binary and eio_sid not in self._binary_packet:
                raise ProtocolError(1003, "binary events are not supported")
            super()._handle_eio_message(eio_sid, data if isinstance(data, str | bytes) else str(data))
        except ProtocolError:
            self.eio.disconnect(eio_sid)

    def _handle_event_internal(
        self, server: Any, sid: str, eio_sid: str, data: list[Any], namespace: str, id: int | None
    ) -> None:
        answer = dispatch.call(self, namespace, sid, data[0], data[1:])
        if id is not None and answer is not self.not_handled:
            arguments = list(answer) if isinstance(answer, tuple) else [] if answer is None else [answer]
            ack = self.packet_class(socketio.packet.ACK, namespace=namespace, id=id, data=arguments)
            self._send_packet(eio_sid, ack)

    def _handle_connect(self, eio_sid: str, namespace: str, data: Any) -> None:
        self._held[eio_sid] = []
        try:
            super()._handle_connect(eio_sid, namespace, data)
        finally:
            for send, pkt in self._held.pop(eio_sid, ()):
                send(eio_sid, pkt)

    def _send_packet(self, eio_sid: str, pkt: Any) -> None:
        if pkt.packet_type == socketio.packet.CONNECT_ERROR and pkt.data == "Unable to connect":
            pkt.data = {"message": "Invalid namespace"}
        if eio_sid in self._held and pkt.packet_type not in _HANDSHAKE:
            self._held[eio_sid].append((super()._send_packet, pkt))
        else:
            super()._send_packet(eio_sid, pkt)

    def _send_eio_packet(self, eio_sid: str, eio_pkt: Any) -> None:
        if eio_sid in self._held:
            self._held[eio_sid].append((super()._send_eio_packet, eio_pkt))
        else:
            super()._send_eio_packet(eio_sid, eio_pkt)


def prepare() -> None:
    """Set what the libraries take from their modules."""
    # The default of 16 drops the connection of whoever sends quickly over polling: clients put all that waits
    # into one request. Its size stays limited by MAX_FRAME_BYTES, and what it asks for by the rate limits.
    engineio.payload.Payload.max_decode_packets = 4096
    engineio.socket.Socket = StockSocket

"""The Socket.IO server: python-socketio's, as strict as the published protocol (revision 5) asks for.

Seams, checked against python-socketio 5.18.1: `_engineio_server_class` names the Engine.IO server,
`_handle_eio_message` gets every packet, `_handle_connect` lets a socket in, `_handle_event_internal` calls a handler
and acknowledges, `_send_packet` and `_send_eio_packet` send.
"""

from collections.abc import Callable, Collection
from typing import Any

import socketio
import socketio.packet
from socketio.exceptions import ConnectionRefusedError

from chatapp.engine import dispatch, fair_queue, packets
from chatapp.engine.client_manager import Manager
from chatapp.engine.engineio_server import EngineServer
from chatapp.engine.frames import POLICY, UNSUPPORTED, Message, ProtocolError
from chatapp.engine.packets import BinaryPacket, Outgoing, Packet

_INVALID_NAMESPACE = {"message": "Invalid namespace"}
_INTERNAL = {"message": "Internal error"}
BinaryRefusal = Callable[[str], Any]
LARGE_PACKET = 65_536
REFUSED_SECONDS = 1.0  # for another CONNECT; clients that hang up after a refusal do not always say so


class SocketServer(socketio.Server):  # type: ignore[misc]
    """python-socketio's server on the engine.

    `binary` lets events carry bytes. Without it such an event is acknowledged with what `binary_refusal(sid)` returns,
    and its attachments are passed over. `on_resync(sid)` is told of sockets that missed something. `reads` are events
    that only ask: they are handled when the client has read what it asked for before, and not at all when it is gone.
    `unknown_event(name, sid, *arguments)` answers what no handler is registered for.
    """

    def __init__(
        self,
        *,
        binary: bool = False,
        on_resync: Callable[[str], None] | None = None,
        **options: Any,
    ) -> None:
        self.binary_refusal: BinaryRefusal | None = None
        self.unknown_event: dispatch.Unknown | None = None
        self.reads: Collection[str] = ()
        self.charge: Callable[[str, int], None] | None = None  # told the socket and size of each large packet
        self._on_resync = on_resync
        self._passed_over: dict[str, int] = {}  # attachments that still come, of refused events, by Engine.IO sid
        super().__init__(
            serializer=BinaryPacket if binary else Packet,
            client_manager=Manager(),
            on_caught_up=self._caught_up,
            **options,
        )
        self._binary = binary

    def _engineio_server_class(self) -> type[EngineServer]:
        return EngineServer

    def _caught_up(self, eio_sid: str) -> None:
        """Tell the sockets of a connection that they have missed something."""
        for namespace in self.manager.get_namespaces():
            sid = self.manager.sid_from_eio_sid(eio_sid, namespace)
            if sid is not None and self._on_resync is not None:
                self._on_resync(sid)

    # Sending

    def _send_packet(self, eio_sid: str, pkt: Any) -> None:
        encoded = pkt.encode()
        for part in encoded if isinstance(encoded, list) else [encoded]:
            self._send_eio_packet(eio_sid, Outgoing(packets.MESSAGE, part))

    def _send_eio_packet(self, eio_sid: str, eio_pkt: Any) -> None:
        session = self.eio.sockets.get(eio_sid)
        if session is not None:
            session.send(eio_pkt)

    # Receiving

    def _handle_eio_message(self, eio_sid: str, data: Message) -> None:
        """Handle one packet from a client; raises ProtocolError, which ends the connection."""
        if isinstance(data, bytes):
            self._attachment(eio_sid, data)
            return
        if eio_sid in self._binary_packet or eio_sid in self._passed_over:
            raise ProtocolError(UNSUPPORTED, "expected a binary attachment")
        if not data:
            raise ProtocolError(POLICY, "empty packet")
        packet = self.packet_class(encoded_packet=data)
        namespace = packet.namespace or "/"
        if packet.packet_type == socketio.packet.CONNECT:
            self._handle_connect(eio_sid, namespace, packet.data)
            return
        sid = self.manager.sid_from_eio_sid(eio_sid, namespace)
        if sid is None:
            raise ProtocolError(POLICY, "not connected to this namespace")
        if len(data) > LARGE_PACKET and self.charge is not None:
            self.charge(sid, len(data))
        self._dispatch(eio_sid, sid, namespace, packet)

    def _dispatch(self, eio_sid: str, sid: str, namespace: str, packet: Any) -> None:
        kind = packet.packet_type
        if kind == socketio.packet.EVENT:
            if packet.data[0] not in self.reads or self._has_reader(eio_sid):
                self._handle_event(eio_sid, namespace, packet.id, packet.data)
        elif kind == socketio.packet.ACK:
            self._handle_ack(eio_sid, namespace, packet.id, packet.data)
        elif kind == socketio.packet.DISCONNECT:
            self._handle_disconnect(eio_sid, namespace, self.reason.CLIENT_DISCONNECT)
            self._note_namespaces(eio_sid)
        elif self._binary:
            self._binary_packet[eio_sid] = packet
        else:
            self._refuse_binary(eio_sid, sid, namespace, packet)

    def _has_reader(self, eio_sid: str) -> bool:
        """Return whether the client is still there, when it has read what it was sent."""
        session = self.eio.sockets.get(eio_sid)
        if session is not None:
            session.wait_for_reader()
        return eio_sid not in self.eio.over

    def _refuse_binary(self, eio_sid: str, sid: str, namespace: str, packet: Any) -> None:
        self._passed_over[eio_sid] = packet.attachment_count
        answer = self.binary_refusal(sid) if self.binary_refusal is not None else None
        if packet.id is not None and packet.packet_type == socketio.packet.BINARY_EVENT:
            ack = self.packet_class(socketio.packet.ACK, namespace=namespace, id=packet.id, data=[answer])
            self._send_packet(eio_sid, ack)

    def _attachment(self, eio_sid: str, data: bytes) -> None:
        if eio_sid in self._passed_over:
            self._passed_over[eio_sid] -= 1
            if not self._passed_over[eio_sid]:
                del self._passed_over[eio_sid]
            return
        packet = self._binary_packet.get(eio_sid)
        if packet is None:
            raise ProtocolError(UNSUPPORTED, "binary data that belongs to no packet")
        if packet.add_attachment(data):
            del self._binary_packet[eio_sid]
            handle = self._handle_event if packet.packet_type == socketio.packet.BINARY_EVENT else self._handle_ack
            handle(eio_sid, packet.namespace, packet.id, packet.data)

    # Connecting

    def _handle_connect(self, eio_sid: str, namespace: str, data: Any) -> None:
        """Let a socket into a namespace, or say why not. Only an answer of the handler's lets it in.

        That is worth many messages, and a whole crowd may come at once: each waits for its turn.
        """
        fair_queue.current().wait()
        if not self._is_known(namespace):
            self._refuse(eio_sid, namespace, _INVALID_NAMESPACE)
            return
        sid = self.manager.pre_connect(eio_sid, namespace)
        if sid is None:
            raise ProtocolError(POLICY, "connected already")
        self._note_namespaces(eio_sid)
        refusal = self._call_connect_handler(eio_sid, sid, namespace, data)
        if refusal is None:
            self._send_packet(eio_sid, self.packet_class(socketio.packet.CONNECT, {"sid": sid}, namespace=namespace))
            self.manager.connect(sid, namespace)
        else:
            self._refuse(eio_sid, namespace, refusal)
            self.manager.disconnect(sid, namespace, ignore_queue=True)
            self._note_namespaces(eio_sid, REFUSED_SECONDS)

    def _is_known(self, namespace: str) -> bool:
        return (
            self.namespaces == "*"
            or namespace in self.namespaces
            or namespace in self.handlers
            or namespace in self.namespace_handlers
        )

    def _refuse(self, eio_sid: str, namespace: str, reason: Any) -> None:
        self._send_packet(eio_sid, self.packet_class(socketio.packet.CONNECT_ERROR, data=reason, namespace=namespace))

    def _call_connect_handler(self, eio_sid: str, sid: str, namespace: str, data: Any) -> Any:
        """Return None when the handler lets the socket in, else the reason."""
        refusal = ConnectionRefusedError().error_args
        try:
            allowed = self._trigger_event("connect", namespace, sid, self.environ.get(eio_sid), data or None)
        except ConnectionRefusedError as error:
            return error.error_args
        except Exception:  # of the application: the client is told, the server goes on
            self.logger.exception("connect handler error")
            return _INTERNAL
        return refusal if allowed is False else None

    def _note_namespaces(self, eio_sid: str, seconds: float | None = None) -> None:
        """Let a connection without a namespace join one in this time, at most in `connect_timeout`."""
        session = self.eio.sockets.get(eio_sid)
        if session is not None:
            joined = (self.manager.sid_from_eio_sid(eio_sid, name) for name in self.manager.get_namespaces())
            session.joined(any(sid is not None for sid in joined), seconds)

    # Events

    def _handle_event_internal(
        self, server: Any, sid: str, eio_sid: str, data: list[Any], namespace: str, id: int | None
    ) -> None:
        answer = dispatch.call(self, namespace, sid, data[0], data[1:])
        if id is None or answer is self.not_handled:
            return
        arguments = list(answer) if isinstance(answer, tuple) else [] if answer is None else [answer]
        self._send_packet(eio_sid, self.packet_class(socketio.packet.ACK, namespace=namespace, id=id, data=arguments))

    def disconnect(self, sid: str, namespace: str | None = None, ignore_queue: bool = False) -> None:
        """Disconnect a socket from its namespace."""
        eio_sid = self.manager.eio_sid_from_sid(sid, namespace or "/")
        super().disconnect(sid, namespace, ignore_queue)
        if eio_sid is not None:
            self._note_namespaces(eio_sid)

    def _handle_eio_disconnect(self, eio_sid: str, reason: str) -> None:
        super()._handle_eio_disconnect(eio_sid, reason)
        self._binary_packet.pop(eio_sid, None)
        self._passed_over.pop(eio_sid, None)

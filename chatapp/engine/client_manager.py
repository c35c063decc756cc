"""The members of each namespace and room, with an index from socket to rooms.

It stands in for `socketio.Manager` (python-socketio 5.18.1), every public method of it, without a two-way dictionary
for each room, and without looking through all rooms when a socket goes. What is emitted to a socket whose connect
handler still runs is held back until its CONNECT packet is out.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import socketio
import socketio.packet

from chatapp.audience import Remembered
from chatapp.engine import packets
from chatapp.engine.packets import Outgoing

Participants = dict[str, str]  # Engine.IO sid by Socket.IO sid


class Namespace:
    """The sockets of one namespace."""

    __slots__ = ("_together", "by_eio", "held", "leaving", "rooms", "rooms_of", "sids")

    def __init__(self) -> None:
        self.sids: Participants = {}
        self.by_eio: dict[str, str] = {}
        self.rooms: dict[str, Participants] = {}
        self.rooms_of: dict[str, tuple[str, ...]] = {}
        self.held: dict[str, list[Outgoing]] = {}  # by sid, while its connect handler runs
        self.leaving: set[str] = set()
        self._together: Remembered[Participants] = Remembered()

    def changed(self) -> None:
        """Compute the participants of rooms anew when they are next asked for."""
        self._together.forget()

    def participants(self, room: Any) -> Participants:
        """Return the sockets in a room, in one of several rooms, or (None) in the namespace. Not to be changed."""
        if room is None:
            return self.sids
        if isinstance(room, str):
            found = self.rooms.get(room)
            if found is not None:
                return found
            return {room: self.sids[room]} if room in self.sids else {}
        return self._together.get(room) or self._together.put(room, self._join(room))

    def _join(self, rooms: Any) -> Participants:
        together: Participants = {}
        for one in rooms:
            found = self.rooms.get(one)
            together.update(self.participants(one) if found is None else found)
        return together


class Manager(socketio.Manager):  # type: ignore[misc]
    """The client manager of one process."""

    def __init__(self) -> None:
        super().__init__()
        self._namespaces: dict[str, Namespace] = {}

    def get_namespaces(self) -> Iterable[str]:
        """Return the names of the namespaces that have sockets."""
        return list(self._namespaces)

    def get_participants(self, namespace: str, room: Any) -> Iterator[tuple[str, str]]:
        """Yield (sid, Engine.IO sid) of everybody in the room."""
        here = self._namespaces.get(namespace)
        if here is not None:
            yield from list(here.participants(room).items())

    # Coming and going

    def pre_connect(self, eio_sid: str, namespace: str) -> str | None:
        """Take in a socket whose connect handler is going to run; None when it is in already."""
        here = self._namespaces.setdefault(namespace, Namespace())
        if eio_sid in here.by_eio:
            return None
        sid: str = self.server.eio.generate_id()
        here.changed()
        here.sids[sid] = eio_sid
        here.by_eio[eio_sid] = sid
        here.held[sid] = []
        return sid

    def connect(self, sid: str, namespace: str) -> str | None:
        """Let the socket in, and send what was emitted to it."""
        here = self._namespaces[namespace]
        for packet in here.held.pop(sid, ()):
            self.server._send_eio_packet(here.sids[sid], packet)
        return sid

    def is_pre_connected(self, sid: str, namespace: str) -> bool:
        """Return whether the socket's connect handler is still running."""
        here = self._namespaces.get(namespace)
        return here is not None and sid in here.held

    def is_connected(self, sid: str | None, namespace: str) -> bool:
        """Return whether the socket is in, and neither coming nor going."""
        here = self._namespaces.get(namespace)
        return here is not None and sid in here.sids and sid not in here.held and sid not in here.leaving

    def sid_from_eio_sid(self, eio_sid: str, namespace: str) -> str | None:
        """Return the socket of a connection in a namespace."""
        here = self._namespaces.get(namespace)
        return here.by_eio.get(eio_sid) if here is not None else None

    def eio_sid_from_sid(self, sid: str, namespace: str) -> str | None:
        """Return the connection of a socket."""
        here = self._namespaces.get(namespace)
        return here.sids.get(sid) if here is not None else None

    def pre_disconnect(self, sid: str, namespace: str) -> str | None:
        """Mark the socket as leaving: its disconnect handler runs next."""
        here = self._namespaces[namespace]
        here.leaving.add(sid)
        return here.sids.get(sid)

    def basic_disconnect(self, sid: str, namespace: str, **_: Any) -> None:
        """Forget the socket."""
        here = self._namespaces.get(namespace)
        if here is None or sid not in here.sids:
            return
        here.changed()
        for room in here.rooms_of.pop(sid, ()):
            self._take_out(here, sid, room)
        here.by_eio.pop(here.sids.pop(sid), None)
        here.held.pop(sid, None)
        here.leaving.discard(sid)
        self.callbacks.pop(sid, None)
        if not here.sids:
            del self._namespaces[namespace]

    # Rooms

    def is_sid_room(self, namespace: str, room: str) -> bool:
        """Return whether this room is a socket's own."""
        here = self._namespaces.get(namespace)
        return here is not None and room in here.sids

    def basic_enter_room(self, sid: str, namespace: str, room: str, eio_sid: str | None = None) -> None:
        """Put a socket into a room."""
        here = self._namespaces.get(namespace)
        if here is None or sid not in here.sids:
            raise ValueError("sid is not connected to requested namespace")
        if sid != room and room in here.sids:
            raise ValueError("cannot enter a sid room")
        if sid != room and sid not in here.rooms.get(room, ()):
            here.changed()
            here.rooms.setdefault(room, {})[sid] = here.sids[sid]
            here.rooms_of[sid] = (*here.rooms_of.get(sid, ()), room)

    def basic_leave_room(self, sid: str, namespace: str, room: str) -> None:
        """Take a socket out of a room."""
        here = self._namespaces.get(namespace)
        if here is not None and room in here.rooms_of.get(sid, ()):
            here.changed()
            here.rooms_of[sid] = tuple(other for other in here.rooms_of[sid] if other != room)
            self._take_out(here, sid, room)

    @staticmethod
    def _take_out(here: Namespace, sid: str, room: str) -> None:
        members = here.rooms.get(room)
        if members is not None:
            members.pop(sid, None)
            if not members:
                del here.rooms[room]

    def basic_close_room(self, room: str, namespace: str) -> None:
        """Take everybody out of a room."""
        if self.is_sid_room(namespace, room):
            raise ValueError("cannot close a sid room")
        for sid, _ in self.get_participants(namespace, room):
            self.basic_leave_room(sid, namespace, room)

    def get_rooms(self, sid: str, namespace: str) -> list[str]:
        """Return the rooms of a socket, its own too."""
        here = self._namespaces.get(namespace)
        if here is None or sid not in here.sids:
            return []
        return [sid, *here.rooms_of.get(sid, ())]

    # Sending

    def emit(
        self,
        event: str,
        data: Any,
        namespace: str,
        room: Any = None,
        skip_sid: Any = None,
        callback: Any = None,
        to: Any = None,
        **_: Any,
    ) -> None:
        """Emit to a room, to several, or to the namespace. Without a callback it is encoded and framed once."""
        here = self._namespaces.get(namespace)
        participants = here.participants(to or room) if here is not None else None
        if here is None or not participants:
            return
        if skip_sid:
            skipped = set(skip_sid) if isinstance(skip_sid, list | tuple | set) else {skip_sid}
            participants = {sid: eio_sid for sid, eio_sid in participants.items() if sid not in skipped}
        arguments = list(data) if isinstance(data, tuple) else [] if data is None else [data]
        if callback:
            for sid, eio_sid in list(participants.items()):
                ack_id = self._generate_ack_id(sid, callback)
                self._send(here, {sid: eio_sid}, self._encode(namespace, [event, *arguments], ack_id))
        else:
            self._send(here, participants, self._encode(namespace, [event, *arguments], None))

    def emit_encoded(self, packet: str, room: Any = None, namespace: str = "/") -> None:
        """Emit the text of an encoded event."""
        here = self._namespaces.get(namespace)
        participants = here.participants(room) if here is not None else None
        if here is not None and participants:
            self._send(here, participants, [Outgoing(packets.MESSAGE, packet)])

    def _encode(self, namespace: str, data: list[Any], ack_id: int | None) -> list[Outgoing]:
        packet = self.server.packet_class(socketio.packet.EVENT, namespace=namespace, data=data, id=ack_id)
        encoded = packet.encode()
        return [Outgoing(packets.MESSAGE, part) for part in (encoded if isinstance(encoded, list) else [encoded])]

    def _send(self, here: Namespace, participants: Participants, outgoing: list[Outgoing]) -> None:
        send = self.server._send_eio_packet
        held = here.held
        for sid, eio_sid in list(participants.items()):
            try:
                for packet in outgoing:
                    if held and sid in held:
                        held[sid].append(packet)
                    else:
                        send(eio_sid, packet)
            except Exception:  # one socket's fault is not felt by the others
                self.server.logger.exception("a packet could not be sent")

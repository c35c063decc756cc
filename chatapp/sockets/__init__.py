"""Socket.IO handlers: load, call the service, answer. Importing this package defines all events."""

from socketio import Server

from chatapp.realtime import resync
from chatapp.sockets import (
    actions,
    connection,
    conversations,
    groups,
    media,
    messages,
    not_implemented,
    own,
    pins,
    search,
    sync,
    users,
)
from chatapp.sockets.dispatch import EVENTS, answer_binary, answer_unknown, charge_bytes, handler_of

__all__ = [
    "EVENTS",
    "actions",
    "connection",
    "conversations",
    "groups",
    "media",
    "messages",
    "not_implemented",
    "own",
    "pins",
    "register",
    "search",
    "sync",
    "users",
]


def register(server: Server) -> None:
    """Attach every handler to this app's Socket.IO server.

    On the server itself, not through Flask-SocketIO's decorator, which makes a request context for each event.
    """
    server.on("connect", connection.connect)
    server.on("disconnect", connection.disconnect)
    for spec in EVENTS.values():
        server.on(spec.name, handler_of(spec))
    server.unknown_event = answer_unknown
    server.binary_refusal = answer_binary
    server.charge = charge_bytes
    server.reads = {spec.name for spec in EVENTS.values() if spec.reads}
    resync.set_handler(connection.send_resync)

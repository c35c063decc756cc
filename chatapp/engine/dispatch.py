"""The lookup of the handler for an event that a client names.

Seam, checked against python-socketio 5.18.1: `handlers` has the handlers by namespace and event. The library's own
lookup would also find those that no client may call: `connect`, `disconnect`, and `*`, whose first argument would then
be the client's in the place of the event's name, and the second in the place of the socket's id.
"""

from collections.abc import Callable
from typing import Any

from chatapp.engine.packets import RESERVED

INTERNAL = RESERVED | {"*", "__disconnect_final"}
Unknown = Callable[..., Any]


def call(server: Any, namespace: str, sid: str, name: Any, arguments: list[Any]) -> Any:
    """Call the handler of this event, or `server.unknown_event(name, sid, *arguments)` where none is registered."""
    if name not in INTERNAL:
        handler = server.handlers.get(namespace, {}).get(name)
        if handler is not None:
            return handler(sid, *arguments)
    if server.unknown_event is not None:
        return server.unknown_event(name, sid, *arguments)
    return server.not_handled

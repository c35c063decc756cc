"""Throws away the bytes that still come on a connection that is being closed.

Hanging up on data that has not been read resets the connection, and the client never sees why it was closed.
"""

import socket
from typing import Any

SECONDS = 2.0
BYTES = 32_000_000
_SCRATCH = bytearray(65_536)  # on Linux nothing is ever written to it


def discard(sock: Any) -> int:
    """Read once; return how many bytes that was. On Linux they are not copied out of the kernel."""
    return int(sock.recv_into(_SCRATCH, 0, socket.MSG_TRUNC))

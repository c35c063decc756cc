"""PyMongo's pool of connections, on one event loop, and with a clock at each connection.

A command listener costs a tenth of a command: PyMongo makes an event of ten fields when it begins and another one when
it ends. Here the connection itself sees a command go and its answer come, whichever of PyMongo's methods has sent it,
each try and each batch of a cursor. (What a new connection says before it is used, hello and log-in, is not timed.)

The seam (PyMongo 4.20), which `tests/stores/test_command_times.py` holds: PyMongo takes the class of its pools as
`_pool_class`, and sends every command by `Connection.send_message` and `receive_message`.
"""

import threading
from time import perf_counter
from typing import Any

import bson
from pymongo import compression_support
from pymongo.synchronous.pool import Connection, Pool

from chatapp.database import monitoring

_OP_COMPRESSED = 2012
_LONGEST_FAILURE = 16_384
_NOT_OK = b"\x01ok\x00" + bytes(8)  # the field `ok: 0.0`


class Condition(threading.Condition):
    """A condition of a plain lock that does not try to acquire it to see whether it is held.

    gevent lets all others run at a try that fails: twice for each command, when its connection goes back to the pool.
    """

    def __init__(self, lock: Any) -> None:
        super().__init__(lock)
        self._is_held = lock.locked

    def _is_owned(self) -> bool:
        return bool(self._is_held())


class TimedConnection(Connection):
    """A connection that times its commands."""

    _command = ""
    _began_at = 0.0

    def send_message(self, message: bytes, max_doc_size: int) -> None:
        """Send a command."""
        self._command = command_name(message, self.max_message_size)
        self._began_at = perf_counter()
        try:
            super().send_message(message, max_doc_size)
        except Exception:
            self._finish(None)
            raise

    def receive_message(self, request_id: int | None) -> Any:
        """Receive the answer to the command that was sent."""
        try:
            answer = super().receive_message(request_id)
        except Exception:
            self._finish(None)
            raise
        self._finish(answer.payload_document)
        return answer

    def _finish(self, answer: bytes | memoryview | None) -> None:
        """Note that the command has ended; without an answer where the connection broke."""
        seconds = perf_counter() - self._began_at
        if answer is None:
            monitoring.command_failed(self._command, None)
        elif len(answer) <= _LONGEST_FAILURE and _NOT_OK in bytes(answer):
            document = bson.decode(answer)
            if not document.get("ok", True):
                monitoring.command_failed(self._command, document.get("code"))
        monitoring.command_finished(self._command, seconds)


class TimedPool(Pool):
    """A pool of timed connections."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.size_cond = Condition(self.lock)
        self._max_connecting_cond = Condition(self.lock)

    def connect(self, handler: Any = None) -> Connection:
        """Return a new connection, ready for commands."""
        connection = super().connect(handler)
        if not self.is_sdam:  # else it watches the server, which is no command of ours
            connection.__class__ = TimedConnection
        return connection


def command_name(message: bytes, most_bytes: int) -> str:
    """Return the name of the command that a message of the wire protocol carries: the first field of its document.

    A message is its header (16 bytes), flags (4), the kind of its first section (1) and a document: length (4), type of
    the first field (1), its name. Compressed: the header, the code (4) and length (4) of what it was, the compressor
    (1), and all that followed the header.
    """
    start = 26
    if int.from_bytes(message[12:16], "little") == _OP_COMPRESSED:
        message = compression_support.decompress(message[25:], message[24], most_bytes)
        start = 10
    return message[start : message.index(0, start)].decode("latin-1")

"""Standard output and error of the server: a write never blocks and never fails; what nobody takes is dropped.

Log lines tell people about an act, and must not stop it. Their reader may have died (EPIPE), sleep while its pipe is
full (a blocking write would stop every greenlet), or write to a full disk (ENOSPC).
"""

import _socket
import io
import os
import select
import stat
import sys
from collections.abc import Callable

from gevent.monkey import get_original

from chatapp import metrics

KEPT_BYTES = 262_144  # that wait for a slow reader
_PIPE_BYTES = select.PIPE_BUF  # that a pipe which says it has room takes without blocking
Send = Callable[[bytes | bytearray], int]


class Output(io.TextIOBase):
    """A text stream on a file descriptor. Whole lines are kept in order; those that are dropped are counted."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._send = _sender(descriptor)
        self._waiting = bytearray()
        self._is_cut = False  # the last line has only been written in part
        self._works = True
        self._lost = 0
        os.register_at_fork(after_in_child=self._waiting.clear)  # they are the parent's to write

    def write(self, text: str) -> int:
        """Write what is taken at once; the rest waits, or is dropped where too much waits."""
        data = text.encode("utf-8", "backslashreplace")
        self.flush()
        if self._waiting and len(self._waiting) + len(data) > KEPT_BYTES:
            self._drop(data)
        else:
            self._waiting += data
            self.flush()
        return len(text)

    def flush(self) -> None:
        """Write what waits, as far as it is taken."""
        waiting = self._waiting
        try:
            if waiting and self._is_cut and not self._works:
                self._send(b"\n")
                self._is_cut = False
            while waiting:
                sent = self._send(waiting)
                self._is_cut = waiting[sent - 1] != 0x0A
                self._works = True
                del waiting[:sent]
        except BlockingIOError:
            pass
        except OSError:
            self._works = False
            self._drop(waiting)
            waiting.clear()

    def _drop(self, data: bytes | bytearray) -> None:
        lines = data.count(b"\n")
        self._lost += lines
        metrics.log_lines_dropped.inc(lines)

    def take_lost(self) -> int:
        """Return the number of lines dropped since the last call; 0 as long as the stream does not work again."""
        if not self._lost or self._waiting or not self._works:
            return 0
        lost, self._lost = self._lost, 0
        return lost

    def writable(self) -> bool:
        """Return True, as text streams that can be written do."""
        return True

    def fileno(self) -> int:
        """Return the file descriptor."""
        return self._descriptor

    def isatty(self) -> bool:
        """Return whether this is a terminal."""
        return os.isatty(self._descriptor)


def install() -> None:
    """Let everything that this process writes to standard output and error go through an Output."""
    sys.stdout, sys.stderr = Output(1), Output(2)


def _sender(descriptor: int) -> Send:
    """Return a function that writes to the descriptor without blocking, and raises OSError as `os.write` does.

    The descriptor itself stays blocking: others, like the shell that started the server, share its mode.
    """
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return lambda data: os.write(descriptor, data)
    if stat.S_ISSOCK(mode):
        connection = _socket.socket(fileno=os.dup(descriptor))
        return lambda data: connection.send(data, _socket.MSG_DONTWAIT)
    try:
        own = os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:  # another system than Linux, another user's pipe, or a pipe that nobody reads
        return _polling_sender(descriptor)
    return lambda data: os.write(own, data)


def _polling_sender(descriptor: int) -> Send:
    poll = get_original("select", "poll")()
    poll.register(descriptor, select.POLLOUT)

    def send(data: bytes | bytearray) -> int:
        if not poll.poll(0):
            raise BlockingIOError
        return os.write(descriptor, data[:_PIPE_BYTES])

    return send

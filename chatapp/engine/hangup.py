"""Notices that a client hangs up while its request is being worked on and nobody reads from it."""

import socket
from collections.abc import Callable
from typing import Any

import gevent


class Hangup:
    """Watches a connection that nobody reads for its end."""

    def __init__(self, sock: Any, callback: Callable[[], object]) -> None:
        self._sock = sock
        self._callback = callback
        self._watcher = gevent.get_hub().loop.io(sock.fileno(), 1)
        self._watcher.start(self._look)

    def _look(self) -> None:
        try:
            gone = not self._sock._sock.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return
        except OSError:
            gone = True
        self.stop()  # its next request, if that is what has come, waits in the kernel
        if gone:
            self._callback()

    def stop(self) -> None:
        """Watch no more."""
        if self._watcher is not None:
            self._watcher.stop()
            self._watcher.close()
            self._watcher = None

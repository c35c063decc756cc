"""A TCP proxy that does what networks do: cuts, resets, delays, swallows answers. In greenlets of this process."""

import socket
import struct
from typing import Any

import gevent
import gevent.pool
import gevent.server
import gevent.socket

_CHUNK = 65_536
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER with no time: close sends RST


class Proxy:
    """Passes connections on to (host, port), until told otherwise. `port` is where it listens on loopback."""

    def __init__(self, host: str, port: int) -> None:
        self.target = (host, port)
        self.delay_seconds = 0.0
        self._cut_next = False
        self._swallowing = False
        self._pairs: set[tuple[Any, Any]] = set()
        self._server = self._listen(0)
        self.port: int = self._server.server_port

    def _listen(self, port: int) -> Any:
        server = gevent.server.StreamServer(("127.0.0.1", port), self._serve, spawn=gevent.pool.Pool())
        server.start()
        return server

    def _serve(self, near: Any, _: Any) -> None:
        try:
            far = gevent.socket.create_connection(self.target)
        except OSError:
            _reset(near)
            return
        for stream in (near, far):
            stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        pair = (near, far)
        self._pairs.add(pair)
        back = gevent.spawn(self._pass_on, far, near, True)
        self._pass_on(near, far, False)
        back.join()
        self._pairs.discard(pair)

    def _pass_on(self, source: Any, target: Any, is_answer: bool) -> None:
        try:
            while data := source.recv(_CHUNK):
                if self.delay_seconds:
                    gevent.sleep(self.delay_seconds)
                if self._swallowing and is_answer:
                    continue
                if self._cut_next and is_answer:
                    target.sendall(data[: max(1, len(data) // 2)])
                    break
                target.sendall(data)
        except OSError:
            pass
        finally:
            for stream in (source, target):
                stream.close()

    def reset_connections(self) -> None:
        """End every connection with a TCP reset."""
        for pair in list(self._pairs):
            for stream in pair:
                _reset(stream)

    def cut_in_mid_frame(self, seconds: float) -> None:
        """End each connection in the middle of the next chunk that the server sends, for a while."""
        self._cut_next = True
        gevent.sleep(seconds)
        self._cut_next = False

    def swallow_answers(self, seconds: float) -> None:
        """Let requests through and no answer back, then reset: nobody knows what became of the requests."""
        self._swallowing = True
        gevent.sleep(seconds)
        self.reset_connections()
        self._swallowing = False

    def slow_down(self, seconds: float, delay_seconds: float) -> None:
        """Pass each chunk on later, for a while."""
        self.delay_seconds = delay_seconds
        gevent.sleep(seconds)
        self.delay_seconds = 0.0

    def cut(self) -> None:
        """End every connection and take no more."""
        self._server.stop(timeout=0)
        self.reset_connections()

    def restore(self) -> None:
        """Take connections again, at the same port."""
        self._server = self._listen(self.port)

    def close(self) -> None:
        """Stop for good."""
        self.cut()


def _reset(stream: Any) -> None:
    try:
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        stream.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # closed already
    stream.close()

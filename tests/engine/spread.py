"""A client whose every request comes to any of a machine's workers, over connections that all sessions share.

As it is behind a router that keeps connections: which worker has a connection is decided by whose request it carried
before.
"""

import contextlib
import json
import random
import socket
import threading
from typing import Any

import requests

from tests.engine import raw

CONNECTIONS = 8
LOOK = "/look/?sid="


class Spread(requests.Session):
    """The workers at an address, and kept connections to them; several threads may use it."""

    def __init__(self, address: tuple[str, int], workers: int) -> None:
        super().__init__()
        self.address, self.url = address, f"http://{address[0]}:{address[1]}"
        self._free = [requests.Session() for _ in range(CONNECTIONS)]
        self._lock = threading.Condition()
        self._chance = random.Random(1)
        self.workers: set[str] = set()
        raw.until(lambda: len(self._find_worker()) >= workers)

    def _find_worker(self) -> set[str]:
        """Return the names of the workers that were found, after one more look."""
        sid = requests.get(f"{self.url}/engine.io/?EIO=4&transport=polling", timeout=raw.PATIENCE_SECONDS).text
        self.workers.add(sid.partition('"sid":"')[2].partition(".")[0])
        return self.workers

    def choose(self) -> str:
        """Return a worker."""
        return self._chance.choice(sorted(self.workers))

    def look(self, sid: str) -> dict[str, Any]:
        """Return what its owner says of a session."""
        return dict(self.get(f"{self.url}{LOOK}{sid}", timeout=raw.PATIENCE_SECONDS).json())

    def request(self, method: Any, url: Any, *arguments: Any, **more: Any) -> requests.Response:
        """Make a request over one of the connections, which has just come to one of the workers."""
        with self._connection() as connection:
            worker = self.choose()
            looked = connection.get(f"{self.url}{LOOK}{worker}.nobody", timeout=raw.PATIENCE_SECONDS).json()
            assert looked["worker"] == worker
            return connection.request(method, url, *arguments, **more)

    @contextlib.contextmanager
    def _connection(self) -> Any:
        with self._lock:
            self._lock.wait_for(lambda: self._free)
            connection = self._free.pop(self._chance.randrange(len(self._free)))
        try:
            yield connection
        finally:
            with self._lock:
                self._free.append(connection)
                self._lock.notify()

    def connect(self) -> socket.socket:
        """Return a connection that carried somebody's request before, to one of the workers."""
        sock, worker = raw.connect(self.address), self.choose()
        sock.sendall(f"GET {LOOK}{worker}.nobody HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        answer = b""
        while b"}" not in answer:
            answer += sock.recv(raw.PIECE_BYTES)
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["worker"] == worker
        return sock

    def close(self) -> None:
        """Hang up."""
        super().close()
        for connection in self._free:
            connection.close()

"""A reference client's connections to the server: HTTP, and Socket.IO over WebSocket or polling (docs/protocol.md).

Written from the protocols alone, without a client library: small, quick, and deaf to what a library would mend. Every
request ends in an answer, in Refused (the server's error envelope), or in NoAnswer (nobody knows what became of it).
"""

import http.client
import itertools
import socket
from collections.abc import Callable
from typing import Any

import gevent
import gevent.lock
import orjson
import websocket
from gevent.event import AsyncResult

from chatapp.lab.state import Entry

Answer = dict[str, Any]
Address = tuple[str, int]
OnEvent = Callable[[str, Any], None]
_BROKEN = (OSError, http.client.HTTPException, websocket.WebSocketException, orjson.JSONDecodeError)
_SEPARATOR = "."  # in a session's id, between the name of its process and the rest
_REPEATABLE = frozenset({408, 429, 500, 502, 503, 504})


class NoAnswer(Exception):
    """The request may have been carried out, or not."""


class Refused(Exception):
    """The server's error envelope. `may_repeat`: it may be answered otherwise later."""

    def __init__(self, answer: Answer) -> None:
        error = answer["error"]
        super().__init__(f"{error['code']}: {error['message']}")
        self.code: str = error["code"]
        self.may_repeat = error["statusCode"] in _REPEATABLE
        self.retry_after = float((error.get("details") or {}).get("retryAfter", 0))


def checked(answer: Any) -> Answer:
    """Return the answer when it is a success. Raises Refused."""
    if not isinstance(answer, dict):
        raise NoAnswer("no JSON object")
    if not answer.get("success"):
        raise Refused(answer)
    return answer


class Http:
    """HTTP calls over one kept connection."""

    def __init__(self, host: str, port: int, token: str | None = None) -> None:
        self.host, self.port, self.token = host, port, token
        self._connection: http.client.HTTPConnection | None = None

    def call(self, method: str, path: str, body: Any = None, seconds: float = 5) -> Answer:
        """Return the JSON of a successful call. Raises Refused, NoAnswer."""
        content = self.raw(method, path, None if body is None else orjson.dumps(body), seconds)
        try:
            return checked(orjson.loads(content))
        except orjson.JSONDecodeError as error:
            raise NoAnswer("no JSON") from error

    def raw(self, method: str, path: str, body: bytes | None, seconds: float) -> bytes:
        """Return the bytes that a call is answered with. Raises NoAnswer."""
        connection = self._connection or http.client.HTTPConnection(self.host, self.port)
        self._connection = None  # until the answer is read
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        try:
            with gevent.Timeout(seconds, TimeoutError):
                connection.request(method, path, body=body, headers=headers)
                response = connection.getresponse()
                content = response.read()
        except BaseException as error:  # a time-out, a greenlet that is killed: the connection can't be used again
            connection.close()
            if isinstance(error, _BROKEN):
                raise NoAnswer(str(error)) from error
            raise
        if response.will_close:
            connection.close()
        else:
            self._connection = connection
        return content

    def close(self) -> None:
        """Close the kept connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class RoamingHttp(Http):
    """HTTP calls over a new connection each, to the address that `choose` returns: any process may get it."""

    def __init__(self, choose: Callable[[], Address], token: str | None = None) -> None:
        super().__init__(*choose(), token)
        self._choose = choose

    def raw(self, method: str, path: str, body: bytes | None, seconds: float) -> bytes:
        """Return the bytes that a call is answered with. Raises NoAnswer."""
        self.close()
        self.host, self.port = self._choose()
        return super().raw(method, path, body, seconds)


class Socket:
    """A Socket.IO connection: `call` asks with an ack, events go to `on_event`. With `roams` each of its polls and
    posts comes over a new connection."""

    def __init__(
        self, host: str, port: int, token: str, on_event: OnEvent, *, polling: bool = False, roams: bool = False
    ) -> None:
        self._on_event, self._token = on_event, token
        self._pipe = _Polling(host, port, roams) if polling else _WebSocket(host, port)
        self._ids = itertools.count(1)
        self._acks: dict[int, AsyncResult] = {}
        self._entered = AsyncResult()
        self.is_open = False
        self._reader: gevent.Greenlet | None = None

    def open(self, seconds: float = 10) -> None:
        """Connect and authenticate. Raises Refused, NoAnswer."""
        try:
            with gevent.Timeout(seconds, TimeoutError):
                self._pipe.open()
                self._pipe.send("40" + orjson.dumps({"token": self._token}).decode())
                self._reader = gevent.spawn(self._read)
                self._entered.get()
        except _BROKEN as error:
            self.close()
            raise NoAnswer(str(error)) from error
        except Refused:
            self.close()
            raise

    @property
    def worker(self) -> str:
        """The name of the process that it is connected to, once it is open; empty for one that serves alone."""
        return self._pipe.sid.partition(_SEPARATOR)[0] if _SEPARATOR in self._pipe.sid else ""

    def call(self, name: str, payload: Any, seconds: float = 5) -> Answer:
        """Send an event and return its ack. Raises Refused, NoAnswer."""
        number, result = next(self._ids), AsyncResult()
        self._acks[number] = result
        try:
            with gevent.Timeout(seconds, TimeoutError):
                self._pipe.send(f"42{number}" + orjson.dumps([name, payload]).decode())
                return checked(result.get())
        except _BROKEN as error:
            raise NoAnswer(str(error)) from error
        finally:
            self._acks.pop(number, None)

    def emit(self, name: str, payload: Any) -> None:
        """Send an event without an ack; it is lost silently when the connection is."""
        try:
            self._pipe.send("42" + orjson.dumps([name, payload]).decode())
        except _BROKEN:
            self.close()

    def _read(self) -> None:
        try:
            while True:
                for packet in self._pipe.receive():
                    self._take(packet)
        except (*_BROKEN, NoAnswer):
            pass
        finally:
            self.close()

    def _take(self, packet: str) -> None:
        kind = packet[:2]
        if packet == "2":
            self._pipe.send("3")
        elif kind == "42":
            name, data = orjson.loads(packet[packet.index("[") :])
            self._on_event(name, data)
        elif kind == "43":
            start = packet.index("[")
            result = self._acks.get(int(packet[2:start]))
            if result is not None:
                result.set(orjson.loads(packet[start:])[0])
        elif kind == "40":
            self.is_open = True
            self._entered.set(None)
        elif kind == "44":
            error = orjson.loads(packet[2:])
            known = error.get("data") or {"code": "?", "message": error.get("message"), "statusCode": 400}
            self._entered.set_exception(Refused({"error": known}))
        elif kind in ("41", "1", "6"):
            raise NoAnswer("closed by the server")

    def close(self) -> None:
        """End it, also a poll that is under way; whoever waits for an ack gets none."""
        self.is_open = False
        self._pipe.close()
        if self._reader is not None and self._reader is not gevent.getcurrent():
            self._reader.kill(block=False)
        lost = NoAnswer("the connection is lost")
        for result in list(self._acks.values()):
            result.set_exception(lost)
        if not self._entered.ready():
            self._entered.set_exception(lost)


class _WebSocket:
    """Engine.IO over WebSocket: one packet a frame."""

    def __init__(self, host: str, port: int) -> None:
        self.sid = ""
        self._url = f"ws://{host}:{port}/socket.io/?EIO=4&transport=websocket"
        self._connection: Any = None

    def open(self) -> None:
        self._connection = websocket.create_connection(
            self._url, timeout=None, sockopt=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)], skip_utf8_validation=True
        )
        self.sid = _sid_of(str(self._connection.recv()))

    def send(self, packet: str) -> None:
        if self._connection is None:
            raise NoAnswer("not open")
        self._connection.send(packet)

    def receive(self) -> list[str]:
        packet = self._connection.recv()
        if not packet:
            raise NoAnswer("closed")
        return [packet]

    def close(self) -> None:
        if self._connection is not None:
            self._connection.shutdown()


class _Polling:
    """Engine.IO over HTTP: one GET waits for packets, POSTs send them."""

    def __init__(self, host: str, port: int, roams: bool) -> None:
        self.sid = ""
        self._get, self._post = (RoamingHttp(lambda: (host, port)) if roams else Http(host, port) for _ in range(2))
        self._path = "/socket.io/?EIO=4&transport=polling"
        self._is_closed = False
        self._sending = gevent.lock.BoundedSemaphore(1)

    def open(self) -> None:
        self.sid = _sid_of(self._get.raw("GET", self._path, None, 10).decode())
        self._path += f"&sid={self.sid}"

    def send(self, packet: str) -> None:
        with self._sending:  # one POST at a time
            if self._post.raw("POST", self._path, packet.encode(), 10) not in (b"ok", b"OK"):
                raise NoAnswer("the session is gone")

    def receive(self) -> list[str]:
        if self._is_closed:
            raise NoAnswer("closed")
        content = self._get.raw("GET", self._path, None, 60).decode()
        if not content or content.startswith("{"):
            raise NoAnswer("the session is gone")
        return content.split("\x1e")

    def close(self) -> None:
        self._is_closed = True
        self._get.close()
        self._post.close()


def _sid_of(opened: str) -> str:
    """Return the session's id from the packet that opens it. Raises NoAnswer."""
    if not opened.startswith("0"):
        raise NoAnswer("no handshake")
    return str(orjson.loads(opened[1:])["sid"])


def entry_of(name: str, data: Any) -> Entry | None:
    """Return the entry that a live event brings, if it brings one."""
    if name in ("newMessage", "entry") and data.get("success"):
        entry: Entry = data["data"]
        return entry
    return None

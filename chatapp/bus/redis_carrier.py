"""The carrier between machines: Redis, or Valkey, publishes to all processes and to the inbox of each.

One connection (RESP3) publishes and hears. What is published has the sender's machine in front, so that its own
workers, which have it by their mesh, drop it unread. While Redis is away nothing is kept for it: another carrier has
it, and the exchange asks for what is missing.

Redis is asked now and then what it is (HELLO). One that was the master and lives on as a replica keeps its connections,
and brings nothing that is published there to those who have gone to the new master: the address is asked again.
"""

import hashlib
import random
from collections import deque
from collections.abc import Callable
from typing import Any

import gevent
import structlog
from gevent.event import Event
from redis import ConnectionPool
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from chatapp import clock
from chatapp.bus.peer import machine_of

logger = structlog.get_logger("chatapp.bus")
HELLO_CHANNEL = b"chatapp:hello"
_MACHINE_BYTES = 8
_MOST_WAITING_BYTES = 8_000_000
_CONNECT_SECONDS = 2.0
_PING_SECONDS = 0.5
_LATE_SECONDS = 1.0  # an answer that takes longer: Redis is away for now
_DEAD_SECONDS = 5.0  # and the connection is given up
_FIRST_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 3.0
_STEADY_SECONDS = 5.0  # a connection that lasted so long is made again without a pause
_STOP_SECONDS = 0.5
_CHANNELS = 3
_AT_ONCE = 50  # messages that are taken before others of this process have a turn
FAILURES = (RedisError, OSError, gevent.Timeout)


class IsReplica(RedisError):
    """This Redis is a replica: nothing that is published there reaches its master."""


def refuse_replica(hello: dict[bytes, Any]) -> None:
    """Raise IsReplica for the answer to HELLO of one."""
    if hello.get(b"role") == b"replica":
        raise IsReplica


def open_pool(url: str, seconds: float = _CONNECT_SECONDS) -> ConnectionPool:
    """Return connections to Redis that speak RESP3, wait so long for an answer, and leave retries to the caller."""
    return ConnectionPool.from_url(
        url,
        protocol=3,
        socket_connect_timeout=seconds,
        socket_timeout=seconds,
        socket_keepalive=True,
        retry=Retry(NoBackoff(), 0),
    )


def chat_of(database_id: str) -> str:
    """Return what the channels of one chat are named by: two chats on one Redis do not hear each other."""
    return hashlib.blake2b(database_id.encode(), digest_size=8, person=b"chatapp chat").hexdigest()


class RedisCarrier:
    """Redis as one process sees it. `me` ends with a hyphen and the machine; `changed()` is called when Redis goes away
    or comes back, `heard_hello(data)` for what any program says on the channel that all chats on this Redis share."""

    name = "redis"

    def __init__(
        self,
        url: str,
        chat: str,
        me: str,
        *,
        changed: Callable[[], object] = lambda: None,
        heard_hello: Callable[[bytes], object] = lambda _: None,
    ) -> None:
        self._pool = open_pool(url)
        self._everybody = f"chatapp:{chat}".encode()
        self._me = me
        self._machine = machine_of(me)
        self._mark = self._machine.encode().ljust(_MACHINE_BYTES)[:_MACHINE_BYTES]
        self._changed = changed
        self._heard_hello = heard_hello
        self._received: Callable[[bytes], None] = lambda _: None
        self._connection: Any = None  # redis-py declares no types for what it takes
        self._subscribed = 0  # channels of this connection
        self._waiting: deque[tuple[bytes, bytes]] = deque()  # channel, payload
        self.waiting_bytes = 0
        self._wanted = Event()
        self._drained = Event()
        self._drained.set()
        self._pings: deque[float] = deque()  # when those were sent that are not answered
        self._greenlets: list[gevent.Greenlet] = []
        self.is_up = False
        self.was_away = False  # after it was there
        self.is_up_since = 0.0
        self.lag = 0.0  # seconds that Redis took for its last answer
        self.dropped = 0

    def start(self, received: Callable[[bytes], None]) -> None:
        """Connect, and go on connecting."""
        self._received = received
        self._greenlets = [
            gevent.spawn(work) for work in (self._keep_connected, self._keep_writing, self._keep_pinging)
        ]

    def send(self, data: bytes, to: str | None = None) -> None:
        """Publish to all, or to the inbox of one process of another machine; while Redis is away it is dropped."""
        if to is not None and machine_of(to) == self._machine:
            return
        self._publish(self._everybody if to is None else self._inbox(to), self._mark + data)

    def say_hello(self, data: bytes) -> None:
        """Publish to every program that uses this Redis for a chat."""
        self._publish(HELLO_CHANNEL, data)

    def stop(self) -> None:
        """Publish what waits, for a moment, and end."""
        if self.is_up:
            self._drained.wait(_STOP_SECONDS)
        gevent.killall(self._greenlets, block=False)
        self._disconnect()
        self.is_up = False

    def _inbox(self, name: str) -> bytes:
        return self._everybody + b":" + name.encode()

    def _publish(self, channel: bytes, payload: bytes) -> None:
        if not self._is_subscribed or self.waiting_bytes > _MOST_WAITING_BYTES:
            self.dropped += 1
            return
        self._waiting.append((channel, payload))
        self.waiting_bytes += len(payload)
        self._drained.clear()
        self._wanted.set()

    @property
    def _is_subscribed(self) -> bool:
        return self._connection is not None and self._subscribed == _CHANNELS

    def _keep_connected(self) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                self._connect()
                self._read(self._connection)
            except FAILURES as failure:
                if self.is_up and clock.monotonic() - self.is_up_since > _STEADY_SECONDS:
                    pause = _FIRST_PAUSE_SECONDS
                self._note_down(failure)
            except Exception:  # whatever a library raises: the chat goes on, by another carrier
                logger.exception("the connection to Redis has failed")
                self._note_down(None)
            self._disconnect()
            gevent.sleep(random.uniform(0.5, 1) * pause)  # noqa: S311  # no secret
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    def _connect(self) -> None:
        connection: Any = self._pool.make_connection()
        self._connection = connection
        connection.connect()
        connection.send_command("HELLO", 3)
        connection.send_command("SUBSCRIBE", self._everybody, self._inbox(self._me), HELLO_CHANNEL)

    def _disconnect(self) -> None:
        """Let go of the connection, and of what waits for it."""
        connection, self._connection = self._connection, None
        self._subscribed = 0
        self._pings.clear()
        self._waiting.clear()
        self.waiting_bytes = 0
        self._drained.set()
        if connection is not None:
            connection.disconnect()

    def _read(self, connection: Any) -> None:
        """Take what comes, until the connection ends: messages, and answers to what was sent."""
        taken = 0
        while connection is not None and connection is self._connection:
            taken += 1
            if taken % _AT_ONCE == 0:
                gevent.sleep(0)
            answer = connection.read_response(disconnect_on_error=False, push_request=True, timeout=None)
            if isinstance(answer, list) and len(answer) == 3:
                kind, channel, data = answer
                if kind == b"message":
                    self._take(channel, data)
                elif kind == b"subscribe":
                    self._subscribed += 1
                    if self._is_subscribed:
                        self._note_up()
            elif isinstance(answer, dict):
                refuse_replica(answer)
                if self._pings:
                    self.lag = clock.monotonic() - self._pings.popleft()
                    self._note_up()

    def _take(self, channel: bytes, data: bytes) -> None:
        if channel == HELLO_CHANNEL:
            self._heard_hello(data)
        elif not data.startswith(self._mark):
            self._received(data[_MACHINE_BYTES:])

    def _keep_writing(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            connection = self._connection
            if connection is None or not self._waiting:
                continue
            taken = list(self._waiting)
            self._waiting.clear()
            self.waiting_bytes = 0
            commands = connection.pack_commands([("PUBLISH", *row) for row in taken])
            self._send_packed(connection, commands)
            if not self._waiting:
                self._drained.set()

    def _send_packed(self, connection: Any, commands: list[bytes]) -> None:
        try:
            connection.send_packed_command(commands, check_health=False)
        except FAILURES as failure:  # the connection is closed then, which its reader notices
            if connection is self._connection:
                self._note_down(failure)

    def _keep_pinging(self) -> None:
        """Ask Redis now and then whether it is there: one that is paused keeps its connections."""
        while True:
            gevent.sleep(_PING_SECONDS)
            connection = self._connection
            if connection is None or not self._is_subscribed:
                continue
            now = clock.monotonic()
            late = now - self._pings[0] if self._pings else 0.0
            if late > _DEAD_SECONDS:
                connection.disconnect()
            else:
                if late > _LATE_SECONDS:
                    self._note_down(None)
                self._pings.append(now)
                self._send_packed(connection, connection.pack_commands([("HELLO", 3)]))

    def _note_up(self) -> None:
        if not self.is_up and self._is_subscribed:
            self.is_up, self.is_up_since = True, clock.monotonic()
            logger.info("Redis is there")
            self._changed()

    def _note_down(self, failure: BaseException | None) -> None:
        if self.is_up:
            self.is_up, self.was_away = False, True
            logger.warning(
                "Redis is away",
                error=type(failure).__name__ if failure is not None else "it does not answer",
            )
            self._changed()

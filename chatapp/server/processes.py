"""This process among those that serve one chat: the bus between them, and the sessions that each of them owns.

A machine is one gunicorn master. It makes the folder of the machine's mesh before it forks (`use_folder`), where it has
several workers. A worker joins when it begins to serve, and leaves when it has drained.
"""

import os
import secrets
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import gevent
import structlog

from chatapp import clock, lifecycle, limits, metrics, supervisor
from chatapp.bus import redis_server
from chatapp.bus.carrier import Carrier
from chatapp.bus.envelope import conceal, derive_key, reveal
from chatapp.bus.exchange import HEARTBEAT_SECONDS, Exchange
from chatapp.bus.mesh import Mesh
from chatapp.bus.peer import machine_of
from chatapp.database import STORE_ERRORS, Document, db, is_embedded, is_reachable
from chatapp.engine.far_sessions import FarSessions
from chatapp.engine.foreign_requests import ForeignRequests
from chatapp.engine.http_handler import Handler
from chatapp.engine.relay import Relay
from chatapp.engine.streams import Streams
from chatapp.extensions import socketio
from chatapp.realtime import hearing, online
from chatapp.server import background
from chatapp.server.machines import Machines
from chatapp.services import presence
from chatapp.services.accounts import sessions
from chatapp.services.log import foreign
from chatapp.services.sync import change_times
from chatapp.settings import config
from chatapp.version import __version__

logger = structlog.get_logger("chatapp.bus")
_FIRST_PEERS_SECONDS = 0.25
_GOODBYE_SECONDS = 0.5
_ANSWER_SECONDS = 5.0  # more than a poll waits at most for its session's next ping
_REPLACED = "replaced"  # the file in the folder that has the process ids of workers whose place others take
_SUCCESSORS_SECONDS = 8.0  # that they have to begin


@dataclass(slots=True)
class _Process:
    """This worker's name, its bus, the other machines and their sessions, and its relay where it is one of several
    workers."""

    name: str
    exchange: Exchange
    machines: Machines
    streams: Streams
    far_sessions: FarSessions
    relay: Relay | None
    counted: dict[str, int] = field(default_factory=dict)  # by the metrics


_folder: Path | None = None
_machine = ""
_process: _Process | None = None


def use_folder(folder: Path | None) -> None:
    """Make this the folder of the machine's mesh, None where it has one worker; called in the master."""
    global _folder, _machine
    _folder = folder
    _machine = _machine or secrets.token_hex(4)


def note_replaced(pids: list[int]) -> None:
    """Note that these workers of the machine are being replaced; called in the master."""
    assert _folder is not None
    written = _folder / f"{_REPLACED}.new"
    written.write_text(" ".join(map(str, pids)))
    written.replace(_folder / _REPLACED)


def await_successors() -> bool:
    """Wait until as many workers serve in place of those that are being replaced, this one among them.

    Return whether it is: if not, the machine is stopping.
    """
    if _process is None or _folder is None:
        return False
    with suppress(FileNotFoundError):
        replaced = set(map(int, (_folder / _REPLACED).read_text().split()))
        if os.getpid() in replaced:
            with gevent.Timeout(_SUCCESSORS_SECONDS, False):
                while _count_others(_process.exchange, replaced) < config().WEB_CONCURRENCY:
                    gevent.sleep(0.05)
            return True
    return False


def _count_others(exchange: Exchange, pids: set[int]) -> int:
    """Return the number of this machine's workers that are none of these."""
    near = [peer for peer in exchange.peers.values() if not peer.is_far]
    return sum(peer.info.get("pid", 0) not in {0, *pids} for peer in near)


def refuse_unusable_redis() -> None:
    """End the process with a sentence when REDIS_URL names no Redis that can be used; in development only warn."""
    if not config().REDIS_URL:
        return
    try:
        found = redis_server.examine(config().REDIS_URL)
        logger.info(
            "Redis", version=found.version, eviction=found.eviction, milliseconds=round(found.round_trip * 1000, 2)
        )
    except redis_server.Unusable as error:
        if config().is_production:
            print(error, file=sys.stderr, flush=True)
            sys.exit(background.BOOT_ERROR)
        logger.warning("Redis can't be used", why=str(error))


def name() -> str:
    """Return this worker's name among the others; empty where it is alone."""
    return _process.name if _process is not None else ""


def join() -> None:
    """Join the other processes, where there may be any; called before the first request.

    The embedded store is one process's own, and so is the libraries' socket server: they join nobody.
    """
    global _process
    if is_embedded() or not _machine or config().ENGINE == "stock":
        return
    me = f"{int(clock.fine_timestamp() * 1000):011x}{secrets.token_hex(3)}-{_machine}"  # the oldest sorts first
    key = derive_key(config().JWT_SECRET, db().name)
    exchange = Exchange(me, key, describe=_describe, stamp=change_times.stamp)
    machines = Machines(exchange, _sessions)
    relay = None
    carriers: list[Carrier] = machines.carriers()
    if _folder is not None:
        relay = Handler.relay = Relay(_folder, me, peers=lambda: _peers(exchange), sessions=_sessions)
        carriers.insert(0, Mesh(_folder, me))
        exchange.expect_company()
    streams, far_sessions = _reach_far_sessions(exchange, machines, key)
    _process = _Process(me, exchange, machines, streams, far_sessions, relay)
    socketio.server.eio.name = me
    for part in (hearing, foreign, change_times, sessions, presence, limits):
        part.hear_others(exchange)
    exchange.on_leave(lambda _: background.recover_soon())
    exchange.start(carriers)
    supervisor.every(HEARTBEAT_SECONDS, "bus", _tick)
    gevent.spawn(background.quietly, "other machines", machines.keep_looking)
    gevent.sleep(0)
    with gevent.Timeout(_FIRST_PEERS_SECONDS, False):
        while not _is_everybody_there(exchange):
            gevent.sleep(0.01)


def _reach_far_sessions(exchange: Exchange, machines: Machines, key: bytes) -> tuple[Streams, FarSessions]:
    """Send requests of sessions that another machine owns on to it, and answer those that come from there."""
    engine = socketio.server.eio
    streams = Streams(
        lambda peer, message: exchange.send_to(peer, "streams", message),
        machines.way,
        ForeignRequests(engine, config().SLOW_CLIENT_SECONDS + _ANSWER_SECONDS).serve,
        machines.is_crowded,
        partial(conceal, key),
        partial(reveal, key),
    )
    exchange.handle("streams", streams.received)
    exchange.on_leave(streams.lose)
    engine.elsewhere = FarSessions(
        streams,
        machines.way,
        most_bytes=engine.max_http_buffer_size,
        seconds=engine.ping_interval + engine.ping_timeout + _ANSWER_SECONDS,
        slow_seconds=config().SLOW_CLIENT_SECONDS,
    )
    return streams, engine.elsewhere


def _is_everybody_there(exchange: Exchange) -> bool:
    """Return whether those were heard who have to be there: of other machines one, if Redis could bring any."""
    near = sum(not peer.is_far for peer in exchange.peers.values())
    return near >= config().WEB_CONCURRENCY - 1 and (not config().REDIS_URL or near < len(exchange.peers))


def serve(server: Any) -> None:
    """Take connections that other workers pass on: this is the server that handles them."""
    if _process is not None and _process.relay is not None:
        _process.relay.start(server.take)


def _tick() -> None:
    """Send the heartbeat, and count what has passed since the one before."""
    if _process is None:
        return
    exchange, counted = _process.exchange, _process.counted
    online.tell_polling_users()
    exchange.beat()
    _process.machines.tick()
    _process.streams.tick()
    now = {**exchange.counts, "moved": _process.relay.passed if _process.relay is not None else 0}
    now["requests sent on"] = _process.far_sessions.sent_on
    now |= {f"dropped by {carrier.name}": carrier.dropped for carrier in exchange.carriers}
    for what, count in now.items():
        if count > counted.get(what, 0):
            row = metrics.connections_moved if what == "moved" else metrics.bus.labels(what)
            row.inc(count - counted.get(what, 0))
    _process.counted = now
    metrics.worker_sockets.labels(_process.name).set(_sessions())
    metrics.worker_cpu.labels(_process.name).set(time.process_time())
    metrics.database_up.set(is_reachable())


@lifecycle.on_drain
def _own_no_more() -> None:
    """Let others answer what would be passed on to here: the process is stopping."""
    if _process is not None and _process.relay is not None:
        _process.relay.stop()


def leave() -> None:
    """Say goodbye; called when everything has been answered."""
    if _process is not None:
        _process.far_sessions.leave()
        _process.exchange.stop()
        with suppress(*STORE_ERRORS), gevent.Timeout(_GOODBYE_SECONDS, False):
            _process.machines.leave()


def _describe() -> Document:
    found: Document = {"pid": os.getpid(), "sessions": _sessions(), "version": __version__, **foreign.description()}
    redis = _process.machines.redis if _process is not None else None
    if redis is not None:
        found |= {"redis": redis.is_up, "redis_since": redis.is_up_since if redis.is_up else 0.0}
    return found


def _sessions() -> int:
    return len(socketio.server.eio.sockets) if socketio.server is not None else 0


def _peers(exchange: Exchange) -> dict[str, int | None]:
    """Return how many sessions each living peer of this machine has; None for one that was not heard of lately."""
    here = [peer for peer in exchange.peers.values() if peer.machine == machine_of(exchange.me)]
    return {peer.name: int(peer.info.get("sessions", 0)) if peer.is_lively else None for peer in here}

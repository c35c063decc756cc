"""This worker among those of its machine: the bus between them, and the sessions that each of them owns.

gunicorn's master makes the folder of the machine's mesh before it forks (`use_folder`). A worker joins when it begins
to serve, and leaves when it has drained.
"""

import os
import secrets
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gevent

from chatapp import clock, lifecycle, limits, metrics, realtime, supervisor
from chatapp.bus.envelope import derive_key
from chatapp.bus.exchange import HEARTBEAT_SECONDS, Exchange
from chatapp.bus.mesh import Mesh
from chatapp.database import Document, is_reachable
from chatapp.engine.http_handler import Handler
from chatapp.engine.relay import Relay
from chatapp.extensions import socketio
from chatapp.server import background
from chatapp.services import presence
from chatapp.services.accounts import sessions
from chatapp.services.log import foreign
from chatapp.services.sync import change_times
from chatapp.settings import config
from chatapp.version import __version__

_FIRST_PEERS_SECONDS = 0.25


@dataclass(slots=True)
class _Process:
    """This worker's name, its bus and its relay."""

    name: str
    exchange: Exchange
    relay: Relay
    counted: dict[str, int] = field(default_factory=dict)  # by the metrics


_folder: Path | None = None
_process: _Process | None = None


def use_folder(folder: Path | None) -> None:
    """Make this the folder of the machine's mesh; called in the master."""
    global _folder
    _folder = folder


def name() -> str:
    """Return this worker's name among the others; empty where it is alone."""
    return _process.name if _process is not None else ""


def join() -> None:
    """Join the other workers, where there are any; called before the first request."""
    global _process
    if config().WEB_CONCURRENCY == 1 or _folder is None:
        return
    me = f"{int(clock.fine_timestamp() * 1000):011x}{secrets.token_hex(3)}"  # the oldest sorts first
    key = derive_key(config().JWT_SECRET, config().MONGO_DATABASE)
    exchange = Exchange(me, key, describe=_describe, stamp=change_times.stamp)
    relay = Relay(_folder, me, peers=lambda: _peers(exchange), sessions=_sessions)
    _process = _Process(me, exchange, relay)
    socketio.server.eio.name = me
    Handler.relay = relay
    for part in (realtime, foreign, change_times, sessions, presence, limits):
        part.hear_others(exchange)
    exchange.on_leave(lambda _: background.recover_soon())
    exchange.start([Mesh(_folder, me)])
    supervisor.every(HEARTBEAT_SECONDS, "bus", _tick)
    gevent.sleep(0)
    with gevent.Timeout(_FIRST_PEERS_SECONDS, False):
        while len(exchange.peers) < config().WEB_CONCURRENCY - 1:
            gevent.sleep(0.01)


def serve(server: Any) -> None:
    """Take connections that other workers pass on: this is the server that handles them."""
    if _process is not None:
        _process.relay.start(server.take)


def _tick() -> None:
    """Send the heartbeat, and count what has passed since the one before."""
    if _process is None:
        return
    exchange, counted = _process.exchange, _process.counted
    realtime.tell_polling_users()
    exchange.beat()
    now = {**exchange.counts, "moved": _process.relay.passed}
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
    if _process is not None:
        _process.relay.stop()


def leave() -> None:
    """Say goodbye; called when everything has been answered."""
    if _process is not None:
        _process.exchange.stop()


def _describe() -> Document:
    return {"pid": os.getpid(), "sessions": _sessions(), "version": __version__}


def _sessions() -> int:
    return len(socketio.server.eio.sockets) if socketio.server is not None else 0


def _peers(exchange: Exchange) -> dict[str, int | None]:
    """Return how many sessions each living peer has; None for one that was not heard of lately."""
    return {
        peer.name: int(peer.info.get("sessions", 0)) if peer.is_lively else None for peer in exchange.peers.values()
    }

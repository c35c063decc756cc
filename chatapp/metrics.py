"""Counters and times for Prometheus, and the report in the log."""

from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import Literal

import structlog
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
    multiprocess,
)

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
logger = structlog.get_logger("chatapp.metrics")

_shared_folder: Path | None = None  # where the workers of this machine count together
registry = CollectorRegistry()
ProcessCollector(registry=registry)
PlatformCollector(registry=registry)
GCCollector(registry=registry)

_requests = Counter("chatapp_requests_total", "HTTP requests", ["method", "route", "status"], registry=registry)
_request_seconds = Histogram("chatapp_request_seconds", "Duration of HTTP requests", ["route"], registry=registry)
_events = Counter("chatapp_events_total", "Socket events", ["event", "code"], registry=registry)
_event_seconds = Histogram("chatapp_event_seconds", "Duration of socket events", ["event"], registry=registry)
_errors = Counter("chatapp_errors_total", "Answers that were errors", ["code"], registry=registry)
_commands = Histogram(
    "chatapp_database_command_seconds", "Duration of database commands", ["command"], registry=registry
)
_SUM: Literal["livesum"] = "livesum"  # of gauges, over the workers of this machine
database_up = Gauge(
    "chatapp_database_up", "1 while a database server can be reached", registry=registry, multiprocess_mode="livemax"
)
database_errors = Counter("chatapp_database_errors_total", "Calls lost to an outage", registry=registry)
pool_open = Gauge(
    "chatapp_database_connections_open", "Connections in the pool", registry=registry, multiprocess_mode=_SUM
)
pool_used = Gauge("chatapp_database_connections_used", "Connections in use", registry=registry, multiprocess_mode=_SUM)
sockets = Gauge("chatapp_sockets", "Connected sockets", registry=registry, multiprocess_mode=_SUM)
users_online = Gauge("chatapp_users_online", "Users with a connected device", registry=registry, multiprocess_mode=_SUM)
_sends = Counter("chatapp_messages_sent_total", "Messages stored", ["outcome"], registry=registry)
resyncs = Counter("chatapp_resyncs_total", "Sockets that were too slow, and caught up", registry=registry)
deliveries = Counter("chatapp_deliveries_total", "Socket emissions of log entries", registry=registry)
log_lines_dropped = Counter("chatapp_log_lines_dropped_total", "Log lines that nobody took", registry=registry)
restarts = Counter(
    "chatapp_work_restarts_total", "Work beside the requests that ended and was restarted", ["work"], registry=registry
)
side_failures = Counter(
    "chatapp_side_failures_total", "Failures beside an act that went on without", ["part"], registry=registry
)

garbage_pauses = Histogram(
    "chatapp_garbage_pause_seconds",
    "How long collections of the whole heap have held the event loop",
    buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1),
    registry=registry,
)
_loop_held = Histogram(
    "chatapp_loop_held_seconds",
    "Turns of the event loop that took longer than LOOP_HELD_MS, by what was seen working",
    ["call"],
    buckets=(0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
    registry=registry,
)

bus = Counter("chatapp_bus_total", "What passes between the processes of one chat", ["what"], registry=registry)
lost_races = Counter(
    "chatapp_lost_races_total",
    "Entries whose number another process took first, and that were tried again",
    registry=registry,
)
late_deliveries = Counter(
    "chatapp_late_deliveries_total",
    "Entries that were not told in their turn: they waited for one before them, were read from the log, or synced",
    ["how"],
    registry=registry,
)
bus_degraded = Gauge(
    "chatapp_bus_degraded",
    "1 while other machines are heard late, through the database",
    registry=registry,
    multiprocess_mode="livemax",
)
bus_lag = Gauge(
    "chatapp_bus_lag_seconds", "How long Redis took for its last answer", registry=registry, multiprocess_mode="livemax"
)
bus_round_trip = Gauge(
    "chatapp_bus_round_trip_seconds",
    "The longest time that a message to another process and its answer took",
    registry=registry,
    multiprocess_mode="livemax",
)
connections_moved = Counter(
    "chatapp_connections_moved_total", "Connections that went to the worker of their session", registry=registry
)
worker_sockets = Gauge(
    "chatapp_worker_sockets", "Sessions of each worker", ["worker"], registry=registry, multiprocess_mode="livemax"
)
worker_cpu = Gauge(
    "chatapp_worker_cpu_seconds", "CPU time of each worker", ["worker"], registry=registry, multiprocess_mode="livemax"
)

# To find a row by its labels costs as much as to count in it, so what each call counts in is remembered.
_request_row, _request_seconds_row = cache(_requests.labels), cache(_request_seconds.labels)
_event_row, _event_seconds_row = cache(_events.labels), cache(_event_seconds.labels)
_command_row, _send_row = cache(_commands.labels), cache(_sends.labels)

# Seconds and counts per route or event since the last report.
_since_report: dict[str, list[float]] = defaultdict(lambda: [0, 0.0])


def request(method: str, route: str, status: int, seconds: float) -> None:
    """Count one HTTP request. `route` is the rule, not the path, so that labels stay few."""
    method = method if method in _METHODS else "(other)"
    _request_row(method, route, status).inc()
    _request_seconds_row(route).observe(seconds)
    _tally(f"{method} {route}", seconds)


def event(name: str, code: str, seconds: float) -> None:
    """Count one socket event; `code` is "OK" or the error code."""
    _event_row(name, code).inc()
    _event_seconds_row(name).observe(seconds)
    _tally(f"event {name}", seconds)


def error(code: str) -> None:
    """Count one answer that was an error."""
    _errors.labels(code).inc()


def database_command(name: str, seconds: float) -> None:
    """Count one command that the database has finished."""
    _command_row(name).observe(seconds)


def send(outcome: str) -> None:
    """Count one message that somebody has sent; `outcome` is "stored" or "duplicate"."""
    _send_row(outcome).inc()


def loop_held(name: str, seconds: float) -> None:
    """Count a turn of the event loop in which others waited for too long."""
    _loop_held.labels(name).observe(seconds)


def _tally(name: str, seconds: float) -> None:
    row = _since_report[name]
    row[0] += 1
    row[1] += seconds


def report() -> dict[str, dict[str, float]]:
    """Log calls and mean milliseconds per route and event since the last report, and start anew."""
    rows = {
        name: {"calls": int(calls), "meanMs": round(seconds / calls * 1000, 2)}
        for name, (calls, seconds) in sorted(_since_report.items())
        if calls
    }
    _since_report.clear()
    logger.info("metrics report", sockets=int(sockets._value.get()), calls=rows)
    return rows


def share(folder: Path) -> None:
    """Count together with the other workers of this machine. (prometheus_client knew the folder before its import.)"""
    global _shared_folder
    _shared_folder = folder


def forget_worker(pid: int) -> None:
    """Let what a worker had open count no more; called in the master when it has ended."""
    if _shared_folder is not None:
        multiprocess.mark_process_dead(pid, path=str(_shared_folder))  # type: ignore[no-untyped-call]


def exposition() -> bytes:
    """Return all of it in Prometheus' text format: the sums of all workers of this machine."""
    if _shared_folder is None:
        return generate_latest(registry)
    together = CollectorRegistry()
    multiprocess.MultiProcessCollector(together, path=str(_shared_folder))  # type: ignore[no-untyped-call]
    return generate_latest(together)

"""Logs and metrics of the database driver: commands, slow ones, the connection, the pool."""

from typing import Any

import structlog
from pymongo import monitoring

from chatapp import metrics

logger = structlog.get_logger("chatapp.database")


def listeners(slow_ms: int) -> list[Any]:
    """Return the listeners for one client. `slow_ms`: commands above it are logged."""
    return [_Commands(slow_ms), _Topology(), _Pool()]


class _Commands(monitoring.CommandListener):
    def __init__(self, slow_ms: int) -> None:
        self.slow_microseconds = slow_ms * 1000

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        pass

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        self._finished(event.command_name, event.duration_micros)

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        self._finished(event.command_name, event.duration_micros)
        logger.warning("database command failed", command=event.command_name, code=event.failure.get("code"))

    def _finished(self, name: str, microseconds: int) -> None:
        metrics.database_command(name, microseconds / 1e6)
        if microseconds > self.slow_microseconds:
            logger.warning("slow database command", command=name, ms=round(microseconds / 1000, 1))


class _Topology(monitoring.TopologyListener):
    """Says once per change whether a server can be reached."""

    def __init__(self) -> None:
        self.reachable: bool | None = None

    def opened(self, event: monitoring.TopologyOpenedEvent) -> None:
        pass

    def closed(self, event: monitoring.TopologyClosedEvent) -> None:
        pass

    def description_changed(self, event: monitoring.TopologyDescriptionChangedEvent) -> None:
        reachable = event.new_description.has_writable_server()
        if reachable == self.reachable or (self.reachable is None and not reachable):
            return
        if reachable:
            logger.info("database connected" if self.reachable is None else "database back")
        else:
            logger.error("database lost")
        self.reachable = reachable


class _Pool(monitoring.ConnectionPoolListener):
    """Counts open and used connections."""

    def connection_created(self, event: Any) -> None:
        metrics.pool_open.inc()

    def connection_closed(self, event: Any) -> None:
        metrics.pool_open.dec()

    def connection_checked_out(self, event: Any) -> None:
        metrics.pool_used.inc()

    def connection_checked_in(self, event: Any) -> None:
        metrics.pool_used.dec()

    def pool_created(self, event: Any) -> None: ...
    def pool_ready(self, event: Any) -> None: ...
    def pool_cleared(self, event: Any) -> None: ...
    def pool_closed(self, event: Any) -> None: ...
    def connection_ready(self, event: Any) -> None: ...
    def connection_check_out_started(self, event: Any) -> None: ...
    def connection_check_out_failed(self, event: Any) -> None: ...

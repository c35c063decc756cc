"""Logs and metrics of the database driver: commands, slow ones, the connection, the pool."""

from typing import Any

import structlog
from pymongo import monitoring

from chatapp import metrics
from chatapp.settings import config

logger = structlog.get_logger("chatapp.database")


def listeners() -> list[Any]:
    """Return the listeners for one client. (Its commands are timed by its pool: `chatapp.database.pool`.)"""
    return [_Topology(), _Pool()]


def command_finished(name: str, seconds: float) -> None:
    """Count a command that has ended, well or not, and log a slow one."""
    metrics.database_command(name, seconds)
    if seconds * 1000 > config().SLOW_COMMAND_MS:
        logger.warning("slow database command", command=name, ms=round(seconds * 1000, 1))


def command_failed(name: str, code: int | None) -> None:
    """Log a command that the server refused with this code; None: its connection broke."""
    logger.warning("database command failed", command=name, code=code)


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

"""Work that goes on for as long as the process serves. What ends all the same is logged, counted and started again."""

from collections.abc import Callable

import gevent
import structlog

from chatapp import metrics

logger = structlog.get_logger("chatapp.supervisor")
_PAUSE_SECONDS = 1.0  # before a restart


class _Work:
    def __init__(self, name: str, run: Callable[[], object]) -> None:
        self._name = name
        self._run = run

    def start(self) -> None:
        greenlet = gevent.Greenlet(self._run)
        greenlet.link(self._ended)
        greenlet.start()

    def _ended(self, greenlet: gevent.Greenlet) -> None:
        gevent.spawn_later(_PAUSE_SECONDS, self.start)
        metrics.restarts.labels(self._name).inc()
        logger.error("work ended, and is started again", work=self._name, exc_info=greenlet.exc_info)


def keep_running(name: str, run: Callable[[], object]) -> None:
    """Run this in a greenlet of its own, and again whenever it ends."""
    _Work(name, run).start()


def every(seconds: float, name: str, work: Callable[[], object]) -> None:
    """Do this again and again, with so many seconds in between."""

    def loop() -> None:
        while True:
            gevent.sleep(seconds)
            work()

    keep_running(name, loop)

"""Work beside the requests: token expiry on sockets, the report, tidying up, recovery after a crash."""

import sys
from collections.abc import Callable
from functools import partial

import gevent
import structlog
from flask import Flask
from gevent.event import Event

from chatapp import database, errors, logs, metrics, supervisor
from chatapp.engine import fair_queue, timer_wheel
from chatapp.realtime import closing, others
from chatapp.services import migrations, presence
from chatapp.services.accounts import sessions
from chatapp.services.log import rounds
from chatapp.services.log.catch_up import recover
from chatapp.services.media import tidying
from chatapp.services.search import healing, indexing
from chatapp.services.sync import change_times, epoch
from chatapp.settings import config
from chatapp.stores import heads as head_store
from chatapp.watchdog import Watchdog

logger = structlog.get_logger("chatapp.server.background")
_RECOVER_ENTRIES = 1_000
_RECOVER_SECONDS = 60  # between searches for work that another process has left in a crash
_FIRST_SECONDS = 2.0  # that the start waits for the work that has to precede the first request
_LOOK_SECONDS = 2  # at most, between attempts to reach a database that was away at the start
_INDEX_SECONDS = 0.5  # after which a message can be found
own_database = Event()  # it was looked at, and is no other program's
_EPOCH_SECONDS = 3
BOOT_ERROR = 3  # to gunicorn: stop, instead of starting another worker
_POSTPONED_SECONDS = 60  # until a migration that had to wait is tried again
_MIGRATION_SECONDS = 30.0  # and for migrations: the order of a log depends on the unique indexes


def prepare(app: Flask) -> None:
    """Make `app.extensions["chatapp_background"]()` start the work; the worker calls it once it serves."""
    app.extensions["chatapp_background"] = start


def start() -> None:
    """Start everything; called once in the process that serves."""
    Watchdog(config().LOOP_HELD_MS / 1000).start()
    database.warm_pool()
    _migrate_first()
    gevent.spawn(quietly, "order of changes", _keep_order).join(_FIRST_SECONDS)
    gevent.spawn(quietly, "files", _tidy_files)
    head_store.write_behind(config().WRITE_BEHIND_MS / 1000)
    gevent.spawn(_until_done, "recovery", _recover).join(_FIRST_SECONDS)
    every(1, "log output", logs.flush)
    every(1, "appends", rounds.keep_serving)
    for line in (timer_wheel.current(), fair_queue.current(), fair_queue.large()):
        every(1, "deadlines and turns", line.keep_going)
    every(1, "order of changes", _keep_order)
    every(1, "token expiry", lambda: closing.sweep_expired(config().TOKEN_WARNING_SECONDS))
    every(1, "sessions in use", sessions.renew)
    every(1, "typing and presence", presence.sweep)
    every(60, "last seen", presence.renew)
    every(60, "files", _if_leader(tidying.tidy))
    every(_INDEX_SECONDS, "index of messages", _index)
    supervisor.keep_running("healing of the index", _heal_index)
    every(3600, "tidy sessions", _if_leader(sessions.tidy))
    if not database.is_embedded():  # nobody else writes to the embedded store
        every(_RECOVER_SECONDS, "recovery", _if_leader(_recover))
    if others.current().may_exist:
        every(_EPOCH_SECONDS, "epoch", _look_at_epoch)
    if config().METRICS_REPORT_SECONDS:
        every(config().METRICS_REPORT_SECONDS, "report", metrics.report)


def refuse_foreign_database() -> None:
    """Touch nothing of another program's database: end the process with the sentence that says so."""
    try:
        migrations.refuse_foreign()
    except migrations.ForeignDatabase as error:
        print(error.message, file=sys.stderr, flush=True)
        sys.exit(BOOT_ERROR)


def finish() -> None:
    """Store what is behind; called when the process that served has answered everything."""
    quietly("what is behind the logs", head_store.settle)


def _look_at_epoch() -> None:
    """See whether the operator's command has told another process of a new epoch."""
    if not others.current().is_nobody:
        epoch.look_again()


def _migrate_first() -> None:
    """Migrate, for platforms that run no release command. While the database is away, the server is up without."""
    first = gevent.spawn(quietly, "migrations", _migrate)
    first.join(_MIGRATION_SECONDS)
    if first.value is False:
        gevent.spawn(_until_done, "migrations", _migrate, _LOOK_SECONDS)


def _migrate() -> None:
    refuse_foreign_database()
    own_database.set()
    if not migrations.pending():
        return
    try:
        migrations.run(lambda name: logger.info("migrated", migration=name))
    except migrations.Postponed as reason:  # in a rolling restart: the predecessors are still at work
        logger.info("migration postponed", reason=reason.message)
        gevent.spawn_later(_POSTPONED_SECONDS, _until_done, "migrations", _migrate)


def _until_done(name: str, work: Callable[[], object], longest: int = _RECOVER_SECONDS) -> None:
    pause = 1
    while not quietly(name, work):
        gevent.sleep(pause)
        pause = min(2 * pause, longest)


def _keep_order() -> None:
    _require_own_database()
    change_times.keep_order()


def _require_own_database() -> None:
    """Write nothing before it is known whose database this is: one that was away may turn out to be another's."""
    if not own_database.is_set():
        raise errors.Unavailable(errors.Code.DATABASE_UNAVAILABLE, "The database was not looked at yet.", 5)


def recover_soon() -> None:
    """Finish what a process has left that is gone, if this one is to do it."""
    gevent.spawn(quietly, "recovery", _if_leader(_recover))


def _tidy_files() -> None:
    """Finish what this process has left of files, where it alone serves."""
    _require_own_database()
    if others.current().is_nobody:
        tidying.tidy_all()


def _index() -> None:
    """Index what has moved."""
    _require_own_database()
    indexing.index_waiting()


def _heal_index() -> None:
    """Index all that is behind once this process is the one that does so for all, and later what others have left."""
    heals = partial(_until_done, "healing of the index")
    gevent.sleep(_FIRST_SECONDS)
    while not others.current().is_leader():
        gevent.sleep(_RECOVER_SECONDS)
    heals(_heal_all)
    while True:
        gevent.sleep(_RECOVER_SECONDS)
        if not database.is_embedded():  # nobody else writes to the embedded store
            quietly("healing of the index", _if_leader(partial(healing.heal_newest, _RECOVER_ENTRIES)))


def _heal_all() -> None:
    _require_own_database()
    healing.heal_all()


def _if_leader(work: Callable[[], object]) -> Callable[[], object]:
    """Return work that one process does for all, and the others leave."""
    return lambda: work() if others.current().is_leader() else None


def _recover() -> None:
    _require_own_database()
    mended = recover(_RECOVER_ENTRIES)
    if mended:
        logger.info("finished what a crash had left", conversations=mended)


def every(seconds: float, name: str, work: Callable[[], object]) -> None:
    """Do this again and again beside the requests; a failure is logged."""
    supervisor.every(seconds, name, lambda: quietly(name, work))


def quietly(name: str, work: Callable[[], object]) -> bool:
    """Do it; log a failure, and return whether it succeeded."""
    try:
        work()
    except Exception as error:  # the loop that calls this has to go on
        code = errors.from_exception(error).code
        if code == errors.Code.DATABASE_UNAVAILABLE:
            logger.warning("background work waits for the database", work=name)
        else:
            logger.exception("background work failed", work=name)
        return False
    return True

"""The only source of time, so that tests can move it."""

import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache

_offset = timedelta()
_wall_offset = timedelta()
_last_tick = datetime.min


def now() -> datetime:
    """Return the time as UTC without a zone, cut to milliseconds, as the database returns it."""
    moment = datetime.now(UTC).replace(tzinfo=None) + _offset + _wall_offset
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def tick() -> datetime:
    """Return a time later than every tick before in this process, whatever the clock does: for "changed since"."""
    global _last_tick
    _last_tick = max(now(), _last_tick + timedelta(milliseconds=1))
    return _last_tick


def not_before(moment: datetime) -> None:
    """Let every tick from now on come after this time."""
    global _last_tick
    _last_tick = max(_last_tick, moment)


def timestamp() -> int:
    """Return the whole seconds since 1970, as JWT uses them."""
    return int(time.time() + (_offset + _wall_offset).total_seconds())


def fine_timestamp() -> float:
    """Return the seconds since 1970, with their fraction."""
    return time.time() + (_offset + _wall_offset).total_seconds()


def monotonic() -> float:
    """Return seconds that only grow, for durations and deadlines inside this process."""
    return time.monotonic() + _offset.total_seconds()


@lru_cache(8192)  # 2 MB: the same times are shown again and again, and a time remembered costs a tenth
def iso(moment: datetime) -> str:
    """Return ISO 8601 in UTC with milliseconds, like 2026-01-31T09:30:00.000Z."""
    return moment.isoformat(timespec="milliseconds") + "Z"


def move(by: timedelta) -> None:
    """Shift this process's clock; for tests."""
    global _offset
    _offset += by


def set_wrong(by: timedelta) -> None:
    """Let the wall clock be wrong by so much: for the delivery lab. Durations stay right, as on a real machine."""
    global _wall_offset
    _wall_offset = by


def reset() -> None:
    """Undo every move(), and forget every tick."""
    global _offset, _wall_offset, _last_tick
    _offset = _wall_offset = timedelta()
    _last_tick = datetime.min

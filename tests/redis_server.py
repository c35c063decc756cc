"""A redis-server of a test's own, on a free port of this machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chatapp.lab.redis import Redis as RedisProcess
from chatapp.lab.redis import is_installed

NEEDS_REDIS = pytest.mark.skipif(
    not is_installed(), reason="the bus between machines needs redis-server (apt-get install it)"
)


@contextmanager
def running_redis(folder: Path) -> Iterator[RedisProcess]:
    """A started redis-server, ended at the end."""
    redis = RedisProcess(folder)
    redis.start()
    try:
        yield redis
    finally:
        redis.kill()

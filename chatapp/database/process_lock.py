"""A lock between the processes of one machine, by a file in the instance folder."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from chatapp.settings import config


@contextmanager
def exclusive(name: str) -> Iterator[None]:
    """Hold the lock of this name within the block (the embedded store has none of its own)."""
    folder = config().instance_path
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield

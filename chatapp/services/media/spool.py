"""A file of this machine that takes what comes of an upload, until the store of files has it."""

import hashlib
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from chatapp import blobs
from chatapp.services.media.storage import storage
from chatapp.settings import config
from config import keep_private


def folder() -> Path:
    """Return the folder of what is being received and checked; it is made anew where it is missing."""
    path = config().instance_path / "media" / "incoming"
    if not path.is_dir():
        keep_private(path.parent, [])
        keep_private(path, [])
    return path


class Spool:
    """A file that grows by pieces, each written in a thread. `size` in bytes; `digest` by the wanted algorithm."""

    def __init__(self, algorithm: str | None = None) -> None:
        self.size = 0
        self._digest = hashlib.new(algorithm, usedforsecurity=False) if algorithm else None
        with storage():
            self.path: Path = blobs.in_thread(folder) / uuid4().hex
            self._file: Any = blobs.in_thread(self.path.open, "xb")

    def write(self, data: bytes) -> None:
        """Add a piece. Raises Unavailable."""
        with storage():
            blobs.in_thread(self._write, data)
        self.size += len(data)

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        if self._digest is not None:
            self._digest.update(data)

    def finished(self) -> Path:
        """Return the file, with everything in it. Raises Unavailable."""
        with storage():
            blobs.in_thread(self._file.close)
        return self.path

    def digest(self) -> bytes:
        """Return the digest of what has come."""
        return self._digest.digest() if self._digest is not None else b""

    def drop(self) -> None:
        """Delete the file, if nobody has taken it."""
        with suppress(OSError):
            self._file.close()
        with suppress(OSError):
            self.path.unlink(missing_ok=True)

"""The interface that both stores of files have."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

KEY = re.compile(r"[0-9a-f]{24}\.[a-z0-9-]{1,40}")  # of a file: the id of its media, and which of its files this is
PIECE_BYTES = 65_536  # of a file at a time


class Store(Protocol):
    """Files by key. A key is written once; what is not there can be deleted. Failures are OSErrors."""

    name: str

    def put(self, key: str, path: Path) -> None:
        """Keep this file, durably when the call returns. The file at `path` may be gone afterwards."""

    def read(self, key: str, start: int, length: int) -> Iterator[bytes]:
        """Yield so many bytes of a file, in pieces. Raises FileNotFoundError, at once."""

    def size(self, key: str) -> int | None:
        """Return the number of bytes of a file; None where there is none."""

    def delete(self, keys: list[str]) -> None:
        """Delete these files: nothing is left of them."""

    def keys(self) -> Iterator[str]:
        """Yield the keys of all files, in no order."""

    def address(self, key: str, headers: dict[str, str]) -> str | None:
        """Return an address at which anybody reads the file for five minutes, with these headers; None: only by us."""


def require_key(key: str) -> str:
    """Return the key; raises ValueError for a text that is none, and could name anything."""
    if KEY.fullmatch(key) is None:
        raise ValueError(f"{key!r} is no key of a file")
    return key

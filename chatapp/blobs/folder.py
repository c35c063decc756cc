"""Files in a folder of this machine, in files that only this user can read."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from chatapp.blobs.store import KEY, PIECE_BYTES, require_key
from chatapp.threads import in_thread


class Folder:
    """Files by key, in 256 folders. A file is written beside its place and renamed, so none is there by halves."""

    def __init__(self, root: Path) -> None:
        self.name = f"the folder {root}"
        self._root = root

    def put(self, key: str, path: Path) -> None:
        """Keep this file, durably when the call returns. The file at `path` may be gone afterwards."""
        in_thread(self._put, self._place(key), path)

    def read(self, key: str, start: int, length: int) -> Iterator[bytes]:
        """Yield so many bytes of a file, in pieces. Raises FileNotFoundError, at once."""
        return _pieces(in_thread(_open, self._place(key), start), length)

    def size(self, key: str) -> int | None:
        """Return the number of bytes of a file; None where there is none."""
        try:
            return in_thread(os.stat, self._place(key)).st_size
        except FileNotFoundError:
            return None

    def delete(self, keys: list[str]) -> None:
        """Delete these files: nothing is left of them."""
        in_thread(self._delete, [self._place(key) for key in keys])

    def keys(self) -> Iterator[str]:
        """Yield the keys of all files, in no order."""
        for folder in in_thread(lambda: sorted(self._root.glob("[0-9a-f][0-9a-f]"))):
            yield from in_thread(_keys_in, folder)

    def address(self, key: str, headers: dict[str, str]) -> str | None:
        """Return None: nobody reads this folder but the server."""
        return None

    def _place(self, key: str) -> Path:
        return self._root / require_key(key)[22:24] / key

    def _put(self, place: Path, path: Path) -> None:
        for folder in (self._root, place.parent):  # of folders above it, `mkdir` gives none the mode
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = place.parent / f".{uuid4().hex}"
        try:
            _move(path, new)
            new.chmod(0o600)
            _synchronize(new)
            new.rename(place)
            _synchronize(place.parent)
        except BaseException:
            new.unlink(missing_ok=True)
            raise

    def _delete(self, places: list[Path]) -> None:
        for place in places:
            place.unlink(missing_ok=True)
        for folder in {place.parent for place in places}:
            with suppress(FileNotFoundError):
                _synchronize(folder)


def _keys_in(folder: Path) -> list[str]:
    return [row.name for row in folder.iterdir() if KEY.fullmatch(row.name)]


def _move(path: Path, new: Path) -> None:
    """Move a file, from another disk too."""
    try:
        path.rename(new)
    except OSError:
        with path.open("rb") as source, new.open("wb") as target:
            while data := source.read(PIECE_BYTES):
                target.write(data)


def _synchronize(path: Path) -> None:
    """Let what was written, or renamed in a folder, survive the machine."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _open(place: Path, start: int) -> BinaryIO:
    file = place.open("rb")
    file.seek(start)
    return file


def _pieces(file: BinaryIO, length: int) -> Iterator[bytes]:
    with file:
        while length > 0 and (data := in_thread(file.read, min(length, PIECE_BYTES))):
            length -= len(data)
            yield data

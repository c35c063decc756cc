"""The embedded store: litemongo's files in the instance folder."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import litemongo

from config import Config, keep_private


def open_store(config: Config, collections: Iterable[str]) -> Any:
    """Return a client of the store, in files that only this user can read; SQLite makes the later ones by the umask."""
    os.umask(0o077)
    keep_private(config.instance_path, ["*.lock", "jwt_secret"])
    files = [f"*/{name}{part}" for name in collections for part in ("", "-wal", "-shm")]
    keep_private(Path(config.store_uri.removeprefix("litemongo://")), files)
    return litemongo.connect(config.store_uri)

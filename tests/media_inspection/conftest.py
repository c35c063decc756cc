"""Fixtures for the inspection of files."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chatapp import settings
from chatapp.media_inspection.inspect import Inspected, inspect_file
from config import TestConfig


@pytest.fixture
def use_settings(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that sets the settings of this process for the test."""
    return lambda **values: monkeypatch.setattr(settings, "_config", TestConfig(**values))


@pytest.fixture
def look(tmp_path: Path, use_settings: Callable[..., None]) -> Callable[..., Inspected]:
    """Return a function that inspects bytes."""
    use_settings()

    def look(data: bytes, *, claimed: str = "", name: str = "file", as_document: bool = False) -> Inspected:
        folder = tmp_path / "work"
        folder.mkdir()
        (folder / "file").write_bytes(data)
        taken: dict[str, Any] = {"claimed_mime": claimed, "name": name, "as_document": as_document}
        return inspect_file(folder / "file", out_dir=folder, **taken)

    return look

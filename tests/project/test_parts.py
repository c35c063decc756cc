"""`make test` runs the suite in parts, by store (scripts/test.py): every test is in one in which it is not left out."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.conftest import NEEDS_MONGO, is_in_part

PARTS = [("embedded", False), ("mongo", False), ("mongo", True)]


def item(file: str, store: str = "", marker: object = None) -> Any:
    """Return a collected test: of a store, where it is run once on each."""
    callspec = {"callspec": SimpleNamespace(params={"store_uri": store})} if store else {}
    return SimpleNamespace(path=Path(file), get_closest_marker=lambda _: marker, **callspec)


@pytest.mark.parametrize(
    ("test", "parts"),
    [
        (item("test_any.py"), ["embedded"]),
        (item("test_any.py", "embedded"), ["embedded"]),
        (item("test_any.py", "mongo"), ["mongo"]),
        (item("test_lab.py", "mongo"), ["mongo alone"]),
        (item("bus/test_carriers.py", marker=NEEDS_MONGO), ["embedded", "mongo alone"]),
        (item("engine/test_engineio.py", marker=NEEDS_MONGO), ["embedded", "mongo"]),
        (item("operations/test_workers.py", marker=NEEDS_MONGO), ["embedded", "mongo alone"]),
        (item("operations/test_lab.py", marker=NEEDS_MONGO), ["embedded", "mongo alone"]),
    ],
)
def test_a_test_is_in_the_parts_of_its_store(test, parts):
    found = [f"{store} alone" if alone else store for store, alone in PARTS if is_in_part(test, store, alone=alone)]
    assert found == parts

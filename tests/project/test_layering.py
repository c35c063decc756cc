"""Imports look down only, and each dangerous thing happens in one place (design section 2)."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server import ROOT

LAYERS = {
    "api": 4,
    "sockets": 4,
    "cli": 4,
    "services": 3,
    "realtime": 2,
    "stores": 1,
    "schemas": 1,
    "blobs": 0,
    "database": 0,
    "search": 0,
}
DOMAIN = ("services", "stores", "schemas", "database", "sockets")  # they know nothing of how bytes come and go
CALLS_OUT = ("outbound", "cli", "lab")  # the rooms that may use a client for HTTP
ENGINE_MAY_KNOW = (
    "engine",
    "addresses",
    "audience",
    "per_loop",
)  # what any Socket.IO server would need, nothing of chat
BUS_MAY_KNOW = ("bus", "clock", "database")  # it carries documents, and knows nothing of what is in them
STARTS_THE_PROCESS = ("wsgi.py", "gunicorn.conf.py", "chatapp/lab/forks.py")
DOCUMENTS_THE_EVENTS = "chatapp/api/asyncapi.py"  # lists what the other transport defines
OWNER_OF_WORKER = "chatapp/server/worker.py"  # the process around the application, not a layer of it


def sources() -> dict[str, str]:
    """Return every module of the server, by its path from the root."""
    paths = [*ROOT.glob("*.py"), *(ROOT / "chatapp").rglob("*.py"), *(ROOT / "migrations_seed").rglob("*.py")]
    return {str(path.relative_to(ROOT)): path.read_text() for path in paths}


def imports(tree: ast.AST) -> Iterator[str]:
    """Dotted names of what is imported, wherever in the file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide the layer"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def attributes(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """(owner, attribute) of everything like `os.environ` or `server.emit`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node.value.id if isinstance(node.value, ast.Name) else "", node.attr


def layer(path: str) -> str:
    """Return the layer that a file belongs to, or the module of chatapp that stands beside the layers."""
    parts = Path(path).parts
    return Path(parts[1]).stem if parts[0] == "chatapp" and len(parts) > 1 else ""


def faults(path: str, source: str) -> list[str]:
    """Return what this file does that its place does not allow."""
    tree = ast.parse(source)
    here, found = layer(path), []
    for name in imports(tree):
        parts = name.split(".")
        there = parts[1] if parts[0] == "chatapp" and len(parts) > 1 else ""
        if here in LAYERS and LAYERS.get(there, -1) > LAYERS[here]:
            found.append(f"looks up: {name}")
        if here == "engine" and there not in ("", *ENGINE_MAY_KNOW):
            found.append(f"the engine knows chat: {name}")
        if here == "bus" and there not in ("", *BUS_MAY_KNOW):
            found.append(f"the bus knows chat: {name}")
        if here in DOMAIN and there == "engine":
            found.append(f"knows the engine: {name}")
        if here in ("api", "sockets") and there == "stores":
            found.append(f"goes past the services: {name}")
        if {here, there} == {"api", "sockets"} and path != DOCUMENTS_THE_EVENTS:
            found.append(f"one transport uses the other: {name}")
        if here in (*LAYERS.keys() - {"api", "sockets", "cli"}, "engine") and parts[0].startswith("flask"):
            found.append(f"knows the web framework: {name}")
        if parts[0] == "pymongo" and here not in ("stores", "database") and path.startswith("chatapp/"):
            found.append(f"knows the database driver: {name}")
        if parts[0] in ("urllib3", "requests", "httpx") and path.startswith("chatapp/") and here not in CALLS_OUT:
            found.append(f"calls addresses past the guard: {name}")
        if here == "outbound" and there not in ("", "outbound", "per_loop"):
            found.append(f"the guard knows chat: {name}")
        if name in ("os.environ", "os.getenv") and path not in ("config.py", *STARTS_THE_PROCESS):
            found.append(f"reads the environment: {name}")
    for owner, attribute in attributes(tree):
        if attribute == "emit" and here not in ("realtime", "engine"):
            found.append("emits")
        if owner == "os" and attribute in ("environ", "getenv") and path not in ("config.py", *STARTS_THE_PROCESS):
            found.append(f"reads the environment: os.{attribute}")
    return found


def test_every_module_keeps_to_its_layer():
    found = {path: problems for path, source in sources().items() if (problems := faults(path, source))}
    assert found == {}


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("chatapp/services/x.py", "import flask"),
        ("chatapp/services/x.py", "from flask import g"),
        ("chatapp/services/x.py", "def act():\n    from flask_socketio import emit"),
        ("chatapp/services/x.py", "from chatapp.api import auth"),
        ("chatapp/services/x.py", "from chatapp import sockets"),
        ("chatapp/services/x.py", "import pymongo.errors"),
        ("chatapp/services/x.py", "server.emit('newMessage', {})"),
        ("chatapp/stores/x.py", "from chatapp.services import messages"),
        ("chatapp/stores/x.py", "from chatapp import realtime"),
        ("chatapp/realtime/x.py", "from chatapp.services import messages"),
        ("chatapp/database/x.py", "from chatapp.stores import users"),
        ("chatapp/search/x.py", "from chatapp.stores import entries"),
        ("chatapp/engine/x.py", "from chatapp import limits"),
        ("chatapp/engine/x.py", "from chatapp.services.log.state import Conversation"),
        ("chatapp/services/x.py", "from chatapp.engine import packets"),
        ("chatapp/bus/x.py", "from chatapp.services.log import cache"),
        ("chatapp/api/x.py", "from chatapp.stores import users"),
        ("chatapp/api/x.py", "from chatapp.sockets import EVENTS"),
        ("chatapp/sockets/x.py", "from pymongo import MongoClient"),
        ("chatapp/sockets/x.py", "a.b.emit('x')"),
        ("chatapp/services/x.py", "import urllib3"),
        ("chatapp/api/x.py", "import requests"),
        ("chatapp/outbound/x.py", "from chatapp.services import messages"),
        ("chatapp/limits.py", "import os\nos.environ['X']"),
        ("chatapp/limits.py", "from os import getenv"),
    ],
)
def test_a_planted_violation_is_found(path, source):
    assert faults(path, source)

"""docs/protocol.md shows what is really sent: its JSON is JSON, with the fields of the documented schemas."""

import json
import re

import pytest

from chatapp.schemas.answers.entries import EntriesOut, MessageOut
from chatapp.schemas.answers.envelope import ErrorOut
from chatapp.schemas.answers.media import MediaOut
from chatapp.schemas.answers.own import Own
from chatapp.schemas.answers.sync import ProofOut, SyncOut
from chatapp.schemas.conversations import MessageIn
from chatapp.schemas.pushed_events import PUSHED
from chatapp.schemas.sync import SyncIn
from chatapp.sockets import EVENTS
from tests.server import ROOT

TEXT = (ROOT / "docs" / "protocol.md").read_text()
BLOCKS = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)]
ABBREVIATED = "…"


def is_whole(value):
    """Return whether nothing is left out of this example."""
    return ABBREVIATED not in value if isinstance(value, dict) else True


def strays(schema, value):
    """Fields of the example that the schema does not know, and required ones that it lacks; by their names."""
    if not isinstance(value, dict) or not is_whole(value):
        return []
    fields = {field.data_key or name: field for name, field in schema().fields.items()}
    found = [name for name in value if name not in fields]
    found += [name for name, field in fields.items() if field.required and name not in value]
    for name, item in value.items():
        nested = getattr(getattr(fields.get(name), "inner", fields.get(name)), "nested", None)
        rows = item if isinstance(item, list) else [item]
        if isinstance(nested, type):
            found += [problem for row in rows if isinstance(row, dict) for problem in strays(nested, row)]
    return found


def test_there_are_examples_of_every_kind():
    assert len(BLOCKS) >= 10
    assert {block[0] for block in BLOCKS if isinstance(block, list)} >= {
        "ready",
        "newMessage",
        "entry",
        "receipt",
        "resync",
    }


@pytest.mark.parametrize("block", [block for block in BLOCKS if isinstance(block, list)], ids=lambda block: block[0])
def test_an_event_is_as_documented(block):
    name, payload = block
    schemas = [PUSHED[name][0]] if name in PUSHED else []
    schemas += [EVENTS[name].schema] if name in EVENTS else []
    assert schemas and min(len(strays(schema, payload)) for schema in schemas) == 0, payload


@pytest.mark.parametrize(
    "block", [block for block in BLOCKS if isinstance(block, dict)], ids=lambda block: next(iter(block))
)
def test_a_body_is_as_documented(block):
    schemas = [ErrorOut, MessageOut, SyncOut, EntriesOut, ProofOut, SyncIn, Own, MediaOut]
    assert min(len(strays(schema, block)) for schema in [*schemas, MessageIn]) == 0


def test_every_route_and_event_that_it_names_exists(app):
    routes = {re.sub(r"<\w+>", "<>", rule.rule) for rule in app.url_map.iter_rules()}
    named = re.findall(r"(?:GET|POST|PUT|PATCH|DELETE) (/api/[^\s`?{]+)", TEXT)
    assert {re.sub(r"<\w+>", "<>", path) for path in named} - routes == set() and len(named) > 15
    events = set(EVENTS) | set(PUSHED)
    used = re.findall(r"`(\w+) \{", TEXT)
    assert [name for name in used if name not in events] == []

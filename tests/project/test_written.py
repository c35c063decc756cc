"""The documents name files that exist, and docstrings are statements."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server import ROOT

DOCUMENTS = [
    *ROOT.glob("*.md"),
    *(ROOT / "docs").glob("*.md"),
    ROOT / "clients/js/README.md",
    ROOT / "benchmarks/README.md",
]
LINK = re.compile(r"\]\(([^)\s]+)\)|src=\"([^\"]+)\"")
PYTHON = [
    *ROOT.glob("*.py"),
    *(path for room in ("chatapp", "migrations_seed", "scripts", "tests") for path in (ROOT / room).rglob("*.py")),
]
RIDDLE = r"(What|Who|Whom|Whose|Where|When|Which|How|Does|Is|Are|Was|Has|Can|Could|May)\b"
SCRIPTS = [
    path
    for room in ("clients/js/src", "clients/js/test", "clients/web/src", "clients/web/test")
    for path in (ROOT / room).rglob("*.ts*")
    if "generated" not in path.parts
]
FILE = re.compile(r"`((?:chatapp|clients|docs|scripts|tests)/[\w./-]+\.\w+)`")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_it_links_to_and_names_exists(document):
    text = document.read_text()
    links = [link or source for link, source in LINK.findall(text) if ":" not in link]
    missing = [link for link in links if not (document.parent / link.partition("#")[0]).exists()]
    missing += [name for name in FILE.findall(text) if not (ROOT / name).exists()]
    assert missing == []


def docstrings(source: Path) -> Iterator[str]:
    """Yield the docstrings of a file: its own and those of its classes and functions."""
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield ast.get_docstring(node) or ""


def test_docstrings_are_statements():
    riddles = [
        f"{path.relative_to(ROOT)}: {text.partition(chr(10))[0]}"
        for path in PYTHON
        for text in docstrings(path)
        if re.match(f"{RIDDLE}|Whether", text)
    ]
    assert riddles == []  # "Return whether …", "The order of …": CONTRIBUTING.md, Style


def test_comments_on_the_clients_code_are_statements():
    riddles = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in SCRIPTS
        for line in path.read_text().splitlines()
        if re.match(rf"\s*/\*\* {RIDDLE}", line)
    ]
    assert riddles == []

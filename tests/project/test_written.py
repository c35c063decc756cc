"""The files that the documents link to or name exist."""

import re

import pytest

from tests.server import ROOT

DOCUMENTS = [
    *ROOT.glob("*.md"),
    *(ROOT / "docs").glob("*.md"),
    ROOT / "clients/js/README.md",
    ROOT / "benchmarks/README.md",
]
LINK = re.compile(r"\]\(([^)\s]+)\)|src=\"([^\"]+)\"")
FILE = re.compile(r"`((?:chatapp|clients|docs|scripts|tests)/[\w./-]+\.\w+)`")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_it_links_to_and_names_exists(document):
    text = document.read_text()
    links = [link or source for link, source in LINK.findall(text) if ":" not in link]
    missing = [link for link in links if not (document.parent / link.partition("#")[0]).exists()]
    missing += [name for name in FILE.findall(text) if not (ROOT / name).exists()]
    assert missing == []

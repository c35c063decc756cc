"""The version stands in chatapp/version.py; every other place that states it has to agree."""

import json
import re

import pytest

from chatapp.version import __version__
from tests.server import ROOT


@pytest.mark.parametrize("folder", ["clients/js", "clients/web"])
def test_the_npm_packages_have_the_servers_version(folder):
    package = json.loads((ROOT / folder / "package.json").read_text())
    lock = json.loads((ROOT / folder / "package-lock.json").read_text())
    assert {package["version"], lock["version"], lock["packages"][""]["version"]} == {__version__}


@pytest.mark.parametrize("document", ["openapi", "asyncapi"])
def test_the_documents_have_the_servers_version(client, document):
    assert client.get(f"/api/{document}.json").json["info"]["version"] == __version__


def test_the_newest_release_in_the_changelog_is_the_servers_version():
    releases = re.findall(r"^## (\d+\.\d+\.\d+) - \d{4}-\d\d-\d\d$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert releases[0] == __version__

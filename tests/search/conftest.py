"""Shared fixtures of the tests of searches."""

import pytest

from chatapp.services.search import indexing
from tests.services.acting import Acts


class Searching(Acts):
    """Acts over one of the transports, where what was written is indexed before it is searched for."""

    def search(self, person, text, **wanted):
        indexing.index_waiting()
        return super().search(person, text, **wanted)

    def found(self, person, text, **wanted):
        """Return what the messages say that somebody finds."""
        return [row["message"]["content"] for row in self.search(person, text, **wanted)["data"]]


@pytest.fixture(params=["rest", "socket"])
def acts(request):
    """Acts over one of the transports."""
    return Searching(request.param)


@pytest.fixture
def chat(ann, bob):
    """The id of a direct conversation."""
    return ann.direct(bob)


@pytest.fixture
def run(app):
    """Run a command of the operator's; return its result."""
    return lambda *arguments: app.test_cli_runner().invoke(args=list(arguments))

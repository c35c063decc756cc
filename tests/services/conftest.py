"""Shared fixtures of tests of acts on messages."""

import pytest

from tests.services.acting import Acts


@pytest.fixture(params=["rest", "socket"])
def acts(request):
    """Acts over one of the transports."""
    return Acts(request.param)


@pytest.fixture
def chat(ann, bob):
    """The id of a direct conversation."""
    return ann.direct(bob)


@pytest.fixture
def sent(ann, chat):
    """A message of Ann's in it."""
    return ann.send(chat, "Nine?")["data"]


@pytest.fixture
def new_app(register):
    """Somebody whose app speaks the second protocol."""
    return register("pat", protocol=2)


@pytest.fixture
def run(app):
    """Run a command of the operator's; return its result."""
    return lambda *arguments: app.test_cli_runner().invoke(args=list(arguments))

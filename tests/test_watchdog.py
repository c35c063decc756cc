"""What holds the event loop is named."""

import time

import gevent
import pytest

from chatapp import metrics
from chatapp.services import profiles
from chatapp.watchdog import Watchdog
from tests.conftest import eventually


@pytest.fixture
def watchdog():
    dog = Watchdog(0.03)
    dog.start()
    yield dog
    dog.stop()


def work():
    """Hold the loop for a while, as a large answer does."""
    end = time.perf_counter() + 0.3
    while time.perf_counter() < end:
        pass


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda ann: ann.rest("GET", "/api/user/profile"), "route users.get_profile"),
        (lambda ann: ann.socket().call("updateProfile", {"name": "Anna"}), "event updateProfile"),
    ],
    ids=["rest", "socket"],
)
def test_a_call_that_holds_the_loop_is_named(ann, log, watchdog, monkeypatch, call, name):
    inner = profiles.existing
    monkeypatch.setattr(profiles, "existing", lambda user_id: work() or inner(user_id))
    gevent.sleep(0.01)
    gevent.spawn(call, ann).join()
    line = eventually(lambda: log.lines(message="the event loop was held", call=name))[0]
    assert line["ms"] > 250
    assert f'chatapp_loop_held_seconds_count{{call="{name}"}}' in metrics.exposition().decode()


def test_who_waits_holds_nothing(ann, log, watchdog):
    gevent.sleep(0.2)
    assert not log.lines(message="the event loop was held")

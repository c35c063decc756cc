"""The watchdog names the code that holds the event loop."""

import time

import gevent
import pytest
from gevent.monkey import get_original

from chatapp import metrics
from chatapp import watchdog as watching
from chatapp.services.accounts import profiles
from chatapp.watchdog import Watchdog
from tests.conftest import eventually


@pytest.fixture
def watchdog():
    dog = Watchdog(0.03)
    dog.start()
    yield dog
    dog.stop()


def work():
    """Hold the loop for a while, as a large answer does: on a busy machine for longer, or nobody would see it work."""
    end = time.thread_time() + 0.3
    while time.thread_time() < end:
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


def test_who_waits_holds_nothing(app, log, watchdog, monkeypatch):
    now = [1.0]
    monkeypatch.setattr(watching, "perf_counter", lambda: now[0])
    eventually(lambda: watchdog.began == 1.0)
    sleep = get_original("time", "sleep")

    def a_minute_passes_while_the_loop_waits():
        while watchdog.began is not None:
            sleep(0)
        now[0] += 60

    gevent.get_hub().threadpool.apply(a_minute_passes_while_the_loop_waits)
    now[0] += 1  # and a second while it works
    (line,) = eventually(lambda: log.lines(message="the event loop was held"))
    assert line["ms"] == 1_000

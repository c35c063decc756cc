"""The delivery lab: a short schedule of faults breaks no promise, and every promise that is broken is seen.

`make chaos` runs the long schedule.
"""

import os
import signal
from types import SimpleNamespace

import gevent
import gevent.event
import gevent.pool
import gevent.pywsgi
import gevent.server
import gevent.socket
import pymongo
import pytest

from chatapp.lab.checker import Histories, Verdict, judge
from chatapp.lab.forks import Fork
from chatapp.lab.links import Socket
from chatapp.lab.proxy import Proxy
from chatapp.lab.records import Records, Send
from chatapp.lab.run import Plan, run
from chatapp.lab.sabotage import SABOTAGES
from chatapp.lab.server import Server
from tests.server import REAL_CLIENTS

# A program that takes `kill` and `start`: then the database process itself is killed, too.
pytestmark = REAL_CLIENTS
DATABASE_CONTROL = os.environ.get("TEST_MONGO_CONTROL")


def test_a_short_schedule_of_every_fault_breaks_no_promise(store_uri):
    on_mongo = store_uri.startswith("mongodb:")
    uri = store_uri.replace("/chatapp_test_", "/chatapp_lab_")
    plan = Plan(
        seed=20261124,
        sends=100_000,
        seconds=120,
        people=8,
        conversations=8,
        fault_pause=0.9,
        fault_rounds=1,
        pause=0.2,
        store_uri=uri if on_mongo else None,
        database_control=DATABASE_CONTROL if on_mongo else None,
    )
    verdict = run(plan)
    if on_mongo:
        with pymongo.MongoClient(uri) as client:
            client.drop_database(client.get_default_database())
    assert verdict.breaches == 0, verdict
    assert verdict.ok > 200 and len(verdict.faults) >= 9


BREACHES = {
    "ack before write": "lost",
    "counter": "holes",
    "no idempotency": "doubled",
    "reordered fan-out": "reordered",
    "drop on reconnect": "lost",
    "unread counter": "unread",
    "missed receipt": "stale",
}


def test_every_sabotage_is_seen_and_named():
    def breach(name):
        faults = ["server killed", "acknowledgements dropped", "connections reset"]
        plan = Plan(
            seed=3,
            sends=100_000,
            seconds=120,
            people=6,
            conversations=4,
            fault_pause=0.4,
            fault_rounds=2,
            pause=0.2,
            faults=faults,
            sabotage=name,
        )
        return name, len(getattr(run(plan), BREACHES[name]))

    assert set(BREACHES) == set(SABOTAGES)
    found = dict(gevent.pool.Pool(3).imap_unordered(breach, SABOTAGES))
    assert {name: number > 0 for name, number in found.items()} == dict.fromkeys(SABOTAGES, True)


def entry(seq, number, sender="ann", **more):
    """Return a message as the API shows it."""
    text = f"{number} {sender}-{number}"
    return {"seq": seq, "id": f"id-{seq}", "type": "message", "content": text, "sender": {"id": sender}} | more


def acknowledged(number, seq, sender="ann"):
    return Send(sender, "c", f"{sender}-{number}", number, 0.0, "ok", 1, 1.0, seq, f"id-{seq}")


SENDS = [acknowledged(1, 1), acknowledged(2, 2), acknowledged(1, 3, "bob")]
GOOD = [entry(1, 1), entry(2, 2), entry(3, 1, "bob")]


def verdict_of(log, *, sends=SENDS, other=None, **histories):
    logs = {("c", "ann"): log, ("c", "bob"): log if other is None else other}
    return judge(Records(sends=list(sends)), Histories(logs=logs, **histories))


def test_a_run_that_kept_its_promises_has_no_breach():
    shown = {("c", "ann", "phone"): ["id-1", "id-2", "id-3"]}
    verdict = verdict_of(GOOD, shown=shown, unread={("c", "ann"): 1, ("c", "bob"): 0}, read={("c", "ann"): 2})
    assert (verdict.breaches, verdict.ok) == (0, 3)


@pytest.mark.parametrize(
    ("breach", "log"),
    [
        ("lost", GOOD[:2]),
        ("lost", []),
        ("doubled", [*GOOD, entry(4, 2)]),
        ("alien", [*GOOD, entry(4, 9)]),
        ("holes", [GOOD[0], GOOD[1], entry(4, 1, "bob")]),
        ("holes", [entry(2, 1), entry(3, 2), entry(4, 1, "bob")]),
        ("reordered", [entry(1, 2), entry(2, 1), entry(3, 1, "bob")]),
        ("reordered", [entry(1, 1, id="another"), *GOOD[1:]]),
    ],
)
def test_the_checker_sees_it_in_a_history(breach, log):
    assert getattr(verdict_of(log), breach)


def test_the_checker_sees_members_with_different_histories():
    assert verdict_of(GOOD, other=[entry(1, 1), entry(2, 2), entry(3, 1, "bob", id="else")]).reordered


@pytest.mark.parametrize(
    ("breach", "shown"),
    [
        ("lost", ["id-1", "id-3"]),
        ("doubled", ["id-1", "id-2", "id-2", "id-3"]),
        ("reordered", ["id-2", "id-1", "id-3"]),
        ("alien", ["id-1", "id-2", "id-3", "id-9"]),
    ],
)
def test_the_checker_sees_it_on_a_device(breach, shown):
    assert getattr(verdict_of(GOOD, shown={("c", "ann", "phone"): shown}), breach)


def test_the_checker_counts_unread():
    assert verdict_of(GOOD, unread={("c", "ann"): 0}).unread
    assert not verdict_of(GOOD, unread={("c", "ann"): 0}, read={("c", "ann"): 3}).unread


def test_the_checker_sees_what_a_device_never_heard_of():
    told = {"ann": {"c": {"name": "Lab", "marks of bob": (3, 3)}}}

    def stale(known):
        return verdict_of(GOOD, known={("ann", "phone"): known}, told=told).stale

    assert stale(told["ann"]) == []
    assert stale({"c": {"name": "Lab", "marks of bob": (3, 1)}}) == [
        "ann's phone: c: marks of bob is (3, 3), known is (3, 1)"
    ]
    assert stale({}) == ["ann's phone: c is missing"]
    assert stale(told["ann"] | {"d": {}}) == ["ann's phone: d is not there any more"]


def test_an_unknown_send_may_be_there_once():
    unknown = Send("ann", "c", "ann-3", 3, 0.0)
    for log in (GOOD, [*GOOD, entry(4, 3)]):
        verdict = verdict_of(log, sends=[*SENDS, unknown])
        assert (verdict.breaches, verdict.unknown) == (0, 1)
    assert verdict_of([*GOOD, entry(4, 3), entry(5, 3)], sends=[*SENDS, unknown]).doubled


def test_a_refused_send_may_not_be_there():
    refused = Send("ann", "c", "ann-3", 3, 0.0, "failed")
    assert verdict_of([*GOOD, entry(4, 3)], sends=[*SENDS, refused]).alien


def test_a_passing_member_is_judged_by_their_time():
    assert verdict_of(GOOD, other=GOOD[1:2], passing={"bob"}).breaches == 0
    assert verdict_of(GOOD, other=GOOD[1:2]).lost


def test_live_disorder_and_contradictions_are_breaches():
    records = Records(sends=list(SENDS), live_breaches=["x"], replica_breaches=["y"])
    verdict = judge(records, Histories(logs={("c", "ann"): GOOD}))
    assert (verdict.reordered, verdict.doubled) == (["x"], ["y"])


def test_what_the_server_fails_at_with_nobody_told_is_a_breach(tmp_path):
    printed = ["Traceback (most recent call last):", '  File "x"', "TypeError: y"]
    lines = ['{"level":"info"}', *printed, '{"message":"Traceback "}']
    server = Server(tmp_path, "")
    server._drain(SimpleNamespace(stdout=[f"{line}\n".encode() for line in lines]))
    assert server.tracebacks == ["\n".join(printed)]
    assert Verdict(tracebacks=server.tracebacks).breaches == 1


def test_a_device_that_was_stopped_takes_nothing_from_the_poll_that_was_under_way():
    held, heard = gevent.event.Event(), []
    answers = iter(['0{"sid":"s"}', "40{}", '42["receipt",{}]'])

    def serve(environ, start_response):
        start_response("200 OK", [])
        answer = "ok" if environ["REQUEST_METHOD"] == "POST" else next(answers)
        if answer.startswith("42"):
            polls.set()
            held.wait()
        return [answer.encode()]

    polls = gevent.event.Event()
    with gevent.Timeout(20):
        server = gevent.pywsgi.WSGIServer(("127.0.0.1", 0), serve, log=None)
        server.start()
        link = Socket("127.0.0.1", server.server_port, "token", lambda *event: heard.append(event), polling=True)
        link.open()
        polls.wait()
        link.close()
        held.set()
        link._reader.join()
        server.stop()
    assert heard == []


def test_the_proxy_cuts_and_restores():
    with gevent.Timeout(20):
        echo = gevent.server.StreamServer(("127.0.0.1", 0), lambda stream, _: stream.sendall(stream.recv(10)))
        echo.start()
        proxy = Proxy("127.0.0.1", echo.server_port)

        def ask():
            with gevent.socket.create_connection(("127.0.0.1", proxy.port)) as stream:
                stream.sendall(b"hello")
                return stream.recv(10)

        assert ask() == b"hello"
        proxy.cut()
        with pytest.raises(OSError):
            ask()
        proxy.restore()
        assert ask() == b"hello"
        proxy.close()
        echo.stop()


def test_a_fork_has_the_output_and_the_exit_code_of_its_command():
    good, bad = Fork(["calendar", "2026"], {}), Fork(["calendar", "x"], {})
    sleeper = Fork(["timeit", "-n1", "-r1", "-s", "import time", "time.sleep(60)"], {})
    assert b"2026" in good.stdout.read() and good.wait() == 0
    assert b"usage:" in bad.stdout.read() and bad.wait() == bad.poll() == 2
    assert sleeper.poll() is None
    sleeper.kill()
    assert sleeper.wait() == -signal.SIGKILL

"""The delivery lab: a short schedule of faults breaks no promise, and every promise that is broken is seen.

`make chaos` runs the long schedule.
"""

import math
import os
import random
import signal
import uuid
from collections import Counter
from itertools import pairwise
from types import SimpleNamespace

import gevent
import gevent.event
import gevent.pool
import gevent.pywsgi
import gevent.server
import gevent.socket
import pymongo
import pytest

from chatapp.lab.bad_bus import BadBus
from chatapp.lab.checker import judge
from chatapp.lab.forks import Fork
from chatapp.lab.lateness import LATE_SECONDS
from chatapp.lab.links import RoamingHttp, Socket
from chatapp.lab.pins import Pins
from chatapp.lab.plan import Plan
from chatapp.lab.proxy import Proxy
from chatapp.lab.reactions import Reactions
from chatapp.lab.records import Connected, Pin, React, Records, Send, Span
from chatapp.lab.replica import Log
from chatapp.lab.run import run
from chatapp.lab.sabotage import SABOTAGES, SABOTAGES_OF_SEVERAL
from chatapp.lab.server import Server
from chatapp.lab.verdict import Histories, Verdict
from tests.conftest import MONGO, NEEDS_MONGO
from tests.redis_server import NEEDS_REDIS
from tests.server import REAL_CLIENTS

# A program that takes `kill` and `start`: then the database process itself is killed, too.
pytestmark = REAL_CLIENTS
DATABASE_CONTROL = os.environ.get("TEST_MONGO_CONTROL")


def broken(verdict):
    """Return the promises that were broken, each with what it was."""
    return {promise: rows for promise, rows in verdict.broken.items() if rows}


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
    assert broken(verdict) == {}
    assert verdict.ok > 200 and len(verdict.faults) >= 9


BREACHES = {
    "ack before write": "lost",
    "counter": "holes",
    "no idempotency": "doubled",
    "reordered fan-out": "reordered",
    "drop on reconnect": "lost",
    "unread counter": "unread",
    "missed receipt": "stale",
    "private state untold": "stale",
    "drafts that come back": "stale",
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


def run_on_mongo(**settings):
    """Return the verdict of a run with three workers, on a database of its own."""
    base, _, options = str(MONGO).partition("?")
    uri = f"{base.rstrip('/')}/chatapp_lab_{uuid.uuid4().hex[:12]}?{options}"
    small = {"sends": 100_000, "seconds": 120, "people": 5, "conversations": 4, "fault_pause": 0.4, "pause": 0.2}
    try:
        return run(Plan(**(small | {"workers": 3, "store_uri": uri} | settings)))
    finally:
        with pymongo.MongoClient(uri) as client:
            client.drop_database(client.get_default_database())


@NEEDS_MONGO
def test_faults_of_one_worker_and_of_the_bus_break_no_promise_of_the_others():
    faults = ["worker killed", "worker frozen", "bus spoiled", "connections reset"]
    verdict = run_on_mongo(seed=5, faults=faults, fault_rounds=1)
    assert broken(verdict) == {}
    assert verdict.ok > 50 and verdict.live_checks > 50 and set(verdict.faults) == set(faults)


@NEEDS_MONGO
def test_no_call_fails_while_all_workers_of_a_machine_are_replaced():
    verdict = run_on_mongo(seed=7, faults=["workers replaced"], fault_rounds=2)
    assert broken(verdict) == {}
    assert verdict.faults == {"workers replaced": 2}


@NEEDS_MONGO
def test_a_worker_that_stays_frozen_is_killed_and_its_clients_go_elsewhere():
    verdict = run_on_mongo(seed=6, faults=["worker frozen for long"], fault_rounds=1)
    assert broken(verdict) == {}
    assert verdict.faults == {"worker frozen for long": 1}


@NEEDS_MONGO
@NEEDS_REDIS
def test_two_machines_keep_every_promise_while_redis_goes_and_comes_back():
    faults = ["redis killed", "redis paused"]
    verdict = run_on_mongo(seed=2, workers=2, machines=2, faults=faults, fault_rounds=1, people=4, conversations=3)
    assert broken(verdict) == {}
    assert verdict.live_checks > 50 and set(verdict.faults) == set(faults)


BREACHES_OF_SEVERAL = {"no heartbeat": "late", "no receive rule": "reordered"}


@NEEDS_MONGO
def test_every_sabotage_between_processes_is_seen_and_named():
    kinds = ("websocket",)  # the calls of others are counted, and the counts told: each shows what was lost before it

    def breach(name):
        verdict = run_on_mongo(
            seed=3, seconds=7, faults=["bus spoiled"], bad_bus=0.2, lull_seconds=5, kinds=kinds, sabotage=name
        )
        return name, len(getattr(verdict, BREACHES_OF_SEVERAL[name]))

    assert set(BREACHES_OF_SEVERAL) == set(SABOTAGES_OF_SEVERAL)
    found = dict(gevent.pool.Pool(2).imap_unordered(breach, SABOTAGES_OF_SEVERAL))
    assert {name: number > 0 for name, number in found.items()} == dict.fromkeys(SABOTAGES_OF_SEVERAL, True)


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


def test_the_checker_sees_a_quote_that_has_not_followed():
    quote = {"id": "id-1", "seq": 1, "preview": "mended"}
    log = [*GOOD[:2], entry(3, 1, "bob", replyTo=quote)]

    def stale(quotes):
        return verdict_of(log, quotes={("c", "ann", "phone"): quotes}).stale

    assert stale({3: "mended"}) == []
    assert stale({3: "what it said"}) and stale({3: None}) and stale({}) and stale({2: "x", 3: "mended"})


def test_a_client_folds_changes_into_its_quotes_in_whatever_order_they_come():
    def changed(seq, **change):
        named = {"messageId": "id-1", "targetSeq": 1, "targetMseq": 1}
        kind = "message_edited" if "content" in change else "message_deleted"
        return entry(seq, seq, type=kind, mseq=3, hash="", conversationId="c", change=named | change)

    log = Log()
    quote = {"id": "id-1", "seq": 1, "preview": "five", "changedSeq": 5}
    for row in (changed(4, content="four"), entry(3, 1, replyTo=quote)):
        log._keep(row)
    assert log.quoted() == {3: "five"}
    log._keep(changed(6, content="six"))
    log._keep(entry(3, 1, replyTo=quote))
    assert log.quoted() == {3: "six"}
    log._keep(changed(7))
    assert log.quoted() == {3: None}


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
    records = Records(sends=list(SENDS), live_breaches=["x"], replica_breaches=["y"], live_doubles=["z"])
    verdict = judge(records, Histories(logs={("c", "ann"): GOOD}))
    assert (verdict.reordered, verdict.doubled) == (["x"], ["y", "z"])


def judged_live(heard, *, spans=(), offline=(), **socket):
    """Return the verdict on a socket of Ann's that was open all the time, and heard these seqs so late."""
    times = {"c": {seq: 1.0 + late for seq, late in heard.items()}}
    connected = Connected("ann", **{"worker": "w1", "began": -100.0, "heard": times, **socket})
    records = Records(sends=list(SENDS), sockets=[connected], spans=list(spans), offline=list(offline))
    return judge(records, Histories(logs={("c", "ann"): GOOD, ("c", "bob"): GOOD}))


def test_what_is_acknowledged_comes_live_to_every_open_socket_and_soon():
    in_time = judged_live({1: 0.1, 2: 0.2, 3: 0.3})
    assert (in_time.breaches, in_time.live_checks, round(in_time.latest, 1)) == (0, 3, 0.3)
    late = judged_live({1: 0.1, 2: LATE_SECONDS + 0.1, 3: 0.3}).late
    assert [text.partition("ann ")[2] for text in late[:1]] == ["3.1 s after its acknowledgement"]
    assert judged_live({1: 0.1, 2: 0.2}).late[0] == "c 3 came to ann never"
    assert judged_live({}, began=0.5).late == []  # it came after they were sent
    assert judged_live({}, ended=1.0 + LATE_SECONDS / 2).late == []  # and went before they had to be there


def test_live_entries_may_be_late_where_a_fault_held_them_up_or_a_sync_was_asked_for():
    frozen = Span("worker frozen", 0.5, 8.0, {"w1"})
    assert judged_live({}, spans=[frozen]).late == []
    assert judged_live({}, spans=[frozen], worker="w2").late
    assert judged_live({}, spans=[Span("database cut off", 0.5, 3.0)]).late == []
    assert judged_live({}, spans=[Span("worker killed", 0.5, 3.0, {"w1"})]).late
    silence = Span("bus silent", 0.5, 3.0)
    assert judged_live({1: 2.5, 2: 2.5, 3: 2.1 + LATE_SECONDS}, spans=[silence]).late[0].startswith("c 3 came")
    assert judged_live({1: 2.5, 2: 2.5, 3: 1.9 + LATE_SECONDS}, spans=[silence]).late == []
    assert judged_live({}, resyncs=[2.0]).late == []
    assert judged_live({}, resyncs=[99.0]).late


def test_nobody_is_offline_whose_socket_is_open():
    everything = {1: 0.1, 2: 0.2, 3: 0.3}
    assert judged_live(everything, offline=[("ann", 5.0)]).presence
    assert not judged_live(everything, offline=[("bob", 5.0)]).presence
    assert not judged_live(everything, offline=[("ann", 5.0)], ended=4.5).presence
    given_up = Span("worker frozen for long", 0.0, 12.0, {"w1"})
    assert not judged_live(everything, offline=[("ann", 11.0)], spans=[given_up]).presence


def test_only_guests_may_be_told_to_begin_anew():
    records = Records(sends=list(SENDS), resets=[("ann", "c"), ("guest", "c")])
    verdict = judge(records, Histories(logs={("c", "ann"): GOOD}, passing={"guest"}))
    assert verdict.resets == ["c for ann"]


def test_a_bad_bus_loses_doubles_and_swaps_its_share():
    bus, came = BadBus(), []
    bus._chance, bus.share = random.Random(1), 0.1
    sent = [str(number).encode() for number in range(10_000)]
    for piece in sent:
        bus.carry(piece, came.append)
    times = Counter(came)
    assert math.isclose(sum(piece not in times for piece in sent), 1_000, rel_tol=0.2)
    assert math.isclose(sum(number == 2 for number in times.values()), 1_000, rel_tol=0.2)
    assert math.isclose(sum(int(b) < int(a) for a, b in pairwise(came)), 900, rel_tol=0.2)
    bus.share = 0.0
    bus.carry(b"last", came.append)
    assert came[-1] == b"last" or came[-2] == b"last"


def test_a_device_that_roams_calls_over_a_new_connection_each_time():
    def serve(environ, start_response):
        start_response("200 OK", [])
        return [f"{environ['SERVER_PORT']} {environ['REMOTE_PORT']}".encode()]

    with gevent.Timeout(20):
        servers = [gevent.pywsgi.WSGIServer(("127.0.0.1", 0), serve, log=None) for _ in range(2)]
        for server in servers:
            server.start()
        ports = [server.server_port for server in servers]
        turns = iter([0, 0, 1, 0])  # the first when it is made
        link = RoamingHttp(lambda: ("127.0.0.1", ports[next(turns)]))
        answers = [link.raw("GET", "/", None, 5).decode().split() for _ in range(3)]
        link.close()
        for server in servers:
            server.stop()
    assert [int(port) for port, _ in answers] == [ports[0], ports[1], ports[0]]
    assert len({remote for _, remote in answers}) == 3


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


def reacted(seq, target, user, emoji="👍", on=True):
    change = {"targetSeq": target, "emoji": emoji, "on": on}
    return {"seq": seq, "type": "reaction", "actor": {"id": user}, "change": change}


def given(seq, changed_seq, *users):
    rows = [{"emoji": "👍", "users": list(users)}] if users else []
    return {"seq": seq, "type": "message", "reactions": rows, "changedSeq": changed_seq}


def test_a_device_puts_reactions_together_whatever_comes_first():
    log = Reactions()
    for entry in (given(1, 0), reacted(2, 1, "ann"), reacted(5, 1, "bob"), reacted(6, 1, "ann", on=False)):
        log.take(entry)
    assert log.now() == {1: {"👍": ["bob"]}}
    log.take(given(1, 4, "eve"))
    assert log.now() == {1: {"👍": ["eve", "bob"]}}  # what was missed in a gap, then what came live
    log.take(given(1, 3))
    assert log.now() == {1: {"👍": ["eve", "bob"]}}
    log.take({"seq": 7, "type": "message_deleted", "change": {"targetSeq": 1}})
    log.take(reacted(8, 1, "bob"))
    assert log.now() == {}


def test_a_device_puts_pins_together_whatever_comes_first():
    pins = Pins()
    pinned = lambda seq, kind: {"seq": seq, "type": kind, "change": {"targetSeq": 1}}  # noqa: E731
    for entry in (given(1, 0), pinned(5, "unpinned"), pinned(4, "pinned")):
        pins.take(entry)
    assert pins.now() == set()
    pins.take(pinned(6, "pinned"))
    pins.take(given(1, 3))
    assert pins.now() == {1}
    pins.take({"seq": 7, "type": "message_deleted", "change": {"targetSeq": 1}})
    assert pins.now() == set()


def test_the_checker_sees_pins_that_differ_or_that_nobody_has_asked_for():
    log, key = [GOOD[0] | {"pinned": True, "changedSeq": 4}, *GOOD[1:]], ("c", "ann", "phone")
    records = Records(sends=list(SENDS), pins=[Pin("c", "id-1", True, "ok")])
    whole = Histories(logs={("c", "ann"): log}, pins={key: {1}}, pin_lists={("c", "ann"): {1}})
    assert judge(records, whole).breaches == 0
    assert judge(records, Histories(logs={("c", "ann"): log}, pins={key: set()})).stale
    assert judge(records, Histories(logs={("c", "ann"): log}, pin_lists={("c", "ann"): {1, 2}})).stale
    assert judge(Records(sends=list(SENDS)), Histories(logs={("c", "ann"): log})).alien


def test_the_checker_sees_reactions_that_differ_are_lost_or_alien():
    row = {"emoji": "👍", "count": 1, "users": ["bob"]}
    log = [GOOD[0] | {"reactions": [row], "changedSeq": 4}, *GOOD[1:]]
    there = React("bob", "c", "id-1", "👍", True, "ok")
    records = Records(sends=list(SENDS), reacts=[there])
    key = ("c", "ann", "phone")
    whole = Histories(logs={("c", "ann"): log}, reactions={key: {1: {"👍": ["bob"]}}})
    assert judge(records, whole).breaches == 0
    assert judge(records, Histories(logs={("c", "ann"): log}, reactions={key: {}})).stale
    assert judge(records, Histories(logs={("c", "ann"): GOOD})).lost
    assert judge(Records(sends=list(SENDS)), Histories(logs={("c", "ann"): log})).alien

"""The bus between processes: every peer handles each sender's messages in order and once, whatever a carrier does."""

import random
from collections.abc import Callable

import gevent
import pytest

from chatapp import clock
from chatapp.bus import exchange as exchange_module
from chatapp.bus.envelope import Envelope, Type, derive_key, seal
from chatapp.bus.exchange import Exchange

KEY = derive_key("a secret", "a database")


class Wire:
    """A carrier in memory. `fate` says what becomes of each piece: how many times it arrives."""

    name = "wire"

    def __init__(self, everybody: dict[str, "Wire"], me: str) -> None:
        self.everybody, self.me = everybody, me
        self.fate: Callable[[bytes], int] = lambda _: 1
        self.received: Callable[[bytes], None] = lambda _: None
        self.late: list[tuple[str, bytes]] = []

    def start(self, received):
        self.received = received
        self.everybody[self.me] = self

    def send(self, data, to=None):
        for name, other in list(self.everybody.items()):
            if name != self.me and to in (None, name):
                for _ in range(self.fate(data)):
                    other.received(data)

    def stop(self):
        self.everybody.pop(self.me, None)


class Process:
    def __init__(self, everybody: dict[str, Wire], name: str, key: bytes = KEY) -> None:
        self.heard: list[tuple[str, int]] = []
        self.gaps: list[str] = []
        self.joined: list[str] = []
        self.left: list[str] = []
        self.wire = Wire(everybody, name)
        self.exchange = Exchange(name, key)
        self.exchange.handle("number", lambda sender, data: self.heard.append((sender, data["n"])))
        self.exchange.on_gap(self.gaps.append)
        self.exchange.on_join(self.joined.append)
        self.exchange.on_leave(self.left.append)
        self.exchange.start([self.wire])

    def say(self, *numbers: int) -> None:
        for n in numbers:
            self.exchange.publish("number", {"n": n})
        self.exchange.flush()


@pytest.fixture
def pair():
    everybody: dict[str, Wire] = {}
    one, two = Process(everybody, "one"), Process(everybody, "two")
    one.exchange.beat()
    return one, two


def test_what_one_publishes_all_others_handle_in_order(pair):
    one, two = pair
    one.say(1, 2, 3)
    one.say(4)
    assert two.heard == [("one", n) for n in (1, 2, 3, 4)]
    assert one.heard == []


def test_one_turn_of_the_loop_is_one_batch(pair):
    one, two = pair
    for n in range(5):
        one.exchange.publish("number", {"n": n})
    gevent.sleep(0)
    gevent.sleep(0)
    assert two.heard == [("one", n) for n in range(5)]
    assert one.exchange.counts["batches out"] == 1


def test_a_batch_that_comes_twice_is_handled_once(pair):
    one, two = pair
    one.wire.fate = lambda _: 2
    one.say(1)
    one.say(2)
    assert two.heard == [("one", 1), ("one", 2)]
    assert two.exchange.counts["doubles"] == 2


def test_a_lost_batch_is_asked_for_and_keeps_its_place(pair):
    one, two = pair
    fates = iter([0])
    one.wire.fate = lambda _: next(fates, 1)
    one.say(1)
    one.say(2)
    assert two.heard == [("one", 1), ("one", 2)]
    assert two.gaps == []


def test_a_lost_last_batch_is_betrayed_by_the_heartbeat(pair):
    one, two = pair
    fates = iter([0])
    one.wire.fate = lambda _: next(fates, 1)
    one.say(1)
    assert two.heard == []
    one.exchange.beat()
    assert two.heard == [("one", 1)]


def test_without_heartbeats_nobody_notices(pair):
    """The rule that the test before rests on is planted away, and the loss stays."""
    one, two = pair
    one.wire.fate = lambda _: 0
    one.say(1)
    one.wire.fate = lambda data: b"heartbeat" not in data
    for _ in range(3):
        one.exchange.beat()
    assert two.heard == []


def test_what_the_sender_does_not_keep_any_more_is_a_gap_and_the_rest_goes_on(pair, monkeypatch):
    monkeypatch.setattr(exchange_module, "_KEPT_BYTES", 1)
    one, two = pair
    one.wire.fate = lambda _: 0
    one.say(1)
    one.say(2)
    one.wire.fate = lambda _: 1
    one.say(3)
    assert two.gaps == ["one"]
    assert two.heard == [("one", 3)]


def test_a_sender_that_answers_no_ask_is_given_up(pair):
    one, two = pair
    one.wire.fate = lambda _: 0
    one.say(1)
    one.wire.fate = lambda data: data.find(b"batch") >= 0  # heartbeats and answers are lost
    two.wire.fate = lambda _: 0
    one.say(2)
    for _ in range(5):
        two.exchange.peers["one"].asked_at -= 2
        two.exchange.peers["one"].heard_at = clock.monotonic()
        two.exchange.beat()
    assert two.gaps == ["one"]
    assert two.heard == [("one", 2)]


def test_a_silent_peer_is_taken_for_gone_and_told_once(pair):
    _, two = pair
    assert two.joined == ["one"]
    two.exchange.peers["one"].heard_at -= exchange_module.SILENT_SECONDS + 1
    two.exchange.beat()
    two.exchange.beat()
    assert two.left == ["one"]


def test_a_goodbye_is_heard_at_once_after_what_was_said(pair):
    one, two = pair
    one.exchange.publish("number", {"n": 1})
    one.exchange.stop()
    assert two.heard == [("one", 1)]
    assert two.left == ["one"]


def test_a_newcomer_does_not_ask_for_what_was_before_it(pair):
    one, two = pair
    one.say(1, 2)
    three = Process(two.wire.everybody, "three")
    one.say(3)
    assert three.heard == [("one", 3)]
    assert three.gaps == []


def test_a_process_that_is_not_new_asks_a_new_peer_for_its_beginning(pair):
    _, two = pair
    two.exchange._began_at -= 60
    three = Process(two.wire.everybody, "three")
    fates = iter([0])
    three.wire.fate = lambda _: next(fates, 1)
    del two.exchange.peers["three"]
    three.say(1)
    three.say(2)
    assert two.heard == [("three", 1), ("three", 2)]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x02" + seal(KEY, Envelope(Type.HEARTBEAT, "x", 1, {}))[1:],
        seal(derive_key("another secret", "a database"), Envelope(Type.BATCH, "x", 1, {"messages": []})),
        seal(derive_key("a secret", "another database"), Envelope(Type.BATCH, "x", 1, {"messages": []})),
        seal(KEY, Envelope(Type.BATCH, "x", 1, {"messages": []}))[:-1],
        bytes(17_000_000),
    ],
)
def test_what_has_no_valid_seal_is_counted_and_dropped(pair, data):
    one, _ = pair
    one.exchange.received(data)
    assert "x" not in one.exchange.peers
    assert sum(n for what, n in one.exchange.counts.items() if what.startswith("unacceptable")) == 1


def test_a_recording_is_worth_nothing(pair):
    one, two = pair
    kept = []
    one.wire.fate = lambda data: kept.append(data) or 1
    one.say(1)
    for data in kept:
        two.exchange.received(data)
    assert two.heard == [("one", 1)]


def test_an_unknown_kind_does_not_keep_the_others(pair):
    one, two = pair
    one.exchange.publish("of a newer version", {})
    one.say(1)
    assert two.heard == [("one", 1)]
    assert two.exchange.counts["unacceptable: kind"] == 1


def test_a_handler_that_fails_does_not_keep_the_others(pair):
    one, two = pair
    two.exchange.handle("bad", lambda *_: 1 / 0)
    one.exchange.publish("bad", {})
    one.say(1)
    assert two.heard == [("one", 1)]
    assert two.exchange.counts["failures"] == 1


@pytest.mark.parametrize("seed", range(5))
def test_drops_doubles_and_swaps_are_noticed_by_counters_only(seed):
    everybody: dict[str, Wire] = {}
    dice = random.Random(seed)
    processes = [Process(everybody, name) for name in ("one", "two", "three")]
    for process in processes:
        process.exchange.beat()
        process.wire.fate = lambda _: dice.choices((0, 1, 2), (5, 90, 5))[0]
    for n in range(300):
        dice.choice(processes).say(n)
    for process in processes:
        process.wire.fate = lambda _: 1
    for process in processes * 3:
        for peer in process.exchange.peers.values():
            peer.asked_at -= 2
        process.exchange.beat()
    said: dict[str, list[int]] = {}
    for process in processes:
        for other in processes:
            if other is not process:
                heard = [n for sender, n in process.heard if sender == other.exchange.me]
                assert said.setdefault(other.exchange.me, heard) == heard == sorted(heard)
        assert process.gaps == []
    assert sum(map(len, said.values())) == 300


def test_much_at_once_goes_in_several_batches_and_too_much_is_refused(pair):
    one, two = pair
    two.exchange.handle("text", lambda _, data: two.heard.append(("text", len(data["text"]))))
    for _ in range(5):
        one.exchange.publish("text", {"text": "x" * 400_000})
    one.exchange.flush()
    assert two.heard == [("text", 400_000)] * 5
    assert one.exchange.counts["batches out"] == 3
    with pytest.raises(ValueError, match="too large for the bus"):
        one.exchange.publish("text", {"text": "x" * 9_000_000})

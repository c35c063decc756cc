"""The bus between processes: every peer handles each sender's messages in order and once, whatever a carrier does."""

import random

import gevent
import pytest
from nacl.exceptions import CryptoError

from chatapp import clock
from chatapp.bus import missing
from chatapp.bus import peer as peer_module
from chatapp.bus.envelope import Envelope, Type, conceal, derive_key, reveal, seal
from chatapp.bus.exchange import Exchange
from tests.bus.wire import Wire
from tests.conftest import eventually

KEY = derive_key("a secret", "a database")


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
    assert two.exchange.counts["healed"] == 1 and two.exchange.counts["gaps"] == 0


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
    monkeypatch.setattr(missing, "_KEPT_BYTES", 1)
    one, two = pair
    one.wire.fate = lambda _: 0
    one.say(1)
    one.say(2)
    one.wire.fate = lambda _: 1
    one.say(3)
    assert two.gaps == ["one"]
    assert two.heard == [("one", 3)]


def test_everything_that_is_missing_is_asked_for_at_once_and_once(pair):
    one, two = pair
    fates = iter([0, 1, 0, 0, 1])
    one.wire.fate = lambda _: next(fates, 1)
    two.wire.fate = lambda _: 0  # the answers take a while
    one.say(1), one.say(2), one.say(3), one.say(4), one.say(5)
    for _ in range(5):
        one.exchange.beat()
    assert two.exchange.counts["asked"] == 2
    assert two.gaps == []
    two.wire.fate = lambda _: 1
    eventually(lambda: two.heard == [("one", n) for n in (1, 2, 3, 4, 5)])
    assert one.exchange.counts["sent again"] == 3


def test_asks_are_repeated_soon_as_long_as_they_are_lost(pair):
    one, two = pair
    fates = iter([0])
    one.wire.fate = lambda _: next(fates, 1)
    asked = iter([0, 0, 0])
    two.wire.fate = lambda _: next(asked, 1)
    one.say(1)
    began = clock.monotonic()
    one.exchange.beat()
    eventually(lambda: two.heard == [("one", 1)])
    assert clock.monotonic() - began < 2
    assert two.exchange.counts["asked"] == 4 and two.gaps == []


@pytest.mark.parametrize("late", [False, True])
def test_a_sender_that_answers_no_ask_is_given_up_in_time(pair, monkeypatch, late):
    """Let it be the affair of a sync then: what is told live is to come within three seconds."""
    monkeypatch.setattr(missing, "_LATE_ASK_AGAIN_SECONDS" if late else "_ASK_AGAIN_SECONDS", 0.01)
    one, two = pair
    two.exchange.peers["one"].is_late = late
    one.wire.fate = lambda _: 0
    one.say(1)
    one.wire.fate = lambda data: data.find(b"batch") >= 0  # heartbeats and answers are lost
    two.wire.fate = lambda _: 0
    one.say(2)
    assert two.heard == []
    eventually(lambda: two.heard == [("one", 2)])
    assert two.gaps == ["one"]


def test_asking_takes_less_than_the_time_for_a_live_delivery():
    assert 1.5 < missing._ASK_AGAIN_SECONDS * (missing._ASKS + 1) <= 2
    assert 1.5 < missing._LATE_ASK_AGAIN_SECONDS * (missing._LATE_ASKS + 1) <= 2


def test_a_lost_last_batch_of_a_peer_that_is_gone_is_a_gap(pair):
    one, two = pair
    one.wire.fate = lambda data: b"heartbeat" in data
    one.say(1)
    one.exchange.beat()
    two.exchange.peers["one"].heard_at -= peer_module.SILENT_SECONDS + 1
    two.exchange.beat()
    assert two.left == two.gaps == ["one"]


def test_nobody_asks_a_peer_that_has_said_goodbye(pair, monkeypatch):
    monkeypatch.setattr(missing, "_ASK_AGAIN_SECONDS", 0.01)
    one, two = pair
    one.wire.fate = lambda data: b"batch" not in data
    one.say(1)
    one.exchange.stop()
    asked = two.exchange.counts["asked"]
    gevent.sleep(0.05)
    assert two.gaps == ["one"] and two.exchange.counts["asked"] == asked


def test_a_process_that_was_frozen_itself_takes_nobody_for_gone(pair):
    """Let it find out, after a pause of its own, that what the others sent meanwhile waits to be read."""
    _, two = pair
    two.exchange.peers["one"].heard_at -= peer_module.SILENT_SECONDS + 1
    two.exchange._beat_at -= peer_module.SILENT_SECONDS + 1
    two.exchange.beat()
    assert "one" in two.exchange.peers


def test_a_silent_peer_is_taken_for_gone_and_told_once(pair):
    _, two = pair
    assert two.joined == ["one"]
    two.exchange.peers["one"].heard_at -= peer_module.SILENT_SECONDS + 1
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


@pytest.mark.parametrize("said", [0, 1])
def test_a_newcomer_that_has_clients_before_it_hears_somebody_has_missed_what_they_said(pair, said):
    one, two = pair
    one.wire.fate = lambda _: 0
    three = Process(two.wire.everybody, "three")
    three.exchange._began_at -= 1
    for number in range(said):
        one.say(number)
    one.wire.fate = lambda _: 1
    one.exchange.beat()
    one.say(7)
    assert three.heard == [("one", 7)]
    assert three.gaps == ["one"] * said


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


def test_a_message_to_one_peer_is_heard_by_that_one_alone(pair):
    one, two = pair
    three = Process(two.wire.everybody, "three")
    one.exchange.received(seal(KEY, Envelope(Type.HEARTBEAT, "three", 0, {})))
    assert one.exchange.send_to("two", "number", {"n": 1})
    assert (two.heard, three.heard) == ([("one", 1)], [])
    assert not one.exchange.send_to("nobody", "number", {"n": 2})
    one.say(3)
    assert two.heard == [("one", 1), ("one", 3)]
    assert two.gaps == three.gaps == []


def test_a_message_to_one_peer_is_handled_once_or_never_and_not_asked_for(pair):
    one, two = pair
    one.wire.fate = lambda _: 2
    one.exchange.send_to("two", "number", {"n": 1})
    one.wire.fate = lambda _: 0
    one.exchange.send_to("two", "number", {"n": 2})
    one.wire.fate = lambda _: 1
    one.exchange.beat()
    one.exchange.send_to("two", "number", {"n": 3})
    assert two.heard == [("one", 1), ("one", 3)]
    assert two.exchange.counts["asked"] == 0


def test_messages_to_one_peer_may_overtake_each_other_but_a_recording_is_worth_nothing(pair, monkeypatch):
    monkeypatch.setattr(peer_module, "_DIRECT_WINDOW", 10)
    one, two = pair
    kept: list[bytes] = []
    one.wire.fate = lambda data: kept.append(data) or 0
    for n in range(1, 31):
        one.exchange.send_to("two", "number", {"n": n})
    for data in reversed(kept):
        two.exchange.received(data)
    for data in kept:
        two.exchange.received(data)
    assert two.heard == [("one", n) for n in range(30, 20, -1)]


def test_a_peer_that_was_silent_goes_on_where_it_fell_silent(pair):
    one, two = pair
    one.say(1)
    one.wire.fate = lambda _: 0
    one.say(2)
    two.exchange.peers["one"].heard_at -= peer_module.SILENT_SECONDS + 1
    two.exchange.beat()
    assert two.left == ["one"]
    one.wire.fate = lambda _: 1
    one.exchange.beat()
    assert two.heard == [("one", 1), ("one", 2)]
    assert two.joined == ["one", "one"]
    assert two.gaps == []


def lonely(everybody: dict[str, Wire], name: str, age: float) -> Process:
    """Return a process that was there unheard for so many seconds."""
    process = Process(everybody, name)
    process.exchange._began_at -= age
    process.exchange.has_company = False
    process.exchange.peers.clear()
    return process


def test_two_that_served_alone_and_meet_have_missed_what_the_other_did():
    apart: list[dict[str, Wire]] = [{}, {}]
    one, two = lonely(apart[0], "one", 60), lonely(apart[1], "two", 30)
    one.say(1)
    two.wire.everybody["one"], one.wire.everybody["two"] = one.wire, two.wire
    one.exchange.beat()
    assert (one.gaps, two.gaps) == (["two"], ["one"])
    one.say(2)
    assert two.heard == [("one", 2)]


def test_one_that_begins_is_no_gap_for_those_who_were_there(pair):
    one, two = pair
    for process in (one, two):
        process.exchange._began_at -= 60
    three = Process(two.wire.everybody, "three")
    three.say(1)
    assert one.gaps == two.gaps == three.gaps == []
    assert one.heard == two.heard == [("three", 1)]


def test_recordings_of_a_peer_that_has_gone_are_worth_nothing(pair):
    one, two = pair
    kept: list[bytes] = []
    one.wire.fate = lambda data: kept.append(data) or 1
    one.say(1)
    one.exchange.stop()
    for data in kept:
        two.exchange.received(data)
    assert two.heard == [("one", 1)]
    assert two.exchange.peers == {}


def test_what_a_goodbye_betrays_as_lost_is_a_gap(pair):
    one, two = pair
    one.wire.fate = lambda _: 0
    one.say(1)
    one.wire.fate = lambda _: 1
    one.exchange.stop()
    assert two.gaps == ["one"]


def test_a_body_of_an_unknown_shape_stops_nothing(pair):
    one, two = pair
    two.exchange.received(seal(KEY, Envelope(Type.BATCH, "one", 1, {"messages": 7})))
    one.say(1)
    one.say(2)
    assert two.heard == [("one", 2)]
    assert two.exchange.counts["unacceptable: malformed"] == 1


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
    spoken: dict[Process, list[int]] = {process: [] for process in processes}
    for n in range(300):
        speaker = dice.choice(processes)
        speaker.say(n)
        spoken[speaker].append(n)
    for process in processes:
        process.wire.fate = lambda _: 1
    for process in processes * 2:
        process.exchange.beat()
    eventually(lambda: all(len(process.heard) + len(spoken[process]) == 300 for process in processes))
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


def test_concealed_bytes_are_read_with_the_same_key_only():
    said = b"a token " * 100
    concealed = [conceal(KEY, said) for _ in range(2)]
    assert concealed[0] != concealed[1]
    assert b"token" not in concealed[0]
    assert [reveal(KEY, one) for one in concealed] == [said, said]
    assert reveal(KEY, conceal(KEY, b"")) == b""
    with pytest.raises(CryptoError):
        reveal(derive_key("another secret", "a database"), concealed[0])

"""Turns and the wheel: what one client makes us do beyond the usual is cut up, and others are served in between."""

from time import perf_counter
from types import SimpleNamespace

import gevent
import pytest
from gevent import socket as gevent_socket

from chatapp.engine import fair_queue, frames, socket_writer, timer_wheel
from chatapp.engine.socket_reader import READ_BYTES, SMALL_READ_BYTES
from chatapp.engine.traffic_limits import Limits
from chatapp.engine.websocket import WebSocket
from tests.engine import raw


def busy(seconds):
    """Use the processor for a while."""
    end = perf_counter() + seconds
    while perf_counter() < end:
        pass


class Loop:
    """Counts the turns of the event loop."""

    def __init__(self):
        self.turn = 0
        self.watcher = gevent.get_hub().loop.prepare()
        self.watcher.start(self.count)

    def count(self):
        self.turn += 1

    def close(self):
        self.watcher.stop()
        self.watcher.close()


@pytest.fixture
def loop():
    counting = Loop()
    yield counting
    counting.close()


def test_acts_go_in_order_and_those_that_take_time_get_a_turn_of_the_loop_each(loop):
    line, done = fair_queue.Turns(gevent.get_hub().loop), []

    def act(number):
        busy(fair_queue.BUDGET_SECONDS)
        done.append((number, loop.turn))

    for number in range(5):
        line.add(lambda number=number: act(number))
    raw.until(lambda: len(done) == 5)
    assert [number for number, _ in done] == [0, 1, 2, 3, 4]
    assert len({turn for _, turn in done}) == 5


def test_greenlets_that_wait_for_their_turn_do_not_hold_up_a_socket():
    ours, theirs = gevent_socket.socketpair()
    worked = 0

    def work():
        nonlocal worked
        for _ in range(50):
            fair_queue.current().wait()
            busy(0.001)
            worked += 1

    workers = [gevent.spawn(work) for _ in range(4)]
    gevent.sleep(0)
    gaps = []
    for _ in range(20):
        ours.sendall(b"x")
        before = worked
        theirs.recv(1)
        gaps.append(worked - before)
    gevent.joinall(workers)
    assert worked == 200
    assert max(gaps) <= 2  # with gevent.sleep(0) it is at least five, and all that are there
    ours.close()
    theirs.close()


def test_a_lone_client_waits_for_nothing_and_of_a_crowd_each_gets_a_turn_of_the_loop(loop):
    line, done = fair_queue.Turns(gevent.get_hub().loop), []

    def act(number):
        done.append((number, loop.turn))
        busy(fair_queue.BUDGET_SECONDS)

    def come(first, count):
        return [line.call_or_add(lambda number=number: act(number)) for number in range(first, first + count)]

    gevent.get_hub().loop.timer(0).start(lambda: done.append(come(0, 1)))
    raw.until(lambda: len(done) == 2)
    assert done[1] == [True]  # it was called before `call_or_add` returned
    gevent.get_hub().loop.timer(0).start(lambda: done.append(come(1, 4)))
    raw.until(lambda: len(done) == 7)
    acts = [row for row in done if isinstance(row, tuple)]
    assert [True, False, False, False] in done
    assert [number for number, _ in acts] == [0, 1, 2, 3, 4] and len({turn for _, turn in acts}) == 5


def test_the_line_waits_for_a_loop_that_is_busy_but_not_for_ever(loop):
    line, done, turns = fair_queue.Turns(gevent.get_hub().loop), [], 0
    line.add(lambda: done.append(True))
    while not done:
        waiter = gevent.hub.Waiter()
        gevent.get_hub().loop.timer(0).start(waiter.switch, None)  # due in the very next turn: it is never idle
        waiter.get()
        turns += 1
    assert turns > 1


def test_many_who_can_be_read_from_at_once_are_let_read_one_after_the_other(loop):
    pairs = [gevent_socket.socketpair() for _ in range(20)]
    turns = []

    def read(ours):
        fair_queue.Reading(fair_queue.current(), ours.fileno()).wait()
        turns.append(loop.turn)
        busy(fair_queue.BUDGET_SECONDS)

    readers = [gevent.spawn(read, ours) for ours, _ in pairs]
    gevent.sleep(0)
    for _, theirs in pairs:
        theirs.close()  # an end is as good as data: it makes work too
    gevent.joinall(readers, raise_error=True)
    assert len(set(turns)) == 20
    for ours, _ in pairs:
        ours.close()


def test_who_is_ended_while_it_waits_to_read_leaves_nothing_behind():
    ours, theirs = gevent_socket.socketpair()
    reading = fair_queue.Reading(fair_queue.current(), ours.fileno())
    reader = gevent.spawn(reading.wait)
    gevent.sleep(0)
    reader.kill()
    theirs.sendall(b"x")
    other = gevent.spawn(reading.wait)
    assert other.get(timeout=5) is None
    reading.close()
    ours.close()
    theirs.close()


class Sent:
    """A writer that takes its time, and the turns of the loop in which it was written to."""

    def __init__(self, loop, seconds):
        self.loop = loop
        self.seconds = seconds
        self.turns = []

    def flush(self):
        busy(self.seconds)
        self.turns.append(self.loop.turn)


def test_a_crowd_is_written_to_in_slices_and_who_comes_meanwhile_does_not_wait_for_all_of_it(loop):
    flusher, written = socket_writer.Flusher(gevent.get_hub().loop), []
    crowd = [Sent(loop, socket_writer.SLICE_SECONDS / 4) for _ in range(80)]
    for writer in crowd:
        flusher.add(writer)
    raw.until(lambda: crowd[0].turns)
    late = Sent(loop, 0)
    flusher.add(late)
    raw.until(lambda: crowd[-1].turns)
    written = [turn for writer in crowd for turn in writer.turns]
    assert len(written) == 80 and max(written.count(turn) for turn in written) <= 8
    assert late.turns[0] < crowd[-1].turns[0]


def test_a_writer_that_fails_does_not_stop_the_others(loop, monkeypatch):
    told = []
    monkeypatch.setattr(gevent.get_hub(), "handle_error", lambda *about: told.append(about[1]))
    flusher, writers = socket_writer.Flusher(gevent.get_hub().loop), [Sent(loop, 0) for _ in range(3)]
    writers[1].flush = lambda: 1 // 0
    for writer in writers:
        flusher.add(writer)
    raw.until(lambda: writers[2].turns)
    assert writers[0].turns and told == [ZeroDivisionError]


def test_an_act_that_fails_and_one_who_does_not_wait_any_more_do_not_stop_the_line(monkeypatch):
    told, done = [], []
    monkeypatch.setattr(gevent.get_hub(), "handle_error", lambda *about: told.append(about[1]))
    line = fair_queue.Turns(gevent.get_hub().loop)
    line.add(lambda: 1 // 0)
    waiter = gevent.spawn(line.wait)
    gevent.sleep(0)
    waiter.kill()
    line.add(lambda: done.append(True))
    raw.until(lambda: done)
    assert told == [ZeroDivisionError]


class Deadline:
    entry = None

    def __init__(self, tick):
        self.tick = tick


def test_a_crowd_of_deadlines_is_spread_over_turns_of_the_loop(loop):
    clock, ended, asked = timer_wheel.current(), [], []

    def fail(now):
        ended.append(loop.turn)
        raise ValueError("one object's fault")

    def end(now):
        ended.append(loop.turn)
        return 0

    def ask_again(now):
        asked.append(loop.turn)
        return 0 if len(asked) > 1_000 else now + 0.01

    when = timer_wheel.monotonic() + 0.03
    errors = []
    hub = gevent.get_hub()
    hub_handles, hub.handle_error = hub.handle_error, lambda *about: errors.append(about[1])
    try:
        for number in range(10):
            clock.at(when, Deadline(fail if number == 5 else end))
        clock.at(when, Deadline(ask_again))
        raw.until(lambda: len(ended) == 10 and len(asked) >= 2)
    finally:
        hub.handle_error = hub_handles
        asked.extend([0] * 1_001)
    assert len(set(ended)) == 10  # what ends wakes somebody: one in a turn
    assert errors == [ValueError]


class Hearing:
    """The owner of a WebSocket, with when each message came."""

    def __init__(self, loop):
        self.loop = loop
        self.heard = []
        self.codes = []

    def received(self, message):
        self.heard.append(self.loop.turn)

    def lost(self, code):
        self.codes.append(code)

    def caught_up(self):
        pass


@pytest.fixture
def connect(loop):
    """An open WebSocket without a handshake: its owner, itself, and the client's socket."""
    opened = []

    def make(**limits):
        theirs, ours = gevent_socket.socketpair()
        owner = Hearing(loop)
        websocket = WebSocket(ours._sock, owner, Limits(**limits))
        websocket.start()
        opened.extend([theirs, ours])
        return owner, websocket, theirs

    yield make
    for sock in opened:
        sock.close()


def test_small_messages_are_read_by_the_hundred_and_who_sends_more_is_read_from_in_turn(connect):
    owner, websocket, client = connect()
    pong = raw.masked(frames.TEXT, b"3")
    client.sendall(pong * 190)
    raw.until(lambda: len(owner.heard) == 190)
    assert not websocket._reader._sends_a_lot()
    client.sendall(pong * 1_000)
    raw.until(lambda: len(owner.heard) == 1_190)
    assert websocket._reader._sends_a_lot()
    assert max(owner.heard.count(turn) for turn in owner.heard) <= SMALL_READ_BYTES // len(pong) + 1
    assert owner.codes == []


def test_who_waits_in_line_and_is_paused_or_closed_is_not_read_from(connect):
    owner, websocket, client = connect()
    client.sendall(raw.masked(frames.TEXT, b"3") * 300)
    raw.until(lambda: len(owner.heard) == 300)
    client.sendall(raw.masked(frames.TEXT, b"3") * 300)
    websocket._reader._on_readable()
    assert websocket._reader._line
    websocket.pause()
    raw.until(lambda: not websocket._reader._line)  # its turn has come
    assert len(owner.heard) == 300
    websocket.resume()
    raw.until(lambda: len(owner.heard) == 600)
    client.sendall(raw.masked(frames.TEXT, b"3") * 10)
    websocket._reader._on_readable()
    websocket._end(frames.NORMAL)
    raw.until(lambda: not fair_queue.current()._waiting)
    assert len(owner.heard) == 600


def test_a_large_message_is_read_in_large_pieces(connect):
    owner, _, client = connect()
    sender = gevent.spawn(client.sendall, raw.masked(frames.TEXT, b"x" * 900_000))
    raw.until(lambda: owner.heard)
    sender.join()
    assert len(owner.heard) == 1


LARGE = 200_000


@pytest.fixture
def pace(monkeypatch):
    """The line of large messages, in which a large one takes a tenth of a second."""
    line = fair_queue.Pace(gevent.get_hub().loop)
    monkeypatch.setattr(fair_queue, "LARGE_BYTES_PER_SECOND", 10 * LARGE)
    monkeypatch.setattr(fair_queue, "large", lambda: line)
    return line


def test_large_messages_come_one_after_the_other(pace):
    begun = []
    start = perf_counter()

    def read():
        begun.append(perf_counter() - start)
        return b"x" * LARGE

    gevent.joinall([gevent.spawn(fair_queue.read_large, LARGE, read) for _ in range(3)], raise_error=True)
    assert all(number * 0.1 <= when for number, when in enumerate(begun)) and len(begun) == 3
    assert fair_queue.read_large(fair_queue.LARGE_BYTES, lambda: b"small") == b"small"


def test_large_messages_that_are_whole_at_once_take_their_time_one_after_the_other(pace):
    begun = []
    start = perf_counter()
    for size in (LARGE, LARGE, 1):
        pace.finished(size)
    pace.add(lambda: begun.append(perf_counter() - start))
    raw.until(lambda: begun)
    assert begun[0] >= 0.2


def test_what_is_only_announced_takes_hardly_any_time(pace, monkeypatch):
    monkeypatch.setattr(fair_queue, "LARGE_BYTES_PER_SECOND", LARGE / 1_000)
    told, begun = [], []
    monkeypatch.setattr(gevent.get_hub(), "handle_error", lambda *about: told.append(about[1]))
    for number in range(5):
        pace.add(lambda number=number: begun.append(number))
    pace.add(lambda: 1 // 0)
    for _ in range(1_000):
        pace.add(lambda: False)
    pace.add(lambda: begun.append("last"))
    raw.until(lambda: "last" in begun)
    assert begun == [0, 1, 2, 3, 4, "last"] and told == [ZeroDivisionError]


@pytest.fixture
def large_line(monkeypatch):
    """The line of large messages as it is used, with what waits in it: nothing begins by itself."""
    held = SimpleNamespace(waiting=[], sizes=[])
    held.add, held.finished = held.waiting.append, held.sizes.append
    monkeypatch.setattr(fair_queue, "large", lambda: held)
    return held


def test_a_large_message_is_not_read_before_its_time_and_then_without_a_break(connect, large_line):
    owner, websocket, client = connect(slow_seconds=0.05)
    sender = gevent.spawn(client.sendall, raw.masked(frames.TEXT, b"x" * LARGE) * 2)
    raw.until(lambda: large_line.waiting)
    gevent.sleep(0.15)  # longer than the rest may take: that it waits is not the client's fault
    assert len(large_line.waiting) == 1 and websocket._reader._frames.held <= SMALL_READ_BYTES
    assert large_line.waiting[0]() is True
    raw.until(lambda: len(large_line.waiting) == 2)
    assert len(owner.heard) == 1 and large_line.sizes == [LARGE] and websocket._reader._frames.held < READ_BYTES
    large_line.waiting[1]()
    raw.until(lambda: len(owner.heard) == 2)
    sender.join()
    assert owner.codes == [] and len(large_line.waiting) == 2 and large_line.sizes == [LARGE, LARGE]


def test_fragments_wait_when_together_they_are_large(connect, large_line):
    owner, _, client = connect()
    fragment = b"x" * 100_000
    client.sendall(raw.masked(frames.TEXT, fragment, final=False))
    for number, final in enumerate((False, True)):
        client.sendall(raw.masked(frames.PING))  # between fragments it ends nothing
        client.sendall(raw.masked(frames.CONTINUATION, fragment, final=final))
        raw.until(lambda number=number: len(large_line.waiting) > number)
        assert large_line.sizes == []
        large_line.waiting[number]()
    raw.until(lambda: owner.heard)
    assert len(large_line.waiting) == 2 and large_line.sizes == [300_000]


@pytest.mark.parametrize("ends", [lambda websocket: websocket.close(), lambda websocket: websocket._end(1000)])
def test_who_is_closed_while_waiting_with_a_large_message_leaves_the_line(connect, large_line, ends):
    _, websocket, client = connect()
    sender = gevent.spawn(client.sendall, raw.masked(frames.TEXT, b"x" * LARGE))
    raw.until(lambda: large_line.waiting)
    ends(websocket)
    assert large_line.waiting[0]() is False
    sender.join()  # what it still sends is read, so that it reads why it was closed
    assert websocket._reader._frames.held == 0 and large_line.sizes == []


def test_a_pause_outlasts_the_line_of_large_messages(connect, large_line):
    owner, websocket, client = connect()
    sender = gevent.spawn(client.sendall, raw.masked(frames.TEXT, b"x" * LARGE))
    raw.until(lambda: large_line.waiting)
    websocket.pause()
    large_line.waiting[0]()
    fair_queue.current().wait()  # a turn after any that it may have taken
    assert not owner.heard
    websocket.resume()
    raw.until(lambda: owner.heard)
    sender.join()

"""Entries are told in the order of their log and once, whichever process tells of them first."""

from collections import Counter

import gevent
import pytest
from bson import ObjectId

from chatapp.realtime import order as order_module
from chatapp.realtime.order import Order
from tests.conftest import eventually

CHAT, OTHER = ObjectId(), ObjectId()


@pytest.fixture
def told():
    return []


@pytest.fixture
def order(monkeypatch):
    monkeypatch.setattr(order_module, "_PATIENCE_SECONDS", 0.02)
    return Order()


@pytest.fixture
def too_late():
    return []


@pytest.fixture
def offer(order, told, too_late):
    return lambda seq, chat=CHAT: order.offer(chat, seq, lambda: told.append((chat, seq)), lambda: too_late.append(seq))


def test_the_first_that_is_heard_of_is_told_whatever_its_number(offer, told):
    offer(7)
    offer(8)
    assert told == [(CHAT, 7), (CHAT, 8)]


def test_an_entry_that_is_expected_is_waited_for_though_nothing_was_told_yet(order, offer, told):
    order.expect(CHAT, 6)
    offer(7)
    assert told == []
    offer(6)
    assert told == [(CHAT, 6), (CHAT, 7)]
    order.expect(CHAT, 6)
    offer(8)
    assert told == [(CHAT, 6), (CHAT, 7), (CHAT, 8)]


def test_an_earlier_one_than_the_first_that_was_heard_of_is_left_to_a_sync(offer, told, too_late):
    offer(7)
    offer(6)
    offer(5)
    assert told == [(CHAT, 7)] and too_late == [6, 5]


def test_one_before_the_one_that_was_expected_is_left_to_a_sync(order, offer, told, too_late):
    order.expect(CHAT, 6)
    for seq in (7, 5, 6, 4, 6, 7):
        offer(seq)
    assert told == [(CHAT, 6), (CHAT, 7)] and too_late == [5, 4]


def test_what_this_process_told_while_it_was_alone_is_told(order, offer, told, too_late):
    order.note(CHAT, 6)
    for seq in (6, 7, 5):
        offer(seq)
    assert told == [(CHAT, 7)] and too_late == [5]


def test_what_comes_too_early_waits_and_what_comes_twice_is_told_once(offer, told):
    for seq in (1, 3, 4, 3, 2, 2, 1):
        offer(seq)
    assert told == [(CHAT, seq) for seq in (1, 2, 3, 4)]


def test_conversations_do_not_wait_for_each_other(offer, told):
    offer(1)
    offer(3)
    offer(1, OTHER)
    offer(2, OTHER)
    assert told == [(CHAT, 1), (OTHER, 1), (OTHER, 2)]


def test_what_does_not_come_is_read_from_the_log(order, offer, told):
    filled = []

    def fill(chat, after, before):
        filled.append((after, before))
        for seq in range(after + 1, before):
            offer(seq)

    order.fill = fill
    for seq in (1, 4, 6):
        offer(seq)
    eventually(lambda: len(told) == 6)
    assert told == [(CHAT, seq) for seq in (1, 2, 3, 4, 5, 6)]
    assert filled == [(1, 4), (4, 6)]


@pytest.mark.parametrize("fails", [False, True])
def test_where_the_log_gives_nothing_what_waits_is_told_all_the_same(order, offer, told, fails, monkeypatch):
    monkeypatch.setattr(gevent.get_hub(), "print_exception", lambda *_: None)

    def fill(*_):
        if fails:
            raise OSError("the database is away")

    lost = []
    order.fill, order.lost = fill, lambda: lost.append(len(told))
    for seq in (1, 3, 5):
        offer(seq)
    eventually(lambda: len(told) == 3)
    assert told == [(CHAT, seq) for seq in (1, 3, 5)]
    assert lost == [1, 2]  # what was not there is found by a sync


@pytest.fixture
def late(monkeypatch):
    """Return how many entries were late, by how."""
    counted = Counter()

    class Row:
        def __init__(self, how):
            self.how = how

        def inc(self, amount=1):
            counted[self.how] += amount

    monkeypatch.setattr(order_module.metrics.late_deliveries, "labels", Row)
    return counted


def test_what_is_late_is_counted_by_how(order, offer, told, late):
    order.fill = lambda chat, after, before: [offer(seq) for seq in range(after + 1, before)]
    for seq in (1, 3, 3, 2):
        offer(seq)
    assert late == {"waited": 1}
    offer(7)
    eventually(lambda: len(told) == 7)
    assert +late == {"waited": 2, "read from the log": 3}


def test_what_is_remembered_is_bounded(order, offer, monkeypatch):
    monkeypatch.setattr(order_module, "_REMEMBERED", 2)
    for _ in range(5):
        offer(1, ObjectId())
    assert len(order._told) == len(order._began) == 2

"""Entries are told in the order of their log and once, whichever process tells of them first."""

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
def offer(order, told):
    return lambda seq, chat=CHAT: order.offer(chat, seq, lambda: told.append((chat, seq)))


def test_the_first_that_is_heard_of_is_told_whatever_its_number(offer, told):
    offer(7)
    offer(8)
    assert told == [(CHAT, 7), (CHAT, 8)]


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

    order.fill = fill
    for seq in (1, 3, 5):
        offer(seq)
    eventually(lambda: len(told) == 3)
    assert told == [(CHAT, seq) for seq in (1, 3, 5)]


def test_what_is_remembered_is_bounded(order, offer, monkeypatch):
    monkeypatch.setattr(order_module, "_REMEMBERED", 2)
    for _ in range(5):
        offer(1, ObjectId())
    assert len(order._told) == 2

"""Each entry is told once and in its order in a process alone, too: also one that is found in the log by somebody else
than the round that stores it."""

import gevent
from bson import ObjectId

from chatapp.realtime import announcing
from chatapp.services.log import cache
from chatapp.services.log.catch_up import catch_up
from chatapp.stores import entries as entry_store
from tests.conftest import eventually


def seqs(socket):
    return [row["data"]["seq"] for row in socket.received("newMessage")]


def test_an_entry_that_is_found_in_the_log_while_its_round_ends_is_told_once(ann, bob, monkeypatch):
    chat = ann.direct(bob)
    ann.send(chat, "before")
    socket, store, find = bob.socket(), entry_store.insert_run, cache.slot

    def stored_and_found(run):
        count = store(run)
        for _ in range(2):  # by recovery, after the database was away
            catch_up(ObjectId(chat), find(ObjectId(chat)))
        return count

    monkeypatch.setattr(entry_store, "insert_run", stored_and_found)
    for text in ("one", "two"):
        ann.send(chat, text)
    assert seqs(socket) == [2, 3]


def test_a_round_may_be_found_in_pieces_while_the_database_takes_it(ann, bob, monkeypatch):
    chat, store = ann.direct(bob), entry_store.insert_run
    ann.send(chat, "before")
    socket = bob.socket()

    def in_pieces(run):
        for entry in run:
            assert store([entry]) == 1
            catch_up(ObjectId(chat), cache.slot(ObjectId(chat)))
        return len(run)

    monkeypatch.setattr(entry_store, "insert_run", in_pieces)
    together = [gevent.spawn(ann.send, chat, text) for text in ("one", "two", "three")]
    gevent.joinall(together, raise_error=True)
    assert seqs(socket) == [2, 3, 4]


def test_an_entry_that_could_not_be_announced_is_told_with_the_next_one(ann, bob, monkeypatch):
    chat = ann.direct(bob)
    ann.send(chat, "one")
    socket, announce = bob.socket(), announcing.announce

    def fail(*_):
        raise RuntimeError("a fault of the test")

    monkeypatch.setattr(announcing, "announce", fail)
    ann.send(chat, "two")
    monkeypatch.setattr(announcing, "announce", announce)
    ann.send(chat, "three")
    eventually(lambda: seqs(socket) == [2, 3])

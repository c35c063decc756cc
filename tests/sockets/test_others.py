"""The other processes as one of them knows them: who is online there, and which one acts for all."""

import pytest
from bson import ObjectId

from chatapp import clock
from chatapp.bus.exchange import LATELY_SECONDS, Exchange, Peer
from chatapp.realtime.others import Others, join_ids

ANN, BOB = ObjectId(), ObjectId()


@pytest.fixture
def others():
    found = Others()
    found.exchange = Exchange("b", b"key")
    return found


def heard(others: Others, name: str, seconds_ago: float = 0.0) -> None:
    """Let a peer have been heard of so long ago."""
    assert others.exchange is not None
    others.exchange.peers[name] = Peer(name, 0, clock.monotonic() - seconds_ago)


def test_who_serves_alone_acts_for_all():
    assert Others().is_leader()


def test_the_oldest_acts_for_all(others):
    heard(others, "c")
    assert others.is_leader()
    heard(others, "a")
    assert not others.is_leader()


def test_one_that_is_silent_and_not_yet_taken_for_gone_acts_for_nobody(others):
    """Two die in the same seconds: the older one must not be waited for to tell of the other's users."""
    heard(others, "a", LATELY_SECONDS + 0.1)
    assert others.is_leader()


def test_a_user_is_online_elsewhere_while_one_process_has_them(others):
    others.note_all("a", join_ids([ANN, BOB]))
    others.note("c", ANN.binary, True)
    others.note("c", ANN.binary, True)
    others.note("a", ANN.binary, False)
    assert others.is_online(ANN) and others.is_online(BOB)
    assert others.forget("a") == [BOB]
    assert others.is_online(ANN) and not others.is_online(BOB)
    others.note("c", ANN.binary, False)
    others.note("c", ANN.binary, False)
    assert not others.is_online(ANN)


def test_a_whole_list_takes_the_place_of_the_one_before(others):
    others.note_all("a", join_ids([ANN]))
    others.note_all("a", join_ids([BOB]))
    assert not others.is_online(ANN) and others.is_online(BOB)

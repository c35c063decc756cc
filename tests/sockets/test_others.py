"""The other processes as one of them knows them: who is online there, with how many sockets, and who acts for all."""

import pytest
from bson import ObjectId

from chatapp import clock
from chatapp.bus.envelope import derive_key
from chatapp.bus.exchange import Exchange
from chatapp.bus.peer import LATELY_SECONDS, Peer
from chatapp.realtime.others import Others, join_counts, join_ids
from chatapp.realtime.replacement import Replacement
from chatapp.services import presence
from tests.bus.wire import Wire
from tests.conftest import eventually

ANN, BOB = ObjectId(), ObjectId()
KEY = derive_key("a secret", "a database")


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


def test_a_process_that_was_frozen_catches_up_for_a_moment(others):
    """Let it wait before it says that somebody is offline: they may have connected elsewhere meanwhile."""
    assert not others.is_catching_up()
    others.exchange._beat_at -= LATELY_SECONDS + 1
    assert others.is_catching_up()
    others.exchange.beat()
    assert others.is_catching_up()
    others.exchange._resumed_at -= LATELY_SECONDS
    assert not others.is_catching_up()


def test_who_has_left_a_process_that_was_frozen_is_not_offline_before_it_has_caught_up(ann, bob, monkeypatch):
    ann.direct(bob)
    hears, socket = ann.socket(), bob.socket()
    monkeypatch.setattr(Others, "is_catching_up", lambda _: True)
    waiting = []
    monkeypatch.setattr(presence.gevent, "spawn_later", lambda _, act, *given: waiting.append((act, given)))
    socket.inner.disconnect()
    eventually(lambda: waiting)
    bob.socket()
    ((act, given),) = waiting
    act(*given)
    assert not [row for row in hears.received("userStatusChanged") if row["status"] == "offline"]


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


def test_a_user_s_sockets_are_counted_by_process(others):
    others.note_all("a", join_ids([ANN, BOB]), join_counts([2, 0]))
    others.note("c", ANN.binary, True, 1)
    assert others.sockets_of(ANN) == {"a": 2, "c": 1}
    others.note("a", ANN.binary, True, 1)
    assert others.sockets_of(ANN) == {"a": 1, "c": 1}
    assert others.is_online(BOB) and others.sockets_of(BOB) == {}  # they poll
    others.forget("a")
    assert others.sockets_of(ANN) == {"c": 1}


def test_a_process_of_an_older_version_tells_no_counts(others):
    others.note_all("a", join_ids([ANN]))
    others.note("c", ANN.binary, True)
    assert others.sockets_of(ANN) == {"a": 1, "c": 1}


class Holder:
    """A process that holds sockets of one session, by their ages in seconds, the oldest first."""

    def __init__(self, name: str, everybody: dict[str, Wire], *ages: float) -> None:
        self.ages = list(ages)
        self.replacement = Replacement(lambda _: self.ages[0] if self.ages else None, self.close)
        self.exchange = Exchange(name, KEY)
        self.replacement.hear_others(self.exchange)
        self.wire = Wire(everybody, name)
        self.exchange.start([self.wire])

    def close(self, _: ObjectId) -> bool:
        return bool(self.ages and self.ages.pop(0))


@pytest.fixture
def holders():
    everybody: dict[str, Wire] = {}
    made = [Holder("a", everybody, 5.0, 1.0), Holder("b", everybody, 9.0, 2.0), Holder("c", everybody)]
    for holder in made:
        holder.exchange.beat()
    return made


def test_a_session_s_oldest_socket_is_replaced_wherever_it_is(holders):
    here, elsewhere, third = holders
    assert third.replacement.replace_oldest(ANN, ["a", "b"])
    eventually(lambda: (here.ages, elsewhere.ages) == ([5.0, 1.0], [2.0]))
    assert elsewhere.replacement.replace_oldest(ANN, ["a"])
    eventually(lambda: (here.ages, elsewhere.ages) == ([1.0], [2.0]))
    assert elsewhere.replacement.replace_oldest(ANN, ["a"])
    assert (here.ages, elsewhere.ages) == ([1.0], [])


def test_a_session_without_sockets_has_none_to_replace(holders):
    third = holders[2]
    assert not third.replacement.replace_oldest(ANN, [])
    for holder in holders:
        holder.ages.clear()
    assert not third.replacement.replace_oldest(ANN, ["a", "b"])


def test_a_process_that_does_not_answer_is_not_waited_for(holders):
    here, elsewhere, _ = holders
    elsewhere.wire.fate = lambda _: 0
    assert here.replacement.replace_oldest(ANN, ["b"])
    assert (here.ages, elsewhere.ages) == ([1.0], [9.0, 2.0])

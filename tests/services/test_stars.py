"""Stars: messages that somebody wants to find again. Nobody else learns of them."""

import gevent
import pytest

from chatapp.services import stars
from chatapp.state import reset_caches
from tests.services.acting import Acts, code_of, history, listed


def shown(answer):
    return [row["content"] for row in answer["data"]]


def sync(person, cursors, since=None):
    return person.post("/api/sync", {"cursors": cursors} | ({"since": since} if since else {}))["data"]


def test_a_starred_message_shows_it_to_its_user_alone(acts, ann, bob, chat):
    sent = ann.send(chat, "one")["data"]
    answer = acts.star(bob, sent["id"])
    assert (answer["data"]["id"], answer["data"]["starred"]) == (sent["id"], True)
    for _ in range(2):
        entries = bob.get(f"/api/conversations/{chat}/entries")["data"]
        synced = sync(bob, {})["conversations"][0]["entries"]
        for (row,) in (history(bob, chat), entries, synced):
            assert row["starred"]
        reset_caches()
    assert "starred" not in history(ann, chat)[0]
    answer = acts.star(bob, sent["id"], on=False)
    assert "starred" not in answer["data"] and "starred" not in history(bob, chat)[0]
    assert shown(acts.stars(bob)) == []


def test_starred_messages_come_page_by_page_those_starred_last_first(acts, ann, bob, eve, chat):
    team = ann.group(bob, eve)
    sent = [ann.send(where, f"{number}")["data"]["id"] for number in range(4) for where in (chat, team)]
    order = [5, 0, 7, 2, 4]
    for number in order:
        acts.star(bob, sent[number])
        gevent.sleep(0.002)  # two in one millisecond come by their ids
    wanted = [str(number // 2) for number in reversed(order)]
    assert shown(acts.stars(bob)) == wanted
    first = acts.stars(bob, limit=2)
    second = acts.stars(bob, limit=2, after=first["pagination"]["nextAfter"])
    third = acts.stars(bob, limit=2, after=second["pagination"]["nextAfter"])
    assert shown(first) + shown(second) + shown(third) == wanted
    assert [answer["pagination"]["hasMore"] for answer in (first, second, third)] == [True, True, False]
    assert third["pagination"]["nextAfter"] is None
    assert shown(acts.stars(ann)) == []


@pytest.mark.parametrize("after", ["x", "1-x", "x-" + "f" * 24, "9" * 30 + "-" + "f" * 24])
def test_a_page_begins_where_another_ended(acts, ann, after):
    assert code_of(acts.stars(ann, after=after)) == "VALIDATION_ERROR"


def test_what_is_not_there_any_more_is_left_out_and_the_page_filled_past_it(acts, ann, bob, chat):
    sent = [ann.send(chat, str(number))["data"]["id"] for number in range(6)]
    for message in sent:
        acts.star(bob, message)
    acts.delete(ann, sent[5])
    acts.hide(bob, sent[3])
    acts.edit(ann, sent[2], "two")
    page = acts.stars(bob, limit=3)
    assert (sorted(shown(page)), page["pagination"]["hasMore"]) == (["1", "4", "two"], True)
    bob.rest("DELETE", f"/api/conversations/{chat}")
    assert shown(acts.stars(bob)) == []
    deleted = [row for row in history(ann, chat) if row.get("deleted")]
    assert deleted and "starred" not in deleted[0]


def test_the_stars_of_a_former_member_stay_theirs(acts, ann, bob, eve):
    team = ann.group(bob, eve)
    sent = [ann.send(team, text)["data"]["id"] for text in ("one", "two")]
    for message in sent:
        acts.star(bob, message)
    bob.post(f"/api/conversations/{team}/leave")
    acts.edit(ann, sent[0], "not for bob")
    later = ann.send(team, "later")["data"]["id"]
    assert sorted(shown(acts.stars(bob))) == ["one", "two"]
    assert code_of(acts.star(bob, later)) == "MESSAGE_NOT_FOUND"
    acts.star(bob, sent[0], on=False)
    assert code_of(acts.star(bob, sent[0])) == "NOT_ALLOWED"
    assert shown(acts.stars(bob)) == ["two"]


def test_all_devices_of_the_user_hear_of_it_and_nobody_else(acts, ann, bob, chat):
    one, two = (ann.send(chat, text)["data"]["id"] for text in ("one", "two"))
    phone, other = bob.socket(), ann.socket()
    acts.star(bob, one)
    acts.star(bob, two)
    acts.star(bob, two)  # it is so already
    acts.star(bob, one, on=False)
    told = [row["data"] for row in phone.received("ownChanged")]
    assert [row["stars"] for row in told] == [[one], [one, two], [two]]
    assert [row["version"] for row in told] == [1, 2, 3]
    assert not other.received("ownChanged")


def test_a_sync_tells_which_are_starred(acts, ann, bob, chat):
    sent = ann.send(chat, "one")["data"]["id"]
    since = sync(bob, {chat: 1})["next"]
    acts.star(bob, sent)
    reset_caches()
    (row,) = sync(bob, {chat: 1}, since)["conversations"]
    assert (row["entries"], row["own"]["stars"]) == ([], [sent])
    assert listed(bob)["own"]["stars"] == [sent] and listed(ann)["own"]["stars"] == []


def test_what_can_not_be_starred(acts, ann, bob, eve, chat, monkeypatch):
    one, two, three = (ann.send(chat, text)["data"]["id"] for text in ("one", "two", "three"))
    assert code_of(acts.star(eve, one)) == code_of(acts.star(bob, "f" * 24)) == "MESSAGE_NOT_FOUND"
    acts.delete(ann, one)
    assert code_of(acts.star(bob, one)) == "MESSAGE_DELETED"
    assert code_of(acts.star(bob, one, on=False)) == "OK"
    acts.hide(bob, two)
    assert code_of(acts.star(bob, two)) == "MESSAGE_NOT_FOUND"
    monkeypatch.setattr(stars, "MOST_STARRED", 1)
    assert code_of(acts.star(bob, three)) == "OK"
    assert code_of(acts.star(bob, ann.send(chat, "four")["data"]["id"])) == "TOO_MANY_STARS"


def test_two_processes_that_star_at_once_lose_neither(ann, bob, chat, monkeypatch):
    monkeypatch.setattr(stars, "turn", lambda _: gevent.lock.RLock())  # as in two processes
    sent = [ann.send(chat, str(number))["data"]["id"] for number in range(6)]
    gevent.joinall([gevent.spawn(Acts("rest").star, bob, message) for message in sent], raise_error=True)
    reset_caches()
    assert set(listed(bob)["own"]["stars"]) == set(sent)

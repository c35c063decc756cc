"""Sync: whatever a client has missed, it has afterwards, once and in order."""

from datetime import timedelta

import pytest

from chatapp import clock
from chatapp.database import db
from chatapp.lab.replica import Replica
from chatapp.services import receipts
from chatapp.services.sync import change_times, epoch
from chatapp.state import reset_caches
from chatapp.stores import heads as head_store
from tests.conftest import Person, eventually


class Device:
    """A device of a person: their replica, and a transport to sync it over."""

    def __init__(self, person: Person, call):
        self.person, self.call, self.replica = person, call, Replica()

    def sync(self):
        """Make one call; return the answer's data."""
        answer = self.call(self.person, self.replica.body())
        assert answer["success"], answer
        self.more = self.replica.synced(answer["data"])
        return answer["data"]

    def catch_up(self, most=50):
        """Call until there is no more; return how many calls it took."""
        for number in range(1, most + 1):
            self.sync()
            if not self.more:
                return number
        raise AssertionError("sync makes no progress")

    def fill_gaps(self, conversation, limit=500):
        """Ask for the entries in the gaps of a conversation, page by page."""
        log = self.replica.logs[conversation]
        while log.gaps:
            after, before = log.gaps[0]
            query = {"after": after, "before": before, "limit": limit}
            page = self.person.get(f"/api/conversations/{conversation}/entries", query_string=query)
            log.fill((after, before), page["data"], page["meta"]["hasMore"])

    def texts(self, conversation):
        return [row["content"] for row in self.replica.logs[conversation].messages()]


@pytest.fixture(params=["rest", "socket"])
def device(request):
    """A device whose sync goes over one of the transports."""

    def over_rest(person, body):
        return person.post("/api/sync", body)

    def over_socket(person, body):
        return person.socket().call("sync", body)

    return lambda person: Device(person, over_rest if request.param == "rest" else over_socket)


@pytest.fixture
def chat(ann, bob):
    return ann.direct(bob)


def test_a_new_device_gets_every_conversation_with_its_newest(device, ann, bob, chat, settings):
    settings(SYNC_NEWEST_ENTRIES=3)
    for number in range(5):
        ann.send(chat, str(number))
    phone = device(bob)
    (row,) = phone.sync()["conversations"]
    assert (row["limited"], row["gap"], row["head"]["seq"]) == (True, {"after": 0, "before": 3}, 5)
    assert row["conversation"]["participants"] and row["conversation"]["id"] == chat
    assert phone.texts(chat) == ["2", "3", "4"] and not phone.more
    assert row["unreadCount"] == 5 == row["head"]["mseq"] - row["readMseq"]


def test_what_was_missed_comes_once_and_in_order(device, ann, bob, chat):
    phone = device(bob)
    ann.send(chat, "0")
    phone.sync()
    for number in range(1, 4):
        ann.send(chat, str(number))
    (row,) = phone.sync()["conversations"]
    assert ([entry["seq"] for entry in row["entries"]], row["limited"], row["gap"]) == ([2, 3, 4], False, None)
    assert "conversation" not in row
    assert phone.texts(chat) == ["0", "1", "2", "3"]
    assert phone.sync()["conversations"] == []


def test_nothing_new_is_an_empty_answer(device, ann, bob, chat):
    ann.send(chat, "x")
    phone = device(bob)
    phone.catch_up()
    phone.replica.since = phone.sync()["next"]
    again = phone.sync()
    assert (again["conversations"], again["left"], again["users"], again["more"]) == ([], [], [], False)


def test_a_long_absence_ends_in_a_bounded_number_of_calls(device, ann, bob, register, settings):
    settings(SYNC_MAX_ENTRIES=20, SYNC_MAX_CONVERSATIONS=4, SYNC_GAP_ENTRIES=8, SYNC_NEWEST_ENTRIES=5)
    others = [register(f"friend{number}") for number in range(9)]
    chats = [bob.direct(other) for other in others]
    phone = device(bob)
    phone.catch_up()
    for number, (other, conversation) in enumerate(zip(others, chats, strict=True)):
        for text in range(number + 1):
            other.send(conversation, f"{number}.{text}")
    calls = phone.catch_up()
    assert calls <= -(-45 // 20) + -(-9 // 4) + 1
    for number, conversation in enumerate(chats[:8]):
        assert phone.texts(conversation) == [f"{number}.{text}" for text in range(number + 1)]
    log = phone.replica.logs[chats[8]]
    assert log.gaps == [(0, 5)] and phone.texts(chats[8]) == [f"8.{text}" for text in range(4, 9)]


@pytest.fixture
def missed(device, bob, register, settings):
    """Bob's phone after the first of several calls: seven conversations with two new messages each, two a call."""
    settings(SYNC_MAX_CONVERSATIONS=2)
    others = [register(f"friend{number}") for number in range(7)]
    chats = [bob.direct(other) for other in others]
    phone = device(bob)
    phone.catch_up()
    for other, conversation in zip(others, chats, strict=True):
        for text in ("1", "2"):
            other.send(conversation, text)
    phone.sync()
    assert phone.more
    return phone, others, chats


def test_what_comes_between_two_calls_is_there_at_the_end(missed):
    phone, others, chats = missed
    for number in (6, 0):  # the one had its turn already, the other is to have it
        others[number].send(chats[number], "3")
    assert phone.catch_up() <= 5
    assert [phone.texts(chat) for chat in chats] == [["1", "2", "3"], *[["1", "2"]] * 5, ["1", "2", "3"]]
    assert phone.sync()["conversations"] == []


def test_conversations_that_were_active_at_the_same_time_are_all_reached(missed):
    phone, _, chats = missed
    db().conversations.update_many({}, {"$set": {"last_activity": clock.now()}})
    assert phone.catch_up() <= 6
    assert all(phone.texts(chat) == ["1", "2"] for chat in chats)


def test_who_is_removed_between_two_calls_gets_their_last_entries(device, ann, bob, eve, register, settings):
    settings(SYNC_MAX_CONVERSATIONS=2)
    group = ann.group(bob, eve)
    others = [register(f"friend{number}") for number in range(4)]
    chats = [bob.direct(other) for other in others]
    phone = device(bob)
    phone.catch_up()
    ann.send(group, "last")
    for other, conversation in zip(others, chats, strict=True):
        other.send(conversation, "x")
    phone.sync()
    assert phone.more and phone.texts(group) == []
    ann.rest("DELETE", f"/api/conversations/{group}/members/{bob.id}")
    ann.send(group, "not for bob")
    given, left = [], []
    while phone.more:
        answer = phone.sync()
        given += [entry for row in answer["conversations"] if row["id"] == group for entry in row["entries"]]
        left += answer["left"]
    assert [entry.get("content", entry["type"]) for entry in given] == ["last", "member_removed"]
    assert left == [group]


def test_answers_are_bounded_in_bytes_and_go_on(device, ann, bob, chat, settings):
    settings(SYNC_MAX_BYTES=3000)
    phone = device(bob)
    phone.catch_up()
    for number in range(10):
        ann.send(chat, str(number) * 1000)
    assert len(phone.sync()["conversations"][0]["entries"]) <= 3 and phone.more
    assert phone.catch_up() <= 9
    assert phone.texts(chat) == [str(number) * 1000 for number in range(10)]


def test_one_text_larger_than_an_answer_comes_all_the_same(device, ann, bob, chat, settings):
    settings(SYNC_MAX_BYTES=1000)
    phone = device(bob)
    phone.catch_up()
    ann.send(chat, "x" * 9000)
    ann.send(chat, "y" * 9000)
    phone.catch_up()
    assert phone.texts(chat) == ["x" * 9000, "y" * 9000]


def test_a_conversation_that_was_entered_meanwhile_is_whole(device, ann, bob, eve):
    phone = device(eve)
    phone.catch_up()
    team = ann.group(bob, eve, name="Team")
    ann.send(team, "welcome")
    (row,) = phone.sync()["conversations"]
    assert row["conversation"]["name"] == "Team" and phone.texts(team) == ["welcome"]


def test_who_was_removed_gets_the_log_up_to_that_and_no_more(device, ann, bob, eve):
    team = ann.group(bob, eve)
    phone = device(eve)
    phone.catch_up()
    ann.send(team, "before")
    ann.rest("DELETE", f"/api/conversations/{team}/members/{eve.id}")
    ann.send(team, "after")
    answer = phone.call(eve, phone.replica.body())["data"]
    assert answer["left"] == [team]
    assert [entry["type"] for entry in answer["conversations"][0]["entries"]] == ["message", "member_removed"]
    assert "after" not in str(answer)
    phone.replica.synced(answer)
    assert phone.sync()["left"] == [] and team not in phone.replica.logs


def test_cursors_of_strangers_conversations_only_come_back_as_left(device, ann, bob, eve, chat):
    ann.send(chat, "secret")
    phone = device(eve)
    answer = phone.call(eve, {"cursors": {chat: 0, "f" * 24: 3, "nonsense": 1}})["data"]
    assert sorted(answer["left"]) == sorted([chat, "f" * 24, "nonsense"])
    assert answer["conversations"] == [] and "secret" not in str(answer)


def test_another_database_resets_everything(device, ann, bob, chat):
    ann.send(chat, "x")
    phone = device(bob)
    phone.catch_up()
    before = phone.replica.epoch
    assert "The epoch is" in ann.app.test_cli_runner().invoke(args=["new-epoch"]).output
    epoch.reset()
    answer = phone.sync()
    assert answer["reset"] is True and answer["epoch"] == epoch.current() != before
    assert phone.texts(chat) == ["x"] and phone.replica.logs[chat].shown == [
        answer["conversations"][0]["entries"][0]["id"]
    ]
    assert phone.sync()["reset"] is False


class Backup:
    """The database as it was at some moment, to be put back."""

    NAMES = ("conversations", "memberships", "entries")

    def __init__(self):
        head_store.settle()
        self.kept = {name: list(db()[name].find()) for name in self.NAMES}

    def restore(self):
        for name, rows in self.kept.items():
            db()[name].delete_many({})
            db()[name].insert_many(rows)
        reset_caches()


@pytest.mark.parametrize("since_the_restore", [0, 1, 2, 5])
def test_an_older_backup_hides_nothing_and_shows_nothing_twice(device, ann, bob, chat, since_the_restore):
    ann.send(chat, "kept")
    backup, phone = Backup(), device(bob)
    phone.catch_up()
    for text in ("lost 1", "lost 2"):
        ann.send(chat, text)
    phone.catch_up()
    backup.restore()
    new = [f"new {number}" for number in range(since_the_restore)]
    for text in new:
        ann.send(chat, text)
    (row,) = phone.sync()["conversations"]
    assert row["reset"] is True
    phone.fill_gaps(chat)
    assert phone.texts(chat) == ["kept", *new]
    assert phone.sync()["conversations"] == []


def test_a_plain_cursor_beyond_the_end_resets_too(device, ann, bob, chat):
    ann.send(chat, "only")
    answer = device(bob).call(bob, {"cursors": {chat: 7}})["data"]
    assert answer["conversations"][0]["reset"] is True
    assert [entry["content"] for entry in answer["conversations"][0]["entries"]] == ["only"]


def test_a_deleted_conversation_is_hidden_on_the_other_device_until_something_comes(device, ann, bob, chat):
    ann.send(chat, "old")
    phone = device(bob)
    phone.catch_up()
    bob.rest("DELETE", f"/api/conversations/{chat}")
    (row,) = phone.sync()["conversations"]
    assert (row["hidden"], row["firstSeq"]) == (True, 2) and phone.texts(chat) == []
    assert device(bob).sync()["conversations"] == []
    ann.send(chat, "new")
    (row,) = phone.sync()["conversations"]
    assert (row["hidden"], phone.texts(chat)) == (False, ["new"])


def test_own_marks_come_to_the_other_device(device, ann, bob, chat):
    ann.send(chat, "x")
    phone = device(bob)
    assert phone.sync()["conversations"][0]["unreadCount"] == 1
    bob.post(f"/api/conversations/{chat}/read")
    (row,) = phone.sync()["conversations"]
    assert (row["entries"], row["unreadCount"], row["readSeq"]) == ([], 0, 1)


def test_ones_own_deliveries_are_no_news(device, ann, bob, chat):
    phone = device(bob)
    phone.catch_up()
    ann.send(chat, "x")
    phone.catch_up()
    phone.catch_up()  # shows the cursor: delivered
    receipts.tell()
    eventually(lambda: db().receipts.find_one({"delivered_seq": 1}))
    assert phone.sync()["conversations"] == []
    (row,) = device(ann).sync()["conversations"]
    assert {"userId": bob.id, "deliveredSeq": 1, "readSeq": 0} in row["receipts"]


def test_changed_profiles_come(device, ann, bob, chat):
    phone = device(bob)
    phone.catch_up()
    ann.rest("PUT", "/api/user/profile", json={"name": "Anna"})
    (profile,) = phone.sync()["users"]
    assert (profile["id"], profile["name"]) == (ann.id, "Anna")


def test_state_that_does_not_fit_into_one_answer_goes_on_where_it_stopped(device, ann, bob, register, settings):
    settings(SYNC_MAX_CONVERSATIONS=2)
    chats = [bob.direct(register(f"friend{number}")) for number in range(5)]
    for conversation in chats:
        bob.send(conversation, "hi")
    phone = device(bob)
    phone.catch_up()
    phone.replica.since = None
    seen = []
    while True:
        seen += [row["id"] for row in phone.sync()["conversations"]]
        if not phone.more:
            break
    assert sorted(seen) == sorted(chats)


def test_a_restart_with_a_clock_that_was_set_back_makes_nothing_news_for_ever(device, ann, bob, chat):
    clock.move(timedelta(hours=1))
    change_times.keep_order()
    ann.send(chat, "hello")
    bob.post(f"/api/conversations/{chat}/read")
    reset_caches()  # the process ends, and comes back with the right time
    clock.reset()
    change_times.keep_order()
    phone = device(ann)
    phone.sync()
    assert phone.sync()["conversations"] == []
    bob.rest("PUT", "/api/user/profile", json={"name": "Robert"})
    assert [row["name"] for row in phone.sync()["users"]] == ["Robert"]
    assert phone.sync()["users"] == []
    db().meta.delete_one({"_id": "clock"})


@pytest.mark.parametrize("since", ["", "nonsense", "====", "MTIzLi4u", "OTk5OTk5OTk5OTk5OTk5Li4=", "MTIuLg==", "ä"])
def test_a_since_that_is_no_token_is_as_none(device, ann, bob, chat, since):
    ann.send(chat, "x")
    answer = device(bob).call(bob, {"since": since, "cursors": {chat: 1}})["data"]
    assert [row["id"] for row in answer["conversations"]] == [chat]


def test_get_with_since_alone_tells_where_something_happened(ann, bob, eve, chat):
    quiet = bob.direct(eve)
    bob.send(quiet, "before")
    first = bob.get("/api/sync")["data"]
    assert sorted(row["id"] for row in first["conversations"]) == sorted([chat, quiet])
    ann.send(chat, "x")
    second = bob.get("/api/sync", query_string={"since": first["next"]})["data"]
    assert [row["id"] for row in second["conversations"]] == [chat]
    assert second["conversations"][0]["entries"][-1]["content"] == "x"


def test_get_takes_cursors_as_json(ann, bob, chat):
    ann.send(chat, "x")
    answer = bob.get("/api/sync", query_string={"cursors": f'{{"{chat}": 1}}', "since": "x"})["data"]
    assert answer["conversations"][0]["entries"] == []


def test_a_gap_is_filled_by_entries(device, ann, bob, chat, settings):
    settings(SYNC_NEWEST_ENTRIES=2)
    for number in range(7):
        ann.send(chat, str(number))
    phone = device(bob)
    phone.sync()
    assert phone.texts(chat) == ["5", "6"]
    phone.fill_gaps(chat, limit=3)
    assert phone.texts(chat) == [str(number) for number in range(7)]


@pytest.mark.parametrize("missing", [(1,), (2, 3), (3, 5), (6,), (1, 2, 3, 4, 5, 6)])
def test_a_hole_in_the_stored_log_stops_nobody(device, ann, bob, chat, missing):
    phone = device(bob)
    phone.catch_up()
    for number in range(1, 7):
        ann.send(chat, str(number))
    db().entries.delete_many({"seq": {"$in": list(missing)}})
    assert phone.catch_up() == 1
    phone.fill_gaps(chat)
    assert phone.replica.logs[chat].cursor == 6 and phone.sync()["conversations"] == []
    assert phone.texts(chat) == [str(number) for number in range(1, 7) if number not in missing]

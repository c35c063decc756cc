"""Much work on the embedded store is cut up, so that others get their turns; a database gets it in one command."""

from itertools import count

import gevent
import pytest
from bson import ObjectId
from gevent.event import Event

from chatapp import clock
from chatapp.database import db, embedded, is_embedded
from chatapp.services import conversations
from chatapp.services.log import cache
from chatapp.stores import batches
from chatapp.stores import conversations as conversation_store
from chatapp.stores import memberships as membership_store
from chatapp.stores import receipts as receipt_store
from chatapp.stores import users as user_store

MANY = 20


@pytest.fixture
def chats(ann, bob, eve):
    """The ids of many conversations of Ann's."""
    return [ObjectId(ann.group(bob, eve)) for _ in range(MANY)]


def set_last_seen(ann, chats):
    user_store.set_last_seen([ObjectId() for _ in range(MANY)], clock.now())


def raise_delivered(ann, chats):
    membership_store.raise_delivered(ObjectId(ann.id), [(chat, 1) for chat in chats], clock.now())


def add_receipts(ann, chats):
    receipt_store.add([(chat, ObjectId(ann.id), 1, 1) for chat in chats], clock.now())


def touch(ann, chats):
    conversation_store.touch(chats, clock.now())


def change_profile(ann, chats):
    ann.rest("PUT", "/api/user/profile", json={"name": "Anna"})


def load(ann, chats):
    cache.load_all(chats)


def load_a_large_one(ann, chats):
    make_a_group(ann, chats, chats[1])
    cache.load(chats[1])


def find_contacts(ann, chats):
    for number in range(MANY):
        db().users.insert_one({"_id": ObjectId(), "email": f"{number}", "name_key": "x", "name_keys": ["x"]})
    user_store.find_page(excluding=ObjectId(), among=None, prefix="x", after=None, limit=MANY)


def find_partners(ann, chats):
    conversation_store.find_partner_ids(ObjectId(ann.id))


def show_the_list(ann, chats):
    ann.get("/api/user/conversations")


def sync(ann, chats):
    ann.post("/api/sync", {})


def make_a_group(ann, chats, chat=None):
    state = cache.load(chats[0])
    row = next(iter(conversation_store.find_with_members([state.id])))["members"][0]
    rows = [row | {"_id": ObjectId(), "user_id": ObjectId()} for _ in range(MANY)]
    chat = chat or ObjectId()
    membership_store.insert_missing(chat, [row | {"conversation_id": chat} for row in rows])


WORK = (
    set_last_seen,
    raise_delivered,
    add_receipts,
    touch,
    change_profile,
    load,
    load_a_large_one,
    make_a_group,
    find_contacts,
    find_partners,
    show_the_list,
    sync,
)


@pytest.mark.parametrize("work", WORK)
def test_others_get_turns_during_much_work(work, ann, chats, monkeypatch):
    milliseconds = count()
    monkeypatch.setattr(batches, "thread_time", lambda: next(milliseconds) / 1000)  # each row takes one
    turns = []
    monkeypatch.setattr(batches, "give_way", lambda: turns.append(1))
    work(ann, chats)
    assert len(turns) >= MANY // 4 - 1 or not is_embedded()


def test_one_step_of_all_the_long_work_is_done_in_a_turn_of_the_loop():
    loop, steps = gevent.get_hub().loop, []

    def work():
        for _ in range(3):
            batches.give_way()
            steps.append(loop.now())

    gevent.joinall([gevent.spawn(work) for _ in range(4)], raise_error=True)
    assert len(steps) == len(set(steps)) == 12


def test_long_work_waits_for_a_loop_that_is_busy_but_not_for_ever():
    done = []
    gevent.spawn(lambda: done.append(batches.give_way()))
    turns = 0
    while not done:
        busy = Event()
        gevent.get_hub().loop.timer(0).start(busy.set)  # due in the very next turn: the loop is never idle
        busy.wait()
        turns += 1
    assert turns > 5


def test_long_work_that_is_given_up_holds_up_nobody():
    first = gevent.spawn(batches.give_way)
    gevent.sleep(0)
    first.kill()
    second = gevent.spawn(batches.give_way)
    assert second.get(timeout=5) is None


@pytest.mark.parametrize("fields", [None, {"name": 1}])
def test_the_embedded_store_reads_a_row_when_it_is_asked_for(fields, ann, bob, monkeypatch):
    if not is_embedded():
        pytest.skip("a database sends batches")
    cursor = db().users.find({"_id": {"$in": [ObjectId(ann.id), ObjectId(bob.id)]}}, fields)
    rows, read = embedded.rows(cursor), []
    documents = type(db().users._store._documents)
    decode = documents._decode_doc
    monkeypatch.setattr(documents, "_decode_doc", lambda self, encoded: read.append(1) or decode(self, encoded))
    assert next(rows)["name"] == "Ann" and len(read) == 1
    assert [row["name"] for row in rows] == ["Bob"] and len(read) == 2


def test_a_profile_that_is_changed_while_a_conversation_is_read_is_not_forgotten(ann, chats, monkeypatch):
    read = conversation_store.find_with_members

    def find_with_members(conversation_ids):
        found = list(read(conversation_ids))
        cache.set_profile(ObjectId(ann.id), found[0]["members"][0]["profile"] | {"name": "Anna"})
        return found

    monkeypatch.setattr(conversation_store, "find_with_members", find_with_members)
    assert cache.load(chats[0]).members[ObjectId(ann.id)].profile["name"] == "Anna"


def test_a_group_that_is_left_while_the_list_is_made_is_not_on_it(ann, chats, monkeypatch):
    assert len(ann.get("/api/user/conversations")["data"]) == MANY
    monkeypatch.setattr(conversations, "giving_way", lambda rows: _leave_after_one(rows, ann))
    assert len(ann.get("/api/user/conversations")["data"]) == 1


def _leave_after_one(rows, person):
    for row in rows:
        yield row
        for chat, _ in rows:
            chat.members[ObjectId(person.id)].left_seq = 0


def test_a_changed_profile_reaches_every_conversation(ann, bob, chats):
    ann.rest("PUT", "/api/user/profile", json={"name": "Anna"})
    cache.reset()
    names = {
        member["name"]
        for row in bob.get("/api/user/conversations")["data"]
        for member in row["participants"]
        if member["id"] == ann.id
    }
    assert names == {"Anna"}


def test_a_sync_reads_no_conversation_that_its_answer_has_no_room_for(ann, chats, settings, monkeypatch):
    read = []
    find = conversation_store.find_with_members
    monkeypatch.setattr(conversation_store, "find_with_members", lambda ids: read.extend(ids) or find(ids))
    settings(SYNC_MAX_BYTES=1)
    assert len(ann.post("/api/sync", {})["data"]["conversations"]) == 1
    assert len(read) == (1 if is_embedded() else MANY)

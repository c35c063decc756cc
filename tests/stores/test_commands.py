"""The number of database commands that the hot paths take, whatever the size (design section 8)."""

from itertools import groupby

import gevent
import pytest
from bson import ObjectId

from chatapp import clock
from chatapp.database import db, is_embedded
from chatapp.services import presence
from chatapp.services.log import cache, recent, rounds
from chatapp.services.search import indexing
from chatapp.stores import heads as head_store
from chatapp.stores.conversations import touch

METHODS = ("find", "find_one", "aggregate", "insert_one", "update_one", "update_many", "bulk_write", "count_documents")
METHODS += ("find_one_and_update",)

ONE_CONVERSATION = ["conversations.find_one", "memberships.find"]  # with its members, of the embedded store


@pytest.fixture
def commands(app, monkeypatch):
    """The names of the collection methods that the test's calls use: one command each."""
    own = gevent.getcurrent()  # and who stores its sends; beside them, others' disconnects and receipts are noted
    called: list[str] = []
    inside: list[str] = []  # the embedded store's $lookup calls find: that is no command of its own
    kind = type(db().entries)

    def counting(method, real):
        def call(self, *args, **kwargs):
            if gevent.getcurrent() not in (own, rounds.serving_greenlet()):
                return real(self, *args, **kwargs)
            if not inside:
                called.append(f"{self.name}.{method}")
            inside.append(method)
            try:
                return real(self, *args, **kwargs)
            finally:
                inside.pop()

        return call

    for method in METHODS:
        monkeypatch.setattr(kind, method, counting(method, getattr(kind, method)))
    monkeypatch.setattr(head_store, "_delay", 60)
    return called


def begin(commands):
    """Count from here on, without what earlier sends have left to store."""
    head_store.settle()
    commands.clear()


def test_a_page_of_history_takes_two(ann, bob, commands, store_uri):
    conversation = ann.direct(bob)
    for number in range(30):
        ann.send(conversation, str(number))
    for query in ("", "?limit=5", "?before=20&limit=200", "?after=3"):
        begin(commands)
        assert ann.get(f"/api/conversations/{conversation}/messages{query}")["data"]
        if store_uri.startswith("litemongo:"):  # reads it in steps, which are no commands
            assert set(commands) == {*ONE_CONVERSATION, "entries.find"}
        else:
            assert len(commands) <= 2, commands


def test_a_page_and_a_sync_with_replies_take_one_more(ann, bob, eve, commands, store_uri):
    chats = [ann.direct(bob), ann.direct(eve)]
    for chat in chats:
        first = [ann.send(chat, f"question {number}")["data"]["id"] for number in range(10)]
        for message_id in first:
            ann.send(chat, "answer", replyTo=message_id)
    begin(commands)
    page = ann.get(f"/api/conversations/{chats[0]}/messages?limit=10")["data"]
    assert [row["replyTo"]["preview"] for row in page] == [f"question {number}" for number in range(9, -1, -1)]
    if not store_uri.startswith("litemongo:"):
        assert len(commands) <= 3, commands
    cursors = dict.fromkeys(chats, 10)
    begin(commands)
    synced = ann.post("/api/sync", {"cursors": cursors})["data"]["conversations"]
    assert all(entry["replyTo"]["preview"] for row in synced for entry in row["entries"])
    if not store_uri.startswith("litemongo:"):
        assert commands.count("entries.find") == 2, commands


def test_starred_replies_of_several_conversations_take_one_more(ann, bob, eve, commands, store_uri):
    taken = []
    for with_replies in (False, True):
        for chat in (ann.direct(bob), ann.direct(eve)):
            question = ann.send(chat, "question")["data"]["id"]
            sent = ann.send(chat, "answer", **({"replyTo": question} if with_replies else {}))["data"]
            assert ann.rest("PUT", f"/api/messages/{sent['id']}/star").status_code == 200
        begin(commands)
        page = ann.get("/api/user/stars?limit=2")["data"]
        assert [row.get("replyTo", {}).get("preview") for row in page] == ["question" if with_replies else None] * 2
        taken.append(commands.count("entries.find"))
    if not store_uri.startswith("litemongo:"):
        assert taken == [1, 2]


def test_a_search_over_all_conversations_takes_three(ann, bob, eve, commands, store_uri):
    for chat in (ann.direct(bob), ann.direct(eve)):
        for number in range(15):
            ann.send(chat, f"word {number}")
    indexing.index_waiting()
    begin(commands)
    assert len(ann.get("/api/search?q=wo")["data"]) == 20
    if store_uri.startswith("litemongo:"):  # its index is no collection
        assert set(commands) == {"memberships.find", "entries.find"}
    else:
        assert commands == ["memberships.find", "search.find", "entries.find"]


def test_a_reaction_to_a_reply_reads_what_it_quotes_once(ann, bob, commands):
    chat = ann.direct(bob)
    question = ann.send(chat, "question")["data"]["id"]
    answer = bob.send(chat, "answer", replyTo=question)["data"]["id"]
    begin(commands)
    reacted = ann.rest("PUT", f"/api/messages/{answer}/reactions/👍", json={"conversationId": chat}).json["data"]
    assert reacted["replyTo"]["preview"] == "question"
    assert commands.count("entries.find") == 1


def test_a_reply_reads_once_what_it_replies_to(ann, bob, commands):
    chat = ann.direct(bob)
    question = ann.send(chat, "question")["data"]["id"]
    begin(commands)
    assert ann.send(chat, "answer", replyTo=question, conversationId=chat)["data"]["replyTo"]["seq"] == 1
    assert commands.count("entries.find") == 0
    assert "entries.insert_one" in commands


def test_the_list_takes_one_and_another_for_what_is_not_known_any_more(ann, bob, eve, register, commands, store_uri):
    chats = [ann.direct(other) for other in (bob, eve, register("dan"), register("pat"))]
    for chat in chats:
        ann.send(chat, "hello")
    # The embedded store reads the page by its ids, in steps, which are no commands.
    page = (
        ["memberships.find", "conversations.find"] if store_uri.startswith("litemongo:") else ["memberships.aggregate"]
    )

    def taken():
        begin(commands)
        assert len(ann.get("/api/user/conversations")["data"]) == 4
        return _but_steps(commands, store_uri)

    assert taken() == page
    touch([ObjectId(chat) for chat in chats[:3]], clock.tick())
    assert [taken(), taken()] == [[*page, "conversations.aggregate"], page]


def test_a_page_of_contacts_takes_one_which_says_whose_address_is_shown(ann, bob, eve, commands, store_uri):
    ann.direct(bob)
    begin(commands)
    shown = {row["id"]: bool(row["email"]) for row in ann.get("/api/user/contacts")["data"]}
    assert shown == {bob.id: True, eve.id: False}
    if not store_uri.startswith("litemongo:"):
        assert commands == ["users.aggregate"]


def test_a_warm_send_takes_one_and_another_behind_it(ann, bob, commands):
    conversation = ann.direct(bob)
    ann.send(conversation, "first")
    begin(commands)
    ann.send(conversation, "second")
    of_the_store = [name for name in commands if name != "entries.find_one"]  # the embedded one looks before it writes
    assert of_the_store == ["entries.insert_one"]
    begin(commands)
    for number in range(3):
        ann.send(conversation, str(number))
    commands.clear()
    head_store.settle()
    assert commands == ["conversations.update_one"]


@pytest.mark.parametrize("path", ["reactions/👍", "pin"])
def test_a_reaction_and_a_pin_take_one_read_and_two_writes_and_the_head_behind_them(ann, bob, commands, path):
    conversation = ann.direct(bob)
    sent = ann.send(conversation, "Nine?")["data"]["id"]
    begin(commands)
    body = {"conversationId": conversation, "clientMsgId": "act"}
    assert ann.rest("PUT", f"/api/messages/{sent}/{path}", json=body).json["entry"]["seq"] == 2
    reads = (
        ["entries.find_one", "entries.find_one"] if is_embedded() else ["entries.find_one"]
    )  # it looks before it writes
    assert commands == [*reads, "entries.insert_one", "entries.update_one"]
    begin(commands)
    assert "entry" not in ann.rest("PUT", f"/api/messages/{sent}/{path}", json={"conversationId": conversation}).json
    assert "entries.insert_one" not in commands


def test_a_repeat_of_what_was_stored_lately_takes_none(ann, bob, commands):
    conversation = ann.direct(bob)
    ann.send(conversation, "first", clientMsgId="one")
    begin(commands)
    assert ann.send(conversation, "first", clientMsgId="one")["duplicate"]
    assert commands == []


def test_a_repeat_among_sends_of_others_costs_these_nothing(ann, bob, eve, commands, store_uri):
    chats = [ann.direct(bob), ann.direct(eve), bob.direct(eve)]
    for chat, person in zip(chats, (ann, ann, bob), strict=True):
        person.send(chat, "first", clientMsgId=f"first in {chat}")
    recent.clear()  # as after a restart
    begin(commands)
    sends = [gevent.spawn(ann.send, chats[0], "first", clientMsgId=f"first in {chats[0]}")]
    sends += [gevent.spawn(ann.send, chats[1], "second"), gevent.spawn(bob.send, chats[2], "second")]
    gevent.joinall(sends, raise_error=True)
    answers = [send.value for send in sends]
    assert [answer.get("duplicate", False) for answer in answers] == [True, False, False]
    assert [answer["data"]["seq"] for answer in answers] == [1, 2, 2]
    loads = [name for name in commands if name == "conversations.aggregate"]
    assert len(loads) <= 2, commands  # of the repeat's conversation only


def test_sends_at_once_share_their_commands(ann, bob, eve, commands, store_uri):
    chats = [ann.direct(bob), ann.direct(eve), bob.direct(eve)]
    for chat in chats[:2]:
        ann.send(chat, "first")
    bob.send(chats[2], "first")
    begin(commands)
    people = {chats[0]: (ann, bob), chats[1]: (ann, eve), chats[2]: (bob, eve)}
    sends = [
        gevent.spawn(person.send, chat, f"{number}") for number in range(5) for chat in chats for person in people[chat]
    ]
    gevent.joinall(sends, raise_error=True)
    assert all(send.value["success"] for send in sends)
    for chat in chats:
        seqs = [send.value["data"]["seq"] for send in sends if send.value["data"]["conversationId"] == chat]
        assert sorted(seqs) == list(range(2, 12))
    if not store_uri.startswith("litemongo:"):
        assert len(commands) < len(sends)


@pytest.mark.parametrize("conversations", [1, 3, 9])
def test_a_sync_takes_two_when_nothing_is_new_and_one_more_for_entries(
    ann, register, commands, store_uri, conversations
):
    chats = [ann.direct(register(f"friend{number}")) for number in range(conversations)]
    for chat in chats:
        ann.send(chat, "x")
    since = ann.post("/api/sync", {"cursors": dict.fromkeys(chats, 1)})["data"]["next"]
    begin(commands)
    ann.post("/api/sync", {"cursors": dict.fromkeys(chats, 1), "since": since})
    assert _but_steps(commands, store_uri) == ["memberships.find", "conversations.find"]
    begin(commands)
    ann.post("/api/sync", {"cursors": dict.fromkeys(chats, 0), "since": since})
    assert _but_entries(commands, conversations, store_uri) == ["memberships.find", "conversations.find"]


@pytest.mark.parametrize("conversations", [1, 3, 9])
def test_a_sync_with_all_kinds_of_news_takes_seven(ann, register, commands, store_uri, conversations):
    friends = [register(f"friend{number}") for number in range(conversations)]
    chats = [ann.direct(friend) for friend in friends]
    since = ann.post("/api/sync", {"cursors": dict.fromkeys(chats, 0)})["data"]["next"]
    for friend, chat in zip(friends, chats, strict=True):
        for _ in range(2):
            friend.send(chat, "x")
    touch([ObjectId(chat) for chat in chats], clock.tick())
    cache.reset()
    presence.online_partners(ObjectId(ann.id))  # who hides is asked for once a minute
    begin(commands)
    rows = ann.post("/api/sync", {"cursors": dict.fromkeys(chats, 1), "since": since})["data"]["conversations"]
    assert [len(row["entries"]) for row in rows] == [1] * conversations
    assert _but_entries(commands, conversations, store_uri) == [
        "memberships.find",
        "conversations.find",
        "conversations.update_many",
        "memberships.bulk_write",
        "memberships.find",
        "conversations.aggregate",
    ]


def test_stars_and_hidden_messages_cost_a_page_nothing_and_the_list_one(ann, bob, commands, store_uri):
    chat = ann.direct(bob)
    sent = [ann.send(chat, str(number))["data"]["id"] for number in range(10)]
    assert ann.get("/api/user/conversations")["data"]  # so that it is remembered
    bob.get("/api/user/conversations")
    begin(commands)
    assert bob.rest("PUT", f"/api/messages/{sent[0]}/star", json={"conversationId": chat}).status_code == 200
    assert _but_steps(commands, store_uri) == [
        "entries.find_one",
        "conversations.aggregate",
        "memberships.find_one_and_update",
    ]
    bob.rest("DELETE", f"/api/messages/{sent[9]}?for=me")
    begin(commands)
    assert len(bob.get(f"/api/conversations/{chat}/messages")["data"]) == 9
    assert _but_steps(commands, store_uri) == ["conversations.aggregate", "entries.find"]
    for person, more in ((ann, []), (bob, ["entries.find"])):
        begin(commands)
        assert person.get("/api/user/conversations")["data"]
        assert [name for name in _but_steps(commands, store_uri) if name.startswith("entries")] == more


def test_a_sync_with_settings_of_ones_own_takes_one_more(ann, register, commands, store_uri):
    chats = [ann.direct(register(f"friend{number}")) for number in range(3)]
    for chat in chats:
        ann.send(chat, "x")
    assert len(ann.get("/api/user/conversations")["data"]) == 3  # so that they are remembered
    since = ann.post("/api/sync", {"cursors": dict.fromkeys(chats, 1)})["data"]["next"]
    for chat in chats:
        begin(commands)
        assert ann.rest("PUT", f"/api/conversations/{chat}/settings", json={"archived": True}).status_code == 200
        assert _but_steps(commands, store_uri) == ["conversations.aggregate", "memberships.find_one_and_update"]
    begin(commands)
    answer = ann.post("/api/sync", {"cursors": dict.fromkeys(chats, 1), "since": since})["data"]
    assert [row["own"]["settings"]["archived"] for row in answer["conversations"]] == [True] * 3
    assert _but_steps(commands, store_uri) == ["memberships.find", "conversations.find", "memberships.find"]
    begin(commands)
    ann.post("/api/sync", {"cursors": dict.fromkeys(chats, 1), "since": answer["next"]})
    assert _but_steps(commands, store_uri) == ["memberships.find", "conversations.find"]


def _but_entries(commands, conversations, store_uri):
    """Return the commands without those for entries, of which the embedded store takes one for each conversation."""
    is_embedded = store_uri.startswith("litemongo:")
    assert commands.count("entries.find") == (conversations if is_embedded else 1)
    return _but_steps([name for name in commands if name != "entries.find"], store_uri)


def _but_steps(commands, store_uri):
    """Return the commands, repeated ones once: how many steps the embedded store takes for one depends on the time.

    It reads conversations with their members one after the other, where a database gets one command for all.
    """
    if not store_uri.startswith("litemongo:"):
        return list(commands)
    joined = "\n".join(commands).replace("\n".join(ONE_CONVERSATION), "conversations.aggregate").split("\n")
    return [name for name, _ in groupby(joined)]

"""Receipts: delivered and read, told together, repeated as state, hidden by who wishes."""

import pytest
from bson import ObjectId

from chatapp.services import receipts
from chatapp.services.log import cache
from tests.conftest import eventually


@pytest.fixture
def chat(ann, bob):
    return ann.direct(bob)


@pytest.fixture
def team(ann, bob, eve):
    return ann.group(bob, eve)


@pytest.fixture
def untold(app, monkeypatch):
    """Receipts wait until the test calls `receipts.tell()`."""
    monkeypatch.setattr(receipts, "_INTERVAL_SECONDS", 3600)
    receipts.reset()
    receipts._pending.told_at = 10**9


def status(person, conversation):
    """Status of each message as its sender sees it, newest first."""
    rows = person.get(f"/api/conversations/{conversation}/messages")["data"]
    return [row["status"] for row in rows]


def test_a_cursor_in_sync_proves_delivery(ann, bob, chat):
    ann.send(chat, "one")
    ann.send(chat, "two")
    assert status(ann, chat) == ["sent", "sent"]
    bob.post("/api/sync", {"cursors": {chat: 1}})
    assert status(ann, chat) == ["sent", "delivered"]
    bob.post("/api/sync", {"cursors": {chat: 2}})
    assert status(ann, chat) == ["delivered", "delivered"]


def test_a_device_says_what_it_has(ann, bob, eve, chat):
    ann.send(chat, "one")
    assert bob.socket().call("markAsDelivered", {"cursors": {chat: 10**9, "f" * 24: 1}})["success"]
    assert status(ann, chat) == ["delivered"]
    assert eve.socket().call("markAsDelivered", {"cursors": {chat: 1}})["success"]
    bob.socket().call("markAsDelivered", {"cursors": {chat: 0}})
    assert status(ann, chat) == ["delivered"]


@pytest.mark.parametrize("over", ["rest", "markAsRead", "messageRead"])
def test_reading_is_told_to_the_members_and_to_the_readers_own_devices(ann, bob, chat, over):
    sent = ann.send(chat, "hello")["data"]
    sender, other_device, socket = ann.socket(), bob.socket(), bob.socket()
    if over == "rest":
        bob.post(f"/api/conversations/{chat}/read", {"seq": 1})
    elif over == "markAsRead":
        socket.call("markAsRead", {"conversationId": chat})
    else:
        socket.call("messageRead", {"conversationId": chat, "messageId": sent["id"]})
    for device in (sender, other_device):
        (told,) = device.received("receipt")
        marks = (told["conversationId"], told["userId"], told["deliveredSeq"], told["readSeq"])
        assert marks == (chat, bob.id, 1, 1)
    assert status(ann, chat) == ["read"]


def test_marks_that_move_quickly_are_told_once(untold, ann, bob, team):
    hears = ann.socket()
    for number in range(1, 6):
        ann.send(team, str(number))
        bob.post(f"/api/conversations/{team}/read", {"seq": number})
    assert hears.received("receipt") == []
    receipts.tell()
    (told,) = hears.received("receipt")
    assert (told["userId"], told["readSeq"], told["deliveredSeq"]) == (bob.id, 5, 5)


def test_an_own_message_that_is_not_stored_yet_moves_no_mark(untold, ann, bob, chat):
    """It may lose its place to one of another process, and with a repeat it has one already."""
    ann.send(chat, "one")
    hears = ann.socket()
    bob.post(f"/api/conversations/{chat}/read")
    state = cache.known(ObjectId(chat))
    cache.slot(state.id).lend(state)
    state.seq, state.sent[ObjectId(bob.id)] = 2, (2, 2)
    receipts.tell()
    (told,) = hears.received("receipt")
    assert (told["deliveredSeq"], told["readSeq"]) == (1, 1)


def test_a_lost_announcement_comes_as_state(untold, ann, bob, chat):
    ann.send(chat, "hello")
    first = ann.post("/api/sync", {"cursors": {chat: 1}})["data"]
    bob.post(f"/api/conversations/{chat}/read")
    receipts.tell()  # ann is not connected

    def changed():
        answer = ann.post("/api/sync", {"cursors": {chat: 1}, "since": first["next"]})["data"]
        return answer["conversations"]

    (row,) = eventually(changed)
    assert {"userId": bob.id, "deliveredSeq": 1, "readSeq": 1} in row["receipts"]


def test_marks_only_grow(ann, bob, chat):
    for text in ("one", "two", "three"):
        ann.send(chat, text)
    for seq in (3, 1, 0, 10**12):
        answer = bob.post(f"/api/conversations/{chat}/read", {"seq": seq})
        assert (answer["data"]["readSeq"], answer["data"]["unreadCount"]) == (3, 0)


def test_in_groups_the_sender_sees_how_many(ann, bob, eve, team):
    sent = ann.send(team, "hello")["data"]
    assert (sent["status"], sent["deliveredTo"], sent["readBy"]) == ("sent", 0, 0)
    bob.post("/api/sync", {"cursors": {team: 1}})
    eve.post(f"/api/conversations/{team}/read")
    (row,) = ann.get(f"/api/conversations/{team}/messages")["data"]
    assert (row["status"], row["deliveredTo"], row["readBy"]) == ("delivered", 2, 1)
    bob.post(f"/api/conversations/{team}/read")
    (row,) = ann.get(f"/api/conversations/{team}/messages")["data"]
    assert (row["status"], row["readBy"]) == ("read", 2)


def test_who_came_later_is_not_waited_for(ann, bob, eve, register, team):
    ann.send(team, "hello")
    for person in (bob, eve):
        person.post(f"/api/conversations/{team}/read")
    ann.post(f"/api/conversations/{team}/members", {"userIds": [register("dan").id]})
    assert ann.get(f"/api/conversations/{team}/messages")["data"][0]["readBy"] == 2


@pytest.fixture(params=["rest", "socket"])
def ask(request):
    """Ask about a message over either transport: `ask(person, "receipts" or "trace", message_id)`."""

    def over_rest(person, what, message_id):
        return person.get(f"/api/messages/{message_id}/{what}")

    def over_socket(person, what, message_id):
        return person.socket().call({"receipts": "getReceipts", "trace": "getTrace"}[what], {"messageId": message_id})

    return over_rest if request.param == "rest" else over_socket


def test_who_has_read_a_message_and_when(ask, ann, bob, eve, team):
    message = ann.send(team, "hello")["data"]["id"]
    bob.post("/api/sync", {"cursors": {team: 1}})
    eve.post(f"/api/conversations/{team}/read")
    receipts.tell()

    def told():
        rows = {row["name"]: row for row in ask(ann, "receipts", message)["data"]["members"]}
        return rows if rows["Eve"]["readAt"] and rows["Bob"]["deliveredAt"] else None

    rows = eventually(told)
    assert set(rows) == {"Bob", "Eve"}
    assert (rows["Bob"]["status"], rows["Bob"]["readAt"]) == ("delivered", None)
    assert (rows["Eve"]["status"], rows["Eve"]["readAt"][-1]) == ("read", "Z")


def test_the_time_is_that_of_the_mark_which_reached_the_message_first(untold, ann, bob, chat):
    ids = [ann.send(chat, str(number))["data"]["id"] for number in range(3)]
    for seq in (1, 3):
        bob.post(f"/api/conversations/{chat}/read", {"seq": seq})
        receipts.tell()
        eventually(lambda seq=seq: bob_read_at(ann, ids[seq - 1]))
    times = [bob_read_at(ann, message) for message in ids]
    assert times[0] < times[1] == times[2]


def bob_read_at(person, message):
    (row,) = person.get(f"/api/messages/{message}/receipts")["data"]["members"]
    return row["readAt"]


def test_a_message_is_traced_from_its_request_to_its_readers(ask, ann, bob, eve, team):
    for person in (bob, bob, eve):
        person.socket()
    headers = {"X-Request-ID": "my-request-1"}
    answer = ann.rest("POST", f"/api/conversations/{team}/messages", json={"content": "hi"}, headers=headers).json
    bob.post(f"/api/conversations/{team}/read")
    trace = ask(ann, "trace", answer["data"]["id"])["data"]
    assert trace["accepted"]["requestId"] == "my-request-1"
    assert trace["stored"]["seq"] == 1 and trace["stored"]["hash"].startswith(answer["data"]["hash"])
    assert "sockets" not in trace["announced"]  # their number would tell who is there
    assert trace["accepted"]["at"] <= trace["stored"]["at"] <= trace["announced"]["at"]
    assert {row["name"]: row["status"] for row in trace["members"]} == {"Bob": "read", "Eve": "sent"}


def test_a_trace_is_for_the_sender_and_those_who_lead_the_group(ask, ann, bob, eve, register, team):
    message = bob.send(team, "hi")["data"]["id"]
    assert ask(bob, "trace", message)["success"] and ask(ann, "trace", message)["success"]
    assert ask(eve, "trace", message)["error"]["code"] == "NOT_ALLOWED"
    assert ask(register("zoe"), "trace", message)["error"]["code"] == "MESSAGE_NOT_FOUND"
    for text in ("f" * 24, "nonsense"):
        assert ask(ann, "receipts", text)["error"]["code"] == "MESSAGE_NOT_FOUND"


@pytest.mark.parametrize("hider", ["reader", "sender"])
def test_hidden_read_receipts_are_hidden_both_ways(ann, bob, chat, hider):
    who = bob if hider == "reader" else ann
    answer = who.rest("PUT", "/api/user/privacy", json={"hideReadReceipts": True}).json
    assert answer["data"] == {"hideReadReceipts": True, "hideLastSeen": False}
    hears, own = ann.socket(), bob.socket()
    message = ann.send(chat, "hello")["data"]["id"]
    bob.post(f"/api/conversations/{chat}/read")
    told = [(row["deliveredSeq"], row["readSeq"]) for row in hears.received("receipt")]
    assert told == ([] if hider == "reader" else [(1, 0)])  # reading proves no delivery where it is hidden
    assert own.received("receipt")[0]["readSeq"] == 1
    bob.post("/api/sync", {"cursors": {chat: 1}})
    assert status(ann, chat) == ["delivered"]
    synced = ann.post("/api/sync", {"cursors": {chat: 0}})["data"]["conversations"][0]
    assert {row["userId"]: row["readSeq"] for row in synced["receipts"]} == {ann.id: 1, bob.id: 0}
    (row,) = ann.get(f"/api/messages/{message}/receipts")["data"]["members"]
    assert (row["status"], row["readAt"]) == ("delivered", None)
    assert bob.get("/api/user/conversations")["data"][0]["unreadCount"] == 0
    who.rest("PUT", "/api/user/privacy", json={"hideReadReceipts": False})
    assert status(ann, chat) == ["read"]


@pytest.mark.parametrize("hidden", ["hideReadReceipts", "hideLastSeen"])
def test_what_a_hider_does_changes_nothing_for_others(ann, bob, chat, hidden):
    hides = {"hideReadReceipts": True, hidden: True}
    bob.rest("PUT", "/api/user/privacy", json=hides)
    message = ann.send(chat, "hello")["data"]["id"]
    if hidden == "hideReadReceipts":  # then others see who is there, and what was delivered
        device = bob.socket()
        bob.post("/api/sync", {"cursors": {chat: 1}})
        receipts.tell()
        members = f"/api/messages/{message}/receipts"
        eventually(lambda: ann.get(members)["data"]["members"][0]["deliveredAt"])
    hears = ann.socket()
    receipts.tell()
    since = ann.post("/api/sync", {"cursors": {chat: 1}})["data"]["next"]
    hears.forget()

    def seen():
        changes = ann.post("/api/sync", {"cursors": {chat: 1}, "since": since})["data"]
        known = ann.post("/api/sync", {"cursors": {chat: 1}})["data"]
        paths = (f"messages/{message}/receipts", f"messages/{message}/trace", "user/conversations", "user/presence")
        answers = [ann.get(f"/api/{path}")["data"] for path in (*paths, f"conversations/{chat}/messages")]
        return [changes["conversations"], changes["users"], known["conversations"], answers, hears.received()]

    before = seen()
    if hidden == "hideLastSeen":
        device = bob.socket()
        device.call("sync", {"cursors": {chat: 1}})
        device.call("markAsDelivered", {"cursors": {chat: 1}})
    device.call("messageRead", {"conversationId": chat, "messageId": message})
    bob.post(f"/api/conversations/{chat}/read")
    receipts.tell()
    assert [row["readSeq"] for row in device.received("receipt")]  # one's own devices hear it
    if hidden == "hideLastSeen":
        device.inner.disconnect()
    assert seen() == before
    ann.send(chat, "and?")
    bob.send(chat, "here")
    assert status(ann, chat)[1:] == ["delivered", "delivered"]  # writing shows it

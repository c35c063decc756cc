"""The history comes in pages, and what is unread adds up."""

import pytest


@pytest.fixture(params=["rest", "socket"])
def page(request):
    """A page of messages over one of the transports."""

    def over_rest(person, conversation, **query):
        return person.get(f"/api/conversations/{conversation}/messages", query_string=query)

    def over_socket(person, conversation, **query):
        return person.socket().call("getMessages", {"conversationId": conversation, **query})

    return over_rest if request.param == "rest" else over_socket


def seqs(answer):
    return [row["seq"] for row in answer["data"]]


def unread(person):
    (row,) = person.get("/api/user/conversations")["data"]
    return row["unreadCount"]


def test_pages_before_and_after(page, ann, bob):
    conversation = ann.direct(bob)
    for number in range(7):
        ann.send(conversation, str(number))
    newest = page(bob, conversation, limit=3)
    assert seqs(newest) == [7, 6, 5]
    assert newest["pagination"] == {"limit": 3, "hasMore": True, "nextBefore": 5, "nextAfter": None}
    assert seqs(page(bob, conversation, limit=3, before=5)) == [4, 3, 2]
    oldest = page(bob, conversation, limit=3, before=2)
    assert (seqs(oldest), oldest["pagination"]["hasMore"]) == ([1], False)
    following = page(bob, conversation, limit=3, after=2)
    assert (seqs(following), following["pagination"]["nextAfter"]) == ([5, 4, 3], 5)
    assert seqs(page(bob, conversation, after=7)) == []


def test_without_a_limit_the_newest_hundred_come(page, ann, bob):
    conversation = ann.direct(bob)
    for number in range(60):
        ann.send(conversation, str(number))
        bob.send(conversation, str(number))
    assert seqs(page(bob, conversation)) == list(range(120, 20, -1))


def test_unread_adds_up_and_own_messages_never_count(ann, bob):
    conversation, socket = ann.direct(bob), bob.socket()
    for text in ("one", "two", "three"):
        ann.send(conversation, text)
    assert (unread(ann), unread(bob)) == (0, 3)
    ack = socket.call("markAsRead", {"conversationId": conversation, "seq": 2})
    assert (ack["data"]["unreadCount"], unread(bob)) == (1, 1)
    for seq in (1, 3, 10**9, 0):
        socket.call("markAsRead", {"conversationId": conversation, "seq": seq})
    assert unread(bob) == 0
    bob.send(conversation, "four")
    assert (unread(ann), unread(bob)) == (1, 0)


def test_a_read_message_is_told_and_has_its_status(ann, bob):
    conversation, sender, reader = ann.direct(bob), ann.socket(), bob.socket()
    sent = ann.send(conversation, "hello")["data"]
    assert sent["status"] == "sent"
    reader.call("messageRead", {"conversationId": conversation, "messageId": sent["id"]})
    (receipt,) = sender.received("messageReadReceipt")
    assert (receipt["messageId"], receipt["readBy"]) == (sent["id"], bob.id)
    (seen,) = ann.get(f"/api/conversations/{conversation}/messages")["data"]
    assert (seen["status"], unread(bob)) == ("read", 0)


def test_a_former_member_reads_up_to_the_removal(page, ann, bob, eve):
    conversation = ann.group(bob, eve)
    ann.send(conversation, "before")
    ann.rest("DELETE", f"/api/conversations/{conversation}/members/{eve.id}")
    ann.send(conversation, "after")
    assert [row["content"] for row in page(eve, conversation)["data"]] == ["before"]
    assert seqs(page(eve, conversation, after=1)) == []


def test_nothing_comes_before_the_first_message(ann, bob):
    chat = ann.direct(bob)
    ann.send(chat, "hello")
    assert ann.get(f"/api/conversations/{chat}/messages?before=0")["data"] == []
    assert ann.socket().call("getMessages", {"conversationId": chat, "before": 0})["data"] == []


def test_an_old_app_pages_by_number(ann, bob):
    chat = ann.direct(bob)
    for number in range(5):
        ann.send(chat, str(number))
    pages = [
        ann.socket().call("getMessages", {"conversationId": chat, "limit": 2, "skip": skip}) for skip in (0, 2, 4, 6)
    ]
    assert [[row["content"] for row in page["data"]] for page in pages] == [["4", "3"], ["2", "1"], ["0"], []]
    assert [page["pagination"]["hasMore"] for page in pages] == [True, True, False, False]

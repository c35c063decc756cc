"""Delete a message for oneself alone: the others keep it, and no device of one's own shows it any more."""

import pytest

from chatapp.services import hiding
from chatapp.state import reset_caches
from tests.services.acting import Acts, code_of, history, listed


@pytest.fixture
def sent(ann, chat):
    """Five messages by ann; no mseq but the first is the seq."""
    found = [ann.send(chat, "one")["data"]]
    Acts("rest").edit(ann, found[0]["id"], "One")
    return found + [ann.send(chat, text)["data"] for text in ("two", "three", "four", "five")]


def entries_of(person, chat):
    return person.get(f"/api/conversations/{chat}/entries")["data"]


def texts(person, chat):
    return [row["content"] for row in history(person, chat)]


def sync(person, cursors, since=None):
    return person.post("/api/sync", {"cursors": cursors} | ({"since": since} if since else {}))["data"]


def test_what_is_deleted_for_me_is_there_for_the_others(acts, ann, bob, chat, sent):
    answer = acts.hide(bob, sent[1]["id"])
    assert (answer["data"]["id"], answer["data"]["content"], answer["data"]["hidden"]) == (sent[1]["id"], "", True)
    assert "entry" not in answer
    for _ in range(2):
        assert texts(bob, chat) == ["five", "four", "three", "One"]
        assert texts(ann, chat) == ["five", "four", "three", "two", "One"]
        reset_caches()
    shown = entries_of(bob, chat)[2]
    assert (shown["id"], shown["content"], shown["attachment"], shown["hidden"]) == (sent[1]["id"], "", None, True)
    assert "hidden" not in entries_of(ann, chat)[2]


def test_a_page_of_history_is_filled_past_it(ann, bob, chat, sent):
    for message in (sent[2], sent[4]):
        Acts("rest").hide(bob, message["id"])
    path = f"/api/conversations/{chat}/messages"
    page = bob.get(f"{path}?limit=2")
    assert [row["content"] for row in page["data"]] == ["four", "two"]
    assert page["pagination"]["hasMore"]
    older = bob.get(f"{path}?limit=2&before={page['pagination']['nextBefore']}")
    assert ([row["content"] for row in older["data"]], older["pagination"]["hasMore"]) == (["One"], False)
    assert [row["content"] for row in bob.get(f"{path}?limit=2&after=1")["data"]] == ["four", "two"]


def test_it_is_not_unread_and_not_the_last_message(acts, ann, bob, chat, sent):
    bob.post(f"/api/conversations/{chat}/read", {"seq": 3})  # two
    assert listed(bob)["unreadCount"] == 3
    acts.hide(bob, sent[4]["id"])
    acts.hide(bob, sent[0]["id"])
    for _ in range(2):
        row = listed(bob)
        assert (row["unreadCount"], row["deletedMseqs"], row["lastMessage"]["content"]) == (2, [5], "four")
        assert row["own"]["lastMessage"] == row["lastMessage"]
        assert bob.get(f"/api/conversations/{chat}")["data"]["lastMessage"] == row["lastMessage"]
        reset_caches()
    assert listed(ann)["lastMessage"]["content"] == "five"
    acts.edit(ann, sent[3]["id"], "Four")
    assert listed(bob)["lastMessage"]["content"] == "Four"
    acts.hide(bob, sent[3]["id"])
    assert listed(bob)["lastMessage"]["content"] == "three"
    ann.send(chat, "six")
    row = listed(bob)
    assert (row["lastMessage"]["content"], "lastMessage" in row["own"], row["unreadCount"]) == ("six", False, 2)


def test_a_deletion_for_everyone_counts_once(acts, ann, bob, chat, sent):
    acts.hide(bob, sent[4]["id"])
    acts.delete(ann, sent[4]["id"])
    assert (listed(bob)["unreadCount"], listed(bob)["deletedMseqs"]) == (4, [5])
    acts.delete(ann, sent[3]["id"])
    acts.hide(bob, sent[3]["id"])
    assert listed(bob)["unreadCount"] == 3
    assert len(texts(bob, chat)) == 3


def test_there_may_be_nothing_left_to_show(acts, ann, bob, chat):
    only = ann.send(chat, "one")["data"]
    acts.hide(bob, only["id"])
    assert (listed(bob)["lastMessage"], listed(bob)["unreadCount"], history(bob, chat)) == (None, 0, [])
    (row,) = sync(bob, {})["conversations"]
    assert (row["conversation"]["lastMessage"], row["own"]["lastMessage"], row["own"]["hidden"]) == (
        None,
        None,
        [only["id"]],
    )


def test_nothing_can_be_done_with_it_any_more(acts, ann, bob, chat, sent):
    mine = bob.send(chat, "mine")["data"]["id"]
    acts.hide(bob, mine)
    assert code_of(acts.edits(bob, mine)) == "MESSAGE_NOT_FOUND"
    assert code_of(acts.edit(bob, mine, "new")) == "MESSAGE_NOT_FOUND"
    assert code_of(acts.delete(bob, mine)) == "MESSAGE_NOT_FOUND"
    for path in ("trace", "receipts"):
        assert code_of(bob.get(f"/api/messages/{mine}/{path}")) == "MESSAGE_NOT_FOUND"
    named = {"conversationId": chat, "messageId": mine}
    assert code_of(bob.socket().call("messageRead", named)) == "MESSAGE_NOT_FOUND"
    assert code_of(acts.edits(ann, mine)) == "OK"


def test_an_edit_of_it_is_withheld(ann, bob, register):
    pat, dan = register("pat", protocol=2), register("dan")
    team = ann.group(pat, dan)
    message = ann.send(team, "one")["data"]["id"]
    for person in (pat, dan):
        Acts("rest").hide(person, message)
    new, old, own = pat.socket(), dan.socket(), ann.socket()
    Acts("rest").edit(ann, message, "secret")
    (entry,) = [row["data"] for row in new.received("entry")]
    assert (entry["change"]["content"], entry["change"]["withheld"]) == ("", True)
    assert not old.received("message:edited") and own.received("message:edited")
    assert "secret" not in str(entries_of(pat, team)) + str(sync(pat, {team: 1})) + str(sync(pat, {}))


def test_a_quote_of_it_is_not_available(ann, bob, chat, sent):
    Acts("rest").hide(bob, sent[1]["id"])
    mine, theirs = ann.socket(), bob.socket()
    ann.send(chat, "six", replyTo=sent[1]["id"])
    assert mine.received("newMessage")[0]["data"]["replyTo"]["preview"] == "two"
    for shown in (theirs.received("newMessage")[0]["data"], history(bob, chat)[0], entries_of(bob, chat)[-1]):
        assert shown["replyTo"] == {"id": sent[1]["id"], "unavailable": True}
    assert code_of(bob.send(chat, "seven", replyTo=sent[1]["id"])) == "MESSAGE_NOT_FOUND"


def test_it_is_not_among_the_pinned_ones(acts, ann, bob, chat, sent):
    for message in sent[:2]:
        acts.pin(ann, message["id"], conversationId=chat)
    acts.hide(bob, sent[0]["id"])
    assert [row["id"] for row in acts.pins(bob, chat)["data"]] == [sent[1]["id"]]
    assert len(acts.pins(ann, chat)["data"]) == 2


def test_all_devices_hear_of_it_each_as_it_can(acts, ann, bob, chat, sent, register):
    pat = register("pat", protocol=2)
    team = ann.group(bob, pat)
    message = ann.send(team, "one")["data"]
    new, old, others = pat.socket(), bob.socket(), ann.socket()
    acts.hide(pat, message["id"], conversationId=team)
    acts.hide(bob, message["id"])
    assert [row["data"] for row in new.received("ownChanged")] == [
        {
            "conversationId": team,
            "version": 1,
            "hidden": [message["id"]],
            "hiddenSeqs": [1],
            "deletedMseqs": [1],
            "lastMessage": None,
        }
    ]
    named = {"success": True, "messageId": message["id"], "conversationId": team, "deleteFor": "me"}
    assert old.received("message:deleted") == [named]
    assert not new.received("message:deleted") and not old.received("ownChanged")
    assert not others.received("message:deleted") and not others.received("ownChanged")
    acts.hide(pat, message["id"])  # it is so already
    assert len(new.received("ownChanged")) == 1


def test_an_old_app_is_answered_as_it_expects(ann, bob, chat, sent):
    socket = bob.socket()
    ack = socket.call("message:delete", {"messageId": sent[0]["id"], "conversationId": chat, "deleteFor": "me"})
    named = {"success": True, "messageId": sent[0]["id"], "conversationId": chat, "deleteFor": "me"}
    assert {key: ack[key] for key in named} == named
    assert socket.received("message:deleted") == [named]
    socket.call("message:delete", {"messageId": sent[0]["id"], "deleteFor": "me"})
    assert socket.received("message:deleted") == [named] * 2


def test_a_device_that_was_away_learns_what_is_hidden(acts, ann, bob, chat, sent):
    since = sync(bob, {chat: 6})["next"]
    acts.hide(bob, sent[1]["id"])
    acts.hide(bob, sent[4]["id"])
    reset_caches()
    (row,) = sync(bob, {chat: 6}, since)["conversations"]
    assert row["own"]["hidden"] == [sent[1]["id"], sent[4]["id"]] and row["own"]["hiddenSeqs"] == [3, 6]
    assert row["own"]["lastMessage"]["content"] == "four"
    assert (row["deletedMseqs"], row["unreadCount"]) == ([2, 5], 3)
    (row,) = sync(bob, {chat: 2}, since)["conversations"]
    assert (row["entries"][0]["content"], row["entries"][0]["hidden"]) == ("", True)
    assert "own" not in sync(ann, {})["conversations"][0]


def test_who_may_not_see_a_message_can_not_hide_it(acts, ann, bob, eve, chat, sent):
    assert code_of(acts.hide(eve, sent[0]["id"])) == "MESSAGE_NOT_FOUND"
    assert code_of(acts.hide(bob, "f" * 24)) == "MESSAGE_NOT_FOUND"
    team = ann.group(bob, eve)
    message = ann.send(team, "one")["data"]["id"]
    assert code_of(acts.hide(bob, message, conversationId=chat)) == "MESSAGE_NOT_FOUND"
    acts.hide(bob, message)
    bob.post(f"/api/conversations/{team}/leave")
    assert code_of(acts.hide(bob, message)) == "NOT_ALLOWED"
    assert history(bob, team) == []  # it stays his
    ann.post(f"/api/conversations/{team}/members", {"userIds": [bob.id]})
    assert history(bob, team) == []


def test_so_many_can_be_hidden_in_a_conversation(acts, ann, bob, chat, sent, monkeypatch):
    monkeypatch.setattr(hiding, "MOST_HIDDEN", 2)
    codes = [code_of(acts.hide(bob, message["id"])) for message in sent[:3]]
    assert codes == ["OK", "OK", "TOO_MANY_HIDDEN"]
    assert code_of(acts.hide(bob, sent[0]["id"])) == "OK"  # it is so already
    bob.rest("DELETE", f"/api/conversations/{chat}")
    later = ann.send(chat, "six")["data"]["id"]
    assert code_of(acts.hide(bob, later)) == "OK"  # what is before the deletion of all counts no more
    assert (listed(bob)["lastMessage"], listed(bob)["own"]["hidden"]) == (None, [later])

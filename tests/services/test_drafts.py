"""Drafts follow their user from device to device, and end when they are sent."""

from chatapp.services import drafts
from chatapp.state import reset_caches
from chatapp.stores import entries as entry_store
from chatapp.stores import memberships as membership_store
from tests.services.acting import Acts, code_of, listed


def draft_of(person):
    draft = listed(person)["own"]["draft"]
    return draft and (draft["text"], draft["draftId"])


def sync(person, cursors, since=None):
    return person.post("/api/sync", {"cursors": cursors} | ({"since": since} if since else {}))["data"]


def test_a_draft_is_on_all_devices_of_its_user_alone(acts, ann, bob, chat):
    phone, other = ann.socket(), bob.socket()
    answer = acts.draft(ann, chat, "Half a sen", "d1")
    assert (answer["data"]["version"], answer["data"]["draft"]["text"]) == (1, "Half a sen")
    (told,) = [row["data"] for row in phone.received("ownChanged")]
    assert told == answer["data"]
    assert not other.received("ownChanged")
    for _ in range(2):
        assert (draft_of(ann), draft_of(bob)) == (("Half a sen", "d1"), None)
        reset_caches()
    acts.draft(ann, chat, "Half a sen", "d1")  # it is so already
    assert len(phone.received("ownChanged")) == 1
    acts.draft(ann, chat, "Half a sentence", "d1")
    assert draft_of(ann) == ("Half a sentence", "d1")


def test_a_sync_tells_the_draft(acts, ann, chat):
    ann.send(chat, "one")
    since = sync(ann, {chat: 1})["next"]
    acts.draft(ann, chat, "two", "d1")
    (row,) = (answer := sync(ann, {chat: 1}, since))["conversations"]
    assert row["own"]["draft"]["text"] == "two"
    acts.draft(ann, chat, "")
    (row,) = sync(ann, {chat: 1}, answer["next"])["conversations"]
    assert (row["own"]["version"], row["own"]["draft"]) == (2, None)


def test_an_empty_text_removes_it(acts, ann, chat):
    acts.draft(ann, chat, "one", "d1")
    acts.draft(ann, chat, "", "another")  # of a device that does not know yet
    assert draft_of(ann) == ("one", "d1")
    assert acts.draft(ann, chat, "", "d1")["data"]["draft"] is None
    assert draft_of(ann) is None
    acts.draft(ann, chat, "two", "d2")
    acts.draft(ann, chat, "")
    assert draft_of(ann) is None


def test_a_draft_that_is_sent_is_gone(acts, ann, chat):
    acts.draft(ann, chat, "one", "d1")
    phone = ann.socket()
    ann.send(chat, "one", clientMsgId="another")
    assert draft_of(ann) == ("one", "d1")
    ann.send(chat, "one", clientMsgId="d1")
    assert draft_of(ann) is None
    assert phone.received("ownChanged")[-1]["data"]["draft"] is None
    answer = acts.draft(ann, chat, "one", "d1")  # of a device that comes late
    assert answer["data"]["draft"] is None and draft_of(ann) is None


def test_a_draft_that_is_sent_while_it_is_being_kept_is_gone(ann, chat, monkeypatch):
    store = membership_store.change_own

    def meanwhile(*arguments, **changes):
        if (changes["fields"] or {}).get("draft"):
            ann.send(chat, "one", clientMsgId="d1")
        return store(*arguments, **changes)

    monkeypatch.setattr(membership_store, "change_own", meanwhile)
    assert Acts("rest").draft(ann, chat, "one", "d1")["data"]["draft"] is None
    assert draft_of(ann) is None


def test_a_message_is_sent_even_where_its_draft_can_not_be_removed(ann, chat, monkeypatch):
    Acts("rest").draft(ann, chat, "one", "d1")
    ann.send(chat, "so that the conversation is remembered")

    def fail(*_, **__):
        raise OSError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(membership_store, "change_own", fail)
        assert ann.send(chat, "one", clientMsgId="d1")["success"]
    assert ann.send(chat, "one", clientMsgId="d1")["duplicate"]
    assert draft_of(ann) is None


def test_a_send_without_a_draft_looks_for_none(ann, bob, chat, monkeypatch):
    Acts("rest").draft(bob, chat, "bob's", "d1")
    looked = []
    monkeypatch.setattr(membership_store, "change_own", lambda *_, **__: looked.append(1))
    monkeypatch.setattr(entry_store, "find_by_client_msg_id", lambda *_: looked.append(1))
    monkeypatch.setattr(entry_store, "_is_stored_already", lambda _: False)
    assert ann.send(chat, "one", clientMsgId="d1")["success"]
    assert not looked


def test_a_draft_is_small_and_has_an_id(acts, ann, bob, eve, chat):
    assert code_of(acts.draft(ann, chat, "x" * drafts.LARGEST, "d1")) == "OK"
    assert code_of(acts.draft(ann, chat, "é" * (drafts.LARGEST // 2 + 1), "d1")) == "CONTENT_TOO_LARGE"
    assert code_of(acts.draft(ann, chat, "one")) == "VALIDATION_ERROR"
    assert code_of(acts.draft(ann, chat, "one", "d" * 65)) == "VALIDATION_ERROR"
    assert code_of(acts.draft(eve, chat, "one", "d1")) == "CONVERSATION_NOT_FOUND"
    team = ann.group(bob, eve)
    eve.post(f"/api/conversations/{team}/leave")
    assert code_of(acts.draft(eve, team, "one", "d1")) == "NOT_ALLOWED"

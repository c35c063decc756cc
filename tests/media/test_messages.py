"""Files in messages: sent, shown, forwarded, and erased with the last message that has them."""

from datetime import timedelta

import pytest

from chatapp import clock, database
from chatapp.services.media import attaching, checking, tidying
from tests.conftest import eventually
from tests.media.conftest import Uploader
from tests.services.acting import Acts, code_of, history, listed


@pytest.fixture(params=["rest", "socket"])
def acts(request):
    return Acts(request.param)


@pytest.fixture
def chat(ann, bob):
    return ann.direct(bob)


@pytest.fixture
def file(uploads):
    """A file of Ann's that is ready."""
    return uploads.whole(b"notes", filename="notes.pdf")


def keys(files):
    return sorted(files.keys())


def stored(files):
    """Wait until only whole files are there; return their keys."""
    checking.running.join(20)
    return keys(files)


def test_a_message_has_files(acts, ann, bob, chat, file, uploads):
    other = uploads.whole(b"more", filename="more.bin")
    hears = bob.socket()
    sent = acts.send(ann, chat, "", attachments=[file["id"], other["id"]])["data"]
    first, second = sent["attachments"]
    assert [first["id"], second["id"]] == [file["id"], other["id"]]
    assert (first["name"], first["kind"], first["size"], first["thumbUrl"]) == ("notes.pdf", "document", 5, None)
    assert sent["attachment"] == first["url"] and sent["kind"] == "document"
    assert hears.received("newMessage")[0]["data"]["attachments"] == sent["attachments"]
    assert history(bob, chat)[0]["attachments"] == sent["attachments"]
    assert listed(bob)["lastMessage"]["attachment"] == first["url"] and listed(bob)["lastMessage"]["kind"] == "document"


def test_a_repeat_is_the_same_message(acts, ann, chat, file, uploads):
    fields = {"attachments": [file["id"]], "clientMsgId": "one"}
    first, second = acts.send(ann, chat, "x", **fields), acts.send(ann, chat, "x", **fields)
    assert second["duplicate"] and first["data"]["id"] == second["data"]["id"]
    other = uploads.whole(b"other")
    answer = acts.send(ann, chat, "x", attachments=[other["id"]], clientMsgId="one")
    assert code_of(answer) == "IDEMPOTENCY_MISMATCH"
    assert code_of(acts.send(ann, chat, "x", clientMsgId="one")) == "IDEMPOTENCY_MISMATCH"
    clock.move(timedelta(days=2))
    tidying.tidy()
    assert history(ann, chat)[0]["attachments"][0]["id"] == file["id"]
    assert ann.rest("GET", f"/api/media/{other['id']}").status_code == 410


def test_only_one_s_own_files_that_are_ready(acts, ann, bob, chat, file, uploads):
    assert code_of(acts.send(bob, chat, "x", attachments=[file["id"]])) == "MEDIA_NOT_FOUND"
    for unknown in ("0" * 24, "x", "../x"):
        assert code_of(acts.send(ann, chat, "x", attachments=[unknown])) == "MEDIA_NOT_FOUND"
    begun = uploads.begin(10, b"1").headers["Location"].rpartition("/")[2]
    assert code_of(acts.send(ann, chat, "x", attachments=[begun])) == "MEDIA_NOT_READY"
    assert code_of(acts.send(ann, chat, "x", attachments=[file["id"]] * 2)) == "VALIDATION_ERROR"
    assert code_of(acts.send(ann, chat, "x", attachments=["a"] * 11)) == "VALIDATION_ERROR"
    assert code_of(acts.send(ann, chat, "x", attachments=[file["id"]], attachment="https://a.example/b.png")) == (
        "VALIDATION_ERROR"
    )
    assert history(ann, chat) == []


def test_a_stranger_s_send_leaves_nothing(acts, ann, bob, eve, files):
    chat, own = ann.direct(bob), Uploader(eve).whole(b"mine")
    assert code_of(acts.send(eve, chat, "x", attachments=[own["id"]])) == "CONVERSATION_NOT_FOUND"
    assert database.db().media_uses.count_documents({}) == 0


def test_one_of_our_addresses_is_its_file(acts, ann, chat, file):
    address = f"http://localhost/media/{file['id']}/notes.pdf"
    sent = acts.send(ann, chat, "", attachment=address)["data"]
    assert sent["attachments"][0]["id"] == file["id"]
    elsewhere = acts.send(ann, chat, "", attachment="https://a.example/b.png")["data"]
    assert elsewhere["attachment"] == "https://a.example/b.png" and "attachments" not in elsewhere


def test_a_deleted_message_leaves_no_byte(acts, ann, bob, chat, file, files):
    sent = acts.send(ann, chat, "look", attachments=[file["id"]], clientMsgId="one")["data"]
    assert len(stored(files)) == 1
    assert acts.delete(ann, sent["id"])["success"]
    assert keys(files) == []
    (shown,) = history(bob, chat)
    assert shown["deleted"] and shown["attachment"] is None and "attachments" not in shown
    assert listed(bob)["lastMessage"]["attachment"] is None
    assert ann.rest("GET", f"/api/media/{file['id']}").status_code == 410
    assert code_of(acts.send(ann, chat, "x", attachments=[file["id"]])) == "MEDIA_GONE"
    repeat = acts.send(ann, chat, "look", attachments=[file["id"]], clientMsgId="one")
    assert repeat["duplicate"] and repeat["data"]["deleted"]
    (row,) = database.db().entries.find({"type": "message"})
    assert "media" not in row and row["body"] is None
    assert database.db().media_uses.count_documents({}) == 0


def test_a_file_lives_as_long_as_a_message_has_it(acts, ann, bob, eve, chat, file, files):
    sent = acts.send(ann, chat, "look", attachments=[file["id"]])["data"]
    other = bob.direct(eve)
    forwarded = acts.send(bob, other, None, forwardOf=sent["id"])["data"]
    assert forwarded["attachments"][0]["id"] == file["id"]
    assert forwarded["attachments"][0]["url"] != sent["attachments"][0]["url"]
    acts.delete(ann, sent["id"])
    assert len(stored(files)) == 1 and history(eve, other)[0]["attachments"][0]["name"] == "notes.pdf"
    acts.delete(bob, forwarded["id"])
    assert keys(files) == []


def test_a_repeated_forward_is_the_same(acts, ann, bob, eve, chat, file):
    sent = acts.send(ann, chat, "look", attachments=[file["id"]])["data"]
    other = bob.direct(eve)
    first, second = (acts.send(bob, other, None, forwardOf=sent["id"], clientMsgId="f") for _ in range(2))
    assert second["duplicate"] and second["data"]["id"] == first["data"]["id"]


def test_an_edit_keeps_the_files(acts, ann, chat, file, files, settings):
    sent = acts.send(ann, chat, "look", attachments=[file["id"]])["data"]
    assert acts.edit(ann, sent["id"], "")["data"]["attachments"] == sent["attachments"]
    settings(EDIT_HISTORY="none")
    assert acts.edit(ann, sent["id"], "see")["data"]["attachments"] == sent["attachments"]
    acts.delete(ann, sent["id"])
    assert stored(files) == []


def test_a_file_that_no_message_has_goes_after_a_day(uploads, file, files, ann, chat):
    sent = ann.send(chat, "", attachments=[uploads.whole(b"kept")["id"]])
    clock.move(timedelta(hours=25))
    tidying.tidy()
    assert eventually(lambda: len(stored(files)) == 1) and sent["success"]
    assert ann.rest("GET", f"/api/media/{file['id']}").status_code == 410
    tidying.tidy()
    assert len(stored(files)) == 1


def test_a_use_without_its_message_goes(uploads, file, files, ann, chat, monkeypatch):
    from bson import ObjectId

    found = attaching.find(ObjectId(ann.id), [file["id"]])
    attaching.use(ObjectId(chat), ObjectId(ann.id), "never", found)
    clock.move(timedelta(hours=25))
    tidying.tidy()
    assert eventually(lambda: stored(files) == []) is not None
    assert database.db().media_uses.count_documents({}) == 0


def test_a_deletion_that_a_failing_store_has_delayed_is_done_later(acts, ann, chat, file, files, monkeypatch):
    sent = acts.send(ann, chat, "look", attachments=[file["id"]])["data"]
    stored(files)

    def fail(*_):
        raise OSError("away")

    with monkeypatch.context() as patch:
        patch.setattr(type(files), "delete", fail)
        assert acts.delete(ann, sent["id"])["success"]
    assert len(keys(files)) == 1 and ann.rest("GET", f"/api/media/{file['id']}").status_code == 410
    clock.move(timedelta(minutes=6))
    tidying.tidy()
    assert keys(files) == []


def test_recovery_erases_again(acts, ann, chat, file, files, monkeypatch, run):
    """A crash comes right after the deletion's entry is stored."""
    sent = acts.send(ann, chat, "look", attachments=[file["id"]])["data"]
    stored(files)
    with monkeypatch.context() as patch:
        patch.setattr("chatapp.services.log.derived.message_changes.store", lambda *_: False)
        patch.setattr("chatapp.stores.heads.advance", lambda *_, **__: None)
        acts.delete(ann, sent["id"])
    assert len(keys(files)) == 1
    from chatapp import state
    from chatapp.services.log.catch_up import recover

    state.reset_caches()
    assert recover(100) == 1
    assert eventually(lambda: keys(files) == [])
    assert run("verify").exit_code == 0


@pytest.fixture
def run(app):
    return lambda *arguments: app.test_cli_runner().invoke(args=list(arguments))


def test_the_log_verifies(acts, ann, bob, chat, file, run):
    sent = acts.send(ann, chat, "look", attachments=[file["id"]])["data"]
    assert run("verify").exit_code == 0
    acts.delete(ann, sent["id"])
    assert run("verify").exit_code == 0, run("verify").output


def test_files_that_an_older_process_has_left_are_erased_by_repair(acts, ann, chat, file, files, run, monkeypatch):
    sent = acts.send(ann, chat, "look", attachments=[file["id"]])["data"]
    stored(files)
    with monkeypatch.context() as patch:
        patch.setattr("chatapp.services.log.changes.erasing.erase_from_message", lambda *_: None)
        patch.setattr("chatapp.services.log.changes.changed_messages.erase_media", lambda *_: None)
        acts.delete(ann, sent["id"])
    verified = run("verify")
    assert verified.exit_code == 1 and "Its files should be erased" in verified.output
    run("repair")
    assert keys(files) == [] and run("verify").exit_code == 0

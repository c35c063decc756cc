"""The index follows the log, whatever ends in between, and has nothing that was erased."""

from pathlib import Path

import pytest
from bson import ObjectId

from chatapp.database import db, is_embedded
from chatapp.services.search import erasing, healing, indexing, waiting
from chatapp.settings import config
from chatapp.state import reset_caches
from chatapp.stores import heads as head_store
from chatapp.stores import search as search_store
from chatapp.stores.documents.search import Wanted
from tests.search.conftest import Searching

SECRET = "Kassiopeia"
acts = Searching("rest")


def forget_what_waits():
    """Let it be as after a crash, and the recovery of the heads."""
    head_store.settle()
    reset_caches()


def indexed(chat, term="kassiopeia"):
    """Return the ids of the messages that the index has under a term."""
    return [str(row["_id"]) for row in search_store.find_page(Wanted([ObjectId(chat)], [term]), 10)]


def test_a_kill_between_log_and_index_heals(ann, bob, chat):
    ann.send(chat, "word one")
    indexing.index_waiting()
    sent = ann.send(chat, "word two")["data"]["id"]
    acts.edit(ann, sent, "word 2")
    forget_what_waits()
    assert acts.found(bob, "word") == ["word one"]
    healing.heal_all() if is_embedded() else healing.heal_newest(100)
    assert acts.found(bob, "word") == ["word 2", "word one"]
    ann.send(chat, "word three")
    forget_what_waits()
    healing.heal_all()
    assert acts.found(bob, "word") == ["word three", "word 2", "word one"]


def test_what_is_indexed_twice_stays_the_same(ann, bob, chat):
    sent = ann.send(chat, "word one")["data"]["id"]
    acts.edit(ann, sent, "word two")
    for _ in range(2):
        assert acts.found(bob, "word") == ["word two"]
        search_store.set_watermarks({ObjectId(chat): 0})
        waiting.note(ObjectId(chat))
    assert indexed(chat, "word") == [sent]


def test_a_failure_is_tried_again(ann, bob, chat, monkeypatch):
    ann.send(chat, "word")

    def fail(_):
        raise OSError("no")

    with monkeypatch.context() as patch:
        patch.setattr(search_store, "put", fail)
        with pytest.raises(OSError, match="no"):
            indexing.index_waiting()
    assert acts.found(bob, "word") == ["word"]


def test_a_deletion_takes_the_message_out_before_it_is_answered(ann, bob, chat):
    sent = ann.send(chat, SECRET)["data"]["id"]
    acts.edit(ann, sent, f"{SECRET} too")
    indexing.index_waiting()
    assert indexed(chat) == [sent]
    acts.delete(ann, sent)
    assert indexed(chat) == []
    search_store.set_watermarks({ObjectId(chat): 0})
    assert acts.found(bob, SECRET) == indexed(chat) == []


def test_no_file_of_the_embedded_store_has_an_erased_word(ann, bob, chat, store_uri):
    if not store_uri.startswith("litemongo:"):
        pytest.skip("a database's files are its own")
    folder = Path(config().store_uri.removeprefix("litemongo://"))
    word = SECRET.lower().encode()
    found = lambda: [path.name for path in folder.rglob("*") if path.is_file() and word in path.read_bytes()]  # noqa: E731
    for number in range(40):
        ann.send(chat, f"{number} other words, {SECRET}{number % 2}")
    sent = [ann.send(chat, f"{SECRET} {number}")["data"]["id"] for number in range(3)]
    indexing.index_waiting()
    assert found()
    for message in ann.get(f"/api/conversations/{chat}/messages?limit=100")["data"]:
        acts.delete(ann, message["id"])
    assert sent and found() == []
    search_store.set_watermarks({ObjectId(chat): 0})
    waiting.note(ObjectId(chat))
    indexing.index_waiting()
    assert found() == []


def test_an_edit_that_erases_leaves_only_what_is_left(ann, bob, chat, settings):
    settings(EDIT_HISTORY="none")
    sent = ann.send(chat, f"{SECRET} word")["data"]["id"]
    indexing.index_waiting()
    acts.edit(ann, sent, "word alone")
    assert indexed(chat) == []
    assert acts.found(bob, "word") == ["word alone"]
    assert indexed(chat) == [] and indexed(chat, "word") == [sent]


def test_what_is_erased_while_it_is_indexed_does_not_come_back(ann, bob, chat, monkeypatch):
    sent = ann.send(chat, SECRET)["data"]["id"]
    put = erasing.put

    def put_late(rows):
        acts.delete(ann, sent)
        put(rows)

    monkeypatch.setattr(erasing, "put", put_late)
    indexing.index_waiting()
    assert indexed(chat) == []


def test_what_another_process_erases_meanwhile_is_taken_out_again(ann, bob, chat, monkeypatch):
    sent = ann.send(chat, SECRET)["data"]["id"]
    put = erasing.put

    def put_late(rows):
        acts.delete(ann, sent)
        erasing.begin()  # as a process that has not erased it itself
        put(rows)

    monkeypatch.setattr(erasing, "put", put_late)
    indexing.index([ObjectId(chat)], beside_server=True)
    assert indexed(chat) == []


def test_a_crash_before_the_head_passes_a_deletion_takes_it_out_when_it_recovers(ann, bob, chat, run, monkeypatch):
    sent = ann.send(chat, SECRET)["data"]["id"]
    indexing.index_waiting()

    def fail(*_):
        raise OSError("no")

    with monkeypatch.context() as patch:
        patch.setattr(search_store, "remove", fail)
        acts.delete(ann, sent)
    reset_caches()
    ann.send(chat, "next")  # which brings the head to the end of the log
    assert indexed(chat) == []
    assert run("verify").exit_code == 0


def test_the_operator_can_make_the_index_anew(ann, bob, chat, run):
    sent = ann.send(chat, "word one")["data"]["id"]
    ann.send(chat, "word two")
    forget_what_waits()
    result = run("reindex")
    assert result.exit_code == 0 and "1 conversations, 2 entries indexed" in result.output
    assert "0 entries indexed" in run("reindex").output
    search_store.remove(ObjectId(chat), [ObjectId(sent)])
    assert acts.found(bob, "word") == ["word two"]
    assert "2 entries indexed" in run("reindex", "--anew").output
    assert acts.found(bob, "word") == ["word two", "word one"]


def test_a_repair_takes_out_what_should_have_been_erased(ann, bob, chat, run):
    sent = ann.send(chat, SECRET)["data"]["id"]
    indexing.index_waiting()
    row = db().entries.find_one({"_id": ObjectId(sent)})
    acts.delete(ann, sent)
    before = {"body": row["body"], "salt": row["salt"]}
    db().entries.update_one({"_id": ObjectId(sent)}, {"$set": before})
    search_store.set_watermarks({ObjectId(chat): 0})
    assert run("repair").exit_code == 0
    assert acts.found(bob, SECRET) == indexed(chat) == []

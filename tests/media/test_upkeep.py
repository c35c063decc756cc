"""The gallery, and what an operator does with files."""

import uuid

import boto3
import pytest

from chatapp import blobs
from chatapp.blobs import choice
from tests.media.conftest import Uploader


@pytest.fixture
def chat(ann, bob):
    return ann.direct(bob)


@pytest.fixture
def run(app):
    return lambda *arguments: app.test_cli_runner().invoke(args=list(arguments))


def gallery(person, chat, **query):
    return person.rest("GET", f"/api/conversations/{chat}/media", query_string=query).json


def test_a_gallery_has_pages_of_what_one_may_see(ann, bob, eve, chat, uploads):
    ids = [uploads.whole(b"%d" % number, filename=f"{number}.bin")["id"] for number in range(5)]
    sent = [ann.send(chat, "", attachments=[media_id])["data"] for media_id in ids]
    first = gallery(bob, chat, limit=3)
    second = gallery(bob, chat, limit=3, before=first["pagination"]["nextBefore"])
    assert [row["file"]["id"] for row in (*first["data"], *second["data"])] == ids[::-1]
    assert (first["pagination"]["hasMore"], second["pagination"]) == (
        True,
        {"limit": 3, "hasMore": False, "nextBefore": None},
    )
    row = first["data"][0]
    assert (row["messageId"], row["senderId"], row["seq"]) == (sent[4]["id"], ann.id, sent[4]["seq"])
    assert row["file"] == sent[4]["attachments"][0]
    assert gallery(bob, chat, kind="image")["data"] == [] and len(gallery(bob, chat, kind="document")["data"]) == 5
    bob.rest("DELETE", f"/api/messages/{sent[0]['id']}", query_string={"for": "me"})
    ann.rest("DELETE", f"/api/messages/{sent[1]['id']}")
    assert len(gallery(bob, chat)["data"]) == 3 and len(gallery(ann, chat)["data"]) == 4
    assert gallery(eve, chat)["error"]["code"] == "CONVERSATION_NOT_FOUND"
    assert gallery(bob, chat, kind="x")["error"]["code"] == "VALIDATION_ERROR"


def test_files_are_counted_and_compared(ann, chat, uploads, files, run, tmp_path):
    media = uploads.whole(b"12345")
    counted = run("media", "count").output
    assert "1 files, 5 bytes" in counted and files.name in counted
    assert run("media", "verify").exit_code == 0
    (key,) = files.keys()
    other = tmp_path / "other"
    other.write_bytes(b"54321")
    files.put(key, other)
    verified = run("media", "verify")
    assert verified.exit_code == 1 and f"{media['id']} has other bytes" in verified.output
    files.delete([key])
    assert "is missing" in run("media", "verify").output


def test_orphans_are_found_and_deleted(uploads, files, run, tmp_path):
    uploads.whole(b"12345")
    uploads.begin(10, b"123")
    before = sorted(files.keys())
    lost = tmp_path / "lost"
    lost.write_bytes(b"x")
    files.put("0" * 24 + ".aa", lost)
    found = run("media", "orphans").output.splitlines()  # the tests' S3 writes a log among it
    assert [row for row in found if "[info" not in row] == ["0" * 24 + ".aa", "1 orphans"]
    assert run("media", "orphans", "--delete").exit_code == 0
    assert sorted(files.keys()) == before


def test_a_folder_moves_to_a_bucket_in_any_number_of_attempts(app, ann, settings, s3, tmp_path, run, monkeypatch):
    settings(INSTANCE_DIR=str(tmp_path))
    choice.forget()
    assert run("media", "move").exit_code == 1
    uploads, bucket_name = Uploader(ann), f"moved-{uuid.uuid4().hex[:8]}"
    for number in range(4):
        uploads.whole(b"%d" % number)
    keys = {"aws_access_key_id": "tests", "aws_secret_access_key": "only-for-tests"}
    boto3.client("s3", endpoint_url=s3, region_name="us-east-1", **keys).create_bucket(Bucket=bucket_name)
    settings(
        MEDIA_S3_BUCKET=bucket_name, MEDIA_S3_ENDPOINT=s3, MEDIA_S3_KEY_ID="tests", MEDIA_S3_SECRET="only-for-tests"
    )
    choice.forget()
    bucket = blobs.current()
    put, calls = bucket.put, []

    def fail_once(key, path):
        calls.append(key)
        if len(calls) == 3:
            raise OSError("away")
        put(key, path)

    monkeypatch.setattr(bucket, "put", fail_once)
    assert run("media", "move").exit_code != 0
    assert run("media", "move").exit_code == 0
    assert len(list(bucket.keys())) == 4 and run("media", "verify").exit_code == 0
    choice.forget()


def test_the_doctor_stores_a_file(files, run, monkeypatch):
    import re

    assert re.search(r"ok +stored files: written, read and deleted in", run("doctor").output)

    def fail(*_):
        raise OSError("away")

    monkeypatch.setattr(type(files), "put", fail)
    assert re.search(r"PROBLEM +stored files: Files can't be stored: away", run("doctor").output)

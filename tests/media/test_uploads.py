"""Uploads by tus and by forms, on both stores of files."""

import base64
import hashlib
import io
import os
from datetime import timedelta

import pytest

from chatapp import clock
from chatapp.services.media import tidying, writers
from tests.conftest import eventually
from tests.media.conftest import BYTES, TUS, Uploader, metadata
from tests.services.acting import code_of


def digest(data):
    return hashlib.sha256(data).hexdigest()


def keys(files):
    return sorted(files.keys())


def test_a_file_comes_in_parts_and_is_whole(files, uploads, ann):
    socket = ann.socket()
    data = os.urandom(200_000)
    begun = uploads.begin(len(data), filename="notes.bin", filetype="image/png")
    address = begun.headers["Location"]
    assert (begun.status_code, begun.headers["Upload-Offset"], "Upload-Expires" in begun.headers) == (201, "0", True)
    for start in range(0, len(data), 70_000):
        assert uploads.offset(address) == start
        assert uploads.append(address, start, data[start : start + 70_000]).status_code == 204
    media = uploads.ready(address.rpartition("/")[2])
    assert (media["state"], media["name"], media["size"], media["sha256"]) == (
        "ready",
        "notes.bin",
        len(data),
        digest(data),
    )
    assert eventually(lambda: socket.received("mediaReady")) == [{"success": True, "data": media}]
    (key,) = eventually(lambda: len(keys(files)) == 1 and keys(files))
    assert b"".join(files.read(key, 0, len(data))) == data


def test_the_first_bytes_may_come_with_the_beginning(uploads):
    begun = uploads.begin(10, b"12345")
    assert (begun.status_code, begun.headers["Upload-Offset"]) == (201, "5")
    assert uploads.append(begun.headers["Location"], 5, b"67890").headers["Upload-Offset"] == "10"


def test_a_file_of_several_steps_is_whole(files, uploads):
    data = os.urandom(9_000_000)
    assert uploads.whole(data, filename="long.bin")["sha256"] == digest(data)
    assert eventually(lambda: len(keys(files)) == 1)


def test_a_wrong_offset_is_told_the_right_one(uploads):
    address = uploads.begin(10, b"123").headers["Location"]
    answer = uploads.append(address, 0, b"123")
    assert answer.status_code == 409 and answer.json["error"]["details"] == {"offset": 3}
    assert code_of(answer.json) == "UPLOAD_OFFSET_MISMATCH"


def test_more_than_announced_is_refused(uploads):
    address = uploads.begin(3).headers["Location"]
    assert code_of(uploads.append(address, 0, b"1234").json) == "FILE_TOO_LARGE"
    assert uploads.offset(address) == 0


def test_a_second_writer_waits_and_a_silent_one_loses(uploads):
    address = uploads.begin(3).headers["Location"]
    media_id = next(iter(_ids(address)))
    with writers.only(media_id):
        answer = uploads.append(address, 0, b"123")
        assert (answer.status_code, code_of(answer.json)) == (423, "UPLOAD_LOCKED")
        clock.move(timedelta(seconds=writers.SILENT_SECONDS + 1))
        assert uploads.append(address, 0, b"123").status_code == 204


def _ids(address):
    from bson import ObjectId

    return [ObjectId(address.rpartition("/")[2])]


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "md5"])
def test_a_checksum_decides(uploads, algorithm):
    address = uploads.begin(5).headers["Location"]
    wrong, right = (base64.b64encode(hashlib.new(algorithm, text).digest()).decode() for text in (b"x", b"12345"))
    answer = uploads.append(address, 0, b"12345", **{"Upload-Checksum": f"{algorithm} {wrong}"})
    assert (answer.status_code, uploads.offset(address)) == (460, 0)
    assert uploads.append(address, 0, b"12345", **{"Upload-Checksum": f"{algorithm} {right}"}).status_code == 204
    assert uploads.append(address, 5, b"", **{"Upload-Checksum": "crc32 AA=="}).status_code == 400


def test_an_upload_is_ended(files, uploads):
    address = uploads.begin(10, b"123").headers["Location"]
    assert uploads.person.rest("DELETE", address, headers=TUS).status_code == 204
    assert keys(files) == [] and uploads.offset(address) == 410
    assert uploads.append(address, 3, b"456").json["error"]["code"] == "MEDIA_GONE"


def test_a_forgotten_upload_is_deleted(files, uploads):
    address = uploads.begin(10, b"123").headers["Location"]
    tidying.tidy()
    assert uploads.offset(address) == 3
    clock.move(timedelta(days=1, minutes=1))
    tidying.tidy()
    assert keys(files) == []


def test_what_a_crash_has_left_is_checked(uploads, monkeypatch):
    monkeypatch.setattr("chatapp.services.media.checking.begin", lambda media_id: None)
    media_id = uploads.begin(3, b"123").headers["Location"].rpartition("/")[2]
    assert uploads.person.get(f"/api/media/{media_id}")["data"]["state"] == "checking"
    clock.move(timedelta(minutes=6))
    tidying.tidy()
    assert uploads.person.get(f"/api/media/{media_id}")["data"]["state"] == "ready"


def test_nobody_else_sees_an_upload(uploads, bob):
    address = uploads.begin(10, b"123").headers["Location"]
    others = Uploader(bob)
    assert others.offset(address) == 404
    for answer in (
        others.append(address, 3, b"456"),
        bob.rest("DELETE", address, headers=TUS),
        bob.rest("GET", f"/api/media/{address.rpartition('/')[2]}"),
    ):
        assert (answer.status_code, code_of(answer.json)) == (404, "MEDIA_NOT_FOUND")
    assert uploads.offset(address) == 3


def test_tus_says_what_it_can(app, uploads, client):
    answer = client.options("/api/uploads")
    assert answer.headers["Tus-Version"] == "1.0.0" and answer.headers["Tus-Max-Size"] == "100000000"
    assert uploads.person.rest("POST", "/api/uploads", headers={"Upload-Length": "1"}).status_code == 412
    assert client.post("/api/uploads", headers={**TUS, "Upload-Length": "1"}).status_code == 401
    preflight = client.options("/api/uploads", headers={"Origin": "https://a.example", **_asking("PATCH")})
    assert (
        preflight.headers["Access-Control-Allow-Origin"]
        and "PATCH" in preflight.headers["Access-Control-Allow-Methods"]
    )


def _asking(method):
    return {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": "tus-resumable,upload-offset"}


@pytest.mark.parametrize("length", ["", "-1", "1e3", "0", "9" * 30, "٣"])
def test_a_length_that_is_none_is_refused(uploads, length):
    headers = {**TUS, "Upload-Length": length.encode().decode("latin-1")}
    assert uploads.person.rest("POST", "/api/uploads", headers=headers).status_code == 400


def test_files_have_a_largest_size(settings, uploads):
    assert uploads.begin(100_000_001).json["error"]["code"] == "FILE_TOO_LARGE"


def test_a_day_and_an_account_have_so_many_bytes(uploads, settings):
    settings(MEDIA_BYTES_PER_DAY=100, MEDIA_BYTES_PER_USER=150)
    assert uploads.begin(100).status_code == 201
    assert uploads.begin(1).json["error"]["code"] == "QUOTA_EXCEEDED"
    clock.move(timedelta(hours=25))
    assert uploads.begin(50).status_code == 201
    assert uploads.begin(1).json["error"]["code"] == "QUOTA_EXCEEDED"


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\secret\\a.txt", "a.txt"),
        ("a\0b.txt", "ab.txt"),
        ("..", "file"),
        ("", "file"),
        ("x" * 5_000, "x" * 200),
        ("gpj.\u202eexe", "gpj.exe"),
        ("naïve ✓.pdf", "naïve ✓.pdf"),
    ],
)
def test_a_name_is_only_a_name(uploads, given, shown):
    assert uploads.whole(b"x", filename=given)["name"] == shown


@pytest.mark.parametrize("address", ["..", "%2e%2e%2f", "a\0b", "0" * 24, "x" * 5_000])
def test_an_address_is_an_id(uploads, address):
    assert uploads.person.rest(
        "PATCH", f"/api/uploads/{address}", headers={**BYTES, "Upload-Offset": "0"}
    ).status_code in (
        404,
        405,
    )


def test_metadata_has_to_be_base64(uploads):
    assert uploads.begin(1, headers={"Upload-Metadata": "filename %%%"}).status_code == 400
    assert metadata(filename="x") == "filename eA=="


def form(data, name="a.txt", field="file", **fields):
    return {field: (io.BytesIO(data), name), **fields}


def test_a_small_file_comes_by_a_form(uploads, ann):
    data = os.urandom(300_000)
    answer = ann.rest("POST", "/api/upload", data=form(data, filename="b.bin"))
    assert answer.status_code == 201 and answer.json["data"]["state"] == "ready"
    assert (answer.json["data"]["name"], answer.json["data"]["sha256"]) == ("b.bin", digest(data))


def test_an_old_app_uploads_a_voice_note(uploads, ann, client):
    answer = ann.rest("POST", "/api/upload/voice", data=form(b"sound", "v.m4a", "audio", duration="2.5"))
    assert answer.status_code == 200 and answer.json["duration"] == 2.5
    assert answer.json["audioUrl"].startswith("http://localhost/media/") and answer.json["audioUrl"].endswith("/v.m4a")
    assert client.post("/api/upload/voice", data=form(b"sound", "v.m4a", "audio")).status_code == 401


@pytest.mark.parametrize(
    "body",
    [dict, lambda: {"other": (io.BytesIO(b"x"), "a")}, lambda: {"file": (io.BytesIO(b""), "a")}, lambda: {"file": "x"}],
    ids=["nothing", "another field", "empty", "no file"],
)
def test_a_form_without_a_file_is_refused(uploads, ann, body):
    answer = ann.rest("POST", "/api/upload", data=body(), content_type="multipart/form-data")
    assert (answer.status_code, code_of(answer.json)) == (400, "VALIDATION_ERROR")


def test_a_form_is_small(uploads, ann, files):
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    kind = "multipart/form-data; boundary=x"
    answer = ann.rest("POST", "/api/upload", data=head + bytes(10_000_001) + b"\r\n--x--\r\n", content_type=kind)
    assert (answer.status_code, code_of(answer.json)) == (413, "FILE_TOO_LARGE")
    assert ann.rest("POST", "/api/upload", data=bytes(11_000_000), content_type=kind).status_code == 413
    assert keys(files) == []


def test_other_bodies_are_as_small_as_before(ann):
    answer = ann.rest("POST", "/api/conversations", data=b"x" * 1_500_000, content_type="application/json")
    assert answer.status_code == 413

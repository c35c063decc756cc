"""Both stores of files do the same."""

import stat

import pytest

from tests.media.conftest import TUS

KEY = "0123456789abcdef01234567.aa"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    return path


def test_a_file_is_kept_read_and_deleted(files, file):
    files.put(KEY, file)
    assert files.size(KEY) == 10 and list(files.keys()) == [KEY]
    assert b"".join(files.read(KEY, 0, 10)) == b"0123456789"
    assert b"".join(files.read(KEY, 3, 4)) == b"3456"
    files.delete([KEY])
    assert files.size(KEY) is None and list(files.keys()) == []
    files.delete([KEY])


def test_a_file_that_is_not_there_is_said_at_once(files):
    with pytest.raises(FileNotFoundError):
        files.read(KEY, 0, 10)


@pytest.mark.parametrize("key", ["../x", "a/b", "0" * 24, "0" * 24 + ".../x", "0" * 24 + ".a\0", KEY + "/..", ""])
def test_a_key_names_nothing_else(files, file, key):
    for call in (files.put, lambda key, _: files.read(key, 0, 1), lambda key, _: files.delete([key])):
        with pytest.raises(ValueError, match="is no key"):
            call(key, file)


def test_nobody_else_reads_the_folder(files, file, tmp_path):
    files.put(KEY, file)
    place = next(iter(tmp_path.glob(f"media/*/{KEY}")), None)
    if place is not None:
        modes = [stat.S_IMODE(path.stat().st_mode) for path in (place, place.parent, place.parent.parent)]
        assert modes == [0o600, 0o700, 0o700]


def test_a_failing_store_is_an_outage(files, ann, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(files), "put", fail)
    headers = {**TUS, "Content-Type": "application/offset+octet-stream", "Upload-Length": "3"}
    answer = ann.rest("POST", "/api/uploads", headers=headers, data=b"123")
    assert (answer.status_code, answer.json["error"]["code"]) == (503, "STORAGE_UNAVAILABLE")
    assert "Retry-After" in answer.headers

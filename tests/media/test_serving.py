"""Files by their addresses: who gets them, for how long, and which part."""

from datetime import timedelta
from io import BytesIO
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests
from PIL import Image

from chatapp import clock
from chatapp.media_inspection.inspect import Inspected
from chatapp.services.media import checking
from tests.media.conftest import Uploader

BYTES = bytes(range(256)) * 1_000


@pytest.fixture
def chat(ann, bob):
    return ann.direct(bob)


@pytest.fixture
def sent(ann, chat, uploads):
    """A message of Ann's with a file."""
    media = uploads.whole(BYTES, filename="naïve a.bin")
    return ann.send(chat, "", attachments=[media["id"]])["data"]


@pytest.fixture
def url(sent):
    return sent["attachments"][0]["url"]


def get(client, url, **headers):
    """Return an answer's status, headers and bytes, wherever they are."""
    answer = client.get(url, headers=headers)
    if answer.status_code == 302:
        found = requests.get(answer.headers["Location"], headers=headers, timeout=20)
        return found.status_code, found.headers, found.content
    return answer.status_code, answer.headers, answer.data


def code(client, url):
    answer = client.get(url)
    return answer.json["error"]["code"] if answer.is_json else answer.status_code


def changed(url, **fields):
    parts = urlsplit(url)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()} | fields
    return parts._replace(query=urlencode(query)).geturl()


def test_whoever_has_the_address_gets_the_file(client, url):
    status, headers, data = get(client, url)
    assert (status, data) == (200, BYTES)
    assert headers["Content-Type"] == "application/octet-stream"
    assert headers["Content-Disposition"] == "attachment; filename*=UTF-8''na%C3%AFve%20a.bin"


def test_a_file_can_do_nothing(files, client, url):
    if files.address("0" * 24 + ".a", {"Content-Type": "", "Content-Disposition": "", "Cache-Control": ""}):
        return  # a bucket is another origin
    headers = client.get(url).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert headers["Cache-Control"].startswith("private, max-age=") and headers["ETag"]


@pytest.mark.parametrize(
    ("mime", "inline"),
    [
        ("image/png", True),
        ("video/mp4", True),
        ("image/svg+xml", False),
        ("text/html", False),
        ("application/pdf", False),
    ],
)
def test_only_what_is_harmless_is_shown_in_a_page(client, ann, chat, uploads, monkeypatch, mime, inline):
    def inspect(path, **_):
        more = dict.fromkeys(("width", "height", "duration", "thumbhash", "waveform"))
        found = {"state": "ready", "reason": "", "kind": "image", "mime": mime, "path": path, "thumbs": {}}
        return Inspected(**found, size=5, sha256="0" * 64, **more)

    monkeypatch.setattr(checking, "inspect_file", inspect)
    media = uploads.whole(b"12345", filename="x")
    url = ann.send(chat, "", attachments=[media["id"]])["data"]["attachments"][0]["url"]
    headers = get(client, url)[1]
    assert headers["Content-Disposition"].startswith("inline" if inline else "attachment")
    assert headers["Content-Type"] == (mime if inline else "application/octet-stream")


def test_a_picture_has_small_ones_and_they_go_with_it(client, files, ann, chat, uploads):
    drawn = BytesIO()
    Image.new("RGB", (2_000, 1_000), "teal").save(drawn, "JPEG")
    media = uploads.whole(drawn.getvalue(), filename="a.jpg", filetype="text/html")
    sent = ann.send(chat, "", attachments=[media["id"]])["data"]
    (shown,) = sent["attachments"]
    assert (sent["kind"], shown["kind"], shown["width"], shown["height"]) == ("image", "image", 2_000, 1_000)
    assert shown["thumbhash"] and len(list(files.keys())) == 3
    for address, width in ((shown["url"], 2_000), (shown["previewUrl"], 1_280), (shown["thumbUrl"], 320)):
        status, headers, data = get(client, address)
        assert status == 200 and headers["Content-Disposition"].startswith("inline")
        assert Image.open(BytesIO(data)).size == (width, width // 2)
        assert headers["Content-Type"] == ("image/jpeg" if width == 2_000 else "image/webp")
    ann.rest("DELETE", f"/api/messages/{sent['id']}")
    assert list(files.keys()) == [] and code(client, shown["thumbUrl"]) == "MEDIA_NOT_FOUND"


def test_a_changed_address_opens_nothing(client, url, ann, eve):
    other = ann.direct(eve)
    later = str(int(parse_qs(urlsplit(url).query)["e"][0]) + 1)
    for fields in ({"c": other}, {"e": later}, {"s": "0" * 32}, {"w": "320"}, {"s": ""}, {"e": "x"}, {"s": "é"}):
        assert code(client, changed(url, **fields)) == "MEDIA_FORBIDDEN"
    assert code(client, url.replace("na%C3%AFve", "other")) == "MEDIA_FORBIDDEN"
    for path in ("/media/x/y", f"/media/{'0' * 24}/y", "/media/../../etc/passwd", "/media/%00/%00"):
        assert code(client, path) in ("MEDIA_FORBIDDEN", "ROUTE_NOT_FOUND", 308)


def test_an_address_runs_out(client, url):
    clock.move(timedelta(days=1))
    assert get(client, url)[0] == 200
    clock.move(timedelta(days=1, seconds=1))
    assert code(client, url) == "MEDIA_EXPIRED"


def test_all_members_get_one_address(client, url, bob, chat):
    assert bob.get(f"/api/conversations/{chat}/messages")["data"][0]["attachments"][0]["url"] == url


def test_an_erased_file_is_nowhere(client, url, ann, bob, eve, sent):
    forwarded = bob.send(bob.direct(eve), None, forwardOf=sent["id"])["data"]
    ann.rest("DELETE", f"/api/messages/{sent['id']}")
    assert code(client, url) == "MEDIA_NOT_FOUND"
    assert get(client, forwarded["attachments"][0]["url"])[0] == 200
    bob.rest("DELETE", f"/api/messages/{forwarded['id']}")
    assert code(client, forwarded["attachments"][0]["url"]) == "MEDIA_NOT_FOUND"


def sign(person, sent, conversation=None):
    body = {"conversationId": conversation or sent["conversationId"]}
    return person.post(f"/api/media/{sent['attachments'][0]['id']}/url", body)


def test_members_sign_anew_and_nobody_else(client, ann, bob, eve, chat, sent):
    clock.move(timedelta(days=3))
    for member in (ann, bob):
        assert get(client, sign(member, sent)["data"]["url"])[0] == 200
    assert sign(eve, sent)["error"]["code"] == "CONVERSATION_NOT_FOUND"
    assert sign(eve, sent, eve.direct(ann))["error"]["code"] == "MEDIA_NOT_FOUND"
    assert client.post(f"/api/media/{sent['attachments'][0]['id']}/url", json={}).status_code == 401
    ann.rest("DELETE", f"/api/messages/{sent['id']}", query_string={"for": "me"})
    assert sign(ann, sent)["error"]["code"] == "MEDIA_NOT_FOUND" and sign(bob, sent)["success"]


def test_a_former_member_signs_what_they_saw(client, ann, bob, eve, uploads):
    group = ann.group(bob, eve)
    seen = ann.send(group, "", attachments=[uploads.whole(b"one")["id"]])["data"]
    ann.rest("DELETE", f"/api/conversations/{group}/members/{bob.id}")
    unseen = ann.send(group, "", attachments=[uploads.whole(b"two")["id"]])["data"]
    assert sign(bob, seen)["success"] and sign(eve, unseen)["success"]
    assert sign(bob, unseen)["error"]["code"] == "MEDIA_NOT_FOUND"


def test_who_joins_later_signs_nothing_from_before(ann, bob, eve, uploads, register):
    group = ann.group(bob, register("dan"))
    assert ann.rest("PATCH", f"/api/conversations/{group}", json={"history": "since_join"}).status_code == 200
    before = ann.send(group, "", attachments=[uploads.whole(b"one")["id"]])["data"]
    ann.post(f"/api/conversations/{group}/members", {"userIds": [eve.id]})
    assert sign(eve, before)["error"]["code"] == "MEDIA_NOT_FOUND"


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-1", 0, 2),  # Safari begins with this
        ("bytes=0-255999", 0, 256_000),
        ("bytes=100000-", 100_000, 256_000),
        ("bytes=-5", 255_995, 256_000),
        ("bytes=255999-300000", 255_999, 256_000),
    ],
)
def test_a_range_is_a_part(client, url, asked, start, stop):
    status, headers, data = get(client, url, Range=asked)
    assert (status, data) == (206, BYTES[start:stop])
    assert headers["Content-Range"] == f"bytes {start}-{stop - 1}/256000"
    assert headers["Content-Length"] == str(stop - start)


def test_a_range_beyond_the_end_is_none(client, url):
    assert get(client, url, Range="bytes=256000-")[0] == 416


@pytest.mark.parametrize("asked", ["bytes=0-1,5-6", "lines=1-2", "bytes=x", "bytes=5-1", ""])
def test_what_is_no_single_range_is_the_whole(client, url, files, asked):
    if client.get(url).status_code == 200:
        assert get(client, url, Range=asked)[2] == BYTES


def test_a_range_of_another_version_is_the_whole(client, url):
    answer = client.get(url)
    if answer.status_code == 200:
        assert get(client, url, Range="bytes=0-1", **{"If-Range": '"another"'})[0] == 200
        assert get(client, url, Range="bytes=0-1", **{"If-Range": answer.headers["ETag"]})[0] == 206
        assert get(client, url, **{"If-None-Match": answer.headers["ETag"]})[0::2] == (304, b"")


def test_head_says_how_long_it_is(client, url):
    answer = client.head(url)
    assert answer.data == b"" and answer.status_code in (200, 302)
    if answer.status_code == 200:
        assert answer.headers["Content-Length"] == "256000" and answer.headers["Accept-Ranges"] == "bytes"


def test_files_may_have_an_origin_of_their_own(client, ann, chat, uploads, settings):
    settings(MEDIA_ORIGIN="https://files.example.com")
    sent = ann.send(chat, "", attachments=[uploads.whole(b"one")["id"]])["data"]
    assert sent["attachment"].startswith("https://files.example.com/media/")
    policy = client.get("/", headers={"Accept": "text/html"}).headers["Content-Security-Policy"]
    assert "media-src 'self' blob: https://files.example.com" in policy
    again = ann.send(chat, "", attachment=sent["attachment"])["data"]
    assert again["attachments"][0]["id"] == sent["attachments"][0]["id"]


def test_somebody_else_s_address_is_no_way_in(ann, bob, chat, sent, eve):
    Uploader(bob)
    answer = bob.send(bob.direct(eve), "", attachment=urlsplit(sent["attachment"]).path)
    assert answer["error"]["code"] == "MEDIA_NOT_FOUND"

"""Files that are not what they seem, or are made to do harm."""

import pytest

from chatapp import errors
from chatapp.media_inspection import inspect
from tests.media_inspection import corpus

DOCUMENT = ("ready", "document", "application/octet-stream")
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
HTML = b"<!doctype html><script>alert(1)</script>"
PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:1/secret\n#EXT-X-ENDLIST\n"


def summary(found):
    """Return what a file was taken for."""
    return found.state, found.kind, found.mime


@pytest.mark.parametrize("claimed", ["image/png", "text/html", "video/mp4", "a\0b", ""])
@pytest.mark.parametrize("data", [b"", b"x", SVG, HTML, PLAYLIST, b"%PDF-1.7\n", b"PK\x03\x04" + bytes(100)])
def test_anything_else_is_a_document(look, data, claimed):
    found = look(data, claimed=claimed, name="../../\0etc/passwd.png")
    assert summary(found) == DOCUMENT
    assert found.path.read_bytes() == data


def test_the_bytes_decide_and_not_the_claim(look):
    found = look(corpus.saved(corpus.upright(), "PNG"), claimed="text/html", name="page.html")
    assert summary(found) == ("ready", "image", "image/png")


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "AVIF", "HEIF"])
def test_a_picture_that_is_cut_off_is_a_document(look, form):
    whole = corpus.saved(corpus.upright(400, 300), form)
    assert summary(look(whole[: len(whole) // 2], claimed="image/jpeg")) == DOCUMENT


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "AVIF", "HEIF"])
def test_what_hides_behind_a_picture_is_gone(look, form):
    found = look(corpus.saved(corpus.upright(), form) + HTML)
    assert found.kind == "image"
    assert b"<script>" not in found.path.read_bytes()


@pytest.mark.parametrize(
    "start", [b"GIF89a/*", b"\xff\xd8\xff\xe0/*", b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBP", b"ID3"]
)
def test_a_script_that_begins_like_a_picture_is_a_document(look, start):
    assert summary(look(start + b"*/=1;" + HTML)) == DOCUMENT


def test_too_many_pixels_are_refused_before_they_are_decoded(look):
    found = look(corpus.png_bomb(30_000))
    assert (found.state, found.reason) == ("refused", "it has 30000 × 30000 pixels, more than 50 megapixels")


@pytest.mark.parametrize("form", ["PNG", "GIF"])
def test_fifty_megapixels_are_the_most(look, form):
    gif = corpus.long_gif(1)
    data = corpus.png_bomb(7_072) if form == "PNG" else gif[:6] + b"\xff" * 4 + gif[10:]
    assert "megapixels" in look(data).reason


def test_a_long_gif_is_taken(look):
    assert look(corpus.long_gif(999)).kind == "image"


def test_a_gif_of_ten_thousand_frames_is_refused(look):
    found = look(corpus.long_gif(10_000))
    assert (found.state, found.reason) == ("refused", "it has more than 1,000 frames")


def test_too_long_is_refused(look, monkeypatch):
    monkeypatch.setattr(inspect, "SECONDS", 0.001)
    found = look(corpus.saved(corpus.upright(), "PNG"))
    assert (found.state, found.reason) == ("refused", "looking into it took longer than 0.001 seconds")


def test_too_much_memory_is_refused(look, monkeypatch):
    monkeypatch.setattr(inspect, "MEMORY_BYTES", 350_000_000)
    found = look(corpus.png_bomb(7_000))
    assert found.state == "refused"
    assert "memory" in found.reason


def test_a_process_that_does_not_begin_lets_nothing_through(look, monkeypatch):
    monkeypatch.setattr(inspect, "_HERE", inspect._HERE / "nowhere")
    with pytest.raises(errors.Unavailable):
        look(corpus.saved(corpus.upright(), "PNG"))

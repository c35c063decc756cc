"""Pictures come out upright, without metadata, and with small pictures beside them."""

import base64
import hashlib
import io

import pytest
from PIL import Image, ImageCms

from tests.media_inspection import corpus

SECRETS = (corpus.PLACE, corpus.CAMERA.encode(), b"Exif", b"xmp", b"a comment")


def is_clean(data: bytes) -> bool:
    """Return True if nothing of the corpus' metadata is in a file."""
    return not any(secret in data for secret in SECRETS)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "AVIF", "HEIF"])
def test_a_picture_stands_upright_and_tells_nothing(look, form, orientation):
    sent = corpus.picture(form, orientation)
    assert corpus.PLACE in sent
    found = look(sent)
    assert (found.state, found.kind) == ("ready", "image")
    assert found.mime == ("image/jpeg" if form == "HEIF" else f"image/{form.lower()}")
    assert (found.width, found.height) == (120, 80)
    for path in (found.path, *found.thumbs.values()):
        assert is_clean(path.read_bytes())
        with Image.open(path) as shown:
            assert corpus.is_upright(shown)
            assert dict(shown.getexif()) == {}


def test_size_and_hash_are_those_of_the_kept_file(look):
    found = look(corpus.picture("JPEG", comment=b"a comment"))
    kept = found.path.read_bytes()
    assert (found.size, found.sha256) == (len(kept), hashlib.sha256(kept).hexdigest())
    assert is_clean(kept)


def test_small_pictures_have_two_sizes_and_a_placeholder(look):
    found = look(corpus.saved(corpus.upright(3000, 2000), "JPEG"))
    sizes = {}
    for edge, path in found.thumbs.items():
        with Image.open(path) as small:
            assert small.format == "WEBP"
            sizes[edge] = small.size
    assert sizes == {320: (320, 213), 1280: (1280, 853)}
    assert 10 < len(base64.b64decode(found.thumbhash)) < 30


def test_a_small_picture_is_not_blown_up(look):
    found = look(corpus.saved(corpus.upright(30, 20), "PNG"))
    with Image.open(found.thumbs[1280]) as small:
        assert small.size == (30, 20)


def test_a_document_keeps_its_bytes(look):
    sent = corpus.picture("JPEG", 6)
    found = look(sent, claimed="image/jpeg", as_document=True)
    assert (found.kind, found.mime, found.thumbs) == ("document", "application/octet-stream", {})
    assert found.path.read_bytes() == sent


@pytest.mark.parametrize(("form", "frames"), [("GIF", 12), ("WEBP", 12)])
def test_an_animation_stays_one(look, form, frames):
    options = {"comment": b"a comment"} if form == "GIF" else {"exif": corpus.exif(), "xmp": b"<x:xmpmeta/>"}
    found = look(corpus.animation(form, frames, **options))
    assert (found.mime, found.width, found.height) == (f"image/{form.lower()}", 40, 30)
    assert is_clean(found.path.read_bytes())
    with Image.open(found.path) as shown:
        assert shown.n_frames == frames
        shown.seek(frames - 1)
        shown.load()
        assert shown.info["duration"] == 40


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16"])
def test_every_kind_of_png_is_taken(look, mode):
    image = Image.new("I;16", (50, 40), 40_000) if mode == "I;16" else corpus.upright(50, 40).convert(mode)
    found = look(corpus.saved(image, "PNG"))
    assert (found.kind, found.mime) == ("image", "image/png")
    with Image.open(found.path) as kept:
        assert kept.mode == mode


def test_print_colours_become_those_of_a_screen(look):
    found = look(corpus.saved(corpus.upright().convert("CMYK"), "JPEG"))
    with Image.open(found.path) as kept:
        assert kept.mode == "RGB"
        assert corpus.is_upright(kept)


@pytest.mark.parametrize("profile", ["sRGB", "LAB", None])
def test_a_colour_profile_goes(look, profile):
    data = ImageCms.ImageCmsProfile(ImageCms.createProfile(profile)).tobytes() if profile else b"no profile at all"
    sent = corpus.saved(corpus.upright(), "JPEG", icc_profile=data)
    assert b"ICC_PROFILE" in sent
    found = look(sent)
    assert b"ICC_PROFILE" not in found.path.read_bytes()
    with Image.open(found.path) as kept:
        assert corpus.is_upright(kept)


def test_a_jpeg_keeps_its_quality(look):
    noise = Image.effect_noise((400, 300), 80).convert("RGB")
    sent = corpus.saved(noise, "JPEG", quality=60)
    with Image.open(look(sent).path) as kept, Image.open(io.BytesIO(sent)) as original:
        assert kept.quantization == original.quantization

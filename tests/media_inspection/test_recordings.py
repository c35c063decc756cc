"""Video and sound come out playable, without metadata, with a poster or a waveform."""

import io

import av
import pytest
from PIL import Image

from tests.media_inspection import corpus

SECRET = "+52.5200+013.4050/"


@pytest.mark.parametrize(
    ("form", "codec", "mime"),
    [("mp4", "libx264", "video/mp4"), ("mov", "libx264", "video/mp4"), ("webm", "libvpx", "video/webm")],
)
def test_a_video_has_a_poster_and_tells_nothing(look, tmp_path, form, codec, mime):
    sent = corpus.video(tmp_path, form, codec, title=SECRET, comment=SECRET)
    assert SECRET.encode() in sent
    found = look(sent)
    assert (found.state, found.kind, found.mime) == ("ready", "video", mime)
    assert (found.width, found.height, round(found.duration)) == (160, 96, 1)
    assert SECRET.encode() not in found.path.read_bytes()
    with Image.open(found.thumbs[320]) as poster:
        assert corpus.is_upright(poster)
    with av.open(str(found.path)) as kept:
        assert len(list(kept.decode(video=0))) == 10


def test_an_mp4_can_be_played_while_it_loads(look, tmp_path):
    kept = look(corpus.video(tmp_path)).path.read_bytes()
    assert kept.index(b"moov") < kept.index(b"mdat")


def test_a_video_from_a_phone_stands_upright(look, tmp_path):
    found = look(corpus.turned_video(corpus.video(tmp_path)))
    assert (found.width, found.height) == (96, 160)
    with Image.open(found.thumbs[320]) as poster:
        assert corpus.is_upright(poster.transpose(Image.Transpose.ROTATE_90))
    with av.open(str(found.path)) as kept:
        assert next(kept.decode(video=0)).rotation % 360 == 270


@pytest.mark.parametrize(
    ("form", "codec", "kind", "mime"),
    [
        ("ogg", "libopus", "voice", "audio/ogg"),
        ("webm", "libopus", "voice", "audio/webm"),
        ("ipod", "aac", "voice", "audio/mp4"),
        ("mp3", "libmp3lame", "audio", "audio/mpeg"),
        ("wav", "pcm_s16le", "audio", "audio/wav"),
    ],
)
def test_sound_has_a_length_and_a_shape(look, tmp_path, form, codec, kind, mime):
    sent = corpus.sound(tmp_path, form, codec, comment=SECRET)
    assert SECRET.encode() in sent
    found = look(sent)
    assert (found.state, found.kind, found.mime) == ("ready", kind, mime)
    assert found.duration == pytest.approx(2, abs=0.1)
    assert len(found.waveform) == 64
    assert max(found.waveform) == 100
    assert min(found.waveform[:28]) > 60
    assert max(found.waveform[40:60]) < 40
    assert SECRET.encode() not in found.path.read_bytes()
    with av.open(io.BytesIO(found.path.read_bytes())) as kept:
        assert next(kept.decode(audio=0)).samples


def test_music_is_not_a_voice(look, tmp_path):
    assert look(corpus.sound(tmp_path, "ipod", "aac", title="A song")).kind == "audio"


@pytest.mark.parametrize("share", [0.2, 0.6])
def test_a_video_that_is_cut_off_is_a_document(look, tmp_path, share):
    whole = corpus.video(tmp_path)
    found = look(whole[: int(len(whole) * share)])
    assert (found.state, found.kind) == ("ready", "document")


def test_a_codec_that_browsers_do_not_play_is_a_document(look, tmp_path):
    assert look(corpus.video(tmp_path, "matroska", "ffv1")).kind == "document"


def test_html_behind_a_recording_is_gone(look, tmp_path):
    found = look(corpus.sound(tmp_path, "ogg", "libopus") + b"<script>alert(1)</script>")
    assert b"<script>" not in found.path.read_bytes() or found.kind == "document"

"""Video and sound, by PyAV: copied into a new file of its kind, without metadata, ready to be played while it loads."""

from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.stream import Disposition
from PIL import Image

from chatapp.media_inspection.child.previews import small_pictures
from chatapp.media_inspection.child.refusals import check_size
from chatapp.media_inspection.child.waveforms import measure

VIDEO = {"h264", "hevc", "av1", "vp8", "vp9", "mpeg4"}
SOUND = {"aac", "mp3", "opus", "vorbis", "flac", "alac"}  # and PCM
CONTAINERS = {"mp4": "mp4", "matroska": "webm", "ogg": "ogg", "wav": "wav", "mp3": "mp3"}  # read as, written as
SUBTYPES = {"mp4": "mp4", "webm": "webm", "ogg": "ogg", "wav": "wav", "mp3": "mpeg"}
READING = {"protocol_whitelist": "file", "enable_drefs": "0"}  # a file names no other files
WRITING = {"fflags": "+bitexact", "movflags": "+faststart", "id3v2_version": "0", "write_id3v1": "0"}
TURNS = {90: Image.Transpose.ROTATE_90, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_270}


def look(path: Path, folder: Path) -> dict[str, Any] | None:
    """Return the answer for video or sound, None if it is neither. Raises Refused, and PyAV's errors."""
    container = _container(path)
    if container is None:
        return None
    with av.open(str(path), format=container, options=READING, metadata_errors="ignore") as source:
        videos = [stream for stream in source.streams.video if not stream.disposition & Disposition.attached_pic]
        sounds = list(source.streams.audio)
        for stream in (*videos, *sounds):
            stream.codec_context.thread_count = 1
        if not _is_playable([*videos[:1], *sounds[:1]]):
            return None
        written = CONTAINERS[container]
        answer = _video(source, videos[0], folder) if videos else _sound(source, sounds[0])
        if answer is None or (videos and written not in ("mp4", "webm")):
            return None
        numbers = [stream.index for stream in (*videos[:1], *sounds[:1])]
    kept = folder / "recording"
    _copy(path, container, numbers, kept)
    family = "video" if videos else "audio"
    return {**answer, "mime": f"{family}/{SUBTYPES[written]}", "path": str(kept)}


def _container(path: Path) -> str | None:
    """Return the container that a file's first bytes are of."""
    with path.open("rb") as file:
        head = file.read(12)
    if head[4:8] == b"ftyp":
        return "mp4"
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return "wav"
    if head[:3] == b"ID3" or (head[:1] == b"\xff" and head[1:2] >= b"\xe0"):
        return "mp3"
    return {b"\x1aE\xdf\xa3": "matroska", b"OggS": "ogg"}.get(head[:4])


def _is_playable(streams: list[Any]) -> bool:
    names = [stream.codec_context.codec.canonical_name for stream in streams]
    return bool(names) and all(name in VIDEO | SOUND or name.startswith("pcm_") for name in names)


def _video(source: InputContainer, stream: Any, folder: Path) -> dict[str, Any] | None:
    """Return a video's length, its size as it is shown, and its first picture."""
    check_size(stream.codec_context.width, stream.codec_context.height)
    frame = next(source.decode(stream), None)
    if frame is None:
        return None
    check_size(frame.width, frame.height)
    poster = frame.to_image()
    if turn := TURNS.get(frame.rotation % 360):
        poster = poster.transpose(turn)
    thumbs, thumbhash = small_pictures(poster, folder)
    return {
        "kind": "video",
        "thumbs": thumbs,
        "thumbhash": thumbhash,
        "width": poster.width,
        "height": poster.height,
        "duration": None if source.duration is None else round(source.duration / av.time_base, 3),
    }


def _sound(source: InputContainer, stream: Any) -> dict[str, Any] | None:
    """Return the length and shape of sound; Opus and AAC without a title are what people record: voice."""
    has_title = "title" in {name.lower() for name in (*source.metadata, *stream.metadata)}
    measured = measure(source, stream)
    if measured is None:
        return None
    is_voice = stream.codec_context.codec.canonical_name in ("opus", "aac") and not has_title
    return {"kind": "voice" if is_voice else "audio", "duration": measured[0], "waveform": measured[1]}


def _copy(path: Path, container: str, numbers: list[int], kept: Path) -> None:
    """Store the streams of a file, as they are encoded, in a file of its own."""
    with (
        av.open(str(path), format=container, options=READING, metadata_errors="ignore") as source,
        av.open(str(kept), "w", format=CONTAINERS[container], options=WRITING) as target,
    ):
        copies = {number: target.add_stream_from_template(source.streams[number]) for number in numbers}
        for packet in source.demux([source.streams[number] for number in numbers]):
            if packet.dts is not None:
                packet.stream = copies[packet.stream.index]
                target.mux(packet)

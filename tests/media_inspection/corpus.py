"""Files as phones, people and attackers send them, made on the spot."""

import io
import math
import struct
import zlib
from array import array
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pillow_heif
from PIL import Image, ImageDraw

pillow_heif.register_heif_opener()

PLACE = b"52 deg 31 min N"  # stands in for a position: it can be found again in the bytes
CAMERA = "Camera Owner Asha"
GPS, ORIENTATION, MAKE = 0x8825, 0x0112, 0x010F
TURNS = {  # EXIF's eight orientations: how an upright picture is stored for each
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def upright(width: int = 120, height: int = 80, mode: str = "RGB") -> Image.Image:
    """Return a white picture whose top left corner alone is red."""
    image = Image.new("RGB", (width, height), "white")
    ImageDraw.Draw(image).rectangle((0, 0, width // 3, height // 3), fill="red")
    return image.convert(mode)


def is_upright(image: Image.Image) -> bool:
    """Return True for a picture that looks like `upright`."""
    plain = image.convert("RGB")
    corners = [(3, 3), (plain.width - 4, 3), (3, plain.height - 4), (plain.width - 4, plain.height - 4)]
    return [_is_red(plain, corner) for corner in corners] == [True, False, False, False]


def _is_red(image: Image.Image, place: tuple[int, int]) -> bool:
    red, green, _ = image.getpixel(place)
    return red > 200 and green < 80


def exif(orientation: int = 1) -> bytes:
    """Return metadata with an orientation, an owner and a position."""
    data = Image.Exif()
    data[ORIENTATION] = orientation
    data[MAKE] = CAMERA
    data.get_ifd(GPS)[1] = "N"
    data.get_ifd(GPS)[27] = PLACE
    return data.tobytes()


def picture(form: str, orientation: int = 1, image: Image.Image | None = None, **options: Any) -> bytes:
    """Return a picture of a format with metadata, stored turned as its orientation says."""
    image = image or upright()
    turn = TURNS[orientation]
    return saved(image.transpose(turn) if turn is not None else image, form, exif=exif(orientation), **options)


def saved(image: Image.Image, form: str, **options: Any) -> bytes:
    """Return a picture's file."""
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def animation(form: str, frames: int, size: tuple[int, int] = (40, 30), **options: Any) -> bytes:
    """Return an animated picture whose frames differ."""
    pictures = [Image.new("RGB", size, (number * 37 % 256, number * 11 % 256, 90)) for number in range(frames)]
    return saved(pictures[0], form, save_all=True, append_images=pictures[1:], duration=40, loop=0, **options)


def long_gif(frames: int) -> bytes:
    """Return a GIF of one pixel and many frames."""
    head = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + bytes(3) + b"\xff" * 3
    frame = b"\x21\xf9\x04\0\x01\0\0\0" + b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\0"
    return head + frame * frames + b";"


def png_bomb(edge: int) -> bytes:
    """Return a small PNG of edge × edge black pixels."""
    rows, packer = b"", zlib.compressobj(9)
    line = bytes(1 + edge // 8)
    rows = b"".join(packer.compress(line) for _ in range(edge)) + packer.flush()
    header = struct.pack(">IIBBBBB", edge, edge, 1, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", rows), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*chunk) for chunk in chunks)


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def _encoded(path: Path, form: str, fill: Callable[[Any], None], **metadata: str) -> bytes:
    with av.open(str(path), "w", format=form) as target:
        target.metadata.update(metadata)
        fill(target)
    return path.read_bytes()


def video(folder: Path, form: str = "mp4", codec: str = "libx264", **metadata: str) -> bytes:
    """Return a second of a picture with a red corner, 160 × 96 pixels."""
    frame = av.VideoFrame.from_image(upright(160, 96)).reformat(format="yuv420p")

    def fill(target: Any) -> None:
        stream = target.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        for number in range(10):
            frame.pts, frame.time_base = number, Fraction(1, 10)
            target.mux(stream.encode(frame))
        target.mux(stream.encode())

    return _encoded(folder / f"made.{form}", form, fill, **metadata)


def sound(folder: Path, form: str, codec: str, seconds: int = 2, **metadata: str) -> bytes:
    """Return a tone, loud in its first half and soft in its second."""

    def fill(target: Any) -> None:
        stream = target.add_stream(codec, rate=48_000, layout="mono")
        resampler = av.AudioResampler(format=stream.format, layout="mono", rate=48_000, frame_size=960)
        for number in range(seconds * 50):
            loud = 20_000 if number < seconds * 25 else 2_000
            tone = array("h", (int(loud * math.sin(place / 12)) for place in range(960)))
            frame = av.AudioFrame(format="s16", layout="mono", samples=960)
            frame.planes[0].update(tone.tobytes())
            frame.sample_rate, frame.pts, frame.time_base = 48_000, number * 960, Fraction(1, 48_000)
            for part in resampler.resample(frame):
                target.mux(stream.encode(part))
        target.mux(stream.encode())

    return _encoded(folder / f"made.{form}", form, fill, **metadata)


def turned_video(data: bytes) -> bytes:
    """Return an mp4 that says that it is to be shown turned by 90 degrees clockwise, as phones do."""
    start = data.index(b"tkhd") + 4 + 40  # version, flags, times, id, duration, layer, volume
    one = 1 << 16
    matrix = struct.pack(">9i", 0, one, 0, -one, 0, 0, 0, 0, 1 << 30)
    return data[:start] + matrix + data[start + 36 :]

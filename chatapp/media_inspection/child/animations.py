"""Animated pictures without metadata, their frames byte for byte as they came: neither spoilt nor swollen.

GIF89a: https://www.w3.org/Graphics/GIF/spec-gif89a.txt · WebP: https://developers.google.com/speed/webp/docs/riff_container
"""

import struct

_LOOPS = (b"NETSCAPE2.0", b"ANIMEXTS1.0")  # application extensions that say how often an animation is repeated
_PICTURE_CHUNKS = (b"ANIM", b"ANMF", b"ALPH", b"VP8 ", b"VP8L")
_SHOWN_FLAGS = 0b0001_0010  # of VP8X: alpha and animation, not the profile, EXIF and XMP


def strip_gif(data: bytes) -> bytes:
    """Return a GIF without comments, application data and what comes after its end. Raises ValueError, IndexError."""
    position = 13 + _table_bytes(data[10])
    kept = [data[:position]]
    while data[position] != 0x3B:
        start, is_shown = position, True
        if data[position] == 0x21:  # extension
            is_shown = data[position + 1] == 0xF9 or data[position + 3 : position + 14] in _LOOPS
            position += 2
        elif data[position] == 0x2C:  # frame
            position += 11 + _table_bytes(data[position + 9])
        else:
            raise ValueError("no block of a GIF")
        while data[position]:
            position += 1 + data[position]
        position += 1
        if is_shown:
            kept.append(data[start:position])
    return b"".join([*kept, b";"])


def _table_bytes(flags: int) -> int:
    """Return the size of the colour table that follows."""
    return 3 * 2 ** ((flags & 0b111) + 1) if flags & 0b1000_0000 else 0


def strip_webp(data: bytes) -> bytes:
    """Return a WebP with its frames alone, and nothing after its end. Raises struct.error, ValueError."""
    end = 8 + struct.unpack_from("<I", data, 4)[0]
    position, kept = 12, []
    while position < end:
        name, size = struct.unpack_from("<4sI", data, position)
        content = data[position + 8 : position + 8 + size]
        if len(content) < size:
            raise ValueError("a chunk is cut off")
        if name == b"VP8X":
            content = bytes([content[0] & _SHOWN_FLAGS]) + content[1:]
        if name in (b"VP8X", *_PICTURE_CHUNKS):
            kept.append(struct.pack("<4sI", name, size) + content + bytes(size % 2))
        position += 8 + size + size % 2
    body = b"WEBP" + b"".join(kept)
    return struct.pack("<4sI", b"RIFF", len(body)) + body

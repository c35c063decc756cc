"""Bounds of the files that are taken, and the exception for those beyond them."""

MAX_PIXELS = 50_000_000
MAX_FRAMES = 1_000
MAX_ALL_PIXELS = 2_000_000_000  # of all frames together


class Refused(Exception):
    """A file that is not taken; the text says why."""


def check_size(width: int, height: int, frames: int = 1) -> None:
    """Raise Refused for a picture beyond the bounds."""
    if width * height > MAX_PIXELS:
        raise Refused(f"it has {width} × {height} pixels, more than 50 megapixels")
    if frames > MAX_FRAMES:
        raise Refused(f"it has more than {MAX_FRAMES:,} frames")
    if width * height * frames > MAX_ALL_PIXELS:
        raise Refused("its frames have more than 2,000 megapixels together")

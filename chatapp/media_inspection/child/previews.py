"""The small pictures beside a picture or a video: 320 and 1,280 pixels as WebP, and a placeholder of some 25 bytes."""

import base64
from pathlib import Path

from PIL import Image

EDGES = (1280, 320)
PLACEHOLDER_EDGE = 64  # of the picture that a placeholder is computed from; 100 is the most

try:
    from thumbhash import rgba_to_thumb_hash
except ImportError:  # not installed: pictures come without placeholders
    rgba_to_thumb_hash = None


def small_pictures(picture: Image.Image, folder: Path) -> tuple[dict[int, str], str | None]:
    """Store the small pictures in a folder; return their paths by edge, and the thumbhash in base64."""
    small, paths = _with_plain_colours(picture), {}
    for edge in EDGES:
        small = _within(small, edge)
        paths[edge] = str(folder / f"thumb-{edge}.webp")
        small.save(paths[edge], "WEBP", quality=75, method=4)
    return paths, _placeholder(small)


def _with_plain_colours(picture: Image.Image) -> Image.Image:
    """Return a picture in RGB, or RGBA where something shows through."""
    if picture.mode.startswith("I"):  # 16 bits of grey
        picture = picture.point(lambda value: value * (1 / 256)).convert("L")
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        plain = picture.convert("RGBA")
    else:
        plain = picture.convert("RGB")
    plain.info = {}
    return plain


def _within(picture: Image.Image, edge: int) -> Image.Image:
    """Return a picture made small enough for a square; a smaller one as it is."""
    share = min(1.0, edge / max(picture.size))
    size = (max(1, round(picture.width * share)), max(1, round(picture.height * share)))
    return picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def _placeholder(picture: Image.Image) -> str | None:
    if rgba_to_thumb_hash is None:
        return None
    tiny = _within(picture, PLACEHOLDER_EDGE).convert("RGBA")
    return base64.b64encode(bytes(rgba_to_thumb_hash(*tiny.size, list(tiny.tobytes())))).decode()

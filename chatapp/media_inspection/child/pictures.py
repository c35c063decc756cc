"""Pictures, by Pillow: upright, then without metadata, at most 50 megapixels, with small pictures beside them."""

import io
from pathlib import Path
from typing import Any

from PIL import Image, ImageCms, ImageOps, JpegImagePlugin

from chatapp.media_inspection.child import animations
from chatapp.media_inspection.child.previews import small_pictures
from chatapp.media_inspection.child.refusals import check_size

try:
    from pillow_heif import register_heif_opener

    register_heif_opener(thumbnails=False)
except ImportError:  # no wheel for this machine: HEIC is a document here
    pass

SAVED_AS = {"JPEG": "JPEG", "MPO": "JPEG", "HEIF": "JPEG", "PNG": "PNG", "WEBP": "WEBP", "GIF": "GIF", "AVIF": "AVIF"}
OPTIONS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 90},
    "PNG": {"compress_level": 4},
    "WEBP": {"quality": 90, "method": 2},
    "AVIF": {"quality": 80, "speed": 9, "max_threads": 1},
}
LARGE_PIXELS = 16_000_000  # above it, encoding WebP and AVIF takes too much memory
Image.MAX_IMAGE_PIXELS = None  # `check_size` says it first, in our words


def look(path: Path, folder: Path) -> dict[str, Any] | None:
    """Return the answer for a picture, None if it is none. Raises Refused, and anything for a broken one."""
    Image.init()
    image = Image.open(path, formats=[name for name in SAVED_AS if name in Image.OPEN and name != "MPO"])
    frames = getattr(image, "n_frames", 1) if image.format in ("GIF", "WEBP") else 1
    check_size(*image.size, frames)
    kept = folder / "picture"
    if image.format == "GIF" or frames > 1:
        target, shown = str(image.format), _keep_animation(image, frames, path, kept)
    else:
        target, shown = _keep_still(image, kept)
    thumbs, thumbhash = small_pictures(shown, folder)
    return {
        "kind": "image",
        "mime": f"image/{target.lower()}",
        "path": str(kept),
        "thumbs": thumbs,
        "thumbhash": thumbhash,
        "width": shown.width,
        "height": shown.height,
    }


def _keep_animation(image: Image.Image, frames: int, path: Path, kept: Path) -> Image.Image:
    """Store an animation's frames as they came; return the first one. Every frame has to be decodable."""
    for number in range(frames):
        image.seek(number)
        image.load()
    strip = animations.strip_gif if image.format == "GIF" else animations.strip_webp
    kept.write_bytes(strip(path.read_bytes()))
    image.seek(0)
    return image.convert("RGBA")


def _keep_still(image: Image.Image, kept: Path) -> tuple[str, Image.Image]:
    """Store a picture upright and without metadata; return its format, and the picture."""
    own_quality = _own_quality(image)
    image.load()
    upright = _in_srgb(_upright(image))
    target = _format(image, upright)
    if target == "JPEG" and upright.mode not in ("L", "RGB"):
        upright = upright.convert("RGB")
    transparency = upright.info.get("transparency")
    upright.info = {} if transparency is None or target == "JPEG" else {"transparency": transparency}
    options = own_quality if own_quality and upright.mode == image.mode else OPTIONS[target]
    upright.save(kept, target, **options)
    return target, upright


def _format(image: Image.Image, upright: Image.Image) -> str:
    """Return the format that a picture is stored in: its own, but for HEIC and the largest."""
    target = SAVED_AS[str(image.format)]
    if target in ("WEBP", "AVIF") and image.width * image.height > LARGE_PIXELS:
        return "PNG" if upright.has_transparency_data else "JPEG"
    return target


def _own_quality(image: Image.Image) -> dict[str, Any]:
    """Return the options that give a JPEG the quality that it has, so that it is neither spoilt nor swollen."""
    if not isinstance(image, JpegImagePlugin.JpegImageFile) or not image.quantization:
        return {}
    return {"qtables": image.quantization, "subsampling": JpegImagePlugin.get_sampling(image)}


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # metadata that can't be read turn nothing
        return image


def _in_srgb(image: Image.Image) -> Image.Image:
    """Return the picture in the colours that one without a profile has, so that its profile can go."""
    profile = image.info.get("icc_profile")
    if not profile:
        return image
    try:
        own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "sRGB" in ImageCms.getProfileDescription(own):
            return image
        mode = image.mode if image.mode in ("RGB", "RGBA") else "RGB"
        changed = ImageCms.profileToProfile(image, own, ImageCms.createProfile("sRGB"), outputMode=mode)
    except (ImageCms.PyCMSError, ValueError, OSError):
        return image
    return changed or image

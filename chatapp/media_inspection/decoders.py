"""The decoders that this machine has: each comes as a wheel, and some machines have none for one of them."""

from importlib.util import find_spec

_DECODERS = {
    "PIL": "pictures (Pillow)",
    "pillow_heif": "HEIC (pillow-heif)",
    "av": "video and sound (PyAV)",
    "thumbhash": "placeholders (thumbhash)",
}


def that_are_off() -> list[str]:
    """Return the kinds of file that are taken as documents here, because their decoder is not installed."""
    return [kind for module, kind in _DECODERS.items() if find_spec(module) is None]

"""A file as its owner sees it."""

from chatapp.schemas.views.media import MediaView
from chatapp.stores.documents.media import MediaDocument


def view(media: MediaDocument) -> MediaView:
    """Return a file as its owner sees it."""
    shown: MediaView = {
        "id": str(media["_id"]),
        "state": media["state"],
        "name": media["name"],
        "size": media.get("size", media["length"]),
        "offset": media["offset"],
        "kind": media.get("kind"),
        "mime": media.get("mime"),
        "sha256": media.get("sha256"),
        "width": media.get("width"),
        "height": media.get("height"),
        "duration": media.get("duration"),
        "thumbhash": media.get("thumbhash"),
        "waveform": media.get("waveform"),
    }
    if media.get("reason"):
        shown["reason"] = media["reason"]
    return shown

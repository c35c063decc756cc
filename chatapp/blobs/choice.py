"""The store of files that the settings name."""

from chatapp.blobs.folder import Folder
from chatapp.blobs.store import Store
from chatapp.settings import config
from chatapp.state import on_reset

_current: Store | None = None


def current() -> Store:
    """Return the store that the settings name."""
    global _current
    if _current is None:
        _current = _open()
    return _current


@on_reset
def forget() -> None:
    """Choose again: the settings may be others."""
    global _current
    _current = None


def _open() -> Store:
    if not config().MEDIA_S3_BUCKET:
        return Folder(config().instance_path / "media")
    from chatapp.blobs.bucket import Bucket  # boto3 takes memory and time, for nothing where there is no bucket

    return Bucket(config())

"""Look into a file that has come whole: what it is, and whether it is taken.

What people get is stored under a key of its own, then the file is ready, then the parts are deleted. A check that ends
in the middle is made again by `tidying`: of two that are ready at once one counts, and the other deletes what it made.
"""

import shutil
from collections.abc import Iterable
from pathlib import Path
from uuid import uuid4

import structlog
from bson import ObjectId
from gevent.pool import Group

from chatapp import blobs, clock, errors, logs
from chatapp.database import Document
from chatapp.media_inspection.inspect import Inspected, inspect_file
from chatapp.realtime import publish
from chatapp.services.media.erasing import keys_of
from chatapp.services.media.spool import folder
from chatapp.services.media.storage import storage
from chatapp.services.media.views import view
from chatapp.stores import media as media_store
from chatapp.stores.documents.media import MediaDocument

logger = structlog.get_logger("chatapp.media")
running = Group()  # checks beside the requests
_DESCRIPTION = ("kind", "mime", "size", "sha256", "width", "height", "duration", "thumbhash", "waveform")


def begin(media_id: ObjectId) -> None:
    """Check a file beside the requests; its owner hears of the end."""
    running.spawn(_check_quietly, media_id, logs.current_request_id())


def _check_quietly(media_id: ObjectId, request_id: str) -> None:
    """Check a file. One that can't be checked now is checked by `tidying`."""
    logs.begin(requestId=request_id)
    try:
        check(media_id)
    except Exception as error:  # nobody waits for this greenlet
        known = errors.from_exception(error)
        report = logger.exception if known.status == errors.STATUS[errors.Code.INTERNAL_ERROR] else logger.warning
        report("a file could not be checked", media=str(media_id), code=str(known.code))


def check(media_id: ObjectId) -> MediaDocument | None:
    """Check a file, and tell its owner; return it as it is then, None if it is not there to be checked.

    Raises Unavailable.
    """
    media = media_store.find(media_id)
    if media is None or media["state"] != "checking":
        return media
    work = blobs.in_thread(_new_folder)
    try:
        with storage():
            path = _join(media, work / "file")
        inspected = inspect_file(
            path, claimed_mime=media["claimed_mime"], name=media["name"], as_document=media["as_document"], out_dir=work
        )
        return _conclude(media, inspected)
    finally:
        blobs.in_thread(shutil.rmtree, work, ignore_errors=True)


def _new_folder() -> Path:
    path = folder() / f"check-{uuid4().hex}"
    path.mkdir(mode=0o700)
    return path


def _join(media: MediaDocument, path: Path) -> Path:
    """Return a file with all parts, one after the other."""
    with path.open("xb") as file:
        for part in media["parts"]:
            for piece in blobs.current().read(part, 0, media["length"]):
                blobs.in_thread(file.write, piece)
        blobs.in_thread(file.flush)
    return path


def _conclude(media: MediaDocument, inspected: Inspected) -> MediaDocument | None:
    """Store the result. Of several checks of one file the first counts."""
    changes: Document = {"state": inspected.state, "changed_at": clock.now()}
    if inspected.state == "ready":
        changes |= {name: getattr(inspected, name) for name in _DESCRIPTION} | _keep(media["_id"], inspected)
        changes["used"] = False
    else:
        changes["reason"] = inspected.reason
    concluded: MediaDocument = {**media, **changes}  # type: ignore[typeddict-item]
    if media_store.change_state(media["_id"], ["checking"], changes) is None:
        with storage():
            blobs.current().delete(keys_of({**concluded, "parts": []}))
        return media_store.find(media["_id"])
    if media["owner"] is not None:
        publish.media_ready(media["owner"], view(concluded))
    with storage():
        blobs.current().delete(media["parts"])
    media_store.change_state(media["_id"], [inspected.state], {"parts": []})
    return concluded


def _keep(media_id: ObjectId, inspected: Inspected) -> Document:
    """Store the file that people get, and its pictures; return where they are."""
    blob = f"{media_id}.{uuid4().hex[:8]}"
    files: Iterable[tuple[str, Path]] = (
        (blob, inspected.path),
        *((f"{blob}-{width}", path) for width, path in inspected.thumbs.items()),
    )
    with storage():
        thumbs = {str(width): path.stat().st_size for width, path in inspected.thumbs.items()}
        for key, path in files:
            blobs.current().put(key, path)
    return {"blob": blob, "thumbs": thumbs}


def refused(media: MediaDocument) -> errors.ChatError:
    """Return the error for a file that is not taken."""
    return errors.ChatError(
        errors.Code.MEDIA_REFUSED, f"This file is not taken: {media.get('reason') or 'it is harmful'}"
    )

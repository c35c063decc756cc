"""Uploads: begun with a length, then sent in any number of parts, each after the other.

A part is in the store of files before the offset says so. What was received of a request that broke off is kept, in
steps of some megabytes of one that is killed. `checking` takes over when everything has come.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

from bson import ObjectId

from chatapp import blobs, clock, errors, text
from chatapp.ids import new_id, object_id
from chatapp.schemas.views.media import MediaView
from chatapp.services.media import checking, erasing, quotas, writers
from chatapp.services.media.spool import Spool
from chatapp.services.media.storage import storage
from chatapp.services.media.views import view
from chatapp.services.media.writers import Writer
from chatapp.settings import config
from chatapp.stores import media as media_store
from chatapp.stores.documents.media import MediaDocument

PART_BYTES = 4_000_000  # are kept at once
LONGEST_NAME = 200


class BrokenOff(errors.ChatError):
    """408: the client ended the connection, or sent nothing for too long."""

    def __init__(self) -> None:
        super().__init__(errors.Code.REQUEST_TIMEOUT, "The file did not come in time")


@dataclass(frozen=True, slots=True)
class Upload:
    """The state of an upload, in bytes. It is deleted at `expires_at`, where nothing more comes of it."""

    id: str
    offset: int
    length: int
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Checksum:
    """The client's word for one request's bytes. `algorithm` is a name that hashlib knows."""

    algorithm: str
    digest: bytes


def begin(owner: ObjectId, length: int, name: str | None, mime: str | None, *, as_document: bool) -> Upload:
    """Begin an upload of so many bytes. Raises BadRequest, TooLarge FILE_TOO_LARGE, Conflict QUOTA_EXCEEDED."""
    return _upload_of(_begin(owner, length, name, mime, as_document=as_document))


def _begin(
    owner: ObjectId | None, length: int, name: str | None, mime: str | None, *, as_document: bool
) -> MediaDocument:
    quotas.check_size(length)
    now = clock.now()
    media: MediaDocument = {
        "_id": new_id(),
        "owner": owner,
        "state": "uploading",
        "name": clean_name(name),
        "claimed_mime": clean_mime(mime),
        "as_document": as_document,
        "length": length,
        "offset": 0,
        "parts": [],
        "created_at": now,
        "changed_at": now,
    }
    media_store.insert(media)
    try:
        if owner is not None:
            quotas.check_user(owner)  # after it is stored, so that two at once see each other
    except errors.Conflict:
        media_store.delete(media["_id"])
        raise
    return media


def _upload_of(media: MediaDocument) -> Upload:
    expires_at = media["changed_at"] + timedelta(seconds=config().UPLOAD_SECONDS)
    return Upload(str(media["_id"]), media["offset"], media["length"], expires_at)


def find_upload(owner: ObjectId, media_text: str) -> Upload:
    """Return how far an upload of one's own is. Raises NotFound MEDIA_NOT_FOUND, Gone MEDIA_GONE."""
    return _upload_of(find_own(owner, media_text))


def get(owner: ObjectId, media_text: str) -> MediaView:
    """Return a file of one's own. Raises NotFound MEDIA_NOT_FOUND, Gone MEDIA_GONE."""
    return view(find_own(owner, media_text))


def clean_name(name: str | None) -> str:
    """Return the name of a file as it is shown: without folders, and without what can't be seen."""
    last = (name or "").replace("\\", "/").rpartition("/")[2]
    cleaned = text.clean_name(last, LONGEST_NAME).strip(". ")
    return cleaned or "file"


def clean_mime(mime: str | None) -> str:
    """Return a type of media as clients claim it, cut to what a type may be."""
    found = (mime or "").partition(";")[0].strip().lower()
    return found if found.isascii() and found.isprintable() and len(found) <= 100 else ""


def find_own(owner: ObjectId, media_text: str) -> MediaDocument:
    """Return a file of one's own. Raises NotFound MEDIA_NOT_FOUND, Gone MEDIA_GONE."""
    media_id = object_id(media_text)
    media = media_store.find(media_id) if media_id else None
    if media is None or media["owner"] != owner:
        raise errors.NotFound(errors.Code.MEDIA_NOT_FOUND, "File not found")
    if media["state"] in ("going", "gone"):
        raise errors.Gone(errors.Code.MEDIA_GONE, "This file was deleted. Upload it anew.")
    return media


def append(
    owner: ObjectId, media_text: str, offset: int, pieces: Iterable[bytes], checksum: Checksum | None = None
) -> Upload:
    """Take the next bytes of an upload, from this offset on; return how far it is then.

    With a checksum all of them, or none. Raises NotFound MEDIA_NOT_FOUND, Gone MEDIA_GONE, Conflict
    UPLOAD_OFFSET_MISMATCH, TooLarge FILE_TOO_LARGE, ChatError UPLOAD_LOCKED or UPLOAD_CHECKSUM_MISMATCH, Unavailable,
    and what `pieces` raises: after BrokenOff what has come by then is kept.
    """
    media = find_own(owner, media_text)
    with writers.only(media["_id"]) as writer:
        media = find_own(owner, media_text)
        if media["state"] != "uploading" or media["offset"] != offset:
            raise mismatch(media["offset"])
        receiver = _Receiver(media, writer, checksum)
        try:
            for piece in pieces:
                receiver.take(piece)
            receiver.finish()
        except BrokenOff:
            receiver.keep_what_came()
            raise
        finally:
            receiver.spool.drop()
    if receiver.offset == media["length"]:
        checking.begin(media["_id"])
    return _upload_of({**media, "offset": receiver.offset, "changed_at": clock.now()})


class _Receiver:
    """One request's part of an upload. `offset` is that of the upload, of what is kept."""

    def __init__(self, media: MediaDocument, writer: Writer, checksum: Checksum | None) -> None:
        self.offset = media["offset"]
        self._media = media
        self._writer = writer
        self._checksum = checksum
        self.spool = self._new_spool()

    def _new_spool(self) -> Spool:
        return Spool(self._checksum.algorithm if self._checksum else None)

    def take(self, piece: bytes) -> None:
        """Take a piece; some megabytes of them are kept at once."""
        self._writer.heard()
        if self.offset + self.spool.size + len(piece) > self._media["length"]:
            raise errors.TooLarge(errors.Code.FILE_TOO_LARGE, "This is more than the upload has announced")
        self.spool.write(piece)
        if self._checksum is None and self.spool.size >= PART_BYTES:
            self._keep()
            self.spool = self._new_spool()

    def finish(self) -> None:
        """Keep the rest, if it is what the client says."""
        if self._checksum is not None and self.spool.digest() != self._checksum.digest:
            raise errors.ChatError(errors.Code.UPLOAD_CHECKSUM_MISMATCH, "The bytes do not have this checksum")
        self._keep()

    def keep_what_came(self) -> None:
        """Keep what a request has brought that broke off, unless it has to be whole."""
        if self._checksum is None:
            self._keep()

    def _keep(self) -> None:
        if not self.spool.size:
            return
        self._writer.heard()
        part, new_offset = f"{self._media['_id']}.part-{uuid4().hex}", self.offset + self.spool.size
        path = self.spool.finished()
        with storage():
            blobs.current().put(part, path)
        state = "checking" if new_offset == self._media["length"] else "uploading"
        if not media_store.advance(self._media["_id"], self.offset, new_offset, part, state, clock.now()):
            with storage():
                blobs.current().delete([part])
            raise writers.locked()
        self.offset = new_offset


def mismatch(offset: int) -> errors.Conflict:
    """Return the error of a part that does not begin where the upload ends."""
    return errors.Conflict(
        errors.Code.UPLOAD_OFFSET_MISMATCH, f"The upload goes on at {offset}", details={"offset": offset}
    )


def take_whole(
    owner: ObjectId | None, path: Path, size: int, name: str | None, mime: str | None, *, as_document: bool
) -> MediaView:
    """Take a file that has come whole, check it, and return it; the file at `path` may be gone afterwards.

    One without an owner is for the first who sends it.
    Raises as `begin`, ChatError MEDIA_REFUSED, Unavailable.
    """
    media = _begin(owner, size, name, mime, as_document=as_document)
    part = f"{media['_id']}.part-{uuid4().hex}"
    with storage():
        blobs.current().put(part, path)
    media_store.advance(media["_id"], 0, size, part, "checking", clock.now())
    checked = checking.check(media["_id"])
    if checked is None:
        raise errors.Unavailable(errors.Code.SERVER_BUSY, "The file could not be checked. Try again.", 5)
    if checked["state"] == "refused":
        raise checking.refused(checked)
    return view(checked)


def cancel(owner: ObjectId, media_text: str) -> None:
    """End an upload that is under way, and delete what has come. Raises NotFound MEDIA_NOT_FOUND, Gone, Conflict."""
    media = find_own(owner, media_text)
    if media["state"] not in ("uploading", "refused"):
        raise errors.Conflict(errors.Code.MEDIA_NOT_READY, "The upload is complete")
    erasing.drop(media["_id"], ["uploading", "refused"])
